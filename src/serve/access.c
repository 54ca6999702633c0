/* access.c - one line a request in the combined format, gathered per turn, written to the scribe's pipe in one go.
 *
 *   ADDRESS - - [24/Nov/2026:07:08:19 +0000] "GET /path HTTP/1.1" 200 1024 "REFERER" "AGENT" MS REQUEST_ID WORKER
 *
 * or, with access-format json, one object a line: time, address, method, host, target, referer, agent, id,
 * protocol, status, bytes, ms, queue_ms, app_ms, worker (0: none).  Its texts are those of the combined line.
 *
 * WORKER is the process that ran it, "-" when none did (a static file, a refusal).
 * A pipe that is full costs the lines, never the edge: they are counted.  Foreign bytes are escaped, and the values of
 * query parameters that mask-query names are "***", in the Referer, too.  A request line that
 * could not be read is "-"; the status of a client that left before its answer began is 499.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "base/log.h"
#include "base/sys.h"
#include "serve/stage.h"

enum { TARGET_BYTES = 2048, FIELD_BYTES = 512, STAMP_BYTES = 40 };

struct line {                             /* what a line says, escaped: no quote, nothing but ASCII */
    char method[64], target[TARGET_BYTES], referer[FIELD_BYTES], agent[FIELD_BYTES];
    struct span address;
    int64_t wall_us, took_us;
};

/* ---- secrets --------------------------------------------------------------------------------- */

static bool is_secret(struct span name, struct span secrets)
{
    return name.len > 0 && field_list_has(secrets, name);
}

/* Copies what fits; the values of the query's parameters that `secrets` names are "***". */
static struct span mask(struct span url, struct span secrets, char *into, size_t cap_bytes)
{
    static const struct span stars = SPAN("***");
    size_t len = 0, query = span_find(url, '?');
    bool is_name = true, is_hidden = false;
    struct span name = span_skip(url, query < url.len ? query + 1 : query);
    for (size_t i = 0; i < url.len && len + stars.len < cap_bytes; i++) {
        char c = url.at[i];
        bool is_end = i >= query && (c == '&' || c == ';' || c == '#' || i == query);
        if (is_end) {
            is_name = true;
            is_hidden = false;
            name.at = url.at + i + 1;
        }
        if (!is_hidden)
            into[len++] = c;
        if (!is_end && is_name && i > query && c == '=') {
            name.len = (size_t)(url.at + i - name.at);
            is_name = false;
            is_hidden = is_secret(name, secrets);
            for (size_t n = 0; n < stars.len && is_hidden; n++)
                into[len++] = stars.at[n];
        }
    }
    return (struct span){ into, len };
}

static void put_url(const struct exchange *x, struct span url, char *into, size_t cap_bytes)
{
    char masked[TARGET_BYTES];
    struct span secrets = span_of(x->conf->mask_query);
    if (secrets.len > 0)
        url = mask(url, secrets, masked, sizeof masked);
    (void)log_escape(into, cap_bytes, url);
}

/* ---- a line ---------------------------------------------------------------------------------- */

static struct span value_of(const struct exchange *x, enum field_id id)
{
    const struct field *f = request_field(&x->request, id);
    return f ? f->value : SPAN("");
}

static void fill(struct line *l, const struct exchange *x)
{
    const struct request *r = &x->request;
    l->address = r->from.address;
    l->wall_us = sys_wall_us();
    l->took_us = sys_now_us() - x->began_us;
    (void)log_escape(l->method, sizeof l->method, r->method_name);
    put_url(x, r->target, l->target, sizeof l->target);
    put_url(x, value_of(x, FIELD_REFERER), l->referer, sizeof l->referer);
    (void)log_escape(l->agent, sizeof l->agent, value_of(x, FIELD_USER_AGENT));
}

static const char *or_dash(const char *text)
{
    return text[0] ? text : "-";
}

