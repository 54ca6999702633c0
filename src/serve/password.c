/* password.c - bcrypt and SHA-crypt by libcrypt; apr1 (Apache's, after the one of FreeBSD with another prefix)
 * and {SHA} here, since libcrypt knows neither.
 */
#include "serve/password.h"
#include <crypt.h>
#include <errno.h>
#include "base/sys.h"
#include "tls/digest.h"

enum { APR1_ROUNDS = 1000, APR1_BYTES_MAX = 2 * PASSWORD_BYTES_MAX + 64, TEXT_BYTES_MAX = 128 };
static const struct span apr1 = SPAN("$apr1$"), sha = SPAN("{SHA}");

/* In a time that depends on the length alone. */
static bool is_equal(struct span a, struct span b)
{
    unsigned char difference = 0;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= (unsigned char)(a.at[i] ^ b.at[i]);
    return difference == 0;
}

/* ---- libcrypt ---- */

/* crypt_rn() says NULL where crypt_r() gives a text that is no hash; and sanitizers put a crypt_r of their own in
 * its place. */
static int check_by_crypt(struct span hash, const char *password)
{
    char setting[TEXT_BYTES_MAX * 2];
    if (hash.len >= sizeof setting)
        return 0;
    *(char *)mempcpy(setting, hash.at, hash.len) = '\0';
    struct crypt_data *data = sys_calloc(1, sizeof *data);
    if (!data)
        return -ENOMEM;
    const char *made = crypt_rn(password, setting, data, sizeof *data);
    int rc = made ? is_equal(span_of(made), hash) : -ENOTSUP;
    explicit_bzero(data, sizeof *data);
    sys_free(data);
    return rc;
}

/* ---- apr1 ---- */

struct text {                 /* what a round digests */
    size_t len;
    char at[APR1_BYTES_MAX];
};

static void add(struct text *t, struct span s)
{
    if (s.len > 0)
        memcpy(t->at + t->len, s.at, s.len);
    t->len += s.len;
}

static int digest(const struct text *t, unsigned char into[DIGEST_MD5_BYTES])
{
    return digest_make(DIGEST_MD5, (struct span){ t->at, t->len }, into);
}

static int begin(struct span password, struct span salt, unsigned char sum[DIGEST_MD5_BYTES])
{
    struct text t = { 0 };
    add(&t, password);
    add(&t, salt);
    add(&t, password);
    int rc = digest(&t, sum);
    t.len = 0;
    add(&t, password);
    add(&t, apr1);
    add(&t, salt);
    for (size_t left = password.len; left > 0; left -= left < DIGEST_MD5_BYTES ? left : DIGEST_MD5_BYTES)
        add(&t, (struct span){ (const char *)sum, left < DIGEST_MD5_BYTES ? left : DIGEST_MD5_BYTES });
    for (size_t bits = password.len; bits > 0; bits >>= 1)
        add(&t, bits & 1 ? SPAN("\0") : (struct span){ password.at, 1 });
    return rc < 0 ? rc : digest(&t, sum);
}

static int go_round(struct span password, struct span salt, unsigned char sum[DIGEST_MD5_BYTES])
{
    const struct span last = { (const char *)sum, DIGEST_MD5_BYTES };
    int rc = 0;
    for (unsigned i = 0; i < APR1_ROUNDS && rc == 0; i++) {
        struct text t;
        t.len = 0;
        add(&t, i & 1 ? password : last);
        if (i % 3)
            add(&t, salt);
        if (i % 7)
            add(&t, password);
        add(&t, i & 1 ? last : password);
        rc = digest(&t, sum);
    }
    return rc;
}

/* Six bits a character, the lowest first, the digest's bytes in an order of its own. */
static void write_sum(const unsigned char sum[DIGEST_MD5_BYTES], char into[22])
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const unsigned char order[][3] = { { 0, 6, 12 }, { 1, 7, 13 }, { 2, 8, 14 }, { 3, 9, 15 }, { 4, 10, 5 } };
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        unsigned long bits = (unsigned long)sum[order[i][0]] << 16 | (unsigned long)sum[order[i][1]] << 8 |
                             sum[order[i][2]];
        for (size_t at = 0; at < 4; at++, bits >>= 6)
            into[4 * i + at] = digits[bits & 63];
    }
    into[20] = digits[sum[11] & 63];
    into[21] = digits[sum[11] >> 6];
}

static int check_apr1(struct span hash, struct span password)
{
    unsigned char sum[DIGEST_MD5_BYTES];
    char own[22];
    struct span rest = span_skip(hash, apr1.len);
    struct span salt = { rest.at, span_find(rest, '$') };
    int rc = begin(password, salt, sum);
    rc = rc < 0 ? rc : go_round(password, salt, sum);
    if (rc < 0)
        return rc;
    write_sum(sum, own);
    return is_equal((struct span){ own, sizeof own }, span_skip(rest, salt.len + 1));
}

/* ---- {SHA} ---- */

static int check_sha(struct span hash, struct span password)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char sum[DIGEST_SHA1_BYTES + 1] = { 0 };
    char own[28];
    int rc = digest_make(DIGEST_SHA1, password, sum);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < 7; i++) {
        unsigned long bits = (unsigned long)sum[3 * i] << 16 | (unsigned long)sum[3 * i + 1] << 8 | sum[3 * i + 2];
        for (size_t at = 0; at < 4; at++)
            own[4 * i + at] = digits[bits >> (18 - 6 * at) & 63];
    }
    own[27] = '=';
    return is_equal((struct span){ own, sizeof own }, span_skip(hash, sha.len));
}

int password_matches(const struct htpasswd_row *row, struct span password)
{
    char text[PASSWORD_BYTES_MAX + 1];
    int rc = 0;
    if (password.len > PASSWORD_BYTES_MAX || (password.len > 0 && memchr(password.at, '\0', password.len)))
        return 0;
    switch (row->kind) {
    case HTPASSWD_APR1:
        return check_apr1(row->hash, password);
    case HTPASSWD_SHA:
        return check_sha(row->hash, password);
    case HTPASSWD_BCRYPT: case HTPASSWD_SHA_CRYPT:
        if (password.len > 0)
            memcpy(text, password.at, password.len);
        text[password.len] = '\0';
        rc = check_by_crypt(row->hash, text);
        explicit_bzero(text, sizeof text);
    }
    return rc;
}
