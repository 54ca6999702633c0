#include "unit.h"
#include "http/cookie.h"

static const struct { const char *list, *first, *second, *without; } cases[] = {
    { "w=1", "1", NULL, "" },
    { "a=b; w=1; c=d", "1", NULL, "a=b; c=d" },
    { "a=b;w=1;c=d", "1", NULL, "a=b;c=d" },
    { "w=1; w=2", "1", "2", "" },
    { "w=1; a=b; w=2; c=d", "1", "2", "a=b; c=d" },
    { "a=\"w=1; x\"; w=3", "3", NULL, "a=\"w=1; x\"" },
    { " w = 1 ; a=b", "1", NULL, "a=b" },
    { "w=", "", NULL, "" },
    { "w=a=b", "a=b", NULL, "" },
    { "a=b; ww=1; W=2; xw=3", NULL, NULL, "a=b; ww=1; W=2; xw=3" },
    { "w", NULL, NULL, "w" },
    { "; ;w=1;;", "1", NULL, "" },
    { "", NULL, NULL, "" },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct span list = span_of(cases[i].list), value, rest = list;
        const char *wanted[] = { cases[i].first, cases[i].second };
        arena_init(&arena, 1 << 20);
        for (size_t n = 0; n < ARRAY_LEN(wanted); n++) {
            bool is_there = cookie_next(&rest, SPAN("w"), &value);
            if (is_there != (wanted[n] != NULL) || (is_there && !span_eq(value, span_of(wanted[n]))))
                fail_msg("%s: cookie %zu", cases[i].list, n);
        }
        struct span without = cookie_without(list, SPAN("w"), &arena);
        if (!span_eq(without, span_of(cases[i].without)))
            fail_msg("%s: %.*s", cases[i].list, (int)without.len, without.at);
        arena_done(&arena);
    }
}

UNIT_TEST(no_memory_is_said)
{
    struct arena arena;
    arena_init(&arena, 0);
    assert_null(cookie_without(SPAN("a=b; w=1"), SPAN("w"), &arena).at);
    arena_done(&arena);
}

UNIT_MAIN(every_case, no_memory_is_said)