static int add_combined(struct buf *b, const struct line *l, const struct exchange *x)
{
    const struct request *r = &x->request;
    char stamp[STAMP_BYTES], request[sizeof l->method + sizeof l->target + 16] = "-", worker[12] = "-";
    struct tm tm;
    time_t now_s = (time_t)(l->wall_us / 1000000);
    gmtime_r(&now_s, &tm);
    strftime(stamp, sizeof stamp, "%d/%b/%Y:%H:%M:%S +0000", &tm);
    if (l->method[0])
        (void)snprintf(request, sizeof request, "%s %s HTTP/%u.%u", l->method, l->target,
                       r->version / 10 % 10, r->version % 10);
    if (x->call.worker_pid > 0)
        (void)snprintf(worker, sizeof worker, "%d", x->call.worker_pid);
    return buf_addf(b, "%.*s - - [%s] \"%s\" %u %llu \"%s\" \"%s\" %lld.%03lld %s %s\n",
                    l->address.len ? (int)l->address.len : 1, l->address.len ? l->address.at : "-",
                    stamp, request, x->response.status, (unsigned long long)x->sent_body_bytes,
                    or_dash(l->referer), or_dash(l->agent), (long long)l->took_us / 1000,
                    (long long)l->took_us % 1000, or_dash(x->request_id), worker);
}

/* `,"name":"text"`.  What log_escape() left needs only its backslashes doubled. */
static int add_text(struct buf *b, const char *name, const char *text)
{
    int rc = buf_addf(b, ",\"%s\":\"", name);
    for (struct span rest = span_of(text); rc == 0 && rest.len > 0;) {
        size_t plain = span_find(rest, '\\');
        rc = buf_add(b, (struct span){ rest.at, plain });
        if (rc == 0 && plain < rest.len)
            rc = buf_add(b, SPAN("\\\\"));
        rest = span_skip(rest, plain < rest.len ? plain + 1 : plain);
    }
    return rc < 0 ? rc : buf_add(b, SPAN("\""));
}

static int add_json(struct buf *b, const struct line *l, const struct exchange *x)
{
    const struct request *r = &x->request;
    char stamp[STAMP_BYTES], host[FIELD_BYTES], address[64];
    struct tm tm;
    time_t now_s = (time_t)(l->wall_us / 1000000);
    gmtime_r(&now_s, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    const struct {
        const char *name, *text;
    } texts[] = {
        { "address", log_escape(address, sizeof address, l->address) }, { "method", l->method },
        { "host", log_escape(host, sizeof host, r->host) },             { "target", l->target },
        { "referer", l->referer },                                      { "agent", l->agent },
        { "id", x->request_id },
    };
    int rc = buf_addf(b, "{\"time\":\"%s.%03dZ\"", stamp, (int)(l->wall_us / 1000 % 1000));
    for (size_t i = 0; i < ARRAY_LEN(texts) && rc == 0; i++)
        rc = add_text(b, texts[i].name, texts[i].text);
    if (rc == 0)
        rc = buf_addf(b, ",\"protocol\":\"HTTP/%u.%u\",\"status\":%u,\"bytes\":%llu", r->version / 10,
                      r->version % 10, x->response.status, (unsigned long long)x->sent_body_bytes);
    if (rc == 0)
        rc = buf_addf(b, ",\"ms\":%lld.%03lld,\"queue_ms\":%llu.%03llu,\"app_ms\":%llu.%03llu,\"worker\":%d}\n",
                      (long long)l->took_us / 1000, (long long)l->took_us % 1000,
                      (unsigned long long)x->call.queue_us / 1000,
                      (unsigned long long)x->call.queue_us % 1000,
                      (unsigned long long)x->call.app_us / 1000,
                      (unsigned long long)x->call.app_us % 1000, x->call.worker_pid);
    return rc;
}

static bool is_wanted(const struct exchange *x)
{
    int64_t slow_ms = x->conf->access_slow_ms;
    return slow_ms == 0 || x->response.status >= 400 || sys_now_us() - x->began_us >= slow_ms * 1000;
}

void serve_log(struct exchange *x)
{
    struct serve *s = x->serve;
    struct line line;
    if (!s || !x->is_logged || s->access_fd < 0)
        return;
    x->is_logged = false;
    if (!is_wanted(x))
        return;
    fill(&line, x);
    size_t before = buf_len(&s->access);
    bool is_json = strcmp(s->conf->access_format, "json") == 0;
    if ((is_json ? add_json : add_combined)(&s->access, &line, x) < 0) {
        s->access.end -= buf_len(&s->access) - before;        /* no half lines */
        s->access_dropped++;
    }
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
