/* pool_reply.c - what a slot's word and its ring say becomes head(), body(), file() and fail().
 *
 *     completion ring > pool_drain > pool_look > deliver_head > deliver_body ... > end
 *
 * Nothing a worker wrote is believed: words are loaded once and checked, the head is copied
 * before anybody parses it, and what is DONE is copied into the lease, so that it cannot change
 * any more.  While a callback runs the call belongs to nobody (pool.lent): it may cancel, resume,
 * submit others, even reuse its memory for the next request when this one ended.
 */
#include <assert.h>
#include <errno.h>
#include "base/sys.h"
#include "link/pool_private.h"

/* ---- lending the call to a callback ---- */

static struct call *lend(struct lease *l)
{
    struct pool *p = l->generation->pool;
    struct call *c = pool_detach(l);
    c->state = CALL_LENT;
    p->lent = c;
    p->lent_resumed = false;
    return c;
}

/* False: it was cancelled meanwhile. */
static bool take_back(struct lease *l, struct call *c)
{
    struct pool *p = l->generation->pool;
    if (p->lent != c)
        return false;
    p->lent = NULL;
    c->state = CALL_LEASED;
    c->lease = l;
    l->call = c;
    l->generation->calls++;
    if (c->body.is_stream) {          /* what came of it meanwhile */
        pool_body_awaits(p, c, c->body.is_awaited);
        pool_body_end(p, c, (enum frame_body_end)c->body.end);
    }
    return true;
}

/* The call is over, or the client gone: the slot goes its way alone. */
static void let_go(struct lease *l)
{
    l->generation->pool->lent = NULL;
    lease_abandon(l);
}

static void fail(struct lease *l, enum call_failure why)
{
    struct call *c = pool_detach(l);
    lease_abandon(l);
    pool_fail(l->generation->pool, c, why);
}

static void fail_broken(struct lease *l, const char *rule)
{
    if (l->worker->is_open && l->worker->pid == l->worker_pid)
        pool_broke(l->worker, rule);
    fail(l, CALL_BROKEN);
}

/* ---- files ---- */

static void keep_file(const struct pool_worker *w, struct frame_pass pass, int fd)
{
    struct pool_generation *g = w->generation;
    uint32_t first = g->pool->edge * g->yard.shape.slots, i = pass.slot - first;
    struct lease *l = pass.slot >= first && i < g->yard.shape.slots ? &g->leases[i] : NULL;
    bool is_wanted = l && l->worker == w && l->sequence == pass.sequence && l->file_fd < 0 &&
                     l->state != LEASE_FREE && l->state != LEASE_WRECKED;
    if (is_wanted)
        l->file_fd = fd;
    else
        (void)sys_close(fd);          /* of an exchange that nobody waits for any more */
}

/* What came for other slots is kept in their leases. */
static void receive_files(struct pool_worker *w)
{
    for (unsigned i = 0; i < POOL_FILES_AT_ONCE; i++) {
        struct frame_pass pass;
        int fds[SYS_FDS_MAX];
        size_t count = 0;
        ssize_t n = sys_recv_fds(w->passing_fd, &pass, sizeof pass, fds, &count, MSG_DONTWAIT);
        if (n == sizeof pass && count == 1) {
            keep_file(w, pass, fds[0]);
            continue;
        }
        while (count > 0)
            (void)sys_close(fds[--count]);
        if (n > 0 || n == -EMSGSIZE)
            pool_broke(w, "a message on the passing socket is no descriptor");
        return;
    }
}

/* NULL, or which rule the file breaks.  One that is shorter than promised breaks none: that is the
 * application's mistake, or somebody cut it meanwhile. */
