/* certificates.c - what the master reads and hands over as bytes becomes contexts for connections.
 *
 *     CHANNEL_WELCOME, CHANNEL_CERTIFICATES --memfd--> a helper: tls_server_new() --> edge.tls
 *
 * A thousand certificates take a helper a fifth of a second, and the loop nothing.  Connections keep
 * the contexts they began with; whoever comes next gets the new ones.
 */
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "edge/edge_private.h"
#include "tls/tls.h"

enum { BUNDLE_BYTES_MAX = 1 << 30 };

struct certificates {                 /* one making; freed when it is done */
    struct helper_job job;
    struct edge *edge;
    struct tls_setup setup;
    int fd, next_fd;                  /* next_fd: came meanwhile, -1: none */
    struct tls_server *made;          /* NULL: `why` says why not */
    char why[CONF_WHY_BYTES];
};

/* On a helper's thread, or at the start on the only one. */
static void make(struct helper_job *job)
{
    struct certificates *c = container_of(job, struct certificates, job);
    struct buf bundle = { .limit_bytes = BUNDLE_BYTES_MAX };
    (void)snprintf(c->why, sizeof c->why, "they cannot be read");
    int rc = edge_read_memfd(c->fd, BUNDLE_BYTES_MAX, &bundle);
    c->setup.bundle = buf_span(&bundle);
    c->made = rc == 0 ? tls_server_new(&c->setup, c->why) : NULL;
    if (bundle.block)
        explicit_bzero(bundle.block, bundle.cap_bytes);
    buf_done(&bundle);
}

static void take(struct certificates *c)
{
    struct edge *e = c->edge;
    if (c->made) {
        tls_server_drop(e->tls);
        e->tls = c->made;
    } else {
        log_error("certificates not taken, the old ones serve on", "error=\"%s\"", c->why);
    }
    (void)sys_close(c->fd);
    c->fd = -1;
}

static void made(struct helper_job *job)
{
    struct certificates *c = container_of(job, struct certificates, job);
    struct edge *e = c->edge;
    int next_fd = c->next_fd;
    take(c);
    sys_free(c);
    e->certificates = NULL;
    if (next_fd >= 0)
        edge_certificates(e, next_fd);
}

static struct certificates *new_making(struct edge *e, int fd)
{
    struct certificates *c = sys_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->job = (struct helper_job){ .work = make, .done = made };
    c->edge = e;
    c->fd = fd;
    c->next_fd = -1;
    c->setup = (struct tls_setup){ .tickets = board_tickets(&e->board),
                                   .session_s = (e->conf->tls_session_ms + 999) / 1000,
                                   .has_h2 = e->conf->http2 };
    return c;
}

int edge_certificates_first(struct edge *e, int fd)
{
    struct certificates *c = new_making(e, fd);
    if (!c) {
        (void)sys_close(fd);
        return -ENOMEM;
    }
    make(&c->job);
    take(c);
    sys_free(c);
    return e->tls ? 0 : -EBADMSG;
}

void edge_certificates(struct edge *e, int fd)
{
    struct certificates *under_way = e->certificates;
    if (under_way) {                  /* only the last ones count */
        (void)sys_close(under_way->next_fd);
        under_way->next_fd = fd;
        return;
    }
    e->certificates = new_making(e, fd);
    if (e->certificates && helpers_submit(e->helpers, &e->certificates->job) == 0)
        return;
    log_warn("certificates are made on the loop", "reason=\"helpers are busy\"");
    if (e->certificates) {
        make(&e->certificates->job);
        made(&e->certificates->job);
    } else {
        (void)sys_close(fd);
    }
}
