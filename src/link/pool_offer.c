/* pool_offer.c - which worker gets the next request, how it gets there, and how it is taken back.
 *
 * Choice  fewest requests in hand (of all edges), then most recently used: its caches are warm
 *         and the idle ones may sleep.  An offer goes as deep as keeps about 1 ms of work there:
 *         a depth of 1 costs a fifth of Django's speed on a shared core, more than 8 gains
 *         nothing.
 * Order   variables and body into the slot, a descriptor on the passing socket, OFFER, and at the
 *         turn's end all tickets of a worker in one write.
 */
#include <errno.h>
#include "base/sys.h"
#include "link/pool_private.h"
#include "wire/uwsgi.h"

/* ---- the choice ---- */

unsigned pool_total_in_hand(const struct pool_worker *w)
{
    const struct pool_generation *g = w->generation;
    unsigned total = w->in_hand;
    for (unsigned e = 0; e < g->pool->edges; e++) {
        if (e == g->pool->edge)
            continue;
        uint32_t others = atomic_load_explicit(&yard_hand(&g->yard, w->index, e)->in_hand,
                                               memory_order_acquire);
        total += others < YARD_SLOTS_MAX ? others : YARD_SLOTS_MAX;
    }
    return total;
}

/* How many offers one worker may have. */
static unsigned depth(const struct pool_generation *g)
{
    int64_t run_us = pool_run_us(g->pool);
    unsigned ahead = run_us > 0 && run_us < POOL_AHEAD_US ? (unsigned)(POOL_AHEAD_US / run_us) : 1;
    if (ahead > YARD_DEPTH_MAX)
        ahead = YARD_DEPTH_MAX;
    return ahead > g->yard.shape.threads ? ahead : g->yard.shape.threads;
}

static unsigned waiting_edges(const struct pool_generation *g)
{
    unsigned waiting = 0;
    for (unsigned e = 0; e < g->pool->edges; e++)
        if (e != g->pool->edge)
            waiting += atomic_load_explicit(&yard_edge(&g->yard, e)->waits,
                                            memory_order_acquire) != 0;
    return waiting;
}

/* Who gets hands back could always use them first.  So while others wait each keeps to its share,
 * and where there are fewer hands than edges, leaves those that just became free to the others. */
static bool has_its_share(struct pool_generation *g, unsigned most)
{
    unsigned waiting = g->pool->edges > 1 ? waiting_edges(g) : 0;
    if (waiting == 0)
        return false;
    unsigned share = g->open_count * most / (waiting + 1);
    if (share == 0 && g->is_lowered)
        g->pool->yields = true;       /* looks again soon: perhaps nobody wanted them */
    return (g->in_hand > 0 && g->in_hand >= share) || (share == 0 && g->is_lowered);
}

/* NULL: all have as much in hand as they may. */
static struct pool_worker *choose(const struct pool_generation *g, unsigned most)
{
    struct pool_worker *best = NULL;
    for (unsigned n = 0; n < most && n < g->buckets_count; n++)
        for (struct list *at = g->buckets[n].next; at != &g->buckets[n]; at = at->next) {
            struct pool_worker *w = container_of(at, struct pool_worker, bucket);
            unsigned total = pool_total_in_hand(w);
            if (w->is_clogged || total >= most ||
                (w->is_suspect && total >= g->yard.shape.threads))
                continue;
            best = w;
            most = total;
            if (total <= n)
                return w;             /* no other can have fewer */
        }
    return best;
}

/* One that could start at once, besides `w`. */
static bool has_idle(const struct pool_generation *g, const struct pool_worker *besides)
{
    unsigned threads = g->yard.shape.threads;
    for (unsigned n = 0; n < threads && n < g->buckets_count; n++)
        for (struct list *at = g->buckets[n].next; at != &g->buckets[n]; at = at->next) {
            const struct pool_worker *w = container_of(at, struct pool_worker, bucket);
            if (w != besides && !w->is_suspect && pool_total_in_hand(w) < threads)
                return true;
        }
    return false;
}

static bool has_better(const struct pool_generation *g, const struct pool_worker *than)
{
    const struct pool_worker *w = choose(g, depth(g));
    return w && w != than && !w->is_suspect &&
           pool_total_in_hand(w) < pool_total_in_hand(than);
}

/* ---- the request into a slot ---- */

static int write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = sys_write(fd, bytes.at, bytes.len);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        bytes = span_skip(bytes, (size_t)n);
    }
    return 0;
}

static int memfd_of(struct span bytes)
{
    int fd = sys_memfd("slipway-body", 0);
    int rc = fd < 0 ? fd : write_all(fd, bytes);
    if (rc < 0 && fd >= 0)
        (void)sys_close(fd);
    return rc < 0 ? rc : fd;
}

