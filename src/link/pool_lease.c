/* pool_lease.c - a slot's way: spare > offered > taken > done > spare, and what goes wrong on it.
 *
 * The edge's copy (struct lease) and the word in the yard take each step together: the word by
 * slot_try, whose answer decides.  Spare slots are reused last in, first out, so that few have
 * pages.
 */
#include "base/log.h"
#include "base/sys.h"
#include "link/pool_private.h"

struct lease *lease_spare(struct pool_generation *g)
{
    struct list *from = list_empty(&g->spare) ? &g->clean : &g->spare;
    if (list_empty(from))
        return NULL;
    struct lease *l = lease_of(from->next);
    list_remove(&l->node);
    g->spare_count -= from == &g->spare;
    return l;
}

static void publish_in_hand(const struct pool_worker *w)
{
    const struct pool_generation *g = w->generation;
    struct yard_hand *hand = yard_hand(&g->yard, w->index, g->pool->edge);
    atomic_store_explicit(&hand->in_hand, w->in_hand, memory_order_release);
}

void lease_into_hands(struct lease *l, struct pool_worker *w)
{
    struct pool_generation *g = w->generation;
    l->worker = w;
    list_add_before(&w->hands, &l->node);
    if (w->in_hand++ == 0)
        list_add_before(&g->busy, &w->busy);
    g->in_hand++;
    publish_in_hand(w);
    pool_place(w);
}

void lease_offer(struct lease *l, struct pool_worker *w, struct call *c, uint32_t sequence)
{
    struct pool_generation *g = w->generation;
    int64_t now_us = g->pool->now_us;
    l->sequence = sequence;
    l->worker_pid = w->pid;
    l->state = LEASE_OFFERED;
    l->call = c;
    l->limit_us = c->harakiri_ms * 1000;
    l->is_ticketed = l->has_head = l->is_blocked = l->is_late = l->has_file = false;
    l->is_starved = c->body.is_awaited;
    l->was_held = false;
    l->wants_bell = true;             /* frame_prepare set it */
    l->empty_looks = 0;
    l->consumed = 0;
    l->offered_us = now_us;
    list_add_before(&g->offered, &l->age);
    if (list_empty(&w->fresh))
        list_add_before(&g->fresh, &w->fresh);
    lease_into_hands(l, w);
    g->calls++;
    if (g->check_us > now_us + POOL_CHECK_US)
        g->check_us = now_us + POOL_CHECK_US;
    c->lease = l;
    c->state = CALL_LEASED;
    c->offered_us = now_us;
    c->queue_us = now_us > c->submitted_us ? (uint64_t)(now_us - c->submitted_us) : 0;
    c->worker_pid = w->pid;
    c->generation = g->number;
}

struct call *pool_detach(struct lease *l)
{
    struct call *c = l->call;
    l->call = NULL;
    l->generation->calls--;
    c->lease = NULL;
    c->state = CALL_OUT;
    return c;
}

/* Here the clock of harakiri starts.  It is the edge's: a worker cannot move it. */
void lease_seen_taken(struct lease *l)
{
    struct pool_generation *g = l->generation;
    int64_t limit_us = l->limit_us, now_us = g->pool->now_us;
    l->state = LEASE_TAKEN;
    l->ran_from_us = l->stood_us = now_us;
    list_remove(&l->age);
    list_add_before(&g->running, &l->age);
    if (l->call)
        l->call->taken_seen_us = now_us;
    if (limit_us > 0 && g->check_us > now_us + limit_us)
        g->check_us = now_us + limit_us;
}

void lease_stand(struct lease *l, bool *why, bool stands)
{
    struct pool_generation *g = l->generation;
    int64_t now_us = g->pool->now_us;
    bool stood = l->is_blocked || l->is_starved;
    *why = stands;
    if (stood == (l->is_blocked || l->is_starved))
        return;
    if (!stood) {
        l->stood_us = now_us;
        return;
    }
    l->ran_from_us += now_us - l->stood_us;
    if (g->check_us > now_us + POOL_CHECK_US)
        g->check_us = now_us + POOL_CHECK_US;
}

void lease_leave_hands(struct lease *l)
{
    struct pool_worker *w = l->worker;
    list_remove(&l->node);
    list_remove(&l->age);
    if (--w->in_hand == 0)
        list_remove(&w->busy);
    w->generation->in_hand--;
    w->generation->is_lowered = true;
    publish_in_hand(w);
    pool_place(w);
}

