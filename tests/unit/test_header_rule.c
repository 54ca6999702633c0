/* Values of header and header-remove: which fields they are, and which may not be touched. */
#include "unit.h"
#include <errno.h>
#include "conf/header_rule.h"

static const struct {
    const char *why, *text, *name, *value;           /* name NULL: refused */
} cases[] = {
    { "a field",             "X-Robots-Tag: noindex", "X-Robots-Tag", "noindex" },
    { "without a blank",     "A:b", "A", "b" },
    { "with many",           "  A  :  b, c: d  ", "A", "b, c: d" },
    { "of the server",       "Server: mine", "Server", "mine" },
    { "UTF-8",               "A: caf\xc3\xa9", "A", "caf\xc3\xa9" },
    { "no colon",            "A b", NULL, NULL },
    { "no name",             ": b", NULL, NULL },
    { "no value",            "A: ", NULL, NULL },
    { "a blank in it",       "A b: c", NULL, NULL },
    { "two lines",           "A: b\r\nC: d", NULL, NULL },
    { "a line's end",        "A: b\n", NULL, NULL },
    { "a zero byte's kin",   "A: b\x01", NULL, NULL },
    { "an underscore",       "A_b: c", NULL, NULL },
    { "framing",             "Content-Length: 5", NULL, NULL },
    { "... of others",       "transfer-encoding: chunked", NULL, NULL },
    { "the connection",      "Connection: close", NULL, NULL },
    { "an option's",         "Cache-Control: public", NULL, NULL },
    { "a cookie",            "set-cookie: a=b", NULL, NULL },
    { "what is negotiated",  "VARY: *", NULL, NULL },
    { "a place",             "Location: /", NULL, NULL },
};

UNIT_TEST(fields_and_what_they_are)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct field f;
        int rc = header_rule_parse(span_of(cases[i].text), &f);
        if (rc != (cases[i].name ? 0 : -EBADMSG))
            fail_msg("%s: %d", cases[i].why, rc);
        if (rc < 0)
            continue;
        assert_span_equal(f.name, span_of(cases[i].name));
        assert_span_equal(f.value, span_of(cases[i].value));
        assert_int_equal(f.id, field_id_of(f.name));
    }
}

UNIT_MAIN(fields_and_what_they_are)