/* -EAGAIN: the socket is full; -EPIPE: nobody is there. */
static int pass(const struct pool_worker *w, struct frame_pass what, int fd)
{
    ssize_t rc = sys_send_fds(w->passing_fd, &what, sizeof what, &fd, 1, MSG_DONTWAIT);
    if (rc == -ETOOMANYREFS || rc == -ENOBUFS)
        return -EAGAIN;
    if (rc == -ECONNRESET || rc == -ECONNREFUSED || rc == -ENOTCONN)
        return -EPIPE;
    return rc < 0 ? (int)rc : 0;
}

/* The worker drops a descriptor whose offer never comes. */
static int pass_body(const struct pool_worker *w, struct frame_pass what, const struct call_body *b)
{
    if (b->memory.len == 0)
        return pass(w, what, b->fd);
    int fd = memfd_of(b->memory);
    if (fd < 0)
        return -ENOMEM;
    int rc = pass(w, what, fd);
    (void)sys_close(fd);
    return rc;
}

static int write_body(struct lease *l, const struct pool_worker *w, const struct call_body *b,
                      uint32_t sequence)
{
    struct yard_slot *s = l->at;
    s->body_bytes = (uint64_t)b->bytes;
    s->body_kind = FRAME_BODY_NONE;
    if (b->bytes == 0)
        return 0;
    if (b->memory.len > 0 && b->memory.len <= YARD_REQUEST_BYTES - s->vars_bytes) {
        memcpy(yard_request(&w->generation->yard, l->slot) + s->vars_bytes, b->memory.at,
               b->memory.len);
        s->body_kind = FRAME_BODY_INLINE;
        return 0;
    }
    s->body_kind = b->is_stream ? FRAME_BODY_STREAM : FRAME_BODY_FD;
    s->body_asks = b->asks;
    atomic_store_explicit(&s->body_end, b->end, memory_order_relaxed);
    return pass_body(w, (struct frame_pass){ l->slot, sequence }, b);
}

/* 0, -EMSGSIZE (too large), -EAGAIN (this worker's socket is full), -EPIPE (it is gone), -ESTALE
 * (the slot's word is being wrecked), or -errno of what the body took. */
static int write_request(struct lease *l, const struct pool_worker *w, const struct call *c,
                         uint32_t *sequence)
{
    const struct yard *y = &w->generation->yard;
    struct slot_word word = slot_unpack(atomic_load(&l->at->word));
    uint64_t next;
    if (word.sequence != l->sequence || !slot_next(slot_pack(word), SLOT_OFFER, 0, 0, &next)) {
        lease_mend(l);                /* some worker wrote where it must not */
        word = (struct slot_word){ .sequence = l->sequence };
        (void)slot_next(slot_pack(word), SLOT_OFFER, 0, 0, &next);
    }
    *sequence = slot_unpack(next).sequence;
    frame_prepare(y, l->slot);
    ssize_t vars = uwsgi_put_request(yard_request(y, l->slot), YARD_REQUEST_BYTES, c->request,
                                     c->mount, c->body.bytes);
    if (vars < 0)
        return (int)vars;
    l->at->vars_bytes = (uint32_t)vars;
    int rc = write_body(l, w, &c->body, *sequence);
    if (rc < 0)
        return rc;
    bool is_offered = slot_try(&l->at->word, SLOT_OFFER, 0, 0, &next);
    return is_offered && slot_unpack(next).sequence == *sequence ? 0 : -ESTALE;
}

/* ---- offering ---- */

static void put_back(struct lease *l)
{
    list_add_after(&l->generation->spare, &l->node);
    l->generation->spare_count++;
}

/* The request did not get into the slot or to the worker: what now? */
static void cope(struct lease *l, struct pool_worker *w, struct call *c, int rc)
{
    struct pool *p = w->generation->pool;
    put_back(l);
    if (rc == -EAGAIN || rc == -ESTALE)
        p->is_clogged = w->is_clogged = true;
    if (rc == -EPIPE)
        pool_rest(w);                 /* the master will say that it died */
    if (rc == -ESTALE || rc == -EAGAIN || rc == -EPIPE)
        pool_requeue(p, c);
    else
        pool_fail(p, c, rc == -EMSGSIZE ? CALL_TOO_LARGE : CALL_NO_MEMORY);
}

/* False: no hands or no slot are free. */
static bool offer_next(struct pool_generation *g)
{
    uint32_t sequence = 0;
    unsigned most = depth(g);
    struct pool_worker *w = has_its_share(g, most) ? NULL : choose(g, most);
    struct lease *l = w ? lease_spare(g) : NULL;
    if (!l)
        return false;
    struct call *c = pool_next(g->pool);
    int rc = write_request(l, w, c, &sequence);
    if (rc == 0)
        lease_offer(l, w, c, sequence);
    else
        cope(l, w, c, rc);
    return true;
}

static void offer_all(struct pool_generation *g)
{
    while (!list_empty(&g->pool->queue))
        if (!offer_next(g))
            return;
}

