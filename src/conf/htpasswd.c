/* htpasswd.c - every hash is looked at to its last byte here, so that whoever checks a password later
 * meets none that is not what its beginning says.
 */
#include "conf/htpasswd.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/sys.h"
#include "conf/conf.h"

/* ---- hashes ---------------------------------------------------------------------------------- */

/* The alphabet of crypt(3): "./0-9A-Za-z". */
static bool is_crypt_text(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alnum && c != '.' && c != '/')
            return false;
    }
    return true;
}

/* Takes what stands before the next '$' off *rest, and that; false: there is none. */
static bool take_part(struct span *rest, struct span *part)
{
    size_t end = span_find(*rest, '$');
    if (end == rest->len)
        return false;
    *part = (struct span){ rest->at, end };
    *rest = span_skip(*rest, end + 1);
    return true;
}

/* "10$" and 22 characters of salt, 31 of hash. */
static const char *look_at_bcrypt(struct span rest)
{
    struct span cost;
    uint64_t n;
    if (!take_part(&rest, &cost) || cost.len != 2 || span_to_u64(cost, &n) < 0 || n < 4 || rest.len != 53 ||
        !is_crypt_text(rest))
        return "a bcrypt hash that is cut or malformed";
    return n > HTPASSWD_COST_MAX ? "a bcrypt hash with a cost above 14, which takes too long" : NULL;
}

/* "[rounds=N$]SALT$HASH" */
static const char *look_at_sha_crypt(struct span rest, size_t hash_bytes)
{
    static const struct span rounds = SPAN("rounds=");
    struct span part;
    uint64_t n = 5000;
    bool is_right = take_part(&rest, &part);
    if (is_right && span_starts(part, rounds))
        is_right = span_to_u64(span_skip(part, rounds.len), &n) == 0 && n >= 1000 && take_part(&rest, &part);
    if (!is_right || part.len > 16 || !is_crypt_text(part) || rest.len != hash_bytes || !is_crypt_text(rest))
        return "a SHA-crypt hash that is cut or malformed";
    return n > HTPASSWD_ROUNDS_MAX ? "a SHA-crypt hash with over 500000 rounds, which takes too long" : NULL;
}

static const char *look_at_apr1(struct span rest)
{
    struct span salt;
    bool is_right = take_part(&rest, &salt) && salt.len <= 8 && is_crypt_text(salt) && rest.len == 22 &&
                    is_crypt_text(rest);
    return is_right ? NULL : "an apr1 hash that is cut or malformed";
}

/* 20 bytes in base64. */
static const char *look_at_sha(struct span rest)
{
    bool is_right = rest.len == 28 && rest.at[27] == '=';
    for (size_t i = 0; i < 27 && is_right; i++)
        is_right = rest.at[i] == '+' || (rest.at[i] != '.' && is_crypt_text((struct span){ rest.at + i, 1 }));
    return is_right ? NULL : "a {SHA} hash that is cut or malformed";
}

static const char *look_at_others(struct span hash)
{
    if (span_starts(hash, SPAN("$1$")))
        return "an MD5-crypt hash ($1$), which is too weak";
    if (span_starts(hash, SPAN("$")))
        return "a hash that is not known here";
    if (span_starts(hash, SPAN("{")))
        return "a hash that is not known here";
    if (hash.len == 0)
        return "no password";
    return hash.len == 13 && is_crypt_text(hash) ? "an old crypt hash, which is too weak"
                                                 : "a password in plain text";
}

