/* conn.c - one client's socket, below every wire.
 *
 * Owns   the descriptor and what is known of the peer; watch.ready remembers readiness (loop.h).
 * Not    limits (each wire has its own), what the bytes mean.
 */
#include "edge/conn.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include "base/sys.h"
#include "edge/edge_private.h"

static void ready(struct watch *w)
{
    struct conn *c = container_of(w, struct conn, watch);
    c->wire->run(c);
}

static void late(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);
    c->wire->late(c);
}

int conn_open(struct conn *c, const struct conn_wire *wire, struct listener *l, int fd,
              const struct sockaddr *peer, int64_t limit_ms)
{
    const int on = 1;
    struct edge *e = l->edge;
    c->edge = e;
    c->listener = l;
    c->wire = wire;
    timer_init(&c->timer, late);
    list_init(&c->node);
    peer_name(c, peer);
    if (!l->is_unix)
        (void)sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int rc = timer_set(e->loop, &c->timer, limit_ms);
    if (rc == 0)
        rc = loop_watch(e->loop, &c->watch, fd, ready);
    if (rc < 0) {
        timer_off(e->loop, &c->timer);
        return rc;
    }
    list_add_before(&e->conns, &c->node);
    e->conns_count++;
    e->accepted++;
    return 0;
}

void conn_close(struct conn *c, bool is_reset, void (*free_fn)(struct loop_garbage *g))
{
    struct edge *e = c->edge;
    int fd = c->watch.fd;
    if (is_reset) {
        const struct linger hard = { .l_onoff = 1 };
        (void)sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    timer_off(e->loop, &c->timer);
    loop_unwatch(&c->watch);
    (void)sys_close(fd);
    list_remove(&c->node);
    e->conns_count--;
    c->is_closing = true;
    loop_free_later(e->loop, &c->garbage, free_fn);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

ssize_t conn_recv(struct conn *c, void *into, size_t bytes)
{
    if (!(c->watch.ready & LOOP_READ))
        return 0;
    ssize_t got = sys_recv(c->watch.fd, into, bytes, 0);
    if (got == -EAGAIN) {
        c->watch.ready &= ~(unsigned)LOOP_READ;
        return 0;
    }
    if (got == 0) {
        c->is_half_closed = true;
        return -EPIPE;
    }
    if (got > 0 && (size_t)got < bytes && !(c->watch.ready & LOOP_HANGUP))
        c->watch.ready &= ~(unsigned)LOOP_READ;
    return got;
}

int conn_peek(struct conn *c)
{
    char byte;
    ssize_t got = sys_recv(c->watch.fd, &byte, 1, MSG_PEEK);
    if (got == 0)
        c->is_half_closed = true;
    return (int)got;
}

static ssize_t sent(struct conn *c, ssize_t bytes, size_t wanted)
{
    if (bytes == -EAGAIN)
        bytes = 0;
    if (bytes < 0)
        return bytes;
    c->has_moved |= bytes > 0;
    if ((size_t)bytes < wanted)
        c->watch.ready &= ~(unsigned)LOOP_WRITE;
    return bytes;
}

ssize_t conn_sendv(struct conn *c, const struct iovec *iov, size_t count, bool has_more)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += iov[i].iov_len;
    if (total == 0)
        return 0;
    int flags = has_more ? MSG_MORE : 0;
    struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
    if (count == 1)                   /* the shorter way through the kernel */
        return sent(c, sys_send(c->watch.fd, iov->iov_base, total, flags), total);
    return sent(c, sys_sendmsg(c->watch.fd, &msg, flags), total);
}

ssize_t conn_sendfile(struct conn *c, int fd, uint64_t at, uint64_t bytes)
{
    off_t offset = (off_t)at;
    ssize_t got = sys_sendfile(c->watch.fd, fd, &offset, (size_t)bytes);
    if (got == 0)
        return -EIO;
    return sent(c, got, got > 0 ? (size_t)got : 1);   /* a short one does not say that it is full */
}

void conn_shutdown(struct conn *c)
{
    (void)sys_shutdown(c->watch.fd, SHUT_WR);
}
