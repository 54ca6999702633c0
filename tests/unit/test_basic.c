#include "unit.h"
#include <errno.h>
#include "http/basic.h"

static const struct { const char *value; int rc; const char *text; } cases[] = {
    { "Basic dXNlcjpwYXNz", 1, "user:pass" },
    { "basic dXNlcjpwYXNz", 1, "user:pass" },
    { "BASIC   dXNlcjpwYXNz ", 1, "user:pass" },
    { "Basic dXNlcjo=", 1, "user:" },
    { "Basic dXNlcjo", 1, "user:" },                     /* without its padding */
    { "Basic Og==", 1, ":" },
    { "Basic Og", 1, ":" },
    { "Basic dTpwOnE=", 1, "u:p:q" },                    /* only the first colon ends the name */
    { "Basic dTrDpA==", 1, "u:\xc3\xa4" },
    { "Basic", -EBADMSG, "" },
    { "Basic ", -EBADMSG, "" },
    { "Basic dXNlcg==", -EBADMSG, "" },                  /* no colon */
    { "Basic !!!!", -EBADMSG, "" },
    { "Basic dXNlcjpwYXNz\xff", -EBADMSG, "" },
    { "Basic dXNl cjpwYXNz", -EBADMSG, "" },
    { "Basic dXNl=cjpwYXNz", -EBADMSG, "" },
    { "Basic dXNlcjpwYXNzd", -EBADMSG, "" },             /* a digit too many */
    { "Basic Og===", -EBADMSG, "" },
    { "Basic dXNlcjpwYXNz,realm=x", -EBADMSG, "" },
    { "Bearer dXNlcjpwYXNz", 0, "" },
    { "Basicd dXNlcjpwYXNz", 0, "" },
    { "", 0, "" },
};

UNIT_TEST(every_case)
{
    char text[BASIC_BYTES_MAX];
    size_t len;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rc = basic_read(span_of(cases[i].value), text, &len);
        if (rc != cases[i].rc || (rc == 1 && !span_eq((struct span){ text, len }, span_of(cases[i].text))))
            fail_msg("%s: %d", cases[i].value, rc);
    }
}

UNIT_TEST(what_is_too_long_is_refused)
{
    char value[4096] = "Basic Og==", text[BASIC_BYTES_MAX];
    size_t len;
    memset(value + 6, 'A', BASIC_BYTES_MAX / 3 * 4);
    memcpy(value + 6, "Ojo6", 4);
    assert_int_equal(basic_read(span_of(value), text, &len), 1);
    assert_int_equal(len, BASIC_BYTES_MAX / 3 * 3);
    memset(value + 10, 'A', BASIC_BYTES_MAX / 3 * 4);
    assert_int_equal(basic_read(span_of(value), text, &len), -EBADMSG);
}

UNIT_TEST(a_challenge_is_one_quoted_string)
{
    char text[BASIC_CHALLENGE_BYTES], longest[BASIC_REALM_BYTES_MAX + 2];
    assert_int_equal(basic_challenge("a \"b\" \\ c", text), 0);
    assert_string_equal(text, "Basic realm=\"a \\\"b\\\" \\\\ c\", charset=\"UTF-8\"");
    assert_int_equal(basic_challenge("a\nb", text), -EINVAL);
    assert_int_equal(basic_challenge("a\x7f", text), -EINVAL);
    memset(longest, '"', sizeof longest);
    longest[BASIC_REALM_BYTES_MAX + 1] = '\0';
    assert_int_equal(basic_challenge(longest, text), -EINVAL);
    longest[BASIC_REALM_BYTES_MAX] = '\0';
    assert_int_equal(basic_challenge(longest, text), 0);
    assert_int_equal(strlen(text), 2 * BASIC_REALM_BYTES_MAX + strlen("Basic realm=\"\", charset=\"UTF-8\""));
}

UNIT_MAIN(every_case, what_is_too_long_is_refused, a_challenge_is_one_quoted_string)
