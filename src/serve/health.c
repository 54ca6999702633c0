/* health.c - questions about the server itself, answered by the edge: no host check, no budget, not logged when 200.
 *
 * OPTIONS *     what it can do (RFC 9110, section 9.3.7); no application has a page called "*"
 * Beneath conf.health_path:
 *   /live     200 while this process turns its loop
 *   /ready    200 while a generation serves and we are not draining, else 503
 *   /started  200 from the first generation on
 * Where the host is no site's (probes name addresses), of all sites together.
 * And, under `run --live`, what changes.c has.
 */
#include "serve/refuse.h"
#include "serve/stage.h"

static enum stage_says answer_options(struct exchange *x)
{
    struct span methods = SPAN("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    const struct field allow = { SPAN("Allow"), methods, FIELD_ALLOW };
    answer_small(x, 200, SPAN(""), &allow, 1, SPAN(""));
    return STAGE_ANSWERED;
}

/* The last stage of the lobby (RFC 9110, section 15.5.20). */
enum stage_says stage_host(struct exchange *x)
{
    if (!x->serve->lobby_of)
        return STAGE_PASS;
    x->failure = "no site has this host";
    serve_refuse(x, 421);
    return STAGE_ANSWERED;
}

enum stage_says stage_health(struct exchange *x)
{
    struct span prefix = span_of(x->serve->conf->health_path), path = x->request.path;
    if (span_eq(path, SPAN("*")))
        return answer_options(x);
    if (!span_starts(path, prefix))
        return STAGE_PASS;
    struct span name = span_skip(path, prefix.len);
    bool is_ready = serve_is_ready(x->serve), good;
    x->serve->has_started |= is_ready;
    if (span_eq(name, SPAN("/live")))
        good = true;
    else if (span_eq(name, SPAN("/ready")))
        good = is_ready && (!x->serve->is_draining || x->serve->is_replaced);
    else if (span_eq(name, SPAN("/started")))
        good = x->serve->has_started;
    else
        return x->serve->conf->live ? stage_changes(x, name) : STAGE_PASS;
    if (x->request.method != METHOD_GET && x->request.method != METHOD_HEAD) {
        const struct field allow = { SPAN("Allow"), SPAN("GET, HEAD"), FIELD_ALLOW };
        refuse_with(x, &(struct refusal){ .status = 405, .extra = &allow, .extras = 1 });
        return STAGE_ANSWERED;
    }
    x->is_logged = !good;
    const struct field fresh = { SPAN("Cache-Control"), SPAN("no-store"), FIELD_CACHE_CONTROL };
    answer_small(x, good ? 200 : 503, SPAN("text/plain; charset=utf-8"), &fresh, 1,
                 good ? SPAN("ok\n") : SPAN("not ready\n"));
    return STAGE_ANSWERED;
}
