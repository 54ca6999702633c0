/* test_names.c - exact names, wildcards, what is no name; a table that grows. */
#include "unit.h"
#include "no_memory.h"
#include "tls/names.h"

UNIT_TEST(exact_then_wildcard)
{
    static const struct { const char *why, *host; int value; } cases[] = {
        { "exact", "example.org", 1 },
        { "whatever its case", "EXAMPLE.org", 1 },
        { "with the root's dot", "example.org.", 1 },
        { "a wildcard", "www.example.org", 2 },
        { "exact before wildcard", "api.example.org", 3 },
        { "a wildcard is for one label", "a.b.example.org", -1 },
        { "a wildcard needs one", ".example.org", -1 },
        { "a name that asks for the wildcard itself", "*.example.org", -1 },
        { "unknown", "example.com", -1 },
        { "one label", "localhost", -1 },
        { "nothing", "", -1 },
        { "a dot", ".", -1 },
        { "a byte no host has", "exa mple.org", -1 },
    };
    struct names n = { 0 };
    bool is_new;
    *names_place(&n, SPAN("example.org"), &is_new) = 1;
    assert_true(is_new);
    *names_place(&n, SPAN("*.example.org"), &is_new) = 2;
    *names_place(&n, SPAN("api.example.org"), &is_new) = 3;
    assert_int_equal(*names_place(&n, SPAN("example.org"), &is_new), 1);
    assert_false(is_new);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const unsigned *value = names_match(&n, span_of(cases[i].host));
        if ((value ? (int)*value : -1) != cases[i].value)
            fail_msg("%s: %s got %d", cases[i].why, cases[i].host, value ? (int)*value : -1);
    }
    names_done(&n);
}

UNIT_TEST(an_empty_table_knows_nobody)
{
    struct names n = { 0 };
    assert_null(names_match(&n, SPAN("example.org")));
    assert_null(names_get(&n, SPAN("example.org")));
    names_done(&n);
}

UNIT_TEST(ten_thousand_names)
{
    enum { COUNT = 10000 };
    static char texts[COUNT][32];
    struct names n = { 0 };
    bool is_new;
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "host%u.test", i);
        *names_place(&n, span_of(texts[i]), &is_new) = i;
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(*names_match(&n, span_of(texts[i])), i);
    names_done(&n);
}

UNIT_TEST(lengths)
{
    char into[NAMES_HOST_BYTES_MAX], text[300];
    memset(text, 'A', sizeof text);
    assert_int_equal(names_fold(into, (struct span){ text, 255 }, false).len, 255);
    assert_int_equal(names_fold(into, (struct span){ text, 256 }, false).len, 0);
    assert_span_equal(names_fold(into, SPAN("*.A.org"), true), SPAN("*.a.org"));
    assert_int_equal(names_fold(into, SPAN("*.A.org"), false).len, 0);
    assert_int_equal(names_fold(into, SPAN("a*.org"), true).len, 0);
}

UNIT_TEST(no_memory_is_said)
{
    struct names n = { 0 };
    bool is_new;
    heap_left = 0;
    assert_null(names_place(&n, SPAN("example.org"), &is_new));
    heap_left = UINT32_MAX;
    names_done(&n);
}

UNIT_MAIN(exact_then_wildcard, an_empty_table_knows_nobody, ten_thousand_names, lengths,
          no_memory_is_said)
