#include "unit.h"
#include <stdlib.h>
#include "http/range.h"

enum { MOST = 8 };

static const struct {
    const char *why, *value;
    int64_t size;
    const char *want;             /* "first-last ...", "416", or "": the whole */
} cases[] = {
    { "first to last", "bytes=0-499", 1000, "0-499" },
    { "one byte", "bytes=5-5", 1000, "5-5" },
    { "to the end", "bytes=500-", 1000, "500-999" },
    { "the last byte", "bytes=999-", 1000, "999-999" },
    { "past the end", "bytes=500-1000", 1000, "500-999" },
    { "far past the end", "bytes=0-99999999999999999999", 1000, "0-999" },
    { "the last ones", "bytes=-500", 1000, "500-999" },
    { "more than there are", "bytes=-2000", 1000, "0-999" },
    { "very many more", "bytes=-99999999999999999999", 1000, "0-999" },
    { "any case of the unit", "BYTES=0-0", 1000, "0-0" },
    { "blanks around it", "bytes= 0-0 ", 1000, "0-0" },
    { "behind the end", "bytes=1000-", 1000, "416" },
    { "far behind the end", "bytes=99999999999999999999-", 1000, "416" },
    { "the last none", "bytes=-0", 1000, "416" },
    { "anything of an empty file", "bytes=0-", 0, "416" },
    { "the last ones of an empty file", "bytes=-5", 0, "" },
    { "backwards", "bytes=5-4", 1000, "" },
    { "another unit", "lines=0-1", 1000, "" },
    { "no unit", "0-1", 1000, "" },
    { "no equals sign", "bytes 0-1", 1000, "" },
    { "no dash", "bytes=5", 1000, "" },
    { "only a dash", "bytes=-", 1000, "" },
    { "a letter", "bytes=a-5", 1000, "" },
    { "a letter after", "bytes=0-b", 1000, "" },
    { "a sign", "bytes=+0-5", 1000, "" },
    { "two dashes", "bytes=--5", 1000, "" },
    { "three numbers", "bytes=0-1-2", 1000, "" },
    { "a blank inside", "bytes=0 -1", 1000, "" },
    { "nothing", "", 1000, "" },
    { "a unit alone", "bytes=", 1000, "" },

    { "two", "bytes=0-1,500-501", 1000, "0-1 500-501" },
    { "in the order asked for", "bytes=500-501,0-1", 1000, "500-501 0-1" },
    { "blanks between", "bytes=0-1 ,\t500-501", 1000, "0-1 500-501" },
    { "empty elements", "bytes=,0-1,, ,500-501,", 1000, "0-1 500-501" },
    { "nothing but empty elements", "bytes=, ,", 1000, "" },
    { "one of them is no range", "bytes=0-1,500-501,x", 1000, "" },
    { "one of them is backwards", "bytes=0-1,5-4", 1000, "" },
    { "one of them is behind the end", "bytes=0-1,1000-,500-501", 1000, "0-1 500-501" },
    { "all but one are", "bytes=1000-,0-1,-0", 1000, "0-1" },
    { "all are", "bytes=1000-,2000-3000,-0", 1000, "416" },
    { "that touch", "bytes=0-1,2-3", 1000, "0-3" },
    { "that overlap", "bytes=0-499,400-599", 1000, "0-599" },
    { "one within another", "bytes=100-800,300-400", 1000, "100-800" },
    { "the same twice", "bytes=5-6,5-6", 1000, "5-6" },
    { "80 bytes between are kept", "bytes=0-9,90-99", 1000, "0-9 90-99" },
    { "79 are not", "bytes=0-9,89-99", 1000, "0-99" },
    { "one that closes the gap of two", "bytes=0-99,500-599,80-520", 1000, "0-599" },
    { "a joined one stands where its first was", "bytes=500-501,0-1,502-503", 1000, "500-503 0-1" },
    { "all of it in pieces", "bytes=0-249,250-499,500-749,750-", 1000, "0-999" },
    { "as many as may be", "bytes=0-0,100-100,200-200,300-300,400-400,500-500,600-600,700-700", 1000,
      "0-0 100-100 200-200 300-300 400-400 500-500 600-600 700-700" },
    { "one more", "bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-", 1000, "" },
    { "one more that is behind the end", "bytes=0-,0-,0-,0-,0-,0-,0-,0-,9999-", 1000, "" },
    { "suffixes", "bytes=-1,-500", 1000, "500-999" },
    { "at the end of all numbers", "bytes=9223372036854775806-,0-0", INT64_MAX,
      "9223372036854775806-9223372036854775806 0-0" },
};

static void spell(char *into, size_t room, enum range_kind kind, const struct range *ranges, size_t count)
{
    size_t used = 0;
    into[0] = '\0';
    if (kind == RANGE_UNSATISFIABLE)
        strcpy(into, "416");
    for (size_t i = 0; kind == RANGE_SOME && i < count; i++)
        used += (size_t)snprintf(into + used, room - used, "%s%lld-%lld", i > 0 ? " " : "",
                                 (long long)ranges[i].first, (long long)ranges[i].last);
}

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[512];
        struct range ranges[MOST];
        size_t count = 0;
        enum range_kind kind = range_read(span_of(cases[i].value), cases[i].size, MOST, ranges, &count);
        spell(got, sizeof got, kind, ranges, count);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: \"%s\"", cases[i].why, got);
    }
}

UNIT_TEST(where_none_may_be_named)
{
    struct range ranges[1];
    size_t count;
    assert_int_equal(range_read(SPAN("bytes=0-1"), 1000, 0, ranges, &count), RANGE_NONE);
}

UNIT_MAIN(every_case, where_none_may_be_named)
