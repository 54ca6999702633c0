#include "unit.h"
#include "conf/route_sets.h"

enum { PATTERNS_MOST = 24 };

static const struct {
    const char *why, *patterns[6];
    size_t sets;                  /* with the empty one */
} cases[] = {
    { "none",                           { NULL },                               1 },
    { "side by side",                   { "/a", "/b" },                         3 },
    { "one in the other",               { "/a", "/a/b", "/a/b/c" },             4 },
    { "the same but for what is at it", { "/a", "/a/" },                        3 },
    { "a longer word is another path",  { "/a", "/ab" },                        3 },
    { "an ending anywhere",             { "/a", "*.csv" },                      4 },
    { "an ending beneath",              { "/a", "/a/*.csv" },                   3 },
    { "an ending elsewhere",            { "/a", "/b/*.csv" },                   3 },
    { "two endings",                    { "*.csv", "*.pdf" },                   3 },
    { "two that one path can have",     { "*.gz", "*.tar.gz" },                 4 },
    { "two beginnings",                 { "/a*c", "/b*c" },                     3 },
    { "everything",                     { "*", "/a" },                          3 },
    { "all that begins so",             { "/a*", "/ab/", "/b" },                4 },
    { "a word that goes on",            { "/a", "/a*.csv" },                    4 },
};

static size_t texts_of(const char *const *patterns, size_t most, struct span *texts)
{
    size_t count = 0;
    while (count < most && patterns[count]) {
        texts[count] = span_of(patterns[count]);
        count++;
    }
    return count;
}

UNIT_TEST(what_no_path_can_have_is_no_set)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span texts[6];
        struct route_sets s;
        assert_int_equal(route_sets_make(&s, texts, texts_of(cases[i].patterns, 6, texts)), 0);
        if (s.count != cases[i].sets)
            fail_msg("%s: %zu sets, not %zu", cases[i].why, s.count, cases[i].sets);
        route_sets_done(&s);
    }
}

/* ---- any patterns, any path ---- */

static uint32_t dice;

static uint32_t next(uint32_t below)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 16) % below;
}

/* Of few letters, so that they meet. */
static struct span make_text(char *into, size_t most, bool is_pattern)
{
    static const char letters[] = "//aab.*";
    size_t bytes = 1 + next((uint32_t)most - 1);
    for (size_t i = 0; i < bytes; i++)
        into[i] = letters[next(is_pattern ? 7 : 6)];
    if (!is_pattern || into[0] != '*')
        into[0] = '/';
    return (struct span){ into, bytes };
}

static bool is_in(const struct route_sets *s, size_t set, size_t pattern)
{
    for (; set != 0; set = s->sets[set].parent)
        if (s->sets[set].pattern == pattern)
            return true;
    return false;
}

UNIT_TEST(a_path_finds_all_that_match_it)
{
    for (uint32_t seed = 0; seed < 20000; seed++) {
        dice = seed * 7919;
        uint32_t count = 1 + next(7);
        char bytes[PATTERNS_MOST][8], path_bytes[10];
        struct span texts[PATTERNS_MOST];
        struct route_sets s;
        for (uint32_t i = 0; i < count; i++)
            texts[i] = make_text(bytes[i], 8, true);
        assert_int_equal(route_sets_make(&s, texts, count), 0);
        for (unsigned n = 0; n < 50; n++) {
            struct span path = make_text(path_bytes, 10, false);
            size_t set = route_sets_find(&s, path);       /* ends the test where there is none */
            for (size_t i = 0; i < count; i++)
                if (is_in(&s, set, i) != route_pattern_fits(&s.patterns[i], path))
                    fail_msg("%.*s, seed %u", (int)path.len, path.at, seed);
        }
        route_sets_done(&s);
    }
}

UNIT_TEST(sets_are_bounded)
{
    char bytes[PATTERNS_MOST][8];
    struct span texts[PATTERNS_MOST];
    struct route_sets s;
    for (unsigned i = 0; i < PATTERNS_MOST; i++) {
        int len = snprintf(bytes[i], sizeof bytes[i], "*%c*", 'a' + (int)i);
        texts[i] = (struct span){ bytes[i], (size_t)len };
    }
    assert_int_equal(route_sets_make(&s, texts, 10), 0);
    assert_int_equal(s.count, ROUTE_SETS_MAX);
    route_sets_done(&s);
    assert_int_equal(route_sets_make(&s, texts, 11), -E2BIG);
    route_sets_done(&s);
}

UNIT_MAIN(what_no_path_can_have_is_no_set, a_path_finds_all_that_match_it, sets_are_bounded)
