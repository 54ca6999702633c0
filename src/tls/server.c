/* server.c - contexts made of certificates, and which one a client gets.
 *
 *     bundle > certificates > for each host name the set of one certificate of each kind of key
 *            > one context for each different set > names point to contexts
 *
 * So a host may have an ECDSA certificate for most and an RSA one for old clients, from different
 * files with different other names; of two of a kind the one that was named first is taken.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include "base/sys.h"
#include "tls/tls_private.h"

/* Mozilla's "intermediate" (version 5.7) without the DHE suites: whoever has AES-GCM or ChaCha20 has
 * ECDHE, and a finite-field exchange costs the server many times as much. */
static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/* The first one from OpenSSL 3.5 on. */
static const char *const groups[] = { "X25519MLKEM768:X25519:prime256v1:secp384r1",
                                      "X25519:prime256v1:secp384r1" };

struct set {                      /* an index into certificates for each kind of key; -1: none */
    int at[CERTIFICATE_KINDS];
};

struct building {
    struct tls_server *s;
    struct set *sets;             /* one a name, and one for the first certificate */
    size_t sets_count;
    struct names by_set;          /* the bytes of a set > index into contexts */
    X509_STORE *authorities;      /* of clients; NULL: clients are not asked */
    STACK_OF(X509_NAME) *authority_names;
    bool is_client_required;
    unsigned char session_place[SHA256_DIGEST_LENGTH];
    char *why;
};

static int no_memory(struct building *b)
{
    (void)snprintf(b->why, CONF_WHY_BYTES, "out of memory");
    return -ENOMEM;
}

struct tls_server *tls_server_of(SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* ---- callbacks ---- */

static int choose_context(SSL *ssl, int *alert, void *user)
{
    const struct tls_server *s = user;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const unsigned *at = host ? names_match(&s->names, span_of(host)) : NULL;
    (void)alert;
    if (!at)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_set_SSL_CTX(ssl, s->contexts[*at]) ? SSL_TLSEXT_ERR_OK
                                                  : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A client that offers only what we do not speak is told so (RFC 7301, section 3.2): it could be
 * led to another protocol's server by a stranger in between (ALPACA). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_bytes,
                           const unsigned char *in, unsigned in_bytes, void *user)
{
    static const unsigned char all[] = "\2h2\10http/1.1\10http/1.0";
    const struct tls_server *s = user;
    unsigned skip = s->setup.has_h2 ? 0 : 3;
    unsigned char *chosen;
    (void)ssl;
    int rc = SSL_select_next_proto(&chosen, out_bytes, all + skip, sizeof all - 1 - skip, in, in_bytes);
    *out = chosen;
    return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- contexts ---- */

static bool set_protocol(SSL_CTX *ctx)
{
    const uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                             SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                             SSL_OP_IGNORE_UNEXPECTED_EOF;       /* HTTP has its own framing */
    bool has_groups = false;
    SSL_CTX_set_options(ctx, options);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_max_early_data(ctx, 0);
    for (size_t i = 0; i < ARRAY_LEN(groups) && !has_groups; i++)
        has_groups = SSL_CTX_set1_groups_list(ctx, groups[i]) == 1;
    ERR_clear_error();
    return has_groups && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
           SSL_CTX_set_cipher_list(ctx, ciphers_12) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, ciphers_13) == 1;
}

static bool set_sessions(SSL_CTX *ctx, const struct building *b)
{
    const struct tls_setup *setup = &b->s->setup;
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (!setup->tickets || setup->session_s <= 0) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ctx, 0) == 1;
    }
    SSL_CTX_set_timeout(ctx, (long)setup->session_s);
    return SSL_CTX_set_session_id_context(ctx, b->session_place, sizeof b->session_place) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_seal) == 1;
}

static bool set_clients(SSL_CTX *ctx, const struct building *b)
{
    if (!b->authorities)
        return true;
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(b->authority_names);
    if (!names)
        return false;
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (b->is_client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    return SSL_CTX_set1_cert_store(ctx, b->authorities), true;
}

static bool set_certificates(SSL_CTX *ctx, const struct building *b, const struct set *set)
{
    for (size_t i = 0; i < CERTIFICATE_KINDS; i++) {
        if (set->at[i] < 0)
            continue;
        const struct certificate *c = b->s->certificates[set->at[i]];
        if (SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->chain, 1) != 1)
            return false;
    }
    return true;
}

static SSL_CTX *make_context(const struct building *b, const struct set *set)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_app_data(ctx, b->s);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_context);
    SSL_CTX_set_tlsext_servername_arg(ctx, b->s);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, b->s);
    if (set_protocol(ctx) && set_sessions(ctx, b) && set_clients(ctx, b) &&
        set_certificates(ctx, b, set))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* ---- from the bundle to contexts ---- */

static int add_authorities(struct building *b, const struct bundle_item *item)
{
    X509 *one;
    SHA256((const unsigned char *)item->certificate.at, item->certificate.len, b->session_place);
    b->session_place[0] ^= item->kind == BUNDLE_CLIENT_CA_REQUIRED;
    b->is_client_required = item->kind == BUNDLE_CLIENT_CA_REQUIRED;
    b->authorities = X509_STORE_new();
    b->authority_names = sk_X509_NAME_new_null();
    BIO *bio = BIO_new_mem_buf(item->certificate.at, (int)item->certificate.len);
    bool is_kept = b->authorities && b->authority_names && bio;
    while (is_kept && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(one));
        is_kept = name && X509_STORE_add_cert(b->authorities, one) == 1 &&
                  sk_X509_NAME_push(b->authority_names, name) > 0;
        if (!is_kept)
            X509_NAME_free(name);
        X509_free(one);
    }
    BIO_free(bio);
    ERR_clear_error();
    return is_kept ? 0 : no_memory(b);
}

