#include "unit.h"
#include "http/query_mask.h"

static const struct { const char *why, *url, *shown; } cases[] = {
    { "a value",                     "/?token=abc&page=2",       "/?token=***&page=2" },
    { "in any case of letters",      "/?TOKEN=abc",              "/?TOKEN=***" },
    { "a name that is escaped",      "/?to%6Ben=abc&%74oken=d",  "/?to%6Ben=***&%74oken=***" },
    { "an escape that is none",      "/?to%ken=abc&token%=d&%6=1", "/?to%ken=abc&token%=d&%6=1" },
    { "another name",                "/?mytoken=abc&tokens=d",   "/?mytoken=abc&tokens=d" },
    { "no query",                    "/token=abc",               "/token=abc" },
    { "no value, no name",           "/?token&=abc&",            "/?token&=abc&" },
    { "semicolons part, too",        "/?a=1;token=b;c=2",        "/?a=1;token=***;c=2" },
    { "behind a fragment",           "/#x?token=b",              "/#x?token=***" },
};

UNIT_TEST(values_of_secrets_are_hidden)
{
    char into[128];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span got = query_mask(span_of(cases[i].url), SPAN("key, token"), into, sizeof into);
        if (!span_eq(got, span_of(cases[i].shown)))
            fail_msg("%s: %.*s", cases[i].why, (int)got.len, got.at);
    }
}

UNIT_TEST(without_a_list_all_are)
{
    char into[128];
    struct span got = query_mask(SPAN("/?a=1&b=2"), (struct span){ NULL, 0 }, into, sizeof into);
    assert_true(span_eq(got, SPAN("/?a=***&b=***")));
    got = query_mask(SPAN("/?a=1"), SPAN(""), into, sizeof into);
    assert_true(span_eq(got, SPAN("/?a=1")));
}

UNIT_TEST(a_log_has_no_foreign_bytes)
{
    char into[128], cut[28];
    assert_string_equal(query_mask_log(into, sizeof into, SPAN("/\"?token=\x01&b=\x02"), SPAN("token")),
                        "/\\x22?token=***&b=\\x02");
    (void)query_mask_log(cut, sizeof cut, SPAN("/?a=0123456789&token=abcdefgh&b=1"), SPAN("token"));
    assert_string_equal(cut, "/?a=0123456789&token=***...");
}

UNIT_MAIN(values_of_secrets_are_hidden, without_a_list_all_are, a_log_has_no_foreign_bytes)