/* Its word is FREE, it is in no list. */
static void free_lease(struct lease *l)
{
    struct pool_generation *g = l->generation;
    struct pool *p = g->pool;
    list_remove(&l->look);
    (void)sys_close(l->file_fd);
    l->file_fd = -1;
    l->state = LEASE_FREE;
    l->worker = NULL;
    l->freed_us = p->now_us;
    list_add_after(&g->spare, &l->node);
    if (++g->spare_count > POOL_TRIM_KEEP && p->trim.due_ms == 0)
        (void)timer_set(p->loop, &p->trim, POOL_TRIM_MS);  /* no memory: another time */
}

void lease_release(struct lease *l)
{
    if (!slot_try(&l->at->word, SLOT_RELEASE, 0, 0, NULL)) {
        lease_wreck(l, "a finished slot changed its state");
        return;
    }
    list_remove(&l->node);
    free_lease(l);
}

bool lease_withdraw(struct lease *l)
{
    struct pool *p = l->generation->pool;
    if (!slot_try(&l->at->word, SLOT_WITHDRAW, 0, 0, NULL))
        return false;
    if (l->call)
        pool_requeue(p, pool_detach(l));
    lease_leave_hands(l);
    free_lease(l);
    return true;
}

void lease_abandon(struct lease *l)
{
    if (l->state == LEASE_FREE || l->state == LEASE_WRECKED)
        return;
    if (l->state == LEASE_DONE) {
        lease_release(l);
        return;
    }
    if (l->state == LEASE_OFFERED && lease_withdraw(l))
        return;
    if (!frame_cancel(&l->generation->yard, l->slot, NULL)) {
        pool_look(l);                 /* it finished meanwhile */
        return;
    }
    if (l->state == LEASE_OFFERED)
        lease_seen_taken(l);
    lease_stand(l, &l->is_blocked, false);
    lease_stand(l, &l->is_starved, false);
    list_remove(&l->look);
}

void lease_mend(struct lease *l)
{
    log_error("slot mended", "generation=%u slot=%u", l->generation->number, l->slot);
    atomic_store(&l->at->word, slot_pack((struct slot_word){ .sequence = l->sequence }));
}

void lease_reclaim(struct lease *l)
{
    if (l->state == LEASE_WRECKED || !slot_try(&l->at->word, SLOT_RECLAIM, 0, 0, NULL))
        lease_mend(l);                /* who wrecked it is dead */
    if (l->state == LEASE_WRECKED)
        list_remove(&l->node);
    else
        lease_leave_hands(l);
    free_lease(l);
}

void lease_wreck(struct lease *l, const char *why)
{
    struct pool_worker *w = l->worker;
    struct call *c = l->call ? pool_detach(l) : NULL;
    if (l->state == LEASE_OFFERED || l->state == LEASE_TAKEN)
        lease_leave_hands(l);
    else
        list_remove(&l->node);
    list_remove(&l->look);
    l->state = LEASE_WRECKED;
    list_add_before(&w->wrecks, &l->node);
    if (w->is_open && w->pid == l->worker_pid)
        pool_broke(w, why);
    if (c)
        pool_fail(l->generation->pool, c, CALL_BROKEN);
}

static bool trim(struct pool_generation *g)
{
    int64_t idle_from_us = g->pool->now_us - POOL_TRIM_IDLE_US;
    for (unsigned i = 0; i < POOL_TRIM_AT_ONCE && g->spare_count > POOL_TRIM_KEEP; i++) {
        struct lease *l = lease_of(g->spare.prev);
        if (l->freed_us > idle_from_us)
            break;
        list_remove(&l->node);
        list_add_after(&g->clean, &l->node);
        g->spare_count--;
        frame_trim(&g->yard, g->yard_fd, l->slot);
    }
    return g->spare_count > POOL_TRIM_KEEP;
}

void lease_trim(struct timer *t)
{
    struct pool *p = container_of(t, struct pool, trim);
    bool is_more = false;
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next)
        is_more |= trim(container_of(n, struct pool_generation, node));
    if (is_more)
        (void)timer_set(p->loop, t, POOL_TRIM_MS);
}
