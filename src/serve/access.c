/* access.c - which requests are logged; lines gathered per turn, written to the scribe's pipe in one go.
 *
 * A pipe that is full costs the lines, never the edge: they are counted.  A request line that could not
 * be read is "-"; the status of a client that left before its answer began is 499.
 */
#include "serve/access.h"
#include <errno.h>
#include "base/sys.h"
#include "conf/conf.h"
#include "http/path.h"
#include "serve/stage.h"

/* A probe of somebody's balancer, by its path or by what it calls itself. */
static bool is_probe(const struct exchange *x, struct span probes)
{
    static const struct span agent = SPAN("agent:");
    const struct field *f = probes.len > 0 ? request_field(&x->request, FIELD_USER_AGENT) : NULL;
    struct span one;
    while (field_list_next(&probes, &one)) {
        bool is_agent = span_starts(one, agent);
        if (is_agent ? f && span_starts(f->value, span_skip(one, agent.len))
                     : path_is_below(x->request.path, one))
            return true;
    }
    return false;
}

/* Errors are logged in any case but one. */
static bool is_wanted(const struct exchange *x)
{
    const struct conf *conf = x->conf;
    char only = conf->access_only[0];                /* all, errors, none */
    if (only == 'n' || x->response.status >= 400)
        return only != 'n';
    if (conf->access_slow_ms > 0 || only == 'e')
        return conf->access_slow_ms > 0 && sys_now_us() - x->began_us >= conf->access_slow_ms * 1000;
    return conf->access_quiet[0] == '\0' || !is_probe(x, span_of(conf->access_quiet));
}

void serve_log(struct exchange *x)
{
    struct serve *s = x->serve;
    char line[ACCESS_LINE_BYTES];
    if (!s || !x->is_logged || s->access_fd < 0)
        return;
    x->is_logged = false;
    if (!is_wanted(x))
        return;
    size_t bytes = access_line(s->plan, x, line);
    if (s->log_number > 0 && bytes > 0 && buf_addf(&s->access, "\x01%u ", s->log_number) < 0)
        bytes = 0;
    if (bytes == 0 || buf_add(&s->access, (struct span){ line, bytes }) < 0)
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
