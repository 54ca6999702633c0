/* worker_edge.c - plays the edge for the tests of the worker: one worker, one edge, no network.
 *
 * Built by worker_harness.py with src/link and src/base into a library for ctypes.  Everything
 * is kept in one struct; a request is offered, its bytes are taken as they come, its slot is
 * released.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include "base/sys.h"
#include "link/frame.h"

struct edge {
    struct yard yard;
    int yard_fd, intake[2], bell, passing[2];        /* [0] is the worker's end of both */
    uint64_t tail, tickets;
};

struct edge_answer {
    uint32_t state, status, head_bytes, result, what;
    uint64_t written, file_at, file_bytes;
};

struct edge *edge_new(unsigned threads)
{
    struct edge *e = calloc(1, sizeof *e);
    struct yard_shape shape = yard_shape_for(1, 1, threads);
    if (!e || yard_make(&e->yard, &shape, 1, &e->yard_fd) < 0 || sys_pipe(e->intake, 0) < 0 ||
        sys_socketpair(SOCK_SEQPACKET, e->passing) < 0)
        abort();
    e->bell = sys_eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return e;
}

/* Descriptors for the worker: yard, intake, bell, passing. */
void edge_fds(const struct edge *e, int fds[4])
{
    fds[0] = e->yard_fd;
    fds[1] = e->intake[0];
    fds[2] = e->bell;
    fds[3] = e->passing[0];
}

/* The worker has them now. */
void edge_let_go(struct edge *e, int pid)
{
    (void)sys_close(e->intake[0]);
    (void)sys_close(e->passing[0]);
    e->tail = frame_meet(&e->yard, 0, 0, pid);
}

void edge_close_intake(struct edge *e)
{
    (void)sys_close(e->intake[1]);
    e->intake[1] = -1;
}

void edge_free(struct edge *e)
{
    edge_close_intake(e);
    (void)sys_close(e->passing[1]);
    (void)sys_close(e->bell);
    (void)sys_close(e->yard_fd);
    yard_done(&e->yard);
    free(e);
}

/* body_fd: -1, or a file with the body.  0 or -errno. */
int edge_offer(struct edge *e, uint32_t slot, const char *vars, size_t vars_bytes, const char *body,
               size_t body_bytes, int body_fd)
{
    struct yard_slot *s = yard_slot(&e->yard, slot);
    uint64_t word;
    frame_prepare(&e->yard, slot);
    memcpy(yard_request(&e->yard, slot), vars, vars_bytes);
    s->vars_bytes = (uint32_t)vars_bytes;
    s->body_bytes = body_bytes;
    s->body_kind = body_fd >= 0 ? FRAME_BODY_FD
                 : body_bytes > 0 ? FRAME_BODY_INLINE : FRAME_BODY_NONE;
    if (s->body_kind == FRAME_BODY_INLINE)
        memcpy(yard_request(&e->yard, slot) + vars_bytes, body, body_bytes);
    if (!slot_try(&s->word, SLOT_OFFER, 0, 0, &word))
        return -EBUSY;
    struct ticket t = { slot, slot_unpack(word).sequence };
    struct frame_pass pass = { t.slot, t.sequence };
    if (body_fd >= 0 && sys_send_fds(e->passing[1], &pass, sizeof pass, &body_fd, 1, 0) < 0)
        return -EIO;
    ssize_t sent = sys_write(e->intake[1], &t, sizeof t);
    atomic_store(&yard_hand(&e->yard, 0, 0)->tickets, ++e->tickets);
    return sent == sizeof t ? 0 : -EIO;
}

/* The next slot with news, or -ETIMEDOUT. */
int64_t edge_wait(struct edge *e, int timeout_ms)
{
    struct yard_edge *line = yard_edge(&e->yard, 0);
    int64_t deadline_us = sys_now_us() + (int64_t)timeout_ms * 1000;
    int64_t slot = frame_next_posted(&e->yard, 0, 0, &e->tail);
    while (slot == -EAGAIN && sys_now_us() < deadline_us) {
        struct pollfd want = { .fd = e->bell, .events = POLLIN };
        uint64_t rung;
        atomic_store(&line->sleeps, YARD_ASLEEP);
        slot = frame_next_posted(&e->yard, 0, 0, &e->tail);
        if (slot == -EAGAIN)
            (void)sys_poll(&want, 1, (int)((deadline_us - sys_now_us()) / 1000) + 1);
        atomic_store(&line->sleeps, YARD_AWAKE);
        (void)sys_read(e->bell, &rung, sizeof rung);
        if (slot == -EAGAIN)
            slot = frame_next_posted(&e->yard, 0, 0, &e->tail);
    }
    return slot == -EAGAIN ? -ETIMEDOUT : slot;
}

void edge_look(const struct edge *e, uint32_t slot, struct edge_answer *a)
{
    struct yard_slot *s = yard_slot(&e->yard, slot);
    a->state = slot_unpack(atomic_load(&s->word)).state;
    a->written = atomic_load(&s->written);
    a->status = s->status;
    a->head_bytes = s->head_bytes;
    a->result = s->result;
    a->what = s->what;
    a->file_at = s->file_at;
    a->file_bytes = s->file_bytes;
}

/* Copies what there is from `from` on and tells the worker that it may be overwritten.  Bytes or
 * -EBADMSG. */
ssize_t edge_take(const struct edge *e, uint32_t slot, uint64_t from, char *into)
{
    struct span runs[2];
    ssize_t got = frame_readable(&e->yard, slot, from, runs);
    if (got <= 0)
        return got;
    memcpy(into, runs[0].at, runs[0].len);
    memcpy(into + runs[0].len, runs[1].at, runs[1].len);
    frame_consumed(&e->yard, slot, from + (uint64_t)got);
    return got;
}

int edge_cancel(const struct edge *e, uint32_t slot)
{
    return frame_cancel(&e->yard, slot, NULL);
}

int edge_release(const struct edge *e, uint32_t slot)
{
    return slot_try(&yard_slot(&e->yard, slot)->word, SLOT_RELEASE, 0, 0, NULL);
}

/* The file of a response, or -errno. */
int edge_file(const struct edge *e)
{
    struct frame_pass pass;
    int fds[SYS_FDS_MAX];
    size_t count;
    ssize_t got = sys_recv_fds(e->passing[1], &pass, sizeof pass, fds, &count, MSG_DONTWAIT);
    return got == sizeof pass && count == 1 ? fds[0] : -ENOENT;
}

/* The same request `count` times, `depth` of them under way; -errno when one is not answered by
 * 200. */
int edge_flood(struct edge *e, unsigned count, unsigned depth, const char *vars, size_t vars_bytes)
{
    unsigned offered = 0, done = 0;
    int rc = 0;
    for (; offered < depth && offered < count && rc == 0; offered++)
        rc = edge_offer(e, offered, vars, vars_bytes, "", 0, -1);
    while (rc == 0 && done < count) {
        struct edge_answer a;
        int64_t slot = edge_wait(e, 10000);
        if (slot < 0)
            return (int)slot;
        edge_look(e, (uint32_t)slot, &a);
        if (a.state != SLOT_DONE)
            continue;
        if (a.status != 200 || a.result != FRAME_OK || !edge_release(e, (uint32_t)slot))
            return -EBADMSG;
        done++;
        if (offered++ < count)
            rc = edge_offer(e, (uint32_t)slot, vars, vars_bytes, "", 0, -1);
    }
    return rc;
}
