/* tls.h - the server's end of TLS 1.2 and 1.3: bytes in, bytes out; never sees a socket.
 *
 *     io --cipher text--> struct tls --plain text--> edge/conn
 *     io <--cipher text-- struct tls <--plain text-- edge/conn
 *
 * A struct tls_server holds what all connections share: contexts made of certificates, and which one
 * a host name gets.  It never changes; new certificates are a new server, and connections hold the
 * one they began with.  All of one server is used by one thread.
 * Setting  Mozilla's "intermediate" (ECDHE with AES-GCM or ChaCha20, TLS 1.2 at least), AES-128 first
 *          because it is the cheapest; a client without AES hardware gets ChaCha20.  No
 *          renegotiation, no compression, no early data; of KeyUpdates and the like 64 a connection.
 */
#pragma once
#include <sys/types.h>
#include <sys/uio.h>
#include "base/span.h"
#include "tls/tickets.h"

/* How bytes move; filled by who has the socket. */
struct tls_io {
    /* Bytes read, 0: the peer will send no more, -EAGAIN, or another -errno. */
    ssize_t (*recv)(void *owner, void *into, size_t bytes);
    /* Bytes taken, at least 1, -EAGAIN, or another -errno.  has_more: something follows at once. */
    ssize_t (*send)(void *owner, const void *from, size_t bytes, bool has_more);
};

struct tls_setup {
    struct span bundle;                 /* bundle.h; only read by tls_server_new() */
    const struct tickets *tickets;      /* NULL: no tickets, so no resumption */
    int64_t session_s;                  /* how long a session may be resumed; 0: not at all */
    bool has_h2;                        /* HTTP/2 is offered */
};

struct tls_server;
/* With one holder: the caller.  NULL and a sentence in `why` (CONF_WHY_BYTES). */
struct tls_server *tls_server_new(const struct tls_setup *setup, char *why);
void tls_server_hold(struct tls_server *s);
void tls_server_drop(struct tls_server *s);         /* the last one frees it; takes NULL */

enum tls_protocol { TLS_HTTP1, TLS_HTTP2 };

struct tls;
struct tls *tls_new(struct tls_server *s, const struct tls_io *io, void *owner);   /* NULL: no memory */
/* Says nothing to the peer: tls_shut() does.  Takes NULL. */
void tls_free(struct tls *t);

/* Its bytes move by another owner's io calls from now on. */
void tls_move(struct tls *t, void *owner);

/* Goes on with the handshake: 0 done, -EAGAIN io said so, -EPROTONOSUPPORT what came is no TLS (and
 * nothing was answered), -EPROTO or -errno of io: it failed, tls_reason() says why. */
int tls_handshake(struct tls *t);
const char *tls_reason(const struct tls *t);        /* static text; never NULL */

/* After the handshake. */
enum tls_protocol tls_protocol(const struct tls *t);          /* what ALPN chose (RFC 7301) */
struct span tls_name(const struct tls *t);          /* the host the client asked for (SNI), or "" */
bool tls_is_resumed(const struct tls *t);
const char *tls_version(const struct tls *t);       /* "TLSv1.3", static */
/* The client's verified certificate as uwsgi variables ("SSL_CLIENT_S_DN" and so on, with nginx's
 * meanings): names and values, each NUL-ended, one behind the other; NULL: clients are not asked
 * for one.  Lives as long as t. */
const char *tls_client(const struct tls *t, size_t *bytes);

/* Plain text: bytes, 0: the peer sends no more, -EAGAIN, or -errno.  At most a record at a time:
 * call again while there is room. */
ssize_t tls_recv(struct tls *t, void *into, size_t bytes);
/* 1: a byte could be read, 0: the peer sends no more, -EAGAIN, or -errno. */
int tls_peek(struct tls *t);
/* Bytes lie here that io has already given (maybe not a whole record). */
bool tls_has_pending(const struct tls *t);
/* Bytes of the runs that went out, -EAGAIN: none, or -errno.  A record that could not go out whole
 * is not counted: after fewer than all, the next call must begin with the bytes that are left, and
 * bring as many of them at least. */
ssize_t tls_sendv(struct tls *t, const struct iovec *iov, size_t count, bool has_more, int64_t now_ms);
/* Tells the peer that nothing more comes (close_notify), if io takes it.  has_more: the socket is
 * about to be closed, so it need not travel alone. */
void tls_shut(struct tls *t, bool has_more);
