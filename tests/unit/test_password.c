/* Passwords and their hashes, as htpasswd, openssl passwd and crypt(3) make them. */
#include "unit.h"
#include <errno.h>
#include "serve/password.h"

#define LONG "caf\xc3\xa9 long password that is longer than sixteen bytes"

static const struct {
    const char *why, *password, *hash;
} pairs[] = {
    { "apr1",          "secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/" },
    { "apr1, empty",   "",       "$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie." },
    { "apr1, long",    LONG,     "$apr1$abcdefgh$juJI1FKl/bMvrwlXqfoVi/" },
    { "SHA-256",       "secret", "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM." },
    { "SHA-256, long", LONG,     "$5$abcdefgh$IhoIGLdSPnHVv2q2cI307xM6.YsMFy86UTw6uIAELt0" },
    { "SHA-256, fast", "secret", "$5$rounds=1000$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7" },
    { "SHA-512",       "secret", "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/"
                                 "cZ/1GM/O6IND4WQhG." },
    { "SHA-512, long", LONG,     "$6$abcdefgh$gXMyVdNs94n0PvWWkVw/nTCq9u8Tl64C7eDlGax9oEPlNtsf0h246Iwr6hBtZXglg9Er"
                                 "SGBlQ4Xwu72eOKqjB1" },
    { "bcrypt 2y",     "secret", "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
    { "bcrypt 2a",     "secret", "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
    { "bcrypt 2b",     "secret", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
    { "{SHA}",         "secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=" },
};

static int check(const char *hash, struct span password)
{
    struct htpasswd_row row = { .hash = span_of(hash) };
    const char *what;
    assert_int_equal(htpasswd_kind_of(row.hash, &row.kind, &what), 0);
    return password_matches(&row, password);
}

UNIT_TEST(the_right_password_and_its_neighbours)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char near[128];
        struct span right = span_of(pairs[i].password);
        if (check(pairs[i].hash, right) != 1)
            fail_msg("%s: refused", pairs[i].why);
        int len = snprintf(near, sizeof near, "%sx", pairs[i].password);
        if (check(pairs[i].hash, (struct span){ near, (size_t)len }) != 0)
            fail_msg("%s: one byte more", pairs[i].why);
        if (check(pairs[i].hash, (struct span){ near, right.len + 2 }) != 0)      /* "secretx\0" */
            fail_msg("%s: a zero byte", pairs[i].why);
        near[right.len] = '\0';
        if (check(pairs[i].hash, (struct span){ near, right.len + 1 }) != 0)      /* "secret\0" */
            fail_msg("%s: a zero byte at the end", pairs[i].why);
        if (right.len > 0 && check(pairs[i].hash, (struct span){ near, right.len - 1 }) != 0)
            fail_msg("%s: one byte less", pairs[i].why);
    }
}

UNIT_TEST(another_hash_of_the_same_form)
{
    assert_int_equal(check("{SHA}5en6G6MezRroT3XKqkdPOmY/BfR=", SPAN("secret")), 0);
    assert_int_equal(check("$apr1$abcdefgi$h9FWgUz3n9YxylKLlR5SQ/", SPAN("secret")), 0);
    assert_int_equal(check("$2y$05$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", SPAN("secret")), 0);
}

UNIT_TEST(the_longest_password)
{
    char text[PASSWORD_BYTES_MAX + 1];
    memset(text, 'a', sizeof text);
    struct span longest = { text, PASSWORD_BYTES_MAX }, longer = { text, sizeof text };
    /* openssl passwd -apr1 -salt abcdefgh of 256 'a' */
    const char *hash = "$apr1$abcdefgh$AxGACU..K0Qgks.iUChSs1";
    assert_int_equal(check(hash, longest), 1);
    assert_int_equal(check(hash, longer), 0);
}

UNIT_MAIN(the_right_password_and_its_neighbours, another_hash_of_the_same_form, the_longest_password)
