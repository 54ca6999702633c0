/* certificate.c - PEM in, a leaf with its key and an ordered chain out.
 *
 *     text > certificates in the file's order > the one that the key fits > whoever issued it > ...
 */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include "base/sys.h"
#include "tls/tls_private.h"

enum { CHAIN_MOST = 32, FILE_MOST = 1000, NAMES_MOST = 1000 };

static const struct {
    int type;                     /* EVP_PKEY_base_id */
    const char *name;
} kinds[] = {
    [CERTIFICATE_ECDSA] = { EVP_PKEY_EC, "ECDSA" },
    [CERTIFICATE_RSA] = { EVP_PKEY_RSA, "RSA" },
    [CERTIFICATE_ED25519] = { EVP_PKEY_ED25519, "Ed25519" },
};
_Static_assert(ARRAY_LEN(kinds) == CERTIFICATE_KINDS, "a kind without a row");

const char *tls_last_error(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "no reason is known";
}

/* ---- reading PEM ---- */

static bool is_end_of_pem(void)
{
    unsigned long error = ERR_peek_last_error();
    bool is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (is_end)
        ERR_clear_error();
    return is_end;
}

static BIO *open_text(struct span pem)
{
    return BIO_new_mem_buf(pem.at ? pem.at : "", pem.len < INT_MAX ? (int)pem.len : INT_MAX);
}

/* All certificates of the text, or NULL with a sentence. */
static STACK_OF(X509) *read_certificates(struct span pem, const char *file, char *why)
{
    BIO *bio = open_text(pem);
    STACK_OF(X509) *found = sk_X509_new_null();
    X509 *one = NULL;
    bool is_kept = bio && found;
    ERR_clear_error();
    while (is_kept && sk_X509_num(found) < FILE_MOST &&
           (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        is_kept = sk_X509_push(found, one) > 0;
    BIO_free(bio);
    if (is_kept && is_end_of_pem() && sk_X509_num(found) > 0)
        return found;
    if (is_kept && sk_X509_num(found) == 0 && ERR_peek_error() == 0)
        (void)snprintf(why, CONF_WHY_BYTES, "there is no certificate in %.300s; it is PEM text that "
                       "begins with -----BEGIN CERTIFICATE-----", file);
    else
        (void)snprintf(why, CONF_WHY_BYTES, "cannot read the certificates in %.300s: %s", file,
                       is_kept ? tls_last_error() : "out of memory");
    ERR_clear_error();
    sk_X509_pop_free(found, X509_free);
    return NULL;
}

/* Nobody is asked for a passphrase. */
static int note_passphrase(char *into, int room_bytes, int is_writing, void *user)
{
    (void)into, (void)room_bytes, (void)is_writing;
    *(bool *)user = true;
    return -1;
}

static EVP_PKEY *read_key(struct span pem, const char *file, char *why)
{
    static const struct span begin_key = SPAN("PRIVATE KEY-----");
    bool is_locked = false;
    BIO *bio = open_text(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, note_passphrase, &is_locked) : NULL;
    BIO_free(bio);
    if (!key && is_locked)
        (void)snprintf(why, CONF_WHY_BYTES, "the key in %.150s has a passphrase, which nobody is "
                       "there to type; take it off: openssl pkey -in %.150s -out NEW", file, file);
    else if (!key && !memmem(pem.at, pem.len, begin_key.at, begin_key.len))
        (void)snprintf(why, CONF_WHY_BYTES, "there is no private key in %.300s", file);
    else if (!key)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot read the key in %.300s: %s", file,
                       tls_last_error());
    ERR_clear_error();
    return key;
}

/* ---- putting it together ---- */

/* The index of the one that the key belongs to; -1: none. */
static int find_leaf(STACK_OF(X509) *found, const EVP_PKEY *key)
{
    for (int i = 0; i < sk_X509_num(found); i++) {
        EVP_PKEY *own = X509_get0_pubkey(sk_X509_value(found, i));
        if (own && EVP_PKEY_eq(own, key) == 1)
            return i;
    }
    ERR_clear_error();
    return -1;
}

static int find_issuer(STACK_OF(X509) *found, X509 *of)
{
    for (int i = 0; i < sk_X509_num(found); i++)
        if (X509_check_issued(sk_X509_value(found, i), of) == X509_V_OK)
            return i;
    return -1;
}

static bool is_root(X509 *one)
{
    return X509_check_issued(one, one) == X509_V_OK;
}

/* Moves from `found` whoever stands between leaf and root.  false: no memory. */
static bool build_chain(struct certificate *c, STACK_OF(X509) *found)
{
    X509 *last = c->leaf;
    int at;
    c->chain = sk_X509_new_null();
    if (!c->chain)
        return false;
    while (!is_root(last) && sk_X509_num(c->chain) < CHAIN_MOST &&
           (at = find_issuer(found, last)) >= 0) {
        last = sk_X509_delete(found, at);
        if (is_root(last)) {
            X509_free(last);
            break;
        }
        if (sk_X509_push(c->chain, last) <= 0) {
            X509_free(last);
            return false;
        }
    }
    c->facts.chain_count = (unsigned)sk_X509_num(c->chain);
    c->facts.strangers = (unsigned)sk_X509_num(found);
    return true;
}

static bool set_kind(struct certificate *c, const char *file, char *why)
{
    int type = EVP_PKEY_get_base_id(c->key);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].type == type) {
            c->facts.kind = (enum certificate_kind)i;
            c->facts.key_bits = EVP_PKEY_get_bits(c->key);
            return true;
        }
    }
    (void)snprintf(why, CONF_WHY_BYTES, "the key in %.300s is neither ECDSA nor RSA nor Ed25519",
                   file);
    return false;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

