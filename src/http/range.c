/* range.c - "bytes=0-99", "bytes=100-", "bytes=-100", and lists of these.
 */
#include "http/range.h"
#include <errno.h>
#include <stdlib.h>
#include "http/field.h"

struct ordered {
    struct range range;
    size_t order;               /* in which it was asked for; of several that became one: the first */
};

/* Digits as a number that is INT64_MAX when it is larger: behind the end is behind the end. */
static int read_position(struct span digits, int64_t *value)
{
    uint64_t wide = 0;
    int rc = span_to_u64(digits, &wide);
    if (rc == -EBADMSG)
        return rc;
    *value = rc < 0 || wide > INT64_MAX ? INT64_MAX : (int64_t)wide;
    return 0;
}

static enum range_kind read_suffix(struct span digits, int64_t size, struct range *range)
{
    int64_t count;
    if (read_position(digits, &count) < 0)
        return RANGE_NONE;
    if (count == 0)
        return RANGE_UNSATISFIABLE;
    if (size == 0)
        return RANGE_NONE;     /* satisfiable, but there is no byte to name in a Content-Range */
    *range = (struct range){ count < size ? size - count : 0, size - 1 };
    return RANGE_SOME;
}

static enum range_kind read_one(struct span spec, int64_t size, struct range *range)
{
    size_t dash = span_find(spec, '-');
    if (dash == spec.len)
        return RANGE_NONE;
    struct span before = { spec.at, dash }, after = span_skip(spec, dash + 1);
    if (before.len == 0)
        return read_suffix(after, size, range);
    int64_t from, to = INT64_MAX;
    if (read_position(before, &from) < 0 || (after.len > 0 && read_position(after, &to) < 0))
        return RANGE_NONE;
    if (to < from)
        return RANGE_NONE;
    if (from >= size)
        return RANGE_UNSATISFIABLE;
    *range = (struct range){ from, to < size ? to : size - 1 };
    return RANGE_SOME;
}

static int by_place(const void *a, const void *b)
{
    const struct ordered *one = a, *other = b;
    return one->range.first < other->range.first ? -1 : one->range.first > other->range.first;
}

static int by_order(const void *a, const void *b)
{
    const struct ordered *one = a, *other = b;
    return one->order < other->order ? -1 : one->order > other->order;
}

/* How many are left when those that touch are one. */
static size_t join(struct ordered *all, size_t count)
{
    size_t used = 0;
    qsort(all, count, sizeof *all, by_place);
    for (size_t i = 1; i < count; i++) {
        struct ordered *last = &all[used], *next = &all[i];
        if (next->range.first - last->range.last > RANGE_GAP_BYTES) {
            all[++used] = *next;
            continue;
        }
        if (next->range.last > last->range.last)
            last->range.last = next->range.last;
        if (next->order < last->order)
            last->order = next->order;
    }
    qsort(all, used + 1, sizeof *all, by_order);
    return used + 1;
}

enum range_kind range_read(struct span value, int64_t size, size_t most, struct range *ranges,
                           size_t *count)
{
    struct ordered all[RANGES_MAX];
    struct span list, spec;
    size_t named = 0, found = 0, equals = span_find(value, '=');
    if (equals == value.len || !span_eq_nocase((struct span){ value.at, equals }, SPAN("bytes")))
        return RANGE_NONE;
    list = span_skip(value, equals + 1);
    while (field_list_next(&list, &spec)) {
        if (spec.len == 0)
            continue;                   /* section 5.6.1.2: an empty element says nothing */
        enum range_kind kind = named++ < most ? read_one(spec, size, &all[found].range) : RANGE_NONE;
        if (kind == RANGE_NONE)
            return RANGE_NONE;
        all[found].order = named;
        found += kind == RANGE_SOME;
    }
    if (found == 0)
        return named > 0 ? RANGE_UNSATISFIABLE : RANGE_NONE;
    *count = join(all, found);
    for (size_t i = 0; i < *count; i++)
        ranges[i] = all[i].range;
    return RANGE_SOME;
}
