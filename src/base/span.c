/* span.c - the comparisons and readings of a span that are too long for its header. */
#include "base/span.h"
#include <errno.h>

static unsigned char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20) : (unsigned char)byte;
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

int span_compare(struct span a, struct span b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int difference = shorter > 0 ? memcmp(a.at, b.at, shorter) : 0;
    return difference != 0 ? difference : (a.len > b.len) - (a.len < b.len);
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_blank(s.at[0]))
        s = span_skip(s, 1);
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

int span_to_u64(struct span s, uint64_t *value)
{
    uint64_t sum = 0;
    bool is_over = false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.at[i] - (unsigned)'0';
        if (digit > 9)
            return -EBADMSG;             /* also behind a number that is too large */
        is_over = is_over || __builtin_mul_overflow(sum, 10U, &sum) ||
                  __builtin_add_overflow(sum, digit, &sum);
    }
    if (s.len == 0)
        return -EBADMSG;
    if (is_over)
        return -ERANGE;
    *value = sum;
    return 0;
}
