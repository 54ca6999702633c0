/* condition.c - the five steps of section 13.2.2; each asks one field, the later of a pair only
 * when the earlier is absent.
 */
#include "http/condition.h"
#include "http/date.h"

static bool is_weak(struct span etag)
{
    return span_starts(etag, SPAN("W/"));
}

static struct span opaque(struct span etag)
{
    return is_weak(etag) ? span_skip(etag, 2) : etag;
}

/* Strong: both strong and equal; weak: equal but for W/ (section 8.8.3.2). */
static bool is_same_etag(struct span a, struct span b, bool strongly)
{
    return span_eq(opaque(a), opaque(b)) && !(strongly && (is_weak(a) || is_weak(b)));
}

/* Takes the next entity-tag off a list; tags may hold commas, so the list is cut at the quotes.
 * False at the end and at anything that is no tag. */
static bool next_etag(struct span *list, struct span *etag)
{
    while (list->len > 0 && strchr(" \t,", list->at[0]) != NULL && list->at[0] != '\0')
        *list = span_skip(*list, 1);
    size_t open = is_weak(*list) ? 2 : 0;
    if (list->len <= open || list->at[open] != '"')
        return false;
    size_t close = open + 1 + span_find(span_skip(*list, open + 1), '"');
    if (close == list->len)
        return false;
    *etag = (struct span){ list->at, close + 1 };
    *list = span_skip(*list, close + 1);
    return true;
}

/* Does any field of that name say "*" or a tag that is the current one? */
static bool names_current(const struct request *r, enum field_id id, struct span etag,
                          bool strongly)
{
    for (size_t i = 0; i < r->fields_count; i++) {
        struct span list = r->fields[i].value, one;
        if (r->fields[i].id != id)
            continue;
        if (span_eq(list, SPAN("*")))
            return true;
        while (next_etag(&list, &one))
            if (is_same_etag(one, etag, strongly))
                return true;
    }
    return false;
}

/* Is the field a date, and was the file changed after it?  `otherwise` when that cannot be said. */
static bool is_modified_since(const struct field *f, const struct validators *v, int64_t now_s,
                              bool otherwise)
{
    int64_t date_s;
    if (v->modified_s == -1 || date_read(f->value, now_s, &date_s) < 0)
        return otherwise;
    return v->modified_s > date_s;
}

enum condition condition_check(const struct request *r, const struct validators *v, int64_t now_s)
{
    const struct field *unmodified = request_field(r, FIELD_IF_UNMODIFIED_SINCE);
    const struct field *modified = request_field(r, FIELD_IF_MODIFIED_SINCE);
    bool reads = r->method == METHOD_GET || r->method == METHOD_HEAD;

    if (request_field(r, FIELD_IF_MATCH) != NULL) {
        if (!names_current(r, FIELD_IF_MATCH, v->etag, true))
            return CONDITION_FAILED;
    } else if (unmodified != NULL && is_modified_since(unmodified, v, now_s, false)) {
        return CONDITION_FAILED;
    }
    if (request_field(r, FIELD_IF_NONE_MATCH) != NULL) {
        if (names_current(r, FIELD_IF_NONE_MATCH, v->etag, false))
            return reads ? CONDITION_NOT_MODIFIED : CONDITION_FAILED;
    } else if (reads && modified != NULL && !is_modified_since(modified, v, now_s, true)) {
        return CONDITION_NOT_MODIFIED;
    }
    return CONDITION_SERVE;
}

bool condition_allows_range(const struct request *r, const struct validators *v, int64_t now_s)
{
    const struct field *f = request_field(r, FIELD_IF_RANGE);
    struct span list, etag;
    int64_t date_s;
    if (f == NULL)
        return true;
    list = f->value;
    if (next_etag(&list, &etag))
        return list.len == 0 && is_same_etag(etag, v->etag, true);
    return v->modified_s != -1 && date_read(f->value, now_s, &date_s) == 0 &&
        date_s == v->modified_s && v->modified_s < now_s;
}
