/* pool_clock.c - what happens only because time passes: harakiri, looks at streams, sleeping.
 *
 * Bells make nearly all of this needless; what is here bounds the damage when one does not come.
 * The edge sleeps no longer than
 *   - 2 ms while an offer may have to be withdrawn, 1 ms while a stream is looked at,
 *   - a little while a busy worker may owe a bell (it rings after its next response, whenever
 *     that
 *     is): as long as nothing has moved already, from 2 to 100 ms,
 *   - until the next limit of a request, and 1 s with anything in hand.
 */
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "http/query_mask.h"
#include "link/pool_private.h"

/* ---- harakiri ---- */

static struct span request_line(const struct call *c, char *into, size_t cap_bytes)
{
    char target[900];
    if (!c)
        return SPAN("(cancelled)");
    (void)query_mask_log(target, sizeof target, c->request->target, span_of(c->secrets));
    int n = snprintf(into, cap_bytes, "%.*s %s", (int)c->request->method_name.len,
                     c->request->method_name.at, target);
    return (struct span){ into, n < 0 ? 0 : (size_t)n < cap_bytes ? (size_t)n : cap_bytes - 1 };
}

static void report_late(struct lease *l, int64_t ran_us)
{
    struct pool_worker *w = l->worker;
    char line[1024];
    struct span text = request_line(l->call, line, sizeof line);
    uint16_t mark = slot_unpack(atomic_load(&l->at->word)).thread;
    struct channel_msg msg = {
        .kind = CHANNEL_LATE, .generation = w->generation->number, .worker = w->index,
        .edge = w->generation->pool->edge, .pid = w->pid, .text_bytes = (uint32_t)text.len,
        .a = (uint16_t)(mark - yard_thread_mark(&w->generation->yard, w->index, 0)),
        .b = (uint64_t)ran_us / 1000,
    };
    pool_blame(w, &msg, text);
}

/* Never retried: it may be the very thing that makes workers late. */
static void end_late(struct lease *l, int64_t ran_us)
{
    struct pool *p = l->generation->pool;
    l->is_late = true;
    report_late(l, ran_us);
    struct call *c = l->call ? pool_detach(l) : NULL;
    lease_abandon(l);
    if (!c)
        return;
    c->app_us = (uint64_t)ran_us;
    pool_fail(p, c, CALL_LATE);
}

static void check_at(struct pool_generation *g, int64_t due_us)
{
    if (g->check_us > due_us)
        g->check_us = due_us;
}

static void check_running(struct lease *l)
{
    struct pool_generation *g = l->generation;
    struct pool *p = g->pool;
    int64_t limit_us = l->limit_us, ran_us;
    pool_look(l);
    if (l->state != LEASE_TAKEN)
        return;
    check_at(g, p->now_us + POOL_SLEEP_US);
    if (yard_is_held(&g->yard, l->worker->index)) {        /* its time begins anew afterwards */
        l->ran_from_us = p->now_us;
        l->was_held = true;
    }
    ran_us = p->now_us - l->ran_from_us;
    if (limit_us == 0 || l->is_blocked || l->is_starved || l->is_late)
        return;
    if (ran_us >= limit_us)
        end_late(l, ran_us);
    else
        check_at(g, p->now_us + (limit_us - ran_us));
}

/* All words in hand, also those of inherited slots, whose completions nobody is told of. */
void pool_check(struct pool_generation *g)
{
    struct list aside;
    if (g->pool->now_us < g->check_us)
        return;
    g->check_us = INT64_MAX;
    list_take_all(&g->running, &aside);
    while (!list_empty(&aside)) {
        struct lease *l = container_of(aside.next, struct lease, age);
        list_remove(&l->age);
        list_add_before(&g->running, &l->age);
        check_running(l);
    }
    list_take_all(&g->offered, &aside);
    while (!list_empty(&aside)) {
        struct lease *l = container_of(aside.next, struct lease, age);
        list_remove(&l->age);
        list_add_before(&g->offered, &l->age);
        pool_look(l);
        if (l->state == LEASE_OFFERED)
            check_at(g, g->pool->now_us + POOL_CHECK_US);
        if (l->state == LEASE_TAKEN)
            check_at(g, g->pool->now_us + POOL_SLEEP_US);
    }
    int64_t soonest_us = g->pool->now_us + POOL_CHECK_US;
    if (g->check_us < soonest_us)
        g->check_us = soonest_us;
}

/* ---- streams ---- */

void pool_look_polled(struct pool *p)
{
    if (p->now_us < p->look_us)
        return;
    p->look_us = p->now_us + POOL_LOOK_US;
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next) {
        struct pool_generation *g = container_of(n, struct pool_generation, node);
        struct list aside;
        list_take_all(&g->polled, &aside);
        while (!list_empty(&aside)) {
            struct lease *l = container_of(aside.next, struct lease, look);
            list_remove(&l->look);
            list_add_before(&g->polled, &l->look);
            pool_look(l);
        }
    }
}

/* ---- sleeping ---- */

