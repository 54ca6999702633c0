/* Values of rate-limit: what they mean, and what is refused. */
#include "unit.h"
#include "conf/rate_rule.h"

static const struct {
    const char *why, *text;
    int64_t interval_us, burst;          /* 0: refused */
    const char *header, *path;
} cases[] = {
    { "a rate alone",             "20/s", 50000, 20, "", "" },
    { "a minute",                 "5/m", 12000000, 5, "", "" },
    { "an hour",                  "1/h", 3600000000, 1, "", "" },
    { "a burst",                  "5/m burst 10", 12000000, 10, "", "" },
    { "all of it",                "600/m by header X-Api-Key burst 1 path /api/", 100000, 1, "X-Api-Key", "/api" },
    { "another order",            "1/s path /a by address", 1000000, 1, "", "/a" },
    { "the whole site",           "1/s path /", 1000000, 1, "", "" },
    { "blanks",                   "  1/s \t burst   2 ", 1000000, 2, "", "" },
    { "the fastest",              "10000/s", 100, 10000, "", "" },
    { "a day to fill",            "1/h burst 24", 3600000000, 24, "", "" },
    { "nothing",                  "", 0, 0, NULL, NULL },
    { "no unit",                  "20", 0, 0, NULL, NULL },
    { "another unit",             "20/d", 0, 0, NULL, NULL },
    { "never",                    "0/s", 0, 0, NULL, NULL },
    { "no number",                "x/s", 0, 0, NULL, NULL },
    { "negative",                 "-1/s", 0, 0, NULL, NULL },
    { "too fast",                 "10001/s", 0, 0, NULL, NULL },
    { "no burst",                 "1/s burst", 0, 0, NULL, NULL },
    { "burst of nothing",         "1/s burst 0", 0, 0, NULL, NULL },
    { "longer than a day",        "1/h burst 25", 0, 0, NULL, NULL },
    { "by whom",                  "1/s by", 0, 0, NULL, NULL },
    { "by another",               "1/s by cookie", 0, 0, NULL, NULL },
    { "which header",             "1/s by header", 0, 0, NULL, NULL },
    { "no name of a header",      "1/s by header a:b", 0, 0, NULL, NULL },
    { "no path",                  "1/s path", 0, 0, NULL, NULL },
    { "not from the root",        "1/s path login/", 0, 0, NULL, NULL },
    { "an unknown word",          "1/s slowly", 0, 0, NULL, NULL },
};

UNIT_TEST(values_and_their_meaning)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rate_rule r = { 0 };
        int rc = rate_rule_parse(span_of(cases[i].text), &r);
        if ((rc == 0) != (cases[i].interval_us > 0))
            fail_msg("%s: %d", cases[i].why, rc);
        if (rc < 0)
            continue;
        assert_int_equal(r.interval_us, cases[i].interval_us);
        assert_int_equal(r.burst, cases[i].burst);
        assert_span_equal(r.header, span_of(cases[i].header));
        assert_span_equal(r.path, span_of(cases[i].path));
    }
}

UNIT_TEST(which_paths_are_counted)
{
    static const struct { const char *rule, *path; bool is_counted; } paths[] = {
        { "1/s", "/", true },              { "1/s", "/a/b", true },
        { "1/s path /login/", "/login/", true }, { "1/s path /login/", "/login", true },
        { "1/s path /login", "/login/x", true }, { "1/s path /login", "/loginx", false },
        { "1/s path /login", "/logi", false },   { "1/s path /login", "/", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct rate_rule r;
        assert_int_equal(rate_rule_parse(span_of(paths[i].rule), &r), 0);
        assert_int_equal(rate_rule_matches(&r, span_of(paths[i].path)), paths[i].is_counted);
    }
}

UNIT_MAIN(values_and_their_meaning, which_paths_are_counted)
