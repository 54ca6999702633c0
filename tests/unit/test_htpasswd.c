/* Files of htpasswd: who is in them, and what is refused, with its line and without its hash. */
#include "unit.h"
#include <errno.h>
#include "conf/conf.h"
#include "conf/htpasswd.h"
#include "no_memory.h"

#define BCRYPT "abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define SHA256 "CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7"
#define SHA512 "ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG."

static const struct {
    const char *why, *hash;
    int kind;                         /* -1: refused */
} hashes[] = {
    { "bcrypt of htpasswd -B",  "$2y$05$" BCRYPT, HTPASSWD_BCRYPT },
    { "bcrypt of Python",       "$2b$12$" BCRYPT, HTPASSWD_BCRYPT },
    { "bcrypt of others",       "$2a$04$" BCRYPT, HTPASSWD_BCRYPT },
    { "bcrypt at the bound",    "$2y$14$" BCRYPT, HTPASSWD_BCRYPT },
    { "bcrypt that takes long", "$2y$15$" BCRYPT, -1 },
    { "... for ever",           "$2y$31$" BCRYPT, -1 },
    { "... by a cost of 99",    "$2y$99$" BCRYPT, -1 },
    { "bcrypt below its least", "$2y$03$" BCRYPT, -1 },
    { "bcrypt with a long cost", "$2y$005$" BCRYPT, -1 },
    { "bcrypt cut",             "$2y$05$abc", -1 },
    { "bcrypt with more",       "$2y$05$" BCRYPT "x", -1 },
    { "bcrypt, another byte",   "$2y$05$" "!bcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", -1 },
    { "bcrypt of the old bug",  "$2x$05$" BCRYPT, -1 },
    { "SHA-256",                "$5$salt$" SHA256, HTPASSWD_SHA_CRYPT },
    { "... with rounds",        "$5$rounds=1000$salt$" SHA256, HTPASSWD_SHA_CRYPT },
    { "... at the bound",       "$5$rounds=500000$salt$" SHA256, HTPASSWD_SHA_CRYPT },
    { "... above it",           "$5$rounds=500001$salt$" SHA256, -1 },
    { "... far above it",       "$5$rounds=99999999999999999999999$salt$" SHA256, -1 },
    { "... below the least",    "$5$rounds=999$salt$" SHA256, -1 },
    { "... negative",           "$5$rounds=-1$salt$" SHA256, -1 },
    { "... without a salt",     "$5$$" SHA256, HTPASSWD_SHA_CRYPT },
    { "... and a long salt",    "$5$12345678901234567$" SHA256, -1 },
    { "... a cut hash",         "$5$salt$CCvc", -1 },
    { "SHA-512",                "$6$salt$" SHA512, HTPASSWD_SHA_CRYPT },
    { "SHA-512 of SHA-256",     "$6$salt$" SHA256, -1 },
    { "apr1",                   "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", HTPASSWD_APR1 },
    { "apr1, no salt",          "$apr1$$h9FWgUz3n9YxylKLlR5SQ/", HTPASSWD_APR1 },
    { "apr1, a long salt",      "$apr1$abcdefghi$h9FWgUz3n9YxylKLlR5SQ/", -1 },
    { "apr1, no hash",          "$apr1$abcdefgh", -1 },
    { "apr1, cut",              "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ", -1 },
    { "SHA-1",                  "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", HTPASSWD_SHA },
    { "SHA-1, cut",             "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ", -1 },
    { "SHA-1, another byte",    "{SHA}5en6G6MezRroT3XKqkdPOmY/Bf.=", -1 },
    { "salted SHA-1",           "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", -1 },
    { "MD5-crypt",              "$1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", -1 },
    { "yescrypt",               "$y$j9T$abc$def", -1 },
    { "crypt of 1979",          "abJnggxhB/yWI", -1 },
    { "plain text",             "secret", -1 },
    { "plain, marked",          "{PLAIN}secret", -1 },
    { "nothing",                "", -1 },
};

