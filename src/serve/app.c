/* app.c - the last stage: hands the exchange to the pool, and the worker's answer to the edge.
 *
 *     exchange --call--> pool --> worker
 *     answer_out <--head, body, file-- reply_to <-- pool
 *
 * Woken  by the edge (the body is complete) and by the pool (struct reply_to).
 * Owns   nothing: the call is inside the exchange.
 */
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "http/query_mask.h"
#include "http/path.h"
#include "serve/access.h"
#include "serve/compress.h"
#include "serve/finish.h"
#include "serve/pages.h"
#include "serve/refuse.h"
#include "serve/handover.h"
#include "serve/stage.h"

enum { RESPONSE_FIELDS_MAX = 500 };
enum { UNDERSCORED_TOLD_EVERY_MS = 10000 };      /* clients choose the names, so they may not choose how much is logged */

static struct exchange *exchange_of(struct call *c)
{
    return container_of(c, struct exchange, call);
}

static bool is_without_body(const struct exchange *x, unsigned status)
{
    return x->request.method == METHOD_HEAD || x->is_preflight || status_has_no_body(status);
}

/* "Reason\r\nName: value\r\n..." */
static int read_head(struct exchange *x, unsigned status, struct span head)
{
    size_t reason_bytes = span_find(head, '\r');
    if (status < 200 || status > 999 || head.len - reason_bytes < 2 || head.at[reason_bytes + 1] != '\n')
        return -EBADMSG;
    struct span copy = arena_copy(&x->arena, head);
    if (!copy.at)
        return -ENOMEM;
    struct span reason = { copy.at, reason_bytes };
    if (!field_value_is_valid(reason))
        return -EBADMSG;
    x->response = (struct response){
        .status = status, .reason = reason,
        .is_for_front = x->serve->is_behind_front && x->request.from.is_trusted,
    };
    return response_read_fields(&x->response, span_skip(copy, reason_bytes + 2), RESPONSE_FIELDS_MAX,
                                &x->arena);
}

/* By option a page of the project's stands for the application's own, but never for what a program is
 * to read. */
static bool is_replaced(const struct exchange *x)
{
    const struct response *res = &x->response;
    struct page page;
    bool is_for_people = true;
    if (!x->conf->error_page_app || x->conf->error_page.count == 0 || res->status < 400)
        return false;
    for (size_t i = 0; i < res->fields_count; i++)
        if (res->fields[i].id == FIELD_CONTENT_TYPE)
            is_for_people = span_starts(res->fields[i].value, SPAN("text/html")) ||
                            span_starts(res->fields[i].value, SPAN("text/plain"));
    return is_for_people && pages_find(x, res->status, &page);
}

static void replace(struct exchange *x)
{
    static const struct span kept[] = { SPAN("Set-Cookie"), SPAN("WWW-Authenticate"), SPAN("Retry-After"), SPAN("Allow") };
    const struct response *res = &x->response;
    struct field extra[REFUSAL_FIELDS_MAX];
    struct refusal refusal = { .status = res->status, .extra = extra };
    for (size_t i = 0; i < res->fields_count; i++)
        for (size_t k = 0; k < ARRAY_LEN(kept); k++)
            if (refusal.extras < ARRAY_LEN(extra) && span_eq_nocase(res->fields[i].name, kept[k]))
                extra[refusal.extras++] = res->fields[i];
    x->is_with_pool = false;
    refuse_with(x, &refusal);
}

static int app_head(struct call *c, unsigned status, struct span head, bool is_complete, int64_t body_bytes)
{
    struct exchange *x = exchange_of(c);
    int rc = read_head(x, status, head);
    if (rc == 0)
        rc = access_take_fields(x->serve->plan, x);
    if (rc < 0) {
        x->is_with_pool = false;
        x->failure = "the application's response head is not HTTP";
        log_error("bad response head", "worker_pid=%d error=%d", c->worker_pid, -rc);
        serve_refuse(x, rc == -ENOMEM ? 503 : 502);
        return rc;
    }
    if (x->is_preflight) {
        x->response.redirect = x->response.sendfile = SPAN("");
        x->response.body_bytes = 0;
    }
    if (handover_begin(x)) {
        x->is_with_pool = false;
        return -ECANCELED;
    }
    if (is_replaced(x)) {
        replace(x);
        return -ECANCELED;
    }
    x->is_of_app = true;
    if (is_complete && x->response.body_bytes < 0 && !is_without_body(x, status))
        x->response.body_bytes = body_bytes;
    if (!x->is_preflight)
        compress_begin(x);
    rc = finish_head(x);
    if (rc < 0)
        x->is_with_pool = false;
    return rc;
}