void pool_dispatch(struct pool *p)
{
    struct pool_generation *g = p->current;
    p->yields = false;
    if (!g)
        return;
    offer_all(g);
    bool waits = !list_empty(&p->queue);
    if (p->edges == 1 || waits == g->is_waiting)
        return;
    g->is_waiting = waits;
    atomic_store_explicit(&yard_edge(&g->yard, p->edge)->waits, waits, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    offer_all(g);                     /* hands that became free before the word was out */
}

static void write_tickets(struct pool_worker *w)
{
    struct pool_generation *g = w->generation;
    struct ticket tickets[YARD_THREADS_MAX];
    struct list *from = &w->hands;
    size_t count = 0;
    while (count < ARRAY_LEN(tickets) && from->prev != &w->hands &&
           !lease_of(from->prev)->is_ticketed) {
        from = from->prev;
        count++;
    }
    if (count == 0)
        return;
    struct list *at = from;
    for (size_t i = 0; i < count; i++, at = at->next)
        tickets[i] = (struct ticket){ lease_of(at)->slot, lease_of(at)->sequence };
    ssize_t rc = sys_write(w->intake_fd, tickets, count * sizeof tickets[0]);
    if (rc < 0) {                     /* either takes them back */
        if (rc == -EPIPE)
            pool_rest(w);             /* it leaves: the master will say when it is dead */
        else
            pool_broke(w, "its intake takes no tickets");
        return;
    }
    for (at = from; at != &w->hands; at = at->next)
        lease_of(at)->is_ticketed = true;
    struct yard_hand *hand = yard_hand(&g->yard, w->index, g->pool->edge);
    uint64_t before = atomic_load_explicit(&hand->tickets, memory_order_relaxed);
    atomic_store_explicit(&hand->tickets, before + count, memory_order_release);
    g->pool->moved_us = g->pool->now_us;
}

void pool_write_tickets(struct pool_generation *g)
{
    while (!list_empty(&g->fresh)) {
        struct pool_worker *w = container_of(g->fresh.next, struct pool_worker, fresh);
        list_remove(&w->fresh);
        write_tickets(w);
    }
}

/* ---- taking back ---- */

void pool_withdraw_all(struct pool_worker *w)
{
    for (struct list *at = w->hands.prev, *next; at != &w->hands; at = next) {
        next = at->prev;              /* the newest first, so that the queue keeps the order */
        if (lease_of(at)->state == LEASE_OFFERED)
            (void)lease_withdraw(lease_of(at));
    }
}

/* Could it start elsewhere, after having waited so long?  (At least POOL_WITHDRAW_US.) */
static bool has_other(const struct lease *l, int64_t waited_us)
{
    const struct pool_generation *current = l->generation->pool->current;
    if (!current)
        return false;
    return has_idle(current, l->worker) ||
           (waited_us >= POOL_WITHDRAW_BUSY_US && has_better(current, l->worker));
}

static void take_back(struct lease *l)
{
    struct pool_worker *w = l->worker;
    if (!has_other(l, l->generation->pool->now_us - l->offered_us) || !lease_withdraw(l))
        return;
    l->generation->pool->stats.withdrawn++;
    w->is_suspect = true;
    pool_place(w);
}

void pool_withdraw_due(struct pool_generation *g)
{
    int64_t due_us = g->pool->now_us - POOL_WITHDRAW_US;
    struct list *at, *next;
    for (at = g->offered.next; at != &g->offered; at = next) {
        struct lease *l = container_of(at, struct lease, age);
        struct slot_word word = slot_unpack(atomic_load(&l->at->word));
        next = at->next;
        if (l->offered_us > due_us)
            break;
        if (word.state == SLOT_TAKEN && word.sequence == l->sequence)
            lease_seen_taken(l);
    }
    for (at = at->prev; at != &g->offered; at = next) {
        next = at->prev;
        take_back(container_of(at, struct lease, age));
    }
}

/* When the oldest offer that could go elsewhere is due; those behind it wait no longer. */
int64_t pool_withdraw_wait(const struct pool_generation *g)
{
    if (list_empty(&g->offered))
        return -1;
    const struct lease *l = container_of(g->offered.next, struct lease, age);
    int64_t waited_us = g->pool->now_us - l->offered_us, wait_us = -1;
    if (has_other(l, POOL_WITHDRAW_US))
        wait_us = POOL_WITHDRAW_US - waited_us;
    else if (has_other(l, POOL_WITHDRAW_BUSY_US))
        wait_us = POOL_WITHDRAW_BUSY_US - waited_us;
    else
        return -1;
    return wait_us > POOL_LOOK_US ? wait_us : POOL_LOOK_US;
}

void pool_ring_waiting(struct pool_generation *g)
{
    static const uint64_t one = 1;
    struct pool *p = g->pool;
    if (!g->is_lowered)
        return;
    g->is_lowered = false;
    if (p->edges == 1)
        return;
    atomic_thread_fence(memory_order_seq_cst);             /* between in_hand and their `waits` */
    for (unsigned e = 0; e < p->edges; e++)
        if (e != p->edge && atomic_load(&yard_edge(&g->yard, e)->waits) != 0)
            (void)sys_write(g->bell_fds[e], &one, sizeof one);     /* full: it is ringing */
}
