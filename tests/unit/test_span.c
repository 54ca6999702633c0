#include "unit.h"

UNIT_TEST(equal_means_same_bytes)
{
    assert_true(span_eq(SPAN("abc"), span_of("abc")));
    assert_false(span_eq(SPAN("abc"), SPAN("abC")));
    assert_false(span_eq(SPAN("abc"), SPAN("ab")));
    assert_true(span_eq((struct span){ NULL, 0 }, SPAN("")));
    assert_true(span_eq(span_of(NULL), SPAN("")));
    assert_false(span_eq(SPAN("a\0b"), SPAN("a\0c")));
}

UNIT_TEST(nocase_folds_ascii_letters_only)
{
    static const struct { const char *why, *a, *b; bool equal; } cases[] = {
        { "letters",                    "Content-Type", "cOnTENT-tYPE", true },
        { "another length",             "Host",         "Hos",          false },
        { "@ is not `",                 "@",            "`",            false },
        { "[ is not {",                 "[",            "{",            false },
        { "Z is z, the last letter",    "Z",            "z",            true },
        { "A is a, the first letter",   "A",            "a",            true },
        { "Latin-1 letters stay apart", "\xc4",         "\xe4",         false },
        { "empty",                      "",             "",             true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (span_eq_nocase(span_of(cases[i].a), span_of(cases[i].b)) != cases[i].equal)
            fail_msg("%s", cases[i].why);
}

UNIT_TEST(starts_and_skip_and_find)
{
    assert_true(span_starts(SPAN("/static/x"), SPAN("/static/")));
    assert_true(span_starts(SPAN("abc"), (struct span){ NULL, 0 }));
    assert_false(span_starts(SPAN("ab"), SPAN("abc")));
    assert_false(span_starts(SPAN("abd"), SPAN("abc")));
    assert_true(span_ends(SPAN("a.css.gz"), SPAN(".gz")));
    assert_true(span_ends((struct span){ NULL, 0 }, (struct span){ NULL, 0 }));
    assert_false(span_ends(SPAN("gz"), SPAN(".gz")));
    assert_span_equal(span_skip(SPAN("abc"), 2), SPAN("c"));
    assert_int_equal(span_skip((struct span){ NULL, 0 }, 0).len, 0);
    assert_int_equal(span_find(SPAN("a=b=c"), '='), 1);
    assert_int_equal(span_find(SPAN("abc"), '='), 3);
    assert_int_equal(span_find((struct span){ NULL, 0 }, '='), 0);
}

UNIT_TEST(trim_takes_blanks_and_tabs_off_both_ends)
{
    static const struct { const char *in, *out; } cases[] = {
        { " \t a b\t ", "a b" }, { "ab", "ab" }, { " \t ", "" }, { "", "" }, { "\ra\n", "\ra\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_span_equal(span_trim(span_of(cases[i].in)), span_of(cases[i].out));
}

UNIT_TEST(to_u64_takes_digits_only)
{
    static const struct { const char *why, *in; int rc; uint64_t value; } cases[] = {
        { "zero",                 "0",                      0, 0 },
        { "leading zeros",        "007",                    0, 7 },
        { "the largest",          "18446744073709551615",   0, UINT64_MAX },
        { "one too many",         "18446744073709551616",   -ERANGE, 0 },
        { "another digit",        "184467440737095516150",  -ERANGE, 0 },
        { "wraps to a small one", "36893488147419103233",   -ERANGE, 0 },
        { "empty",                "",                       -EBADMSG, 0 },
        { "a sign",               "+1",                     -EBADMSG, 0 },
        { "a minus",              "-1",                     -EBADMSG, 0 },
        { "a blank",              " 1",                     -EBADMSG, 0 },
        { "hex",                  "0x1",                    -EBADMSG, 0 },
        { "just above 9",         "1:",                     -EBADMSG, 0 },
        { "just below 0",         "1/",                     -EBADMSG, 0 },
        { "junk behind overflow", "99999999999999999999x",  -EBADMSG, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 42;
        int rc = span_to_u64(span_of(cases[i].in), &value);
        if (rc != cases[i].rc || value != (rc == 0 ? cases[i].value : 42))
            fail_msg("%s: %d, %lu", cases[i].why, rc, (unsigned long)value);
    }
}

UNIT_TEST(two_runs_are_skipped_as_one)
{
    for (size_t n = 0; n <= 5; n++) {
        struct span runs[2] = { SPAN("ab"), SPAN("cde") };
        span_skip_runs(runs, n);
        assert_span_equal(runs[0], span_skip(SPAN("ab"), n < 2 ? n : 2));
        assert_span_equal(runs[1], span_skip(SPAN("cde"), n < 2 ? 0 : n - 2));
    }
    struct span none[2] = { { NULL, 0 }, SPAN("x") };
    span_skip_runs(none, 1);
    assert_int_equal(none[1].len, 0);
}

UNIT_MAIN(two_runs_are_skipped_as_one, equal_means_same_bytes, nocase_folds_ascii_letters_only, starts_and_skip_and_find,
          trim_takes_blanks_and_tabs_off_both_ends, to_u64_takes_digits_only)
