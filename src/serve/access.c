/* access.c - one line a request in the combined format, gathered per turn, written to the scribe's pipe in one go.
 *
 *   ADDRESS - - [24/Nov/2026:07:08:19 +0000] "GET /path HTTP/1.1" 200 1024 "REFERER" "AGENT" MS REQUEST_ID WORKER
 *
 * WORKER is the process that ran it, "-" when none did (a static file, a refusal).
 * A pipe that is full costs the lines, never the edge: they are counted.  Foreign bytes are escaped.  A request line that
 * could not be read is "-"; the status of a client that left before its answer began is 499.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "base/log.h"
#include "base/sys.h"
#include "serve/stage.h"

static const char *field_text(const struct exchange *x, enum field_id id, char *into, size_t cap_bytes)
{
    const struct field *f = request_field(&x->request, id);
    return f && f->value.len > 0 ? log_escape(into, cap_bytes, f->value) : "-";
}

enum { TARGET_BYTES = 2048, FIELD_BYTES = 512, LINE_BYTES = 64 + TARGET_BYTES + 16 };

static const char *request_line(const struct request *r, char into[LINE_BYTES])
{
    char method[64], target[TARGET_BYTES];
    if (r->method_name.len == 0)
        return "-";
    (void)snprintf(into, LINE_BYTES, "%s %s HTTP/%u.%u",
                   log_escape(method, sizeof method, r->method_name),
                   log_escape(target, sizeof target, r->target), r->version / 10 % 10, r->version % 10);
    return into;
}

void serve_log(struct exchange *x)
{
    struct serve *s = x->serve;
    if (!s || !x->is_logged || s->access_fd < 0)
        return;
    x->is_logged = false;
    const struct request *r = &x->request;
    char line[LINE_BYTES], referer[FIELD_BYTES], agent[FIELD_BYTES], stamp[40], worker[12] = "-";
    struct tm tm;
    time_t now_s = (time_t)(sys_wall_us() / 1000000);
    gmtime_r(&now_s, &tm);
    strftime(stamp, sizeof stamp, "%d/%b/%Y:%H:%M:%S +0000", &tm);
    int64_t took_us = sys_now_us() - x->began_us;
    if (x->call.worker_pid > 0)
        (void)snprintf(worker, sizeof worker, "%d", x->call.worker_pid);
    int rc = buf_addf(&s->access, "%.*s - - [%s] \"%s\" %u %llu \"%s\" \"%s\" %lld.%03lld %s %s\n",
                      r->from.address.len ? (int)r->from.address.len : 1,
                      r->from.address.len ? r->from.address.at : "-", stamp,
                      request_line(r, line), x->response.status, (unsigned long long)x->sent_body_bytes,
                      field_text(x, FIELD_REFERER, referer, sizeof referer),
                      field_text(x, FIELD_USER_AGENT, agent, sizeof agent), (long long)took_us / 1000,
                      (long long)took_us % 1000, x->request_id[0] ? x->request_id : "-", worker);
    if (rc < 0)
        s->access_dropped++;
}

static uint64_t count_lines(struct span text)
{
    uint64_t lines = 0;
    for (; text.len > 0; lines++)
        text = span_skip(text, span_find(text, '\n') + 1);
    return lines;
}

/* Writes of at most PIPE_BUF are whole or not at all; larger ones are cut at lines so that no line of several edges
 * is torn. */
void serve_flush_log(struct serve *s)
{
    enum { PIECE_BYTES = 4096 };
    while (buf_len(&s->access) > 0) {
        struct span lines = buf_span(&s->access);
        size_t bytes = lines.len;
        if (bytes > PIECE_BYTES) {
            const char *cut = memrchr(lines.at, '\n', PIECE_BYTES);
            bytes = cut ? (size_t)(cut - lines.at) + 1 : span_find(lines, '\n') + 1;
        }
        if (sys_write(s->access_fd, lines.at, bytes) < 0)
            s->access_dropped += count_lines((struct span){ lines.at, bytes });
        buf_take(&s->access, bytes);
    }
}
