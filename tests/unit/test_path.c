#include "unit.h"
#include "http/path.h"

static const struct { const char *why, *raw, *want; } cases[] = {        /* want NULL: refused */
    { "the root", "/", "/" },
    { "nothing to do", "/a/b.c/d..e/..f/g..", "/a/b.c/d..e/..f/g.." },
    { "escapes, both cases of digit", "/%41%c3%A9%7e", "/A\xc3\xa9~" },
    { "escapes with a zero, a raw control byte", "/%0a%10%01\x01", "/\n\x10\x01\x01" },
    { "an escape at the end", "/a%20", "/a " },
    { "an escaped slash is a slash", "/a%2fb", "/a/b" },
    { "an escaped percent is not decoded twice", "/%2541", "/%41" },
    { "two slashes are kept", "//a//b//", "//a//b//" },
    { "a plus is a plus", "/a+b", "/a+b" },
    { "one dot", "/./a/./b", "/a/b" },
    { "one dot at the end is the folder", "/a/.", "/a/" },
    { "one dot alone", "/.", "/" },
    { "two dots", "/a/../b", "/b" },
    { "two dots at the end", "/a/b/..", "/a/" },
    { "down to the root", "/a/..", "/" },
    { "up and down", "/a/b/../../c/d/../e", "/c/e" },
    { "escaped dots", "/a/%2e%2E/b", "/b" },
    { "escaped dots and slash", "/a/b%2f%2e%2e%2fc", "/a/c" },
    { "half escaped", "/a/.%2e/b", "/b" },
    { "dots take an empty segment", "/a//../b", "/a/b" },
    { "three dots are a name", "/.../a", "/.../a" },
    { "dots in a name", "/a../..b/.c", "/a../..b/.c" },
    { "a backslash is no slash", "/a/..\\b", "/a/..\\b" },
    { "two dots twice escaped stay as they are", "/%252e%252e/a", "/%2e%2e/a" },
    { "empty", "", NULL },
    { "no slash", "a/b", NULL },
    { "an escaped slash first", "%2fa", NULL },
    { "above the root", "/..", NULL },
    { "above the root, then down", "/../a", NULL },
    { "above the root on the way", "/a/../../b/c", NULL },
    { "above the root, escaped", "/%2e%2e/a", NULL },
    { "above the root with an escaped slash", "/..%2fa", NULL },
    { "NUL", "/a%00b", NULL },
    { "a percent at the end", "/a%", NULL },
    { "one digit", "/a%4", NULL },
    { "no second digit", "/a%4g", NULL },
    { "no first digit", "/a%g4", NULL },
    { "a sign", "/a%+4", NULL },
};

static const struct { const char *raw; bool is_climbing; } climbs[] = {
    { "/a/../b", true }, { "..", true }, { "/..", true }, { "../a", true }, { "/a/..", true },
    { "/%2e%2e/a", true }, { "/.%2E", true }, { "/a%2f..%2fb", true }, { "/a/%2e.%2f", true },
    { "", false }, { "/", false }, { "/a/b", false }, { "/a../b", false }, { "/..a", false },
    { "/.../a", false }, { "/./a", false }, { "/%252e%252e/a", false }, { "/%2e%2", false },
    { "/a/.%2/b", false }, { "/..%", false },
};

UNIT_TEST(what_climbs)
{
    for (size_t i = 0; i < ARRAY_LEN(climbs); i++) {
        struct span raw = span_of(climbs[i].raw);
        char *copy = memcpy(malloc(raw.len), raw.at, raw.len);
        if (path_climbs((struct span){ copy, raw.len }) != climbs[i].is_climbing)
            fail_msg("%s", climbs[i].raw);
        free(copy);
    }
}

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span raw = span_of(cases[i].raw);
        /* Blocks without a byte to spare: overreads are caught. */
        char *copy = memcpy(malloc(raw.len), raw.at, raw.len), *into = malloc(raw.len);
        ssize_t len = path_decode((struct span){ copy, raw.len }, into);
        if (cases[i].want == NULL
                ? len != -EBADMSG
                : len < 0 || !span_eq((struct span){ into, (size_t)len }, span_of(cases[i].want)))
            fail_msg("%s: %zd, %.*s", cases[i].why, len, len < 0 ? 0 : (int)len, into);
        if (raw.len > 0 && raw.at[0] == '/' && path_is_plain((struct span){ copy, raw.len }))
            assert_string_equal(cases[i].want, cases[i].raw);
        (void)path_is_servable((struct span){ copy, raw.len });
        free(copy);
        free(into);
    }
}

UNIT_TEST(a_raw_nul_is_refused)
{
    char into[4];
    assert_int_equal(path_decode(SPAN("/a\0b"), into), -EBADMSG);
}

UNIT_TEST(plain_means_that_decoding_changes_nothing)
{
    assert_true(path_is_plain(SPAN("/a/b.c")));
    assert_false(path_is_plain(SPAN("/a/.b")));
    assert_false(path_is_plain(SPAN("/%41")));
}

UNIT_TEST(the_query_is_what_follows_the_first_mark)
{
    struct span query = SPAN("old");
    assert_span_equal(path_split_query(SPAN("/a?b?c"), &query), SPAN("/a"));
    assert_span_equal(query, SPAN("b?c"));
    assert_span_equal(path_split_query(SPAN("/a"), &query), SPAN("/a"));
    assert_int_equal(query.len, 0);
    assert_span_equal(path_split_query(SPAN("?"), &query), SPAN(""));
    assert_int_equal(query.len, 0);
}

UNIT_TEST(what_a_file_server_may_open)
{
    static const char *const good[] = { "/", "/a", "/a/b.css", "/a/", "/a..b/c.", "/a b" };
    static const char *const bad[] = { "",      "a",     "/.env", "/a/.git/config",
                                       "/a/..", "/../a", "/.",    "//a",
                                       "/a//b", "//",    "/a//" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!path_is_servable(span_of(good[i])))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (path_is_servable(span_of(bad[i])))
            fail_msg("%s", bad[i]);
    assert_false(path_is_servable(SPAN("/a\0b")));
}

UNIT_MAIN(what_climbs, every_case, a_raw_nul_is_refused, plain_means_that_decoding_changes_nothing,
          the_query_is_what_follows_the_first_mark, what_a_file_server_may_open)
