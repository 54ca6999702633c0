/* certificate.h - one certificate with its chain and its key: read from PEM text and checked.
 *
 * Owner   certificate_free(); the facts live as long.
 * Errors  NULL and one sentence in `why` (CONF_WHY_BYTES), which names the file: no certificate or
 *         key in it, a key with a passphrase, a key that does not fit.
 * Chain   is put in order (each one issued by the next), whatever the order in the file; a root at
 *         its end is left out, clients have it or do not believe in it.
 */
#pragma once
#include "conf/conf.h"
#include "tls/bundle.h"

enum certificate_kind { CERTIFICATE_ECDSA, CERTIFICATE_RSA, CERTIFICATE_ED25519, CERTIFICATE_KINDS };

struct certificate_facts {
    enum certificate_kind kind;
    int key_bits;
    const struct span *names;     /* of hosts, folded (names.h); "*.example.org" may be among them */
    size_t names_count;
    int64_t from_s, until_s;      /* it is valid in between; since 1970 */
    unsigned chain_count;         /* certificates behind it that clients are sent */
    unsigned strangers;           /* in the file, but no part of its chain */
};

struct certificate;
/* item->kind is BUNDLE_PAIR. */
struct certificate *certificate_read(const struct bundle_item *item, char *why);
void certificate_free(struct certificate *c);                    /* takes NULL */
const struct certificate_facts *certificate_facts(const struct certificate *c);
/* "RSA", "ECDSA", "Ed25519" */
const char *certificate_kind_name(enum certificate_kind kind);
/* Whole days left, negative when it expired. */
int64_t certificate_days(const struct certificate_facts *facts, int64_t now_s);
/* How many certificates of authorities the text holds, or -1 with a sentence. */
int certificate_count_authorities(struct span pem, const char *file, char *why);
