/* conn.h - one client's socket: what every wire that speaks on it shares.
 *
 *     wire (h1_conn, h2_conn) --conn_recv, conn_sendv, conn_sendfile--> here (--> tls) --> socket
 *
 * A wire embeds a struct conn and says by its table what to do when the socket is ready, when the
 * timer's limit passed, and when the edge stops.  Nothing else knows what a connection speaks.
 * Owner  the wire: conn_close() frees it at the end of the loop's turn, never inside a step.
 */
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>
#include "base/span.h"
#include "loop/loop.h"

struct edge;
struct listener;
struct conn;
struct tls;

struct conn_wire {
    void (*run)(struct conn *c);      /* the socket is ready, or loop_again() was asked */
    void (*late)(struct conn *c);     /* the limit set on `timer` passed */
    /* the edge stops: no further request but one already on its way */
    void (*drain)(struct conn *c);
    void (*end)(struct conn *c);      /* at once, whatever is under way */
};

struct conn {
    struct watch watch;
    struct timer timer;
    struct loop_garbage garbage;
    struct list node;                 /* in the edge's conns */
    struct edge *edge;
    struct listener *listener;
    const struct conn_wire *wire;
    struct tls *tls;                  /* NULL: plain, or no byte of a handshake came yet */
    uint64_t sent_bytes;              /* given to the kernel so far, TLS and all */
    bool is_half_closed;              /* the client will send nothing more */
    bool is_closing;                  /* given to loop_free_later */
    bool is_trusted : 1;              /* one of trusted-peers */
    bool was_tls : 1;                 /* a PROXY header says that TLS ended in the proxy */
    char address[46], port[6];        /* of the peer; "" on a Unix socket */
};

/* Fills in all of *c but the wire's own fields, sets the timer and watches fd.  0, or -errno: fd is
 * still the caller's, and nothing is set. */
int conn_open(struct conn *c, const struct conn_wire *wire, struct listener *l, int fd,
              const struct sockaddr *peer, int64_t limit_ms);
/* Closes the socket, by a reset when the client has to see that what it got is not whole. */
void conn_close(struct conn *c, bool is_reset, void (*free_fn)(struct loop_garbage *g));

/* On a listener with TLS, before anything else: 0 done (or there is none), -EAGAIN run follows,
 * -EPROTONOSUPPORT the client speaks no TLS (and from then on this is a plain connection), other: it
 * failed. */
int conn_handshake(struct conn *c);
/* Something is there to be read, maybe not enough for a byte of plain text. */
bool conn_has_unread(const struct conn *c);
/* The socket of `from`, and all that is known of it, goes over to *to, which another wire embeds.  `from`
 * is closing then, as after conn_close().  No limit is set on to->timer.  0, or -errno: the socket is
 * closed, and *to not open. */
int conn_move(struct conn *to, struct conn *from, const struct conn_wire *wire,
              void (*free_fn)(struct loop_garbage *g));

/* Below TLS, before the first of its bytes.  Peek: the first bytes, which stay; 0 the client sends no
 * more, -EAGAIN nothing yet, or an error.  Skip takes some of them: 0, or an error. */
ssize_t conn_peek_raw(struct conn *c, void *into, size_t bytes);
int conn_skip_raw(struct conn *c, void *scratch, size_t bytes);

/* Bytes read, 0: none now, negative: the client is gone or will send no more (-EPIPE). */
ssize_t conn_recv(struct conn *c, void *into, size_t bytes);
/* Without taking anything: 1 bytes are there, 0 the client sends no more, -EAGAIN nothing yet, or an
 * error. */
int conn_peek(struct conn *c);
/* Bytes sent, 0: the socket is full (run follows), negative: the client is gone.  has_more: something
 * follows at once that may share the segment.
 * After fewer than all, the next call of any of these begins with the bytes that are left and brings
 * as many of them at least: part of a TLS record may be out. */
ssize_t conn_sendv(struct conn *c, const struct iovec *iov, size_t count, bool has_more);
/* `before`, then from an open file (at most CONN_FILE_BYTES a call); the results count both, and
 * -EIO: it became shorter than `bytes` says. */
enum { CONN_FILE_BYTES = 1024 * 1024 };
ssize_t conn_sendfile(struct conn *c, struct span before, int fd, uint64_t at, uint64_t bytes);
/* Of sent_bytes those that the client has not acknowledged, and those that it has (where the kernel
 * does not say: all). */
uint64_t conn_unsent_bytes(const struct conn *c);
static inline uint64_t conn_taken_bytes(const struct conn *c)
{
    return c->sent_bytes - conn_unsent_bytes(c);
}
/* Nothing more will be sent; what the client still sends can be read. */
void conn_shutdown(struct conn *c);
