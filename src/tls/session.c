/* session.c - one connection's TLS: the handshake, then plain text both ways.
 *
 *     tls_recv <-- SSL_read <-- bio.c <-- io
 *     tls_sendv --records--> SSL_write --> bio.c --> io
 *
 * Record sizes: a browser can use nothing of a record before its last byte is there, so the first
 * bytes after the start or a rest go in records that fit a segment, those of a long answer in full
 * ones, which cost the least.
 */
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "tls/tls_private.h"

enum {
    SMALL_RECORD_BYTES = 1369,    /* with TLS, TCP (timestamps) and IPv6 it fills 1500 bytes */
    SMALL_BYTES = 10 * SMALL_RECORD_BYTES,      /* the first congestion window (RFC 6928) */
    REST_MS = 1000,               /* after it the window is small again (RFC 2861) */
    TLS_HANDSHAKE_TYPE = 22,      /* of a record (RFC 8446, section 5.1) */
    SSLV2_BIT = 0x80,             /* of a first byte: a hello of SSL 2's shape */
};

/* OpenSSL reads on until plain text comes: a client that sends KeyUpdates alone (RFC 8446, section 4.6.3), or
 * asks for another handshake again and again (TLS 1.2), would keep the loop for as long as it sends.  A key
 * is good for 24 million full records, so nobody needs many. */
static void note_message(int is_sent, int version, int type, const void *at, size_t bytes, SSL *ssl, void *user)
{
    struct tls *t = user;
    (void)version, (void)at, (void)bytes, (void)ssl;
    if (t->is_done && type == (is_sent ? SSL3_RT_ALERT : SSL3_RT_HANDSHAKE))
        t->idle_messages++;
}

struct tls *tls_new(struct tls_server *s, const struct tls_io *io, void *owner)
{
    struct tls *t = sys_calloc(1, sizeof *t);
    BIO *bio = BIO_new(s->method);
    SSL *ssl = SSL_new(s->first);
    if (!t || !bio || !ssl) {
        sys_free(t);
        BIO_free(bio);
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    t->ssl = ssl;
    t->server = s;
    t->io = io;
    t->owner = owner;
    t->small_left_bytes = SMALL_BYTES;
    tls_server_hold(s);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    SSL_set_msg_callback(ssl, note_message);
    SSL_set_msg_callback_arg(ssl, t);
    return t;
}

void tls_move(struct tls *t, void *owner)
{
    t->owner = owner;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    struct tls_server *s = t->server;
    SSL_free(t->ssl);
    sys_free(t->client);
    sys_free(t);
    tls_server_drop(s);
}

/* What a call that did not succeed means: 0 the peer sends no more, -EAGAIN, or another -errno. */
static int failed(struct tls *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        t->is_failed = true;
        return t->error < 0 ? t->error : -ECONNRESET;
    default:
        t->is_failed = true;
        t->reason = ERR_reason_error_string(ERR_peek_error());
        ERR_clear_error();
        return t->error < 0 ? t->error : -EPROTO;
    }
}

/* ---- the handshake ---- */

static bool is_plain(const struct tls *t)
{
    return t->has_come && t->first_byte != TLS_HANDSHAKE_TYPE && !(t->first_byte & SSLV2_BIT);
}

/* A variable: its name, its value, a NUL behind each. */
static void put_variable(BIO *to, const char *name, const char *value)
{
    (void)BIO_write(to, name, (int)strlen(name) + 1);
    (void)BIO_write(to, value, (int)strlen(value) + 1);
}

static void put_name(BIO *to, const char *name, const X509_NAME *value)
{
    (void)BIO_write(to, name, (int)strlen(name) + 1);
    (void)X509_NAME_print_ex(to, value, 0, XN_FLAG_RFC2253);
    (void)BIO_write(to, "", 1);
}

static void put_serial(BIO *to, const ASN1_INTEGER *serial)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    put_variable(to, "SSL_CLIENT_SERIAL", hex ? hex : "");
    OPENSSL_free(hex);
    BN_free(number);
}

