/* exempt.c - see exempt.h. */
#include "serve/exempt.h"

static bool is_token_byte(char c)
{
    char lower = (char)(c | 0x20);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || c == '-' || c == '_';
}

bool exempt_is_acme(const struct request *r)
{
    static const struct span acme = SPAN("/.well-known/acme-challenge/");
    if (!span_starts(r->path, acme) || r->path.len == acme.len || r->body_bytes != 0)
        return false;
    for (size_t i = acme.len; i < r->path.len; i++)
        if (!is_token_byte(r->path.at[i]))
            return false;
    return r->method == METHOD_GET || r->method == METHOD_HEAD;
}

bool exempt_is_preflight(const struct request *r)
{
    bool has_method = false, has_origin = false;
    if (r->method != METHOD_OPTIONS || r->body_bytes != 0)
        return false;
    for (size_t i = 0; i < r->fields_count; i++) {
        struct span name = r->fields[i].name;
        has_origin |= span_eq_nocase(name, SPAN("Origin"));
        has_method |= span_eq_nocase(name, SPAN("Access-Control-Request-Method"));
    }
    return has_origin && has_method;
}