static const char *check_file(const struct lease *l, bool *is_short)
{
    struct stat st;
    uint64_t end;
    if (l->file_fd < 0)
        return "a file was promised and did not come";
    if (sys_fstat(l->file_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return "what was passed is no regular file";
    if (__builtin_add_overflow(l->file_at, l->file_bytes, &end))
        return "a file has an impossible length";
    *is_short = end > (uint64_t)st.st_size;
    return NULL;
}

/* ---- head ---- */

static void end_without_head(struct lease *l)
{
    if (l->result == FRAME_CUT)
        fail(l, CALL_BROKEN);
    else
        fail_broken(l, "a response without a head");
}

/* Is it all there now?  Then how long is the body?  Else -1. */
static int64_t complete_bytes(const struct lease *l, uint32_t head_bytes)
{
    uint64_t all;
    if (l->state != LEASE_DONE || l->result != FRAME_OK ||
        __builtin_add_overflow(l->end - head_bytes, l->has_file ? l->file_bytes : 0, &all) ||
        all > INT64_MAX)
        return -1;
    return (int64_t)all;
}

/* Copies the head; its length, 0: not there yet, or negative: it cannot be one. */
static ssize_t copy_head(struct lease *l, unsigned *status)
{
    struct pool *p = l->generation->pool;
    struct span runs[2];
    ssize_t n = frame_readable(&l->generation->yard, l->slot, 0, runs);
    uint32_t bytes = atomic_load_explicit(&l->at->head_bytes, memory_order_relaxed);
    uint32_t code = atomic_load_explicit(&l->at->status, memory_order_relaxed);
    if (n < 0 || bytes == 0 || bytes > YARD_HEAD_BYTES || code < 100 || code > 999)
        return -EBADMSG;
    bool is_done = l->state == LEASE_DONE;
    if (runs[0].len < bytes || (is_done && l->end < bytes))
        return is_done ? -EBADMSG : 0;
    memcpy(p->head, runs[0].at, bytes);
    *status = code;
    return bytes;
}

/* True when the receiver has the head and wants the body. */
static bool deliver_head(struct lease *l)
{
    struct pool *p = l->generation->pool;
    uint32_t what = atomic_load_explicit(&l->at->what, memory_order_acquire);
    unsigned status = 0;
    if (!(what & FRAME_HAS_HEAD)) {
        if (l->state == LEASE_DONE)
            end_without_head(l);
        return false;
    }
    ssize_t bytes = copy_head(l, &status);
    if (bytes <= 0) {
        if (bytes < 0)
            fail_broken(l, "a head with impossible lengths");
        return false;
    }
    int64_t body_bytes = complete_bytes(l, (uint32_t)bytes);
    l->has_head = true;
    l->consumed = (uint64_t)bytes;    /* published with the first of the body */
    struct call *c = lend(l);
    int rc = c->to->head(c, status, (struct span){ p->head, (size_t)bytes }, body_bytes >= 0,
                         body_bytes);
    if (rc < 0 || !take_back(l, c)) {
        let_go(l);
        return false;
    }
    return true;
}

/* ---- body ---- */

/* What is readable, but of a slot in DONE no more than there was then. */
static ssize_t readable(const struct lease *l, struct span runs[2])
{
    ssize_t n = frame_readable(&l->generation->yard, l->slot, l->consumed, runs);
    if (n < 0 || l->state != LEASE_DONE)
        return n;
    uint64_t left = l->end - l->consumed;
    if ((uint64_t)n < left)
        return -EBADMSG;
    if (runs[0].len > left)
        runs[0].len = (size_t)left;
    if (runs[1].len > left - runs[0].len)
        runs[1].len = (size_t)left - runs[0].len;
    return (ssize_t)left;
}

static void want_bell(struct lease *l, bool wants)
{
    if (l->wants_bell == wants)
        return;
    l->wants_bell = wants;
    atomic_store_explicit(&l->at->edge_wants_bell, wants, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);             /* before the next look at `written` */
}

static void block(struct lease *l)
{
    struct pool *p = l->generation->pool;
    lease_stand(l, &l->is_blocked, true);
    list_remove(&l->look);
    if (l->state != LEASE_DONE)
        want_bell(l, false);
    if (p->lent_resumed)
        pool_resume(p, l->call);
}

static void poll_again(struct lease *l)
{
    if (list_empty(&l->look))
        list_add_before(&l->generation->polled, &l->look);
}

/* A stream that waits for its application.  Bytes that come often are fetched by looking once in a
 * while; after some looks in vain the worker shall ring.  True: look once more, now. */
static bool await_more(struct lease *l, size_t came)
{
    if (came > 0) {
        l->empty_looks = 0;
        want_bell(l, false);
        poll_again(l);
        return false;
    }
    if (l->wants_bell && l->empty_looks >= POOL_EMPTY_LOOKS)
        return false;
    if (++l->empty_looks < POOL_EMPTY_LOOKS) {
        want_bell(l, false);
        poll_again(l);
        return false;
    }
    want_bell(l, true);
    list_remove(&l->look);
    return true;
}

static void end_with_file(struct lease *l)
{
    uint64_t at = l->file_at, bytes = l->file_bytes;
    int fd = l->file_fd;
    l->file_fd = -1;
    struct call *c = pool_detach(l);
    lease_release(l);
    c->to->file(c, fd, at, bytes);
}

/* All ring bytes are taken: what else does DONE say? */
static void end(struct lease *l)
{
    if (l->result == FRAME_CUT)
        fail(l, CALL_CUT);
    else
        end_with_file(l);
}

/* Hands up what is there.  False: the call is over or blocked. */
static bool hand_up(struct lease *l, const struct span runs[2], size_t n, bool is_last)
{
    struct call *c = lend(l);
    ssize_t took = c->to->body(c, runs, is_last);
    assert(took <= (ssize_t)n);
    bool is_over = took < 0 || (is_last && (size_t)took == n);
    if (is_over || !take_back(l, c)) {
        let_go(l);
        return false;
    }
    l->consumed += (size_t)took;
    if (l->state != LEASE_DONE)
        frame_consumed(&l->generation->yard, l->slot, l->consumed);
    if ((size_t)took < n)
        block(l);
    return (size_t)took == n;
}

/* True: look once more. */
static bool deliver_body(struct lease *l)
{
    struct span runs[2];
    bool is_done = l->state == LEASE_DONE;
    bool is_last = is_done && l->result == FRAME_OK && !l->has_file;
    ssize_t n = readable(l, runs);
    if (n < 0) {
        fail_broken(l, "an impossible position in the ring");
        return false;
    }
    if ((n > 0 || is_last) && !hand_up(l, runs, (size_t)n, is_last))
        return false;
    if (!is_done)
        return await_more(l, (size_t)n);
    end(l);
    return false;
}

static void note_reading(struct lease *l)
{
    struct call *c = l->call;
    if (!c->body.asks || c->body.was_read ||
        atomic_load_explicit(&l->at->reads_body, memory_order_acquire) == 0)
        return;
    c->body.was_read = true;
    if (c->to->reads_body)
        c->to->reads_body(c);
}

static void deliver(struct lease *l)
{
    note_reading(l);
    if (!l->has_head && !deliver_head(l))
        return;
    if (deliver_body(l))
        (void)deliver_body(l);        /* what came before the wish for a bell was seen */
}

/* ---- the word ---- */

static void note_run(struct pool *p, uint32_t run_us)
{
    int64_t sample = (int64_t)run_us * 256 + 1, average = (int64_t)p->run_us_256;
    p->run_us_256 = (uint64_t)(average == 0 ? sample : average + (sample - average) / 16);
}

/* The worker let go: copies what it left, once. */
static void note_done(struct lease *l)
{
    struct pool_generation *g = l->generation;
    struct yard_slot *s = l->at;
    uint32_t run_us = atomic_load_explicit(&s->run_us, memory_order_relaxed);
    int64_t most_us = g->pool->now_us - l->offered_us;
    if (run_us > most_us)
        run_us = most_us > 0 ? (uint32_t)most_us : 0;
    l->result = atomic_load_explicit(&s->result, memory_order_relaxed);
    l->end = atomic_load_explicit(&s->written, memory_order_acquire);
    l->has_file = atomic_load_explicit(&s->what, memory_order_acquire) & FRAME_HAS_FILE;
    l->file_at = atomic_load_explicit(&s->file_at, memory_order_relaxed);
    l->file_bytes = atomic_load_explicit(&s->file_bytes, memory_order_relaxed);
    l->worker->is_suspect = false;
    lease_leave_hands(l);
    l->state = LEASE_DONE;
    list_add_before(&g->done, &l->node);
    list_remove(&l->look);
    if (l->has_file && l->file_fd < 0)
        receive_files(l->worker);
    if (!l->call)
        return;
    l->call->app_us = run_us;
    g->pool->stats.served++;
    if (!l->was_held)
        note_run(g->pool, run_us);
}

/* NULL, or what is wrong with what it left. */
static const char *check_done(const struct lease *l, bool *is_short)
{
    if (l->result > FRAME_CUT)
        return "a response with an impossible result";
    return l->has_file ? check_file(l, is_short) : NULL;
}

/* Only forward, only with our sequence, only by the worker that has it. */
static bool is_sound(const struct lease *l, struct slot_word w)
{
    if (w.sequence != l->sequence)
        return false;
    if (w.state == SLOT_OFFERED)
        return l->state == LEASE_OFFERED;
    bool is_forward = w.state == SLOT_DONE || (w.state == SLOT_TAKEN && l->state != LEASE_DONE);
    return is_forward && yard_worker_of_mark(&l->generation->yard, w.thread) == l->worker->index;
}

static void look_at_done(struct lease *l)
{
    note_done(l);
    bool is_short = false;
    const char *rule = l->call ? check_done(l, &is_short) : NULL;
    if (rule)
        fail_broken(l, rule);
    else if (is_short)
        fail(l, l->has_head ? CALL_CUT : CALL_BROKEN);
    else if (!l->call)
        lease_release(l);
    else if (!l->is_blocked)
        deliver(l);
}

void pool_look(struct lease *l)
{
    if (l->state == LEASE_FREE || l->state == LEASE_WRECKED)
        return;
    struct slot_word w = slot_unpack(atomic_load_explicit(&l->at->word, memory_order_acquire));
    if (!is_sound(l, w)) {
        lease_wreck(l, "a slot's word makes no sense");
        return;
    }
    if (w.state == SLOT_OFFERED)
        return;
    if (w.state == SLOT_DONE && l->state != LEASE_DONE) {
        look_at_done(l);
        return;
    }
    if (l->state == LEASE_OFFERED)
        lease_seen_taken(l);
    if (l->call && !l->is_blocked)
        deliver(l);
}

void pool_drain(struct pool_worker *w)
{
    struct pool_generation *g = w->generation;
    uint32_t first = g->pool->edge * g->yard.shape.slots;
    int64_t slot = -EAGAIN;
    for (uint32_t i = 0; w->is_open && i < g->yard.shape.ring; i++) {
        slot = frame_next_posted(&g->yard, w->index, g->pool->edge, &w->tail);
        if (slot < 0)
            break;
        pool_note_found(g->pool, w);
        pool_look(&g->leases[(uint32_t)slot - first]);
    }
    if (slot == -EBADMSG && !w->is_blamed)
        pool_broke(w, "an entry of the completion ring makes no sense");
}