int htpasswd_kind_of(struct span hash, enum htpasswd_kind *kind, const char **what)
{
    static const struct span bcrypts[] = { SPAN("$2y$"), SPAN("$2b$"), SPAN("$2a$") };
    static const struct span apr1 = SPAN("$apr1$"), sha = SPAN("{SHA}");
    enum htpasswd_kind is = HTPASSWD_BCRYPT;
    bool is_bcrypt = false;
    for (size_t i = 0; i < ARRAY_LEN(bcrypts); i++)
        is_bcrypt |= span_starts(hash, bcrypts[i]);
    if (is_bcrypt) {
        *what = look_at_bcrypt(span_skip(hash, bcrypts[0].len));
    } else if (span_starts(hash, SPAN("$5$")) || span_starts(hash, SPAN("$6$"))) {
        is = HTPASSWD_SHA_CRYPT;
        *what = look_at_sha_crypt(span_skip(hash, 3), hash.at[1] == '5' ? 43 : 86);
    } else if (span_starts(hash, apr1)) {
        is = HTPASSWD_APR1;
        *what = look_at_apr1(span_skip(hash, apr1.len));
    } else if (span_starts(hash, sha)) {
        is = HTPASSWD_SHA;
        *what = look_at_sha(span_skip(hash, sha.len));
    } else {
        *what = look_at_others(hash);
    }
    if (*what)
        return -EBADMSG;
    *kind = is;
    return 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    const struct htpasswd_row *one = a, *other = b;
    int difference = span_compare(one->user, other->user);
    return difference != 0 ? difference : (one->line > other->line) - (one->line < other->line);
}

/* No control byte: the name goes to the application and into the log. */
static bool is_user(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f)
            return false;
    return name.len > 0 && name.len <= HTPASSWD_USER_BYTES_MAX;
}

/* 1: a row, 0: nothing, -EBADMSG with *what. */
static int read_line(struct span line, struct htpasswd_row *row, const char **what)
{
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (span_trim(line).len == 0 || line.at[0] == '#')
        return 0;
    size_t colon = span_find(line, ':');
    *what = "USER:HASH is expected, as htpasswd -B writes it";
    if (colon == line.len)
        return -EBADMSG;
    row->user = (struct span){ line.at, colon };
    *what = "the user's name is empty, too long or has a control character";
    if (!is_user(row->user))
        return -EBADMSG;
    struct span hash = span_skip(line, colon + 1);
    row->hash = (struct span){ hash.at, span_find(hash, ':') };
    return htpasswd_kind_of(row->hash, &row->kind, what) < 0 ? -EBADMSG : 1;
}

static int read_lines(struct htpasswd *h, struct span text, const char *file, char *why)
{
    const char *what;
    for (unsigned line = 1; text.len > 0; line++) {
        struct span one = { text.at, span_find(text, '\n') };
        struct htpasswd_row row = { .line = line };
        int rc = read_line(one, &row, &what);
        if (rc < 0) {
            (void)snprintf(why, CONF_WHY_BYTES,
                           "%.300s:%u: %s%s", file, line, what,
                           row.hash.at ? ": make it anew by htpasswd -B" : "");
            return rc;
        }
        if (rc > 0)
            h->rows[h->count++] = row;
        text = span_skip(text, one.len < text.len ? one.len + 1 : one.len);
    }
    return 0;
}

static int look_for_twins(const struct htpasswd *h, const char *file, char *why)
{
    for (size_t i = 1; i < h->count; i++) {
        const struct htpasswd_row *row = &h->rows[i], *before = row - 1;
        if (!span_eq(row->user, before->user))
            continue;
        (void)snprintf(why, CONF_WHY_BYTES, "%.300s:%u: the user of line %u again: remove one of them", file,
                       row->line, before->line);
        return -EBADMSG;
    }
    return 0;
}

int htpasswd_read(struct htpasswd *h, struct span text, const char *file, char *why)
{
    size_t lines = 1;
    if (text.len > HTPASSWD_BYTES_MAX) {
        (void)snprintf(why, CONF_WHY_BYTES, "%.300s is larger than 4 MiB", file);
        return -EMSGSIZE;
    }
    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n';
    h->rows = sys_calloc(lines, sizeof *h->rows);
    if (!h->rows) {
        (void)snprintf(why, CONF_WHY_BYTES, "no memory for %.300s", file);
        return -ENOMEM;
    }
    int rc = read_lines(h, text, file, why);
    if (rc == 0) {
        qsort(h->rows, h->count, sizeof *h->rows, compare_rows);
        rc = look_for_twins(h, file, why);
    }
    if (rc < 0)
        htpasswd_done(h);
    return rc;
}

void htpasswd_done(struct htpasswd *h)
{
    sys_free(h->rows);
    *h = (struct htpasswd){ 0 };
}

const struct htpasswd_row *htpasswd_find(const struct htpasswd *h, struct span user)
{
    size_t low = 0, high = h->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int difference = span_compare(h->rows[middle].user, user);
        if (difference == 0)
            return &h->rows[middle];
        if (difference < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
