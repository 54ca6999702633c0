/* htpasswd.h - a file of users and the hashes of their passwords, as Apache's htpasswd writes it.
 *
 *     USER:HASH[:anything]        a line; empty ones and those that begin with '#' say nothing
 *
 * Hashes  bcrypt ($2y$, $2b$, $2a$), SHA-crypt ($5$, $6$), $apr1$ and {SHA}.  Passwords in plain text, crypt
 *         of 13 characters and all others are refused, and so is a bcrypt or SHA-crypt that would take
 *         longer than a second: each wrong guess would, too.
 * Owner   htpasswd_done(); the rows point into the text, which must outlive them.
 * Errors  one sentence in `why` (CONF_WHY_BYTES) with the file's name and the line; a hash is never in it.
 */
#pragma once
#include "base/span.h"

enum {
    HTPASSWD_BYTES_MAX = 4 * 1024 * 1024,        /* of a file */
    HTPASSWD_USER_BYTES_MAX = 255,
    HTPASSWD_COST_MAX = 14,                      /* of bcrypt: 2^14 rounds */
    HTPASSWD_ROUNDS_MAX = 500000,                /* of SHA-crypt */
};

enum htpasswd_kind { HTPASSWD_BCRYPT, HTPASSWD_SHA_CRYPT, HTPASSWD_APR1, HTPASSWD_SHA };

struct htpasswd_row {
    struct span user, hash;
    enum htpasswd_kind kind;
    unsigned line;
};

struct htpasswd {
    struct htpasswd_row *rows;            /* by user */
    size_t count;
};

/* Into an all-zero one; `file` is its name for sentences.  0, -EBADMSG, -EMSGSIZE or -ENOMEM with a
 * sentence. */
int htpasswd_read(struct htpasswd *h, struct span text, const char *file, char *why);
void htpasswd_done(struct htpasswd *h);          /* all-zero is fine */
const struct htpasswd_row *htpasswd_find(const struct htpasswd *h, struct span user);      /* or NULL */
/* What this is a hash of; -EBADMSG with what it is, or what is wrong with it, for a sentence. */
int htpasswd_kind_of(struct span hash, enum htpasswd_kind *kind, const char **what);
