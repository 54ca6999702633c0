/* edge_post.c - see edge_post.h. */
#include "master/edge_post.h"
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "master/edges.h"
#include "master/generation.h"
#include "master/site.h"
#include "master/supervise.h"

enum { POSTS_MAX = 16384, RETRY_MS = 10 };

struct post {                     /* a message that waits */
    struct list node;
    struct channel_msg msg;
    size_t text_bytes, fds_count;
    int fds[SYS_FDS_MAX];
    char text[];
};

static void free_post(struct edge_place *e, struct post *p)
{
    list_remove(&p->node);
    for (size_t i = 0; i < p->fds_count; i++)
        (void)sys_close(p->fds[i]);
    sys_free(p);
    e->posts--;
}

void edge_post_forget(struct edge_place *e)
{
    while (!list_empty(&e->outbox))
        free_post(e, container_of(e->outbox.next, struct post, node));
}

static int keep(struct edge_place *e, const struct channel_msg *msg, struct span text,
                const int *fds, size_t fds_count)
{
    struct post *p = e->posts < POSTS_MAX ? sys_malloc(sizeof *p + text.len) : NULL;
    if (!p)
        return -ENOMEM;
    p->msg = *msg;
    p->text_bytes = text.len;
    p->fds_count = 0;
    if (text.len > 0)
        memcpy(p->text, text.at, text.len);
    list_add_before(&e->outbox, &p->node);
    e->posts++;
    for (size_t i = 0; i < fds_count; i++) {
        int fd = sys_dup_cloexec(fds[i]);
        if (fd < 0) {
            free_post(e, p);
            return fd;
        }
        p->fds[p->fds_count++] = fd;
    }
    return 0;
}

/* ETOOMANYREFS: too many descriptors are under way; no event says when that is over. */
static bool is_later(int rc)
{
    return rc == -EAGAIN || rc == -ENOBUFS || rc == -ETOOMANYREFS;
}

static void wait_to_send(struct edge_place *e, int rc)
{
    if (rc == -EAGAIN)
        e->watch.ready &= ~(unsigned)LOOP_WRITE;
    else
        (void)timer_set(e->master->loop, &e->timer, RETRY_MS);
}

void edge_post_failed(struct edge_place *e, enum channel_kind kind, int error)
{
    if (error != -EPIPE && error != -ECONNRESET)         /* those two: it ended by itself */
        log_error("edge cannot be told", "edge=%u kind=%u error=%d", e->index, kind, -error);
    child_signal(&e->child, SIGKILL);
}

void edge_post(struct edge_place *e, struct channel_msg msg, struct span text, const int *fds, size_t fds_count)
{
    if (e->channel_fd < 0)
        return;
    msg.edge = e->index;
    msg.text_bytes = (uint32_t)text.len;
    bool has_queue = !list_empty(&e->outbox);
    int rc = has_queue ? -EAGAIN : channel_send(e->channel_fd, &msg, text, fds, fds_count);
    if (is_later(rc)) {
        if (!has_queue)
            wait_to_send(e, rc);
        rc = keep(e, &msg, text, fds, fds_count);
    }
    if (rc < 0)
        edge_post_failed(e, msg.kind, rc);
}

void edge_post_flush(struct edge_place *e)
{
    while (!list_empty(&e->outbox)) {
        struct post *p = container_of(e->outbox.next, struct post, node);
        int rc = channel_send(e->channel_fd, &p->msg, (struct span){ p->text, p->text_bytes },
                              p->fds, p->fds_count);
        if (is_later(rc)) {
            wait_to_send(e, rc);
            return;
        }
        if (rc < 0)
            edge_post_failed(e, p->msg.kind, rc);
        free_post(e, p);
    }
}

void edge_post_plain(struct edge_place *e, enum channel_kind kind)
{
    edge_post(e, (struct channel_msg){ .kind = kind }, SPAN(""), NULL, 0);
}

void edge_post_about(struct edge_place *e, enum channel_kind kind, const struct generation *g)
{
    edge_post(e, (struct channel_msg){ .kind = kind, .site = g->site->id, .generation = g->number }, SPAN(""), NULL, 0);
}
