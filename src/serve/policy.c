/* policy.c - see policy.h.  Without memory for it a response goes out as it was: right, but for the wish. */
#include "serve/policy.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "conf/header_rule.h"
#include "serve/exchange.h"

struct policy {
    struct span cache;                    /* "": none */
    size_t adds, removes;
    struct field fields[];                /* the adds; the removes have a name alone */
};

struct policy *policy_new(const struct conf *conf, int *why)
{
    size_t count = conf->header.count + conf->header_remove.count;
    *why = 0;
    if (count == 0 && !conf->cache_control[0])
        return NULL;
    struct policy *p = sys_calloc(1, sizeof *p + count * sizeof p->fields[0]);
    *why = p ? 0 : -ENOMEM;
    if (!p)
        return NULL;
    p->cache = span_of(conf->cache_control);
    for (size_t i = 0; i < conf->header.count; i++)
        if (header_rule_parse(span_of(conf->header.items[i]), &p->fields[p->adds]) == 0)
            p->adds++;
    for (size_t i = 0; i < conf->header_remove.count; i++)
        p->fields[p->adds + p->removes++].name = span_of(conf->header_remove.items[i]);
    return p;
}

void policy_free(struct policy *p)
{
    sys_free(p);
}

void policy_of_files(const struct conf *conf, char into[POLICY_FILES_BYTES])
{
    if (conf->static_max_age_ms < 1000)
        (void)snprintf(into, POLICY_FILES_BYTES, "no-cache");
    else
        (void)snprintf(into, POLICY_FILES_BYTES, "public, max-age=%lld, must-revalidate",
                       (long long)conf->static_max_age_ms / 1000);
}

/* ---- caches ---------------------------------------------------------------------------------- */

static bool is_lasting(unsigned status)
{
    return status == 200 || status == 203 || status == 204 || status == 206 || status == 301 || status == 302 ||
           status == 304 || status == 307 || status == 308;
}

static bool is_for_one(struct span policy)
{
    return field_list_has(policy, SPAN("private")) || field_list_has(policy, SPAN("no-store")) ||
           field_list_has(policy, SPAN("no-cache"));
}

static bool is_said_already(const struct policy *p, const struct exchange *x)
{
    const struct response *res = &x->response;
    for (size_t i = 0; i < res->fields_count; i++) {
        struct span name = res->fields[i].name;
        if (res->fields[i].id == FIELD_CACHE_CONTROL || span_eq_nocase(name, SPAN("Expires")) ||
            (span_eq_nocase(name, SPAN("Set-Cookie")) && !is_for_one(p->cache)))
            return true;
    }
    return false;
}

void policy_cache(const struct policy *p, struct exchange *x)
{
    struct response *res = &x->response;
    if (p->cache.len == 0 || !is_lasting(res->status) || (x->is_of_app && is_said_already(p, x)))
        return;
    struct field *fields = arena_alloc(&x->arena, (res->fields_count + 1) * sizeof *fields);
    size_t count = 0;
    for (size_t i = 0; fields && i < res->fields_count; i++)
        if (res->fields[i].id != FIELD_CACHE_CONTROL)
            fields[count++] = res->fields[i];
    if (!fields)
        return;
    fields[count++] = (struct field){ SPAN("Cache-Control"), p->cache, FIELD_CACHE_CONTROL };
    res->fields = fields;
    res->fields_count = count;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static bool is_named(const struct policy *p, struct span name)
{
    for (size_t i = 0; i < p->adds + p->removes; i++)
        if (span_eq_nocase(p->fields[i].name, name))
            return true;
    return false;
}

void policy_fields(const struct policy *p, struct exchange *x)
{
    struct response *res = &x->response;
    if (p->adds + p->removes == 0)
        return;
    struct field *fields = arena_alloc(&x->arena, (res->fields_count + p->adds) * sizeof *fields + 1);
    size_t count = 0;
    if (!fields)
        return;
    for (size_t i = 0; i < res->fields_count; i++)
        if (!is_named(p, res->fields[i].name))
            fields[count++] = res->fields[i];
    for (size_t i = 0; i < p->adds; i++)
        fields[count++] = p->fields[i];
    res->has_server |= is_named(p, SPAN("Server"));
    res->fields = fields;
    res->fields_count = count;
}
