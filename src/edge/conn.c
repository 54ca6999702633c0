/* conn.c - one client's socket, below every wire, and its TLS.
 *
 * Owns   the descriptor and what is known of the peer; watch.ready remembers readiness (loop.h).
 * Not    limits (each wire has its own), what the bytes mean.
 */
#include "edge/conn.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/edge_private.h"
#include "tls/tls.h"

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
    if (c->tls && !is_reset && !(c->watch.ready & LOOP_BROKEN))
        tls_shut(c->tls, true);
    tls_free(c->tls);
    c->tls = NULL;
    timer_off(e->loop, &c->timer);
    loop_unwatch(&c->watch);
    (void)sys_close(fd);
    list_remove(&c->node);
    e->conns_count--;
    c->is_closing = true;
    loop_free_later(e->loop, &c->garbage, free_fn);
}

int conn_move(struct conn *to, struct conn *from, const struct conn_wire *wire,
              void (*free_fn)(struct loop_garbage *g))
{
    struct edge *e = from->edge;
    int fd = from->watch.fd;
    unsigned ready_bits = from->watch.ready;
    *to = *from;
    to->wire = wire;
    from->tls = NULL;
    if (to->tls)
        tls_move(to->tls, to);
    timer_init(&to->timer, late);
    list_init(&to->node);
    list_add_before(&from->node, &to->node);
    list_remove(&from->node);
    timer_off(e->loop, &from->timer);
    loop_unwatch(&from->watch);
    from->is_closing = true;
    loop_free_later(e->loop, &from->garbage, free_fn);
    int rc = loop_watch(e->loop, &to->watch, fd, ready);
    if (rc < 0) {
        tls_free(to->tls);
        list_remove(&to->node);
        e->conns_count--;
        (void)sys_close(fd);
        return rc;
    }
    to->watch.ready |= ready_bits;
    return 0;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* As the socket gives them: 0 is its end. */
static ssize_t receive(struct conn *c, void *into, size_t bytes)
{
    if (!(c->watch.ready & LOOP_READ))
        return -EAGAIN;
    ssize_t got = sys_recv(c->watch.fd, into, bytes, 0);
    if (got == -EAGAIN ||
        (got > 0 && (size_t)got < bytes && !(c->watch.ready & LOOP_HANGUP)))
        c->watch.ready &= ~(unsigned)LOOP_READ;
    return got;
}

static ssize_t sent(struct conn *c, ssize_t bytes, size_t wanted)
{
    if (bytes == -EAGAIN)
        bytes = 0;
    if (bytes < 0)
        return bytes;
    c->sent_bytes += (size_t)bytes;
    if ((size_t)bytes < wanted)
        c->watch.ready &= ~(unsigned)LOOP_WRITE;
    return bytes;
}

ssize_t conn_peek_raw(struct conn *c, void *into, size_t bytes)
{
    if (!(c->watch.ready & LOOP_READ))
        return -EAGAIN;
    ssize_t got = sys_recv(c->watch.fd, into, bytes, MSG_PEEK);
    if (got == -EAGAIN)
        c->watch.ready &= ~(unsigned)LOOP_READ;
    return got;
}

int conn_skip_raw(struct conn *c, void *scratch, size_t bytes)
{
    ssize_t got = sys_recv(c->watch.fd, scratch, bytes, 0);
    return got < 0 ? (int)got : (size_t)got == bytes ? 0 : -EPIPE;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static ssize_t tls_receive(void *owner, void *into, size_t bytes)
{
    return receive(owner, into, bytes);
}

static ssize_t tls_send(void *owner, const void *from, size_t bytes, bool has_more)
{
    struct conn *c = owner;
    if (!(c->watch.ready & LOOP_WRITE))
        return -EAGAIN;
    ssize_t n = sent(c, sys_send(c->watch.fd, from, bytes, has_more ? MSG_MORE : 0), bytes);
    return n == 0 ? -EAGAIN : n;
}

static const struct tls_io io = { tls_receive, tls_send };

static void count_handshake(struct conn *c, int rc)
{
    struct edge *e = c->edge;
    if (rc == 0) {
        e->handshakes++;
        e->handshakes_resumed += tls_is_resumed(c->tls);
        return;
    }
    e->handshakes_failed++;
    log_debug("handshake failed", "address=%s reason=\"%s\"", c->address, tls_reason(c->tls));
}

int conn_handshake(struct conn *c)
{
    struct edge *e = c->edge;
    if (!c->tls && !c->listener->is_tls)
        return 0;
    if (e->handshakes_left == 0) {    /* signing takes long: the others have their turn in between */
        loop_again(&c->watch);
        return -EAGAIN;
    }
    if (!c->tls) {
        if (!(c->watch.ready & LOOP_READ))
            return -EAGAIN;           /* a connection that says nothing costs no more than a plain one */
        c->tls = tls_new(e->tls, &io, c);
        if (!c->tls)
            return -ENOMEM;
    }
    e->handshakes_left--;
    int rc = tls_handshake(c->tls);
    if (rc == -EAGAIN)
        return rc;
    count_handshake(c, rc);
    if (rc == -EPROTONOSUPPORT) {
        tls_free(c->tls);
        c->tls = NULL;
    }
    return rc;
}

static ssize_t tls_send_file(struct conn *c, struct span before, int fd, uint64_t at, uint64_t bytes)
{
    char *scratch = c->edge->outgoing;
    size_t room = sizeof c->edge->outgoing - before.len;
    if (before.len > 0)
        memcpy(scratch, before.at, before.len);
    ssize_t got = sys_pread(fd, scratch + before.len, bytes < room ? (size_t)bytes : room, (off_t)at);
    if (got <= 0)
        return got < 0 ? got : -EIO;
    const struct iovec iov = { scratch, before.len + (size_t)got };
    return conn_sendv(c, &iov, 1, (uint64_t)got < bytes);
}

/* ---- what the wires call --------------------------------------------------------------------- */

static int gone(struct conn *c, ssize_t got)
{
    if (got == 0)
        c->is_half_closed = true;
    return got == 0 ? -EPIPE : (int)got;
}

bool conn_has_unread(const struct conn *c)
{
    return (c->watch.ready & LOOP_READ) || (c->tls && tls_has_pending(c->tls));
}

ssize_t conn_recv(struct conn *c, void *into, size_t bytes)
{
    if (!conn_has_unread(c))
        return 0;
    ssize_t got = c->tls ? tls_recv(c->tls, into, bytes) : receive(c, into, bytes);
    return got == -EAGAIN ? 0 : got > 0 ? got : gone(c, got);
}

int conn_peek(struct conn *c)
{
    char byte;
    int rc = c->tls ? tls_peek(c->tls) : (int)sys_recv(c->watch.fd, &byte, 1, MSG_PEEK);
    if (rc == 0)
        c->is_half_closed = true;
    return rc;
}

ssize_t conn_sendv(struct conn *c, const struct iovec *iov, size_t count, bool has_more)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += iov[i].iov_len;
    if (total == 0)
        return 0;
    if (c->tls) {
        ssize_t n = tls_sendv(c->tls, iov, count, has_more, loop_now_ms(c->edge->loop));
        return n == -EAGAIN ? 0 : n;
    }
    int flags = has_more ? MSG_MORE : 0;
    struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
    if (count == 1)                   /* the shorter way through the kernel */
        return sent(c, sys_send(c->watch.fd, iov->iov_base, total, flags), total);
    return sent(c, sys_sendmsg(c->watch.fd, &msg, flags), total);
}

ssize_t conn_sendfile(struct conn *c, struct span before, int fd, uint64_t at, uint64_t bytes)
{
    off_t offset = (off_t)at;
    const struct iovec iov = { (char *)(uintptr_t)before.at, before.len };
    if (before.len > 0 && (!c->tls || before.len >= EDGE_SCRATCH_BYTES / 2))
        return conn_sendv(c, &iov, 1, true);
    bytes = bytes < CONN_FILE_BYTES ? bytes : CONN_FILE_BYTES;
    if (c->tls)
        return tls_send_file(c, before, fd, at, bytes);
    ssize_t got = sys_sendfile(c->watch.fd, fd, &offset, (size_t)bytes);
    if (got == 0)
        return -EIO;
    return sent(c, got, got > 0 ? (size_t)got : 1);   /* a short one does not say that it is full */
}

uint64_t conn_unsent_bytes(const struct conn *c)
{
    int unsent = sys_unsent(c->watch.fd);
    uint64_t bytes = unsent > 0 ? (uint64_t)unsent : 0;
    return bytes < c->sent_bytes ? bytes : c->sent_bytes;      /* the end of our direction counts, too */
}

void conn_shutdown(struct conn *c)
{
    if (c->tls)
        tls_shut(c->tls, true);
    (void)sys_shutdown(c->watch.fd, SHUT_WR);
}
