/* headers.c - the fields in two lists, by http and by https, each checked once when the site is told.
 */
#include "serve/headers.h"
#include "base/sys.h"

struct headers_list {
    struct field fields[HEADERS_MAX];
    size_t count;
};

struct headers {
    struct headers_list plain, secure;
    struct arena arena;             /* of names and values */
};

enum { ARENA_BYTES = 256 * 1024 };

static void add(struct headers *h, struct headers_list *list, const json_t *pair)
{
    struct field *f = &list->fields[list->count];
    f->name = span_of(json_string_value(json_array_get(pair, 0)));
    f->value = span_of(json_string_value(json_array_get(pair, 1)));
    if (list->count == HEADERS_MAX - 1 || !field_name_is_valid(f->name) || !field_value_is_valid(f->value))
        return;
    f->id = field_id_of(f->name);
    f->name = arena_copy(&h->arena, f->name);
    f->value = arena_copy(&h->arena, f->value);
    if (f->name.at && f->value.at)
        list->count++;
}

struct headers *headers_new(const json_t *json)
{
    size_t i;
    json_t *pair;
    struct headers *h = json_is_object(json) ? sys_calloc(1, sizeof *h) : NULL;
    if (!h)
        return NULL;
    arena_init(&h->arena, ARENA_BYTES);
    json_array_foreach(json_object_get(json, "plain"), i, pair)
        add(h, &h->plain, pair);
    json_array_foreach(json_object_get(json, "secure"), i, pair)
        add(h, &h->secure, pair);
    return h;
}

void headers_free(struct headers *h)
{
    if (!h)
        return;
    arena_done(&h->arena);
    sys_free(h);
}

static bool has(const struct response *res, const struct field *wanted)
{
    for (size_t i = 0; i < res->fields_count; i++)
        if (res->fields[i].name.len == wanted->name.len && span_eq_nocase(res->fields[i].name, wanted->name))
            return true;
    return false;
}

/* A head that could not be read says no scheme; then it is that of its connection. */
static bool is_secure(const struct request *r)
{
    return r->path.len > 0 ? r->is_http_scheme_tls : r->from.is_tls;
}

size_t headers_missing(const struct headers *h, const struct exchange *x, struct field *into)
{
    const struct headers_list *list = is_secure(&x->request) ? &h->secure : &h->plain;
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (!has(&x->response, &list->fields[i]))
            into[count++] = list->fields[i];
    return count;
}
