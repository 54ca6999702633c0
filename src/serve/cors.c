/* cors.c - the list of origins has an answer for each: the star, the origin itself, or nothing. */
#include "serve/cors.h"

static const struct span star = SPAN("*");

static bool has(const struct conf_list *list, struct span origin)
{
    for (size_t i = 0; i < list->count; i++)
        if (span_eq_nocase(span_of(list->items[i]), origin))
            return true;
    return false;
}

static struct span find(const struct request *r, struct span name)
{
    for (size_t i = 0; i < r->fields_count; i++)
        if (span_eq_nocase(r->fields[i].name, name))
            return r->fields[i].value;
    return SPAN("");
}

bool cors_varies(const struct exchange *x)
{
    return x->conf->static_cors.count > 0 && !has(&x->conf->static_cors, star);
}

/* "" : none. */
static struct span allowed(const struct exchange *x)
{
    const struct conf_list *list = &x->conf->static_cors;
    if (list->count == 0)
        return SPAN("");
    if (has(list, star))
        return star;
    struct span origin = find(&x->request, SPAN("Origin"));
    return origin.len > 0 && has(list, origin) ? origin : SPAN("");
}

size_t cors_add(const struct exchange *x, struct field *fields, size_t count, bool is_preflight)
{
    static const struct field asks[] = {
        { SPAN("Access-Control-Allow-Methods"), SPAN("GET, HEAD, OPTIONS"), FIELD_OTHER },
        { SPAN("Access-Control-Allow-Headers"),
          SPAN("Range, If-Range, If-Match, If-None-Match, If-Modified-Since, Cache-Control"), FIELD_OTHER },
        { SPAN("Access-Control-Max-Age"), SPAN("86400"), FIELD_OTHER },
    };
    struct span origin = allowed(x);
    if (origin.len == 0)
        return count;
    fields[count++] = (struct field){ SPAN("Access-Control-Allow-Origin"), origin, FIELD_OTHER };
    if (!is_preflight) {
        fields[count++] = (struct field){ SPAN("Access-Control-Expose-Headers"),
                                          SPAN("Accept-Ranges, Content-Length, Content-Range, ETag"), FIELD_OTHER };
        return count;
    }
    if (find(&x->request, SPAN("Access-Control-Request-Method")).len > 0)
        for (size_t i = 0; i < ARRAY_LEN(asks); i++)
            fields[count++] = asks[i];
    return count;
}