/* ---- names ---- */

static struct span bytes_of(const ASN1_STRING *text)
{
    return (struct span){ (const char *)ASN1_STRING_get0_data(text),
                          (size_t)ASN1_STRING_length(text) };
}

struct name_list {
    struct span names[NAMES_MOST];
    size_t count, bytes;
    char room[NAMES_MOST * 64];
};

/* What is no name of a host, or one too many, is left out: the certificate still has its others. */
static void add_name(struct name_list *l, struct span text)
{
    char folded[NAMES_HOST_BYTES_MAX];
    struct span name = names_fold(folded, text, true);
    if (name.len == 0 || l->count == NAMES_MOST || name.len > sizeof l->room - l->bytes)
        return;
    char *at = memcpy(l->room + l->bytes, name.at, name.len);
    l->bytes += name.len;
    l->names[l->count++] = (struct span){ at, name.len };
}

static void list_names(struct name_list *l, X509 *leaf)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
        if (one->type == GEN_DNS)
            add_name(l, bytes_of(one->d.dNSName));
    }
    if (!all) {                   /* from the time before alternative names: its common name */
        X509_NAME *subject = X509_get_subject_name(leaf);
        int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        if (at >= 0)
            add_name(l, bytes_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
    }
    GENERAL_NAMES_free(all);
}

static bool keep_names(struct certificate *c)
{
    struct name_list *l = sys_calloc(1, sizeof *l);
    if (!l)
        return false;
    list_names(l, c->leaf);
    c->names = sys_malloc(l->count * sizeof *c->names + l->bytes + 1);
    if (c->names) {
        char *room = memcpy((char *)(c->names + l->count), l->room, l->bytes);
        for (size_t i = 0; i < l->count; i++)
            c->names[i] = (struct span){ room + (l->names[i].at - l->room), l->names[i].len };
        c->facts.names = c->names;
        c->facts.names_count = l->count;
    }
    sys_free(l);
    return c->names != NULL;
}

/* ---- the whole ---- */

static bool fill(struct certificate *c, STACK_OF(X509) *found, const char *file,
                 const char *key_file, char *why)
{
    int at = find_leaf(found, c->key);
    if (at < 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "the key in %.200s does not fit the certificate in "
                       "%.200s", key_file, file);
        return false;
    }
    c->leaf = sk_X509_delete(found, at);
    if (!set_kind(c, key_file, why))
        return false;
    if (!build_chain(c, found) || !keep_names(c)) {
        (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
        return false;
    }
    c->facts.from_s = seconds_of(X509_get0_notBefore(c->leaf));
    c->facts.until_s = seconds_of(X509_get0_notAfter(c->leaf));
    return true;
}

struct certificate *certificate_read(const struct bundle_item *item, char *why)
{
    char file[400], key_file[400];
    (void)snprintf(file, sizeof file, "%.*s", (int)item->file.len, item->file.at);
    (void)snprintf(key_file, sizeof key_file, "%.*s", (int)item->key_file.len, item->key_file.at);
    struct certificate *c = sys_calloc(1, sizeof *c);
    if (!c) {
        (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
        return NULL;
    }
    STACK_OF(X509) *found = read_certificates(item->certificate, file, why);
    if (found)
        c->key = read_key(item->key, key_file, why);
    bool is_whole = c->key && fill(c, found, file, key_file, why);
    sk_X509_pop_free(found, X509_free);
    if (is_whole)
        return c;
    certificate_free(c);
    return NULL;
}

void certificate_free(struct certificate *c)
{
    if (!c)
        return;
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    sys_free(c->names);
    sys_free(c);
}

const struct certificate_facts *certificate_facts(const struct certificate *c)
{
    return &c->facts;
}

const char *certificate_kind_name(enum certificate_kind kind)
{
    return kinds[kind].name;
}

int64_t certificate_days(const struct certificate_facts *facts, int64_t now_s)
{
    int64_t left_s = facts->until_s - now_s;
    return left_s >= 0 ? left_s / 86400 : -((-left_s + 86399) / 86400);
}

int certificate_count_authorities(struct span pem, const char *file, char *why)
{
    STACK_OF(X509) *found = read_certificates(pem, file, why);
    int count = found ? sk_X509_num(found) : -1;
    sk_X509_pop_free(found, X509_free);
    return count;
}
