#include "unit.h"
#include "http/trace.h"

#define T "0af7651916cd43dd8448eb211c80319c"
#define P "b7ad6b7169203331"

static const struct { const char *why, *text; bool is_right; } cases[] = {
    { "the standard's own", "00-" T "-" P "-01", true },
    { "not sampled", "00-" T "-" P "-00", true },
    { "flags that nobody knows yet", "00-" T "-" P "-ff", true },
    { "a later version", "01-" T "-" P "-01", true },
    { "a later version with more", "cc-" T "-" P "-01-what.the-future-will-be", true },
    { "a later version with a dash", "cc-" T "-" P "-01-", true },
    { "a later version with more, without a dash", "cc-" T "-" P "-01.x", false },
    { "version 00 with more", "00-" T "-" P "-01-x", false },
    { "version ff", "ff-" T "-" P "-01", false },
    { "capitals", "00-0AF7651916CD43DD8448EB211C80319C-" P "-01", false },
    { "a trace of zeros", "00-00000000000000000000000000000000-" P "-01", false },
    { "a parent of zeros", "00-" T "-0000000000000000-01", false },
    { "another digit in the version", "0x-" T "-" P "-01", false },
    { "another digit in the trace", "00-0af7651916cd43dd8448eb211c80319g-" P "-01", false },
    { "another digit in the parent", "00-" T "-b7ad6b716920333:-01", false },
    { "another digit in the flags", "00-" T "-" P "-0/", false },
    { "the first dash", "00_" T "-" P "-01", false },
    { "the second dash", "00-" T "_" P "-01", false },
    { "the third dash", "00-" T "-" P "_01", false },
    { "cut short", "00-" T "-" P "-0", false },
    { "empty", "", false },
    { "a blank before", " 00-" T "-" P "-01", false },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        char *own = memcpy(malloc(len + 1), cases[i].text, len);        /* overreads are caught */
        struct span trace = SPAN("untouched");
        bool is_right = trace_parent_read((struct span){ own, len }, &trace);
        if (is_right != cases[i].is_right)
            fail_msg("%s", cases[i].why);
        assert_true(span_eq(trace, is_right ? SPAN(T) : SPAN("untouched")));
        free(own);
    }
}

UNIT_TEST(what_is_written_can_be_read)
{
    const unsigned char trace_id[16] = { 0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c };
    const unsigned char parent_id[8] = { 0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31 };
    char text[TRACE_PARENT_BYTES + 1];
    struct span trace;
    trace_parent_write(trace_id, parent_id, text);
    assert_string_equal(text, "00-" T "-" P "-01");
    assert_true(trace_parent_read(span_of(text), &trace));
}

UNIT_MAIN(every_case, what_is_written_can_be_read)