static void put_fingerprint(BIO *to, const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned bytes = 0;
    if (X509_digest(certificate, EVP_sha1(), digest, &bytes) == 1)
        for (unsigned i = 0; i < bytes; i++)
            (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    put_variable(to, "SSL_CLIENT_FINGERPRINT", hex);
}

/* A verified one only: the handshake failed with any other. */
static int keep_client(struct tls *t)
{
    X509 *certificate = SSL_get0_peer_certificate(t->ssl);
    BIO *to = BIO_new(BIO_s_mem());
    char *text;
    if (!to)
        return -ENOMEM;
    put_variable(to, "SSL_CLIENT_VERIFY", certificate ? "SUCCESS" : "NONE");
    if (certificate) {
        put_name(to, "SSL_CLIENT_S_DN", X509_get_subject_name(certificate));
        put_name(to, "SSL_CLIENT_I_DN", X509_get_issuer_name(certificate));
        put_serial(to, X509_get0_serialNumber(certificate));
        put_fingerprint(to, certificate);
    }
    long bytes = BIO_get_mem_data(to, &text);
    t->client = bytes > 0 ? sys_malloc((size_t)bytes) : NULL;
    if (t->client) {
        memcpy(t->client, text, (size_t)bytes);
        t->client_bytes = (uint32_t)bytes;
    }
    BIO_free(to);
    return t->client ? 0 : -ENOMEM;
}

int tls_handshake(struct tls *t)
{
    if (t->is_done)
        return 0;
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    if (done == 1) {
        t->is_done = true;
        return SSL_get_verify_mode(t->ssl) == SSL_VERIFY_NONE ? 0 : keep_client(t);
    }
    int rc = failed(t, done);
    if (rc == -EPROTO && is_plain(t))
        return -EPROTONOSUPPORT;
    return rc == 0 ? -ECONNRESET : rc;
}

const char *tls_reason(const struct tls *t)
{
    return t->reason ? t->reason : t->is_ended ? "the client left" : "the connection failed";
}

enum tls_protocol tls_protocol(const struct tls *t)
{
    const unsigned char *name;
    unsigned bytes;
    SSL_get0_alpn_selected(t->ssl, &name, &bytes);
    return bytes == 2 && memcmp(name, "h2", 2) == 0 ? TLS_HTTP2 : TLS_HTTP1;
}

bool tls_is_resumed(const struct tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}

const char *tls_version(const struct tls *t)
{
    return SSL_get_version(t->ssl);
}

const char *tls_client(const struct tls *t, size_t *bytes)
{
    *bytes = t->client_bytes;
    return t->client;
}

struct span tls_name(const struct tls *t)
{
    const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    return name ? span_of(name) : SPAN("");
}

/* ---- plain text ---- */

bool tls_has_pending(const struct tls *t)
{
    return SSL_has_pending(t->ssl) == 1;
}

ssize_t tls_recv(struct tls *t, void *into, size_t bytes)
{
    size_t got;
    if (t->is_failed)
        return t->error < 0 ? t->error : -EPROTO;
    ERR_clear_error();
    int done = SSL_read_ex(t->ssl, into, bytes, &got);
    return done == 1 ? (ssize_t)got : failed(t, done);
}

int tls_peek(struct tls *t)
{
    char byte;
    size_t got;
    if (t->is_failed)
        return t->error < 0 ? t->error : -EPROTO;
    ERR_clear_error();
    int done = SSL_peek_ex(t->ssl, &byte, 1, &got);
    return done == 1 ? 1 : failed(t, done);
}

static size_t record_bytes(const struct tls *t, size_t left_bytes)
{
    size_t most = t->small_left_bytes > 0 ? SMALL_RECORD_BYTES : TLS_RECORD_BYTES;
    if (t->pending_bytes > 0)         /* OpenSSL has its cipher text, and only wants to be asked again */
        return t->pending_bytes;
    return left_bytes < most ? left_bytes : most;
}

/* The next `bytes` of the runs in one piece, from *at in the first of them on. */
static const char *one_piece(struct tls *t, const struct iovec *iov, size_t at, size_t bytes)
{
    size_t put = 0;
    if (iov->iov_len - at >= bytes)
        return (const char *)iov->iov_base + at;
    for (; put < bytes; iov++, at = 0) {
        size_t n = iov->iov_len - at < bytes - put ? iov->iov_len - at : bytes - put;
        if (n > 0)
            memcpy(t->server->gather + put, (const char *)iov->iov_base + at, n);
        put += n;
    }
    return t->server->gather;
}

static void skip(const struct iovec **iov, size_t *at, size_t bytes)
{
    while (bytes > 0 && bytes >= (*iov)->iov_len - *at) {
        bytes -= (*iov)->iov_len - *at;
        *at = 0;
        (*iov)++;
    }
    *at += bytes;
}

/* One record of `bytes`.  OpenSSL is offered all that lies there in one run, at least so many: it takes a record of it
 * (SSL_MODE_ENABLE_PARTIAL_WRITE), and keeps its buffer for the next one. */
static int send_record(struct tls *t, const char *from, size_t bytes, size_t offered)
{
    size_t sent;
    bool is_whole = bytes == TLS_RECORD_BYTES && t->pending_bytes == 0;
    int done = SSL_write_ex(t->ssl, from, is_whole ? offered : bytes, &sent);
    if (done == 1) {
        t->pending_bytes = 0;
        t->small_left_bytes -= (uint32_t)(bytes < t->small_left_bytes ? bytes : t->small_left_bytes);
        return 0;
    }
    int rc = failed(t, done);
    t->pending_bytes = (uint32_t)bytes;
    return rc == 0 ? -EPIPE : rc;
}

ssize_t tls_sendv(struct tls *t, const struct iovec *iov, size_t count, bool has_more, int64_t now_ms)
{
    size_t left = 0, at = 0, sent = 0;
    int rc = 0;
    if (t->is_failed)
        return t->error < 0 ? t->error : -EPROTO;
    for (size_t i = 0; i < count; i++)
        left += iov[i].iov_len;
    if (t->moved_ms > 0 && now_ms - t->moved_ms > REST_MS && t->pending_bytes == 0)
        t->small_left_bytes = SMALL_BYTES;
    t->moved_ms = now_ms;
    if (left < t->pending_bytes)
        return -EINVAL;               /* the caller's mistake: see tls.h */
    ERR_clear_error();
    while (left > 0) {
        size_t bytes = record_bytes(t, left);
        t->has_more = has_more || bytes < left;
        rc = send_record(t, one_piece(t, iov, at, bytes), bytes,
                         iov->iov_len - at > bytes ? iov->iov_len - at : bytes);
        if (rc < 0)
            break;
        skip(&iov, &at, bytes);
        left -= bytes;
        sent += bytes;
    }
    return sent > 0 || rc == 0 ? (ssize_t)sent : rc;
}

void tls_shut(struct tls *t, bool has_more)
{
    if (!t->is_done || t->is_failed || t->pending_bytes > 0)
        return;
    t->has_more = has_more;
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}
