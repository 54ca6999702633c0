/* range.c - "bytes=0-99", "bytes=100-" and "bytes=-100"; several ranges are answered as none, which
 * section 14.2 allows and which no common client minds.
 */
#include "http/range.h"
#include <errno.h>

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

static enum range_kind read_suffix(struct span digits, int64_t size, int64_t *first, int64_t *last)
{
    int64_t count;
    if (read_position(digits, &count) < 0)
        return RANGE_NONE;
    if (count == 0)
        return RANGE_UNSATISFIABLE;
    if (size == 0)
        return RANGE_NONE;     /* satisfiable, but there is no byte to name in a Content-Range */
    *first = count < size ? size - count : 0;
    *last = size - 1;
    return RANGE_ONE;
}

enum range_kind range_read(struct span value, int64_t size, int64_t *first, int64_t *last)
{
    size_t equals = span_find(value, '=');
    if (equals == value.len || !span_eq_nocase((struct span){ value.at, equals }, SPAN("bytes")))
        return RANGE_NONE;
    struct span spec = span_trim(span_skip(value, equals + 1));
    size_t dash = span_find(spec, '-');
    if (dash == spec.len)
        return RANGE_NONE;
    struct span before = { spec.at, dash }, after = span_skip(spec, dash + 1);
    if (before.len == 0)
        return read_suffix(after, size, first, last);
    int64_t from, to = INT64_MAX;
    if (read_position(before, &from) < 0 || (after.len > 0 && read_position(after, &to) < 0))
        return RANGE_NONE;
    if (to < from)
        return RANGE_NONE;
    if (from >= size)
        return RANGE_UNSATISFIABLE;
    *first = from;
    *last = to < size ? to : size - 1;
    return RANGE_ONE;
}