static int count_items(struct building *b)
{
    struct span rest = b->s->setup.bundle;
    struct bundle_item item;
    size_t pairs = 0;
    int rc;
    while ((rc = bundle_next(&rest, &item)) > 0)
        pairs += item.kind == BUNDLE_PAIR;
    if (rc < 0 || pairs == 0) {
        (void)snprintf(b->why, CONF_WHY_BYTES, "there is no certificate");
        return -EINVAL;
    }
    b->s->certificates = sys_calloc(pairs, sizeof(struct certificate *));
    return b->s->certificates ? 0 : no_memory(b);
}

static int read_items(struct building *b)
{
    struct span rest = b->s->setup.bundle;
    struct bundle_item item;
    int rc = count_items(b);
    while (rc == 0 && bundle_next(&rest, &item) > 0) {
        if (item.kind != BUNDLE_PAIR) {
            rc = add_authorities(b, &item);
            continue;
        }
        struct certificate *c = certificate_read(&item, b->why);
        if (c)
            b->s->certificates[b->s->certificates_count++] = c;
        else
            rc = -EINVAL;
    }
    return rc;
}

static struct set *new_set(struct building *b)
{
    struct set *set = &b->sets[b->sets_count++];
    *set = (struct set){ { -1, -1, -1 } };
    return set;
}

static int add_names(struct building *b, size_t at)
{
    const struct certificate_facts *facts = certificate_facts(b->s->certificates[at]);
    for (size_t i = 0; i < facts->names_count; i++) {
        bool is_new;
        unsigned *value = names_place(&b->s->names, facts->names[i], &is_new);
        if (!value)
            return no_memory(b);
        if (is_new) {
            *value = (unsigned)b->sets_count;
            (void)new_set(b);
        }
        int *place = &b->sets[*value].at[facts->kind];
        if (*place < 0)
            *place = (int)at;
    }
    return 0;
}

/* Each name has a set of its own; equal sets get one context. */
static SSL_CTX *context_of(struct building *b, const struct set *set, unsigned *at)
{
    bool is_new;
    struct tls_server *s = b->s;
    unsigned *value = names_place(&b->by_set, (struct span){ (const char *)set, sizeof *set }, &is_new);
    if (!value)
        return NULL;
    if (is_new) {
        SSL_CTX *ctx = make_context(b, set);
        if (!ctx)
            return NULL;
        *value = (unsigned)s->contexts_count;
        s->contexts[s->contexts_count++] = ctx;
    }
    *at = *value;
    return s->contexts[*value];
}

static int make_contexts(struct building *b)
{
    struct tls_server *s = b->s;
    const struct certificate_facts *first = certificate_facts(s->certificates[0]);
    unsigned at;
    struct set *alone = new_set(b);
    alone->at[first->kind] = 0;
    if (first->names_count > 0)
        alone = &b->sets[*names_get(&s->names, first->names[0])];
    s->first = context_of(b, alone, &at);
    bool is_made = s->first != NULL;
    for (size_t i = 0; i < s->names.cap && is_made; i++)
        if (s->names.rows[i].name.at)
            is_made = context_of(b, &b->sets[s->names.rows[i].value], &s->names.rows[i].value) != NULL;
    if (is_made)
        return 0;
    (void)snprintf(b->why, CONF_WHY_BYTES, "OpenSSL refuses the certificates: %s", tls_last_error());
    return -EINVAL;
}

static int build(struct building *b)
{
    struct tls_server *s = b->s;
    size_t sets = 1;
    s->method = tls_bio_method();
    s->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!s->method || !s->ticket_cipher)
        return no_memory(b);
    int rc = read_items(b);
    for (size_t i = 0; i < s->certificates_count && rc == 0; i++)
        sets += certificate_facts(s->certificates[i])->names_count;
    if (rc < 0)
        return rc;
    b->sets = sys_calloc(sets, sizeof *b->sets);
    s->contexts = sys_calloc(sets, sizeof(SSL_CTX *));
    if (!b->sets || !s->contexts)
        return no_memory(b);
    for (size_t i = 0; i < s->certificates_count && rc == 0; i++)
        rc = add_names(b, i);
    return rc < 0 ? rc : make_contexts(b);
}

struct tls_server *tls_server_new(const struct tls_setup *setup, char *why)
{
    struct tls_server *s = sys_calloc(1, sizeof *s);
    struct building b = { .s = s, .why = why };
    if (!s) {
        (void)no_memory(&b);
        return NULL;
    }
    s->holders = 1;
    s->setup = *setup;
    int rc = build(&b);
    s->setup.bundle = SPAN("");
    sys_free(b.sets);
    names_done(&b.by_set);
    X509_STORE_free(b.authorities);
    sk_X509_NAME_pop_free(b.authority_names, X509_NAME_free);
    if (rc == 0)
        return s;
    tls_server_drop(s);
    return NULL;
}

void tls_server_hold(struct tls_server *s)
{
    s->holders++;
}

void tls_server_drop(struct tls_server *s)
{
    if (!s || --s->holders > 0)
        return;
    for (size_t i = 0; i < s->contexts_count; i++)
        SSL_CTX_free(s->contexts[i]);
    for (size_t i = 0; i < s->certificates_count; i++)
        certificate_free(s->certificates[i]);
    names_done(&s->names);
    EVP_CIPHER_free(s->ticket_cipher);
    BIO_meth_free(s->method);
    sys_free(s->contexts);
    sys_free(s->certificates);
    sys_free(s);
}
