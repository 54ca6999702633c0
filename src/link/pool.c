/* pool.c - the queue, and the turn of the loop on which everything else of the pool hangs.
 *
 *     serve --pool_submit--> queue --pool_offer--> slot > ticket > worker
 *     serve <--reply_to-- pool_reply <-- slot, ring <-- completion, bell <-- worker
 *
 * Woken  by the bell of each generation (a watch that does nothing but remember) and by every other
 *        turn of the loop: the work is done in turn_end(), once a turn, for all that came together.
 * Owns   the generations with their yards and descriptors; calls are the exchange's.
 * Not    what a request is (serve), who starts and kills workers (master).
 * Start  with turn_end().
 */
#include <errno.h>
#include "base/sys.h"
#include "link/pool_private.h"

/* ---- the queue ---- */

/* Standing overload: who waits longest has probably left, so the newest is served first. */
static bool is_overloaded(const struct pool *p)
{
    const struct call *oldest = container_of(p->queue.next, struct call, node);
    return p->now_us - oldest->submitted_us > p->conf->queue_timeout_ms * 1000 / 4;
}

struct call *pool_next(struct pool *p)
{
    if (list_empty(&p->queue))
        return NULL;
    struct list *node = is_overloaded(p) ? p->queue.prev : p->queue.next;
    list_remove(node);
    p->stats.queued--;
    return container_of(node, struct call, node);
}

void pool_requeue(struct pool *p, struct call *c)
{
    if (!list_empty(&p->queue) && is_overloaded(p))
        list_add_before(&p->queue, &c->node);
    else
        list_add_after(&p->queue, &c->node);
    c->state = CALL_QUEUED;
    c->taken_seen_us = 0;
    p->stats.queued++;
}

void pool_fail(struct pool *p, struct call *c, enum call_failure why)
{
    if (why == CALL_QUEUE_TIMEOUT || why == CALL_OVERLOADED)
        p->stats.refused++;
    else
        p->stats.failed++;
    c->state = CALL_OUT;
    c->to->fail(c, why);
}

static void fail_refused(struct pool *p)
{
    struct list aside;
    list_take_all(&p->refused, &aside);
    while (!list_empty(&aside)) {
        struct call *c = container_of(aside.next, struct call, node);
        list_remove(&c->node);
        pool_fail(p, c, (enum call_failure)c->why);
    }
}

/* `run`, and pdb has a worker: whoever waits for one waits for a person. */
static bool is_held(const struct pool *p)
{
    const struct pool_generation *g = p->current;
    for (unsigned i = 0; g && i < g->yard.shape.workers; i++)
        if (yard_is_held(&g->yard, i))
            return true;
    return false;
}

static void expire(struct pool *p)
{
    while (!list_empty(&p->queue)) {
        struct call *c = container_of(p->queue.next, struct call, node);
        int64_t waited_us = p->now_us - c->submitted_us;
        if (waited_us < p->conf->queue_timeout_ms * 1000)
            return;
        if (is_held(p)) {
            c->submitted_us = p->now_us;
            return;
        }
        list_remove(&c->node);
        p->stats.queued--;
        c->queue_us = (uint64_t)waited_us;
        pool_fail(p, c, CALL_QUEUE_TIMEOUT);
    }
}

int64_t pool_run_us(const struct pool *p)
{
    return (int64_t)((p->run_us_256 + 255) / 256);
}

/* A newcomer would wait longer than it may. */
static bool is_hopeless(const struct pool *p)
{
    int64_t hands = p->current ? (int64_t)p->current->open_count *
                                     p->current->yard.shape.threads : 0;
    int64_t queued = (int64_t)p->stats.queued, run_us = pool_run_us(p);
    return hands > 0 && queued > 0 && run_us > 0 &&
           queued > p->conf->queue_timeout_ms * 1000 * hands / run_us;
}

/* ---- what serve calls ---- */

void pool_submit(struct pool *p, struct call *c)
{
    c->submitted_us = loop_now_us(p->loop);
    c->offered_us = c->taken_seen_us = 0;
    c->queue_us = c->app_us = 0;
    c->worker_pid = 0;
    c->generation = 0;
    c->lease = NULL;
    c->tries = 0;
    if (is_hopeless(p)) {
        c->state = CALL_REFUSED;
        c->why = CALL_OVERLOADED;
        list_add_before(&p->refused, &c->node);
        return;
    }
    c->state = CALL_QUEUED;
    list_add_before(&p->queue, &c->node);
    p->stats.queued++;
}

void pool_cancel(struct pool *p, struct call *c)
{
    switch ((enum call_state)c->state) {
    case CALL_OUT:
        break;
    case CALL_QUEUED:
        p->stats.queued--;
        list_remove(&c->node);
        break;
    case CALL_REFUSED:
        list_remove(&c->node);
        break;
    case CALL_LENT:
        if (p->lent == c)
            p->lent = NULL;           /* who lent it sees that on return */
        break;
    case CALL_LEASED: {
        struct lease *l = c->lease;
        (void)pool_detach(l);
        lease_abandon(l);
        break;
    }
    }
    c->state = CALL_OUT;
}

