/* finish.c - what is added here stands behind what the answer brought, in a copy of its fields: they
 * may be somebody else's.
 */
#include "serve/finish.h"
#include <stdio.h>
#include "base/sys.h"
#include "conf/conf.h"
#include "serve/headers.h"
#include "serve/policy.h"
#include "serve/serve.h"

enum { ADDED_MAX = HEADERS_MAX + 3, TIMING_BYTES = 120 };

static void add_fields(struct exchange *x, const struct field *added, size_t count)
{
    struct response *res = &x->response;
    struct field *fields = arena_alloc(&x->arena, (res->fields_count + count) * sizeof *fields);
    if (!fields)
        return;                         /* the answer is right without it */
    if (res->fields_count > 0)
        memcpy(fields, res->fields, res->fields_count * sizeof *fields);
    memcpy(fields + res->fields_count, added, count * sizeof *fields);
    res->fields_count += count;
    res->fields = fields;
}

static void add_field(struct exchange *x, struct field field)
{
    add_fields(x, &field, 1);
}

/* "public, s-maxage=9, max-age=3" becomes "private, max-age=3": what the wall lets through to one, a
 * cache on the way must not give to all. */
static struct span private_policy(struct exchange *x, struct span policy)
{
    static const struct span mine = SPAN("private");
    struct span element, shared = SPAN("s-maxage");
    char *text = arena_alloc(&x->arena, mine.len + 2 * policy.len + 2);
    if (!text || field_list_has(policy, SPAN("no-store")))
        return text ? policy : SPAN("no-store");
    size_t len = (size_t)((char *)mempcpy(text, mine.at, mine.len) - text);
    while (field_list_next(&policy, &element)) {
        bool is_shared = element.len >= shared.len &&
                         span_eq_nocase((struct span){ element.at, shared.len }, shared);
        if (is_shared || element.len == 0 || span_eq_nocase(element, SPAN("public")) ||
            span_eq_nocase(element, mine))
            continue;
        memcpy(text + len, ", ", 2);
        memcpy(text + len + 2, element.at, element.len);
        len += 2 + element.len;
    }
    return (struct span){ text, len };
}

static void make_private(struct exchange *x)
{
    bool has_policy = false;
    for (size_t i = 0; i < x->response.fields_count; i++) {
        struct field *f = &x->response.fields[i];
        if (f->id != FIELD_CACHE_CONTROL)
            continue;
        f->value = private_policy(x, f->value);
        has_policy = true;
    }
    if (!has_policy)
        add_field(x, (struct field){ SPAN("Cache-Control"), SPAN("private"), FIELD_CACHE_CONTROL });
}

static bool has(const struct response *res, enum field_id id)
{
    for (size_t i = 0; i < res->fields_count; i++)
        if (res->fields[i].id == id)
            return true;
    return false;
}

/* A line of its own, behind the application's: they are one list (RFC 9110, section 5.3).  What is
 * not complete yet ran up to now. */
static struct span write_timing(struct exchange *x)
{
    const struct call *c = &x->call;
    int64_t now_us = sys_now_us(), total_us = now_us - x->began_us, len = 0;
    char *text = arena_alloc(&x->arena, TIMING_BYTES);
    if (!text)
        return SPAN("");
    if (x->is_of_app) {
        int64_t queue_us = (int64_t)c->queue_us, app_us = (int64_t)c->app_us;
        if (app_us == 0)
            app_us = now_us - c->submitted_us - queue_us;
        len = snprintf(text, TIMING_BYTES, "queue;dur=%.3f, app;dur=%.3f, ", (double)queue_us / 1000,
                       (double)app_us / 1000);
    }
    len += snprintf(text + len, (size_t)(TIMING_BYTES - len), "total;dur=%.3f", (double)total_us / 1000);
    return (struct span){ text, (size_t)len };
}

static size_t add_names(struct exchange *x, struct field *into)
{
    size_t count = 0;
    struct span timing = x->conf->server_timing ? write_timing(x) : SPAN("");
    if (timing.len > 0)
        into[count++] = (struct field){ SPAN("Server-Timing"), timing, FIELD_OTHER };
    if (x->conf->request_id_response && !has(&x->response, FIELD_X_REQUEST_ID))
        into[count++] = (struct field){ SPAN("X-Request-ID"), identity_of(x), FIELD_X_REQUEST_ID };
    return count;
}

/* What cannot be read says no host; where there is but one site it was meant for that.  Another host
 * is none of its business. */
static const struct headers *headers_of(const struct exchange *x)
{
    const struct list *sites = x->serve->lobby_of;
    bool is_only = sites && !list_empty(sites) && sites->next->next == sites;
    if (!x->conf->security_headers || x->response.status == 421)
        return NULL;
    return is_only ? container_of(sites->next, struct serve, node)->headers : x->serve->headers;
}

int finish_head(struct exchange *x)
{
    const struct headers *headers = x->is_of_app ? NULL : headers_of(x);
    struct field added[ADDED_MAX];
    const struct policy *policy = x->route ? x->route->policy : NULL;
    size_t count = 0;
    if (policy)
        policy_cache(policy, x);
    if (x->is_private)
        make_private(x);
    if (x->set_cookie.len > 0)
        added[count++] = (struct field){ SPAN("Set-Cookie"), x->set_cookie, FIELD_OTHER };
    if (headers)
        count += headers_missing(headers, x, added + count);
    count += add_names(x, added + count);
    if (count > 0)
        add_fields(x, added, count);
    if (policy)
        policy_fields(policy, x);
    x->set_cookie = SPAN("");
    x->has_head = true;
    return x->out->head(x, &x->response);
}
