/* cookie.c - pairs end at ';', whatever stands in quotes: that is how servers and browsers read them.
 */
#include "http/cookie.h"

static struct span take_pair(struct span *list)
{
    size_t end = span_find(*list, ';');
    struct span pair = span_trim((struct span){ list->at, end });
    *list = span_skip(*list, end < list->len ? end + 1 : end);
    return pair;
}

static bool is_named(struct span pair, struct span name, struct span *value)
{
    size_t end = span_find(pair, '=');
    if (end == pair.len || !span_eq(span_trim((struct span){ pair.at, end }), name))
        return false;
    *value = span_trim(span_skip(pair, end + 1));
    return true;
}

bool cookie_next(struct span *list, struct span name, struct span *value)
{
    while (list->len > 0)
        if (is_named(take_pair(list), name, value))
            return true;
    return false;
}

struct span cookie_without(struct span list, struct span name, struct arena *arena)
{
    struct span rest = list, value;
    if (!cookie_next(&rest, name, &value))
        return list;
    char *kept = arena_alloc(arena, list.len);
    size_t len = 0;
    if (!kept)
        return (struct span){ 0 };
    for (rest = list; rest.len > 0;) {
        struct span pair = take_pair(&rest);
        if (pair.len == 0 || is_named(pair, name, &value))
            continue;
        if (len > 0)                      /* as it stood there: never longer than the list was */
            kept[len++] = ';';
        if (len > 0 && pair.at[-1] == ' ')
            kept[len++] = ' ';
        memcpy(kept + len, pair.at, pair.len);
        len += pair.len;
    }
    return (struct span){ kept, len };
}