static ssize_t app_body(struct call *c, const struct span runs[2], bool is_last)
{
    struct exchange *x = exchange_of(c);
    size_t offered = runs[0].len + runs[1].len;
    /* An answer that must have none: what the application yields all the same goes nowhere. */
    bool is_bare = is_without_body(x, x->response.status);
    if (is_bare && !is_last)
        return (ssize_t)offered;
    if (is_last)
        x->is_with_pool = x->is_body_lent = false;       /* the worker is done with it */
    ssize_t took = compress_body(x, is_bare ? (const struct span[2]){ { NULL, 0 } } : runs, is_last);
    if (took < 0) {
        x->is_with_pool = false;
        return took;
    }
    if (is_bare)
        return (ssize_t)offered;
    if (is_last && (size_t)took < offered)
        x->is_with_pool = true;         /* the rest comes again */
    return took;
}

static void app_file(struct call *c, int fd, uint64_t at, uint64_t bytes)
{
    struct exchange *x = exchange_of(c);
    x->is_with_pool = x->is_body_lent = false;
    if (is_without_body(x, x->response.status))
        bytes = 0;
    compress_file(x, fd, at, bytes);
}

static const struct failure {
    unsigned status;
    const char *why;
} failures[] = {
    [CALL_QUEUE_TIMEOUT] = { 503, "no worker was free within queue-timeout" },
    [CALL_OVERLOADED] = { 503, "the expected wait exceeds queue-timeout" },
    [CALL_WORKER_DIED] = { 502, "the worker died" },
    [CALL_LATE] = { 504, "the request ran past harakiri" },
    [CALL_TOO_LARGE] = { 431, "the request's variables do not fit" },
    [CALL_BROKEN] = { 502, "the worker's answer was broken" },
    [CALL_CUT] = { 502, "the application failed within its response" },
    [CALL_NO_MEMORY] = { 503, "no memory" },
};
_Static_assert(ARRAY_LEN(failures) == CALL_NO_MEMORY + 1, "a failure without a row");

static void app_fail(struct call *c, enum call_failure why)
{
    struct exchange *x = exchange_of(c);
    char target[200];
    x->is_with_pool = false;
    x->failure = failures[why].why;
    if (x->has_head)
        x->out->cut(x);
    else
        serve_refuse(x, failures[why].status);
    if (why == CALL_WORKER_DIED || why == CALL_LATE || why == CALL_BROKEN || why == CALL_CUT)
        log_warn("request failed", "reason=\"%s\" worker_pid=%d request=\"%.*s %s\" app_ms=%llu id=%s",
                 x->failure, c->worker_pid, (int)x->request.method_name.len, x->request.method_name.at,
                 query_mask_log(target, sizeof target, x->request.target, access_secrets(x)),
                 (unsigned long long)c->app_us / 1000, x->request_id[0] ? x->request_id : "-");
}

static void app_reads_body(struct call *c)
{
    struct exchange *x = exchange_of(c);
    x->out->reads_body(x);
}

static const struct reply_to reply = { app_head, app_body, app_file, app_fail, app_reads_body };

/* Who misses a header of his finds here why. */
static void tell_underscored(struct exchange *x)
{
    struct serve *s = x->serve;
    const struct field *f = request_field(&x->request, FIELD_UNDERSCORED);
    char name[100];
    s->underscored += x->request.underscored;
    if (!f || !loop_may_tell(s->loop, &s->underscored_told_ms, UNDERSCORED_TOLD_EVERY_MS))
        return;
    log_warn("request header dropped, its name has an underscore: have it sent with hyphens",
             "name=\"%s\" address=%.*s headers=%llu", log_escape(name, sizeof name, f->name),
             (int)x->request.from.address.len, x->request.from.address.at, (unsigned long long)s->underscored);
    s->underscored = 0;
}

enum stage_says stage_app(struct exchange *x)
{
    const struct request *r = &x->request;
    const struct span mount = span_of(x->serve->conf->mount);
    if (!path_is_below(r->path, mount)) {
        serve_refuse(x, 404);
        return STAGE_ANSWERED;
    }
    if (r->body_bytes != 0 && x->body.bytes < 0 && !x->body.is_stream)
        return STAGE_WANTS_BODY;
    if (r->underscored > 0)
        tell_underscored(x);
    if (r->body_bytes == 0)
        x->body = (struct call_body){ .fd = -1 };
    if (identity_tell(x) < 0) {
        serve_refuse(x, 503);
        return STAGE_ANSWERED;
    }
    x->call = (struct call){ .to = &reply, .request = r, .mount = mount, .secrets = x->conf->mask_query, .body = x->body,
                             .harakiri_ms = x->conf->harakiri_ms,
                             .may_retry = x->conf->retry && !x->body.is_stream };
    x->is_with_pool = true;
    x->is_body_lent = x->body.bytes > 0 && !x->body.is_stream;       /* until the worker says that it is done, if it ever does */
    pool_submit(x->serve->pool, &x->call);
    return STAGE_WAITS;
}