UNIT_TEST(every_kind_of_hash)
{
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        enum htpasswd_kind kind = HTPASSWD_SHA;
        const char *what = NULL;
        int rc = htpasswd_kind_of(span_of(hashes[i].hash), &kind, &what);
        int want = hashes[i].kind < 0 ? -EBADMSG : 0;
        if (rc != want || (rc == 0 && (int)kind != hashes[i].kind) || (rc < 0) != (what != NULL))
            fail_msg("%s: %d, kind %d", hashes[i].why, rc, (int)kind);
    }
}

UNIT_TEST(a_file_and_its_users)
{
    struct htpasswd h = { 0 };
    char why[CONF_WHY_BYTES];
    struct span text = SPAN("# people\n\nzoe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\r\n"
                            "adam:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/:a comment\n"
                            "J\xc3\xb6rg x:$2y$05$" BCRYPT);
    assert_int_equal(htpasswd_read(&h, text, "f", why), 0);
    assert_int_equal(h.count, 3);
    assert_int_equal(htpasswd_find(&h, SPAN("zoe"))->line, 3);
    assert_span_equal(htpasswd_find(&h, SPAN("adam"))->hash, SPAN("$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"));
    assert_int_equal(htpasswd_find(&h, SPAN("J\xc3\xb6rg x"))->kind, HTPASSWD_BCRYPT);
    assert_null(htpasswd_find(&h, SPAN("")));
    assert_null(htpasswd_find(&h, SPAN("ada")));
    assert_null(htpasswd_find(&h, SPAN("adamm")));
    assert_null(htpasswd_find(&h, SPAN("zz")));
    htpasswd_done(&h);
    assert_null(htpasswd_find(&h, SPAN("zoe")));
}

static const struct {
    const char *why, *text, *says;
} bad[] = {
    { "no colon",        "adam\n", "f:1: USER:HASH is expected, as htpasswd -B writes it" },
    { "no user",         "\n:{SHA}x\n", "f:2: the user's name is empty, too long or has a control character" },
    { "a control byte",  "a\tb:{SHA}x", "f:1: the user's name is empty, too long or has a control character" },
    { "a plain one",     "#\n#\nadam:secret\n",
      "f:3: a password in plain text: make it anew by htpasswd -B" },
    { "a slow one",      "adam:$2y$20$" BCRYPT,
      "f:1: a bcrypt hash with a cost above 14, which takes too long: make it anew by htpasswd -B" },
    { "a user twice",    "a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nb:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
                         "a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n",
      "f:3: the user of line 1 again: remove one of them" },
};

UNIT_TEST(what_is_refused_and_how)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct htpasswd h = { 0 };
        char why[CONF_WHY_BYTES] = "";
        if (htpasswd_read(&h, span_of(bad[i].text), "f", why) != -EBADMSG || strcmp(why, bad[i].says) != 0)
            fail_msg("%s: \"%s\"", bad[i].why, why);
        assert_null(h.rows);
    }
}

UNIT_TEST(a_file_may_be_empty_and_may_not_be_huge)
{
    struct htpasswd h = { 0 };
    char why[CONF_WHY_BYTES];
    assert_int_equal(htpasswd_read(&h, SPAN(""), "f", why), 0);
    assert_int_equal(h.count, 0);
    assert_null(htpasswd_find(&h, SPAN("")));
    htpasswd_done(&h);
    char *text = calloc(1, HTPASSWD_BYTES_MAX + 1);
    memset(text, '\n', HTPASSWD_BYTES_MAX + 1);
    assert_int_equal(htpasswd_read(&h, (struct span){ text, HTPASSWD_BYTES_MAX + 1 }, "f", why), -EMSGSIZE);
    assert_string_equal(why, "f is larger than 4 MiB");
    free(text);
}

UNIT_TEST(without_memory)
{
    struct htpasswd h = { 0 };
    char why[CONF_WHY_BYTES];
    heap_left = 0;
    assert_int_equal(htpasswd_read(&h, SPAN("\n"), "f", why), -ENOMEM);
    heap_left = UINT32_MAX;
    assert_string_equal(why, "no memory for f");
}

UNIT_MAIN(every_kind_of_hash, a_file_and_its_users, what_is_refused_and_how,
          a_file_may_be_empty_and_may_not_be_huge, without_memory)
