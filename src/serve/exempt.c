/* exempt.c - see exempt.h. */
#include "serve/exempt.h"

bool exempt_is_acme(const struct request *r)
{
    static const struct span acme = SPAN("/.well-known/acme-challenge/");
    return span_starts(r->path, acme) && r->path.len > acme.len;
}

bool exempt_is_preflight(const struct request *r)
{
    bool has_method = false, has_origin = false;
    if (r->method != METHOD_OPTIONS)
        return false;
    for (size_t i = 0; i < r->fields_count; i++) {
        struct span name = r->fields[i].name;
        has_origin |= span_eq_nocase(name, SPAN("Origin"));
        has_method |= span_eq_nocase(name, SPAN("Access-Control-Request-Method"));
    }
    return has_origin && has_method;
}