static int64_t sooner(int64_t a, int64_t b)                /* -1 is never */
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int64_t until(const struct pool *p, int64_t due_us)
{
    return due_us > p->now_us ? due_us - p->now_us : 0;
}

/* The next entry of its ring, without taking it.  One that makes no sense is none. */
static bool has_posted(const struct pool_worker *w)
{
    const struct yard *y = &w->generation->yard;
    const struct yard_ring *r = yard_ring(y, w->index, w->generation->pool->edge);
    uint64_t entry = atomic_load_explicit(&r->entries[w->tail & (y->shape.ring - 1)],
                                          memory_order_acquire);
    return w->is_open && !w->is_blamed && (uint32_t)entry == (uint32_t)(w->tail + 1);
}

static bool has_any_posted(const struct pool_generation *g)
{
    for (struct list *n = g->busy.next; n != &g->busy; n = n->next)
        if (has_posted(container_of(n, struct pool_worker, busy)))
            return true;
    return false;
}

/* With one thread a worker may go on to the next request with a bell owed. */
static bool may_owe(const struct pool_generation *g)
{
    if (g->yard.shape.threads > 1)
        return false;
    for (struct list *n = g->busy.next; n != &g->busy; n = n->next)
        if (pool_total_in_hand(container_of(n, struct pool_worker, busy)) > 1)
            return true;
    return false;
}

static int64_t owed_wait(const struct pool *p)
{
    int64_t still_us = p->now_us - p->moved_us;
    return still_us < POOL_OWED_US ? POOL_OWED_US
                                   : still_us < POOL_CHECK_US ? still_us : POOL_CHECK_US;
}

static int64_t wait_of(const struct pool_generation *g)
{
    struct pool *p = g->pool;
    int64_t wait_us = POOL_SLEEP_US;
    if (g->in_hand == 0)
        return -1;
    wait_us = sooner(wait_us, pool_withdraw_wait(g));
    wait_us = sooner(wait_us, until(p, g->check_us));
    if (!list_empty(&g->polled))
        wait_us = sooner(wait_us, until(p, p->look_us));
    if (may_owe(g)) {
        p->slept_owed = true;
        wait_us = sooner(wait_us, owed_wait(p));
    }
    return wait_us;
}

static int64_t wait_of_all(struct pool *p)
{
    int64_t wait_us = -1;
    p->slept_owed = false;
    if (!list_empty(&p->looks) || !list_empty(&p->refused))
        return 0;
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next)
        wait_us = sooner(wait_us, wait_of(container_of(n, struct pool_generation, node)));
    if (!list_empty(&p->queue)) {
        const struct call *oldest = container_of(p->queue.next, struct call, node);
        int64_t due_us = oldest->submitted_us + p->conf->queue_timeout_ms * 1000;
        wait_us = sooner(wait_us, until(p, due_us));
    }
    if (p->yields)
        wait_us = sooner(wait_us, POOL_LOOK_US);
    if (p->is_clogged || p->owed > 0)
        wait_us = sooner(wait_us, POOL_AGAIN_US);
    return wait_us;
}

static void set_sleeps(struct pool_generation *g, bool sleeps)
{
    if (g->is_asleep == sleeps)
        return;
    g->is_asleep = sleeps;
    atomic_store_explicit(&yard_edge(&g->yard, g->pool->edge)->sleeps,
                          sleeps ? YARD_ASLEEP : YARD_AWAKE, memory_order_release);
}

static void all_awake(struct pool *p)
{
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next)
        set_sleeps(container_of(n, struct pool_generation, node), false);
}

int64_t pool_sleep(struct pool *p)
{
    int64_t wait_us = wait_of_all(p);
    bool came = false;
    p->bell_rang = false;
    p->slept_from_us = p->now_us;
    p->slept_us = 0;
    p->asked_us = wait_us;
    if (wait_us == 0)
        return 0;
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next) {
        struct pool_generation *g = container_of(n, struct pool_generation, node);
        set_sleeps(g, g->in_hand > 0);
    }
    atomic_thread_fence(memory_order_seq_cst);             /* between `sleeps` and the entries */
    for (struct list *n = p->generations.next; !came && n != &p->generations; n = n->next)
        came = has_any_posted(container_of(n, struct pool_generation, node));
    if (!came)
        return wait_us;
    all_awake(p);
    return 0;
}

void pool_wake(struct pool *p)
{
    p->now_us = loop_now_us(p->loop);
    p->slept_us = p->now_us - p->slept_from_us;
    all_awake(p);
}

/* A long sleep, to its end and without a bell, and yet there is something: it should have rung. */
void pool_note_found(struct pool *p, const struct pool_worker *w)
{
    p->moved_us = p->now_us;
    if (p->bell_rang || p->slept_owed || p->slept_us < POOL_LOST_US || p->slept_us < p->asked_us)
        return;
    p->slept_us = 0;
    p->stats.lost_bells++;
    log_warn("bell lost", "worker_pid=%d lost=%llu", w->pid,
             (unsigned long long)p->stats.lost_bells);
}