void pool_resume(struct pool *p, struct call *c)
{
    if (c->state == CALL_LENT && p->lent == c)
        p->lent_resumed = true;
    if (c->state != CALL_LEASED || !c->lease->is_blocked)
        return;
    struct lease *l = c->lease;
    lease_stand(l, &l->is_blocked, false);
    list_remove(&l->look);
    list_add_before(&p->looks, &l->look);
}

/* A request on loan or in the queue keeps it in the call: who takes it back or offers it looks there. */
void pool_body_end(struct pool *p, struct call *c, enum frame_body_end how)
{
    (void)p;
    c->body.end = (uint8_t)how;
    if (c->state == CALL_LEASED)
        atomic_store_explicit(&c->lease->at->body_end, how, memory_order_release);
}

void pool_body_awaits(struct pool *p, struct call *c, bool awaits)
{
    (void)p;
    c->body.is_awaited = awaits;
    if (c->state == CALL_LEASED && c->lease->is_starved != awaits)
        lease_stand(c->lease, &c->lease->is_starved, awaits);
}

bool pool_is_waiting(const struct call *c)
{
    if (c->state != CALL_LEASED)
        return c->state == CALL_QUEUED || c->state == CALL_REFUSED;
    return slot_unpack(atomic_load(&c->lease->at->word)).state == SLOT_OFFERED;
}

/* ---- the turn ---- */

static void look_at_resumed(struct pool *p)
{
    struct list aside;
    list_take_all(&p->looks, &aside);
    while (!list_empty(&aside)) {
        struct lease *l = container_of(aside.next, struct lease, look);
        list_remove(&l->look);
        pool_look(l);
    }
}

static void drain_busy(struct pool_generation *g)
{
    struct list aside;
    list_take_all(&g->busy, &aside);
    while (!list_empty(&aside)) {
        struct pool_worker *w = container_of(aside.next, struct pool_worker, busy);
        list_remove(&w->busy);
        list_add_before(&g->busy, &w->busy);
        pool_drain(w);
    }
}

static void unclog(struct pool *p)
{
    if (!p->is_clogged)
        return;
    p->is_clogged = false;
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next) {
        struct pool_generation *g = container_of(n, struct pool_generation, node);
        for (unsigned i = 0; i < g->yard.shape.workers; i++)
            g->workers[i].is_clogged = false;
    }
}

/* First what came back, then what goes out, so that hands that became free are used at once. */
static int64_t turn_end(struct loop_hook *h)
{
    struct pool *p = container_of(h, struct pool, hook);
    struct list *n, *all = &p->generations;
    p->now_us = sys_now_us();
    fail_refused(p);
    unclog(p);
    look_at_resumed(p);
    for (n = all->next; n != all; n = n->next) {
        drain_busy(container_of(n, struct pool_generation, node));
        pool_check(container_of(n, struct pool_generation, node));
    }
    pool_look_polled(p);
    expire(p);
    for (n = all->next; n != all; n = n->next)
        pool_withdraw_due(container_of(n, struct pool_generation, node));
    pool_dispatch(p);
    for (n = all->next; n != all; n = n->next) {
        pool_write_tickets(container_of(n, struct pool_generation, node));
        pool_ring_waiting(container_of(n, struct pool_generation, node));
        pool_settle_retiring(container_of(n, struct pool_generation, node));
    }
    pool_tell_owed(p);
    return pool_sleep(p);
}

static void woken(struct loop_hook *h)
{
    pool_wake(container_of(h, struct pool, hook));
}

/* ---- life ---- */

bool pool_is_empty(const struct pool *p)
{
    return list_empty(&p->generations) && pool_is_idle(p);
}

void pool_options(struct pool *p, const struct conf *conf)
{
    p->conf = conf;
}

struct pool *pool_new(struct loop *l, const struct conf *conf, unsigned edge, unsigned edges,
                      int master_fd)
{
    struct pool *p = edge < edges && edges <= YARD_EDGES_MAX ? sys_calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->loop = l;
    p->conf = conf;
    p->edge = edge;
    p->edges = edges;
    p->master_fd = master_fd;
    p->now_us = p->moved_us = loop_now_us(l);
    list_init(&p->generations);
    list_init(&p->queue);
    list_init(&p->refused);
    list_init(&p->looks);
    timer_init(&p->trim, lease_trim);
    p->hook = (struct loop_hook){ .turn_end = turn_end, .woken = woken };
    list_init(&p->hook.node);
    loop_hook_add(l, &p->hook);
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    loop_hook_remove(&p->hook);
    timer_off(p->loop, &p->trim);
    while (!list_empty(&p->generations))
        pool_drop(container_of(p->generations.next, struct pool_generation, node));
    sys_free(p);
}

bool pool_is_ready(const struct pool *p)
{
    return p->current && p->current->open_count > 0;
}

bool pool_is_idle(const struct pool *p)
{
    if (!list_empty(&p->queue) || !list_empty(&p->refused))
        return false;
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next)
        if (container_of(n, struct pool_generation, node)->calls > 0)
            return false;
    return true;
}

struct pool_stats pool_stats(const struct pool *p)
{
    struct pool_stats stats = p->stats;
    stats.in_hand = 0;
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next)
        stats.in_hand += container_of(n, struct pool_generation, node)->in_hand;
    return stats;
}
