/* tls_stage.h - two ends of TLS in memory: ours, and a client of plain OpenSSL.  Include it in one
 * test program's only file.
 *
 * Bytes travel through two queues; each end is asked in turn until neither moves.  What the server
 * may take and give in one call is bounded by stage.most_in and stage.most_out.
 */
#pragma once
#include "unit.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "base/buf.h"
#include "base/sys.h"
#include "tls/bundle.h"
#include "tls/certificate.h"
#include "tls/throwaway.h"
#include "tls/tls.h"

static struct tls_stage {
    struct buf to_server, to_client;
    size_t most_in, most_out;         /* bytes a call of io; most_out 0: the socket is full */
    bool is_over;                     /* the client closed its end */
    unsigned sends;                   /* calls of io.send so far */
    bool has_more;                    /* what the last of them said */
    struct tls_server *server;
    struct tls *tls;
    SSL_CTX *context;
    SSL *client;
    BIO *in, *out;                    /* of the client */
} stage;

static ssize_t stage_recv(void *owner, void *into, size_t bytes)
{
    size_t n = buf_len(&stage.to_server);
    assert_ptr_equal(owner, &stage);
    if (n == 0)
        return stage.is_over ? 0 : -EAGAIN;
    n = n < bytes ? n : bytes;
    n = n < stage.most_in ? n : stage.most_in;
    memcpy(into, buf_span(&stage.to_server).at, n);
    buf_take(&stage.to_server, n);
    return (ssize_t)n;
}

static ssize_t stage_send(void *owner, const void *from, size_t bytes, bool has_more)
{
    assert_ptr_equal(owner, &stage);
    size_t n = bytes < stage.most_out ? bytes : stage.most_out;
    stage.sends++;
    stage.has_more = has_more;
    if (n == 0)
        return -EAGAIN;
    assert_int_equal(buf_add(&stage.to_client, (struct span){ from, n }), 0);
    return (ssize_t)n;
}

static const struct tls_io stage_io = { stage_recv, stage_send };

/* ---- certificates ---- */

struct pair {
    struct buf certificate, key;
};

static inline void pair_make(struct pair *p, const char *names)
{
    *p = (struct pair){ 0 };
    assert_int_equal(throwaway_make(names, 90, &p->certificate, &p->key), 0);
}

static inline void pair_done(struct pair *p)
{
    buf_done(&p->certificate);
    buf_done(&p->key);
}

static inline struct bundle_item pair_item(const struct pair *p, const char *file)
{
    return (struct bundle_item){ .kind = BUNDLE_PAIR, .file = span_of(file), .key_file = span_of("key.pem"),
                                 .certificate = buf_span(&p->certificate), .key = buf_span(&p->key) };
}

static inline void bundle_pair(struct buf *bundle, const struct pair *p, const char *file)
{
    const struct bundle_item item = pair_item(p, file);
    assert_int_equal(bundle_add(bundle, &item), 0);
}

/* ---- a connection ---- */

static inline void stage_use(const struct tls_setup *setup)
{
    char why[CONF_WHY_BYTES] = "";
    stage = (struct tls_stage){ .most_in = SIZE_MAX, .most_out = SIZE_MAX };
    stage.server = tls_server_new(setup, why);
    if (!stage.server)
        fail_msg("no server: %s", why);
    stage.context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(stage.context, SSL_SESS_CACHE_OFF);
}

/* A new client and a new session of the same server; host NULL: it names none. */
static inline void stage_connect(const char *host)
{
    stage.is_over = false;
    stage.client = SSL_new(stage.context);
    stage.in = BIO_new(BIO_s_mem());
    stage.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(stage.in, -1);
    SSL_set_bio(stage.client, stage.in, stage.out);
    SSL_set_connect_state(stage.client);
    if (host)
        SSL_set_tlsext_host_name(stage.client, host);
    stage.tls = tls_new(stage.server, &stage_io, &stage);
    assert_non_null(stage.tls);
}

/* What the client wrote goes to the server, what the server wrote to the client. */
static inline void stage_carry(void)
{
    char bytes[4096];
    int n;
    while ((n = BIO_read(stage.out, bytes, sizeof bytes)) > 0)
        assert_int_equal(buf_add(&stage.to_server, (struct span){ bytes, (size_t)n }), 0);
    while (buf_len(&stage.to_client) > 0) {
        struct span s = buf_span(&stage.to_client);
        n = BIO_write(stage.in, s.at, (int)s.len);
        assert_true(n > 0);
        buf_take(&stage.to_client, (size_t)n);
    }
}

/* The server's last word of the handshake; the client read what it could. */
static inline int stage_shake(void)
{
    int rc = -EAGAIN;
    for (int i = 0; i < 200; i++) {
        ERR_clear_error();
        (void)SSL_do_handshake(stage.client);
        stage_carry();
        if (rc == -EAGAIN)
            rc = tls_handshake(stage.tls);
        stage_carry();
    }
    return rc;
}

static inline void stage_leave(void)
{
    tls_free(stage.tls);
    SSL_free(stage.client);
    buf_take(&stage.to_server, buf_len(&stage.to_server));
    buf_take(&stage.to_client, buf_len(&stage.to_client));
    stage.tls = NULL;
    stage.client = NULL;
}

static inline void stage_done(void)
{
    tls_server_drop(stage.server);
    SSL_CTX_free(stage.context);
    buf_done(&stage.to_server);
    buf_done(&stage.to_client);
}

/* The first alternative name of the certificate that the client got. */
static inline const char *stage_name(void)
{
    static char name[256];
    X509 *one = SSL_get0_peer_certificate(stage.client);
    GENERAL_NAMES *all = one ? X509_get_ext_d2i(one, NID_subject_alt_name, NULL, NULL) : NULL;
    const GENERAL_NAME *first = sk_GENERAL_NAME_value(all, 0);
    (void)snprintf(name, sizeof name, "%s",
                   first && first->type == GEN_DNS ? (const char *)ASN1_STRING_get0_data(first->d.dNSName) : "");
    GENERAL_NAMES_free(all);
    return name;
}
