#include "unit.h"
#include "http/range.h"

static const struct {
    const char *why, *value;
    int64_t size;
    enum range_kind kind;
    int64_t first, last;
} cases[] = {
    { "first to last", "bytes=0-499", 1000, RANGE_ONE, 0, 499 },
    { "one byte", "bytes=5-5", 1000, RANGE_ONE, 5, 5 },
    { "to the end", "bytes=500-", 1000, RANGE_ONE, 500, 999 },
    { "the last byte", "bytes=999-", 1000, RANGE_ONE, 999, 999 },
    { "past the end", "bytes=500-1000", 1000, RANGE_ONE, 500, 999 },
    { "far past the end", "bytes=0-99999999999999999999", 1000, RANGE_ONE, 0, 999 },
    { "the last ones", "bytes=-500", 1000, RANGE_ONE, 500, 999 },
    { "more than there are", "bytes=-2000", 1000, RANGE_ONE, 0, 999 },
    { "very many more", "bytes=-99999999999999999999", 1000, RANGE_ONE, 0, 999 },
    { "any case of the unit", "BYTES=0-0", 1000, RANGE_ONE, 0, 0 },
    { "blanks around it", "bytes= 0-0 ", 1000, RANGE_ONE, 0, 0 },
    { "behind the end", "bytes=1000-", 1000, RANGE_UNSATISFIABLE, 0, 0 },
    { "far behind the end", "bytes=99999999999999999999-", 1000, RANGE_UNSATISFIABLE, 0, 0 },
    { "the last none", "bytes=-0", 1000, RANGE_UNSATISFIABLE, 0, 0 },
    { "anything of an empty file", "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
    { "the last ones of an empty file", "bytes=-5", 0, RANGE_NONE, 0, 0 },
    { "backwards", "bytes=5-4", 1000, RANGE_NONE, 0, 0 },
    { "several", "bytes=0-1,3-4", 1000, RANGE_NONE, 0, 0 },
    { "several suffixes", "bytes=-1,-2", 1000, RANGE_NONE, 0, 0 },
    { "another unit", "lines=0-1", 1000, RANGE_NONE, 0, 0 },
    { "no unit", "0-1", 1000, RANGE_NONE, 0, 0 },
    { "no equals sign", "bytes 0-1", 1000, RANGE_NONE, 0, 0 },
    { "no dash", "bytes=5", 1000, RANGE_NONE, 0, 0 },
    { "only a dash", "bytes=-", 1000, RANGE_NONE, 0, 0 },
    { "a letter", "bytes=a-5", 1000, RANGE_NONE, 0, 0 },
    { "a letter after", "bytes=0-b", 1000, RANGE_NONE, 0, 0 },
    { "a sign", "bytes=+0-5", 1000, RANGE_NONE, 0, 0 },
    { "two dashes", "bytes=--5", 1000, RANGE_NONE, 0, 0 },
    { "three numbers", "bytes=0-1-2", 1000, RANGE_NONE, 0, 0 },
    { "a blank inside", "bytes=0 -1", 1000, RANGE_NONE, 0, 0 },
    { "nothing", "", 1000, RANGE_NONE, 0, 0 },
    { "a unit alone", "bytes=", 1000, RANGE_NONE, 0, 0 },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t first = -7, last = -7;
        enum range_kind kind = range_read(span_of(cases[i].value), cases[i].size, &first, &last);
        bool is_one = cases[i].kind == RANGE_ONE;
        if (kind != cases[i].kind || first != (is_one ? cases[i].first : -7) ||
            last != (is_one ? cases[i].last : -7))
            fail_msg("%s: %d, %lld to %lld", cases[i].why, kind, (long long)first, (long long)last);
    }
}

UNIT_MAIN(every_case)
