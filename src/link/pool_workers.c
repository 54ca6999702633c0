/* pool_workers.c - what the master says of generations and workers; judgement after a death.
 *
 * A worker that died has let go of all it had: what is DONE in its slots is whole and delivered,
 * what it had not taken is offered anew, what it was running runs once more elsewhere if that is
 * safe.
 * Start  with the table of handlers.
 */
#include <errno.h>
#include "base/hash.h"
#include "base/log.h"
#include "base/sys.h"
#include "http/query_mask.h"
#include "link/pool_private.h"

/* ---- the buckets ---- */

void pool_place(struct pool_worker *w)
{
    struct pool_generation *g = w->generation;
    unsigned n = w->in_hand < g->buckets_count ? w->in_hand : g->buckets_count - 1;
    list_remove(&w->bucket);
    if (!w->is_open || w->is_resting)
        return;
    if (w->is_suspect)
        list_add_before(&g->buckets[n], &w->bucket);
    else
        list_add_after(&g->buckets[n], &w->bucket);
}

void pool_rest(struct pool_worker *w)
{
    if (!w->is_open || w->is_resting)
        return;
    w->is_resting = true;
    w->generation->open_count--;
    pool_place(w);
    pool_withdraw_all(w);
}

/* ---- to the master ---- */

/* False: to be told again.  A master that is gone counts as told; the edge sees it by itself. */
static bool tell(struct pool *p, const struct channel_msg *msg, struct span text)
{
    int rc = channel_send(p->master_fd, msg, text, NULL, 0);
    return rc >= 0 || rc == -EPIPE || rc == -ECONNRESET;
}

void pool_blame(struct pool_worker *w, const struct channel_msg *msg, struct span text)
{
    struct pool *p = w->generation->pool;
    if (w->is_blamed)
        return;
    w->is_blamed = true;
    pool_rest(w);
    if (tell(p, msg, text))
        return;
    w->is_owed = true;                /* told again without its text */
    w->owed = *msg;
    w->owed.text_bytes = 0;
    p->owed++;
}

void pool_broke(struct pool_worker *w, const char *rule)
{
    struct channel_msg msg = { .kind = CHANNEL_BROKE, .generation = w->generation->number,
                               .worker = w->index, .edge = w->generation->pool->edge,
                               .pid = w->pid, .text_bytes = (uint32_t)strlen(rule) };
    if (!w->is_blamed)
        log_error("worker broke the link", "pid=%d worker=%u rule=\"%s\"", w->pid, w->index, rule);
    pool_blame(w, &msg, span_of(rule));
}

static void tell_of_generation(struct pool_generation *g, enum channel_kind kind, bool *owes)
{
    struct channel_msg msg = { .kind = kind, .generation = g->number, .edge = g->pool->edge };
    bool was_owed = *owes;
    *owes = !tell(g->pool, &msg, SPAN(""));
    g->pool->owed += *owes;
    g->pool->owed -= was_owed;
}

static void tell_of_worker(struct pool_worker *w)
{
    if (!tell(w->generation->pool, &w->owed, SPAN("")))
        return;
    w->is_owed = false;
    w->generation->pool->owed--;
}

void pool_tell_owed(struct pool *p)
{
    for (struct list *n = p->generations.next; p->owed > 0 && n != &p->generations; n = n->next) {
        struct pool_generation *g = container_of(n, struct pool_generation, node);
        if (g->owes_switched)
            tell_of_generation(g, CHANNEL_SWITCHED, &g->owes_switched);
        if (g->owes_drained)
            tell_of_generation(g, CHANNEL_DRAINED, &g->owes_drained);
        for (unsigned i = 0; i < g->yard.shape.workers; i++)
            if (g->workers[i].is_owed)
                tell_of_worker(&g->workers[i]);
    }
}

void pool_settle_retiring(struct pool_generation *g)
{
    if (!g->is_retiring || g->is_drained || g->calls > 0)
        return;
    g->is_drained = true;
    tell_of_generation(g, CHANNEL_DRAINED, &g->owes_drained);
}

/* ---- generations ---- */

static struct pool_generation *find(struct pool *p, uint32_t number)
{
    for (struct list *n = p->generations.next; n != &p->generations; n = n->next) {
        struct pool_generation *g = container_of(n, struct pool_generation, node);
        if (g->number == number)
            return g;
    }
    return NULL;
}

static void bell_rang(struct watch *bell)
{
    struct pool_generation *g = container_of(bell, struct pool_generation, bell);
    g->pool->bell_rang = true;        /* turn_end() looks; edge-triggered, so nothing is read */
    bell->ready = 0;
}

static void init_worker(struct pool_generation *g, unsigned index)
{
    struct pool_worker *w = &g->workers[index];
    *w = (struct pool_worker){ .generation = g, .index = index, .intake_fd = -1, .passing_fd = -1 };
    list_init(&w->bucket);
    list_init(&w->busy);
    list_init(&w->fresh);
    list_init(&w->hands);
    list_init(&w->wrecks);
}

/* This edge has a predecessor that died: what it had in hand nobody wants any more. */
static void inherit(struct lease *l, struct slot_word w)
{
    struct pool_generation *g = l->generation;
    unsigned worker = yard_worker_of_mark(&g->yard, w.thread);
    if (w.state == SLOT_OFFERED && slot_try(&l->at->word, SLOT_WITHDRAW, 0, 0, NULL))
        return;
    if (w.state == SLOT_OFFERED)      /* taken in between */
        worker = yard_worker_of_mark(&g->yard, slot_unpack(atomic_load(&l->at->word)).thread);
    (void)frame_cancel(&g->yard, l->slot, NULL);
    if (slot_try(&l->at->word, SLOT_RELEASE, 0, 0, NULL))
        return;
    if (worker >= g->yard.shape.workers) {
        lease_mend(l);
        return;
    }
    struct yard_worker *line = yard_worker(&g->yard, worker);
    list_remove(&l->node);
    l->worker_pid = (int32_t)atomic_load(&line->pid);
    l->state = LEASE_OFFERED;
    lease_into_hands(l, &g->workers[worker]);
    lease_seen_taken(l);
    g->check_us = g->pool->now_us;
}

static void init_lease(struct pool_generation *g, uint32_t i)
{
    struct lease *l = &g->leases[i];
    uint32_t slot = g->pool->edge * g->yard.shape.slots + i;
    *l = (struct lease){ .generation = g, .slot = slot, .at = yard_slot(&g->yard, slot),
                         .file_fd = -1 };
    struct slot_word w = slot_unpack(atomic_load(&l->at->word));
    l->sequence = w.sequence;
    list_init(&l->age);
    list_init(&l->look);
    list_add_before(&g->clean, &l->node);
    if (w.state != SLOT_FREE)
        inherit(l, w);
}

static int make_tables(struct pool_generation *g)
{
    const struct yard_shape *s = &g->yard.shape;
    g->buckets_count = (s->threads > YARD_DEPTH_MAX ? s->threads : (unsigned)YARD_DEPTH_MAX) + 1;
    g->workers = sys_calloc(s->workers, sizeof *g->workers);
    g->leases = sys_calloc(s->slots, sizeof *g->leases);
    g->buckets = sys_calloc(g->buckets_count, sizeof *g->buckets);
    if (!g->workers || !g->leases || !g->buckets)
        return -ENOMEM;
    for (unsigned i = 0; i < g->buckets_count; i++)
        list_init(&g->buckets[i]);
    for (unsigned i = 0; i < s->workers; i++)
        init_worker(g, i);
    for (uint32_t i = 0; i < s->slots; i++)
        init_lease(g, i);
    return 0;
}

static struct pool_generation *new_generation(struct pool *p, uint32_t number)
{
    struct pool_generation *g = sys_calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->pool = p;
    g->number = number;
    g->yard_fd = -1;
    g->bell.fd = -1;
    g->check_us = INT64_MAX;
    struct list *lists[] = { &g->node, &g->spare, &g->clean, &g->offered, &g->running, &g->done,
                             &g->busy, &g->fresh, &g->polled };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_init(lists[i]);
    return g;
}

/* The descriptors become the generation's only when all went well. */
static int fill_generation(struct pool_generation *g, const int *fds)
{
    struct pool *p = g->pool;
    int rc = yard_map(&g->yard, fds[0]);
    if (rc < 0)
        return rc;
    if (g->yard.shape.edges != p->edges || (uint32_t)g->yard.generation != g->number)
        return -EBADMSG;
    rc = make_tables(g);
    if (rc == 0)
        rc = loop_watch(p->loop, &g->bell, fds[1 + p->edge], bell_rang);
    if (rc < 0)
        return rc;
    g->yard_fd = fds[0];
    memcpy(g->bell_fds, fds + 1, p->edges * sizeof *fds);
    return 0;
}

static void close_worker(struct pool_worker *w)
{
    (void)sys_close(w->intake_fd);
    (void)sys_close(w->passing_fd);
    w->intake_fd = w->passing_fd = -1;
    w->generation->pool->owed -= w->is_owed;
    w->is_owed = false;
}

void pool_drop(struct pool_generation *g)
{
    struct pool *p = g->pool;
    loop_unwatch(&g->bell);
    for (uint32_t i = 0; g->leases && i < g->yard.shape.slots; i++) {
        if (!g->leases[i].generation)
            break;                    /* half made */
        list_remove(&g->leases[i].look);
        (void)sys_close(g->leases[i].file_fd);
    }
    for (unsigned i = 0; g->workers && i < g->yard.shape.workers; i++)
        if (g->workers[i].generation)
            close_worker(&g->workers[i]);
    if (g->yard_fd >= 0) {
        for (unsigned e = 0; e < p->edges; e++)
            (void)sys_close(g->bell_fds[e]);
        (void)sys_close(g->yard_fd);
    }
    p->owed -= g->owes_switched + g->owes_drained;
    if (p->current == g)
        p->current = NULL;
    list_remove(&g->node);
    yard_done(&g->yard);
    sys_free(g->workers);
    sys_free(g->leases);
    sys_free(g->buckets);
    sys_free(g);
}

/* ---- the judgement ---- */

static uint64_t kill_key(const struct request *r)
{
    return hash_span(r->path) ^ ((uint64_t)r->method + 1) * 0x9E3779B97F4A7C15U;
}

/* Its row, or NULL: it killed no two workers within the last minute. */
static struct kill *find_killer(struct pool *p, const struct request *r)
{
    uint64_t key = kill_key(r);
    for (unsigned i = 0; i < POOL_KILLS; i++) {
        struct kill *k = &p->kills[i];
        if (k->last_us != 0 && k->key == key && p->now_us - k->last_us < POOL_KILLS_US)
            return k;
    }
    return NULL;
}

static void note_killer(struct pool *p, const struct request *r)
{
    struct kill *row = find_killer(p, r);
    for (unsigned i = 0; !row && i < POOL_KILLS; i++)
        if (p->kills[i].last_us == 0)
            row = &p->kills[i];
    if (!row) {                       /* the oldest makes room */
        row = &p->kills[0];
        for (unsigned i = 1; i < POOL_KILLS; i++)
            if (p->kills[i].last_us < row->last_us)
                row = &p->kills[i];
    }
    *row = (struct kill){ kill_key(r), p->now_us };
}

/* It was being run: once more, elsewhere, if nothing of it was seen and running it twice is safe.
 * Only a request whose second worker died, too, is held to be the cause: its like (method, path)
 * are not run again for a minute.  Deaths of workers that ran different requests of one busy URL
 * prove nothing, nor does that of a worker that was killed for another's fault. */
static void retry_or_fail(struct pool *p, const struct pool_worker *w, struct call *c,
                          bool has_head)
{
    bool is_second = c->tries > 0;
    char target[200];
    if (is_second && !w->is_blamed)
        note_killer(p, c->request);
    if (!c->may_retry || !method_is_safe(c->request->method) || has_head || is_second ||
        find_killer(p, c->request)) {
        pool_fail(p, c, CALL_WORKER_DIED);
        return;
    }
    c->tries++;
    p->stats.retried++;
    log_warn("request runs again", "reason=\"its worker died\" worker_pid=%d request=\"%.*s %s\"",
             w->pid, (int)c->request->method_name.len, c->request->method_name.at,
             query_mask_log(target, sizeof target, c->request->target, span_of(c->secrets)));
    pool_requeue(p, c);
}

/* Takes the lease out of the dead worker's hands, whatever its word says. */
static void judge(struct lease *l)
{
    struct pool *p = l->generation->pool;
    const struct pool_worker *w = l->worker;
    if (lease_withdraw(l))
        return;
    struct slot_word word = slot_unpack(atomic_load(&l->at->word));
    if (word.state != SLOT_TAKEN || word.sequence != l->sequence) {
        pool_look(l);                 /* DONE, or wrecked: both leave the hands */
        if (l->state == LEASE_OFFERED || l->state == LEASE_TAKEN)
            lease_wreck(l, "a dead worker's slot moves");
        return;
    }
    bool has_head = l->has_head;
    struct call *c = l->call ? pool_detach(l) : NULL;
    int64_t from_us = l->state == LEASE_TAKEN ? l->ran_from_us : l->offered_us;
    lease_reclaim(l);
    if (!c)
        return;
    c->app_us = p->now_us > from_us ? (uint64_t)(p->now_us - from_us) : 0;
    retry_or_fail(p, w, c, has_head);
}

static void judge_all(struct pool_worker *w)
{
    while (!list_empty(&w->hands))    /* the newest first, so that the queue keeps the order */
        judge(lease_of(w->hands.prev));
    while (!list_empty(&w->wrecks))
        lease_reclaim(lease_of(w->wrecks.next));
}

/* What a process of this index had that is not the one now announced: it is dead. */
static void judge_strangers(struct pool_worker *w, int32_t pid)
{
    for (struct list *at = w->hands.next, *next; at != &w->hands; at = next) {
        next = at->next;
        if (lease_of(at)->worker_pid != pid)
            judge(lease_of(at));      /* inherited, so without a call and its callbacks */
    }
    while (!list_empty(&w->wrecks))
        lease_reclaim(lease_of(w->wrecks.next));
}

/* ---- messages ---- */

typedef int (*handler_fn)(struct pool *p, struct pool_generation *g, const struct channel_msg *msg,
                          const int *fds, size_t fds_count);

static int generation_comes(struct pool *p, struct pool_generation *known,
                            const struct channel_msg *msg, const int *fds, size_t fds_count)
{
    if (known || fds_count != 1 + p->edges)
        return -EBADMSG;
    struct pool_generation *g = new_generation(p, msg->generation);
    if (!g)
        return -ENOMEM;
    int rc = fill_generation(g, fds);
    if (rc < 0)
        pool_drop(g);
    else
        list_add_before(&p->generations, &g->node);
    return rc;
}

static struct pool_worker *worker_of(struct pool_generation *g, const struct channel_msg *msg)
{
    return g && msg->worker < g->yard.shape.workers ? &g->workers[msg->worker] : NULL;
}

static int worker_comes(struct pool *p, struct pool_generation *g, const struct channel_msg *msg,
                        const int *fds, size_t fds_count)
{
    struct pool_worker *w = worker_of(g, msg);
    if (!w || w->is_open || fds_count != 2)
        return -EBADMSG;
    int rc = sys_set_nonblocking(fds[0]);
    if (rc < 0)
        return rc;
    judge_strangers(w, msg->pid);
    w->pid = msg->pid;
    w->intake_fd = fds[0];
    w->passing_fd = fds[1];
    w->is_resting = w->is_suspect = w->is_blamed = w->is_clogged = false;
    w->is_open = true;
    w->tail = frame_meet(&g->yard, w->index, p->edge, msg->pid);
    atomic_store(&yard_hand(&g->yard, w->index, p->edge)->in_hand, w->in_hand);
    g->open_count++;
    pool_place(w);
    return 0;
}

static int worker_rests(struct pool *p, struct pool_generation *g, const struct channel_msg *msg,
                        const int *fds, size_t fds_count)
{
    struct pool_worker *w = worker_of(g, msg);
    (void)p, (void)fds;
    if (!w || fds_count != 0)
        return -EBADMSG;
    pool_rest(w);
    return 0;
}

static int worker_dies(struct pool *p, struct pool_generation *g, const struct channel_msg *msg,
                       const int *fds, size_t fds_count)
{
    struct pool_worker *w = worker_of(g, msg);
    (void)p, (void)fds;
    if (!w || fds_count != 0 || (w->is_open && w->pid != msg->pid))
        return -EBADMSG;
    pool_drain(w);
    pool_rest(w);
    w->is_open = false;
    judge_all(w);
    close_worker(w);
    return 0;
}

static void stop_waiting(struct pool_generation *g)
{
    if (!g->is_waiting)
        return;
    g->is_waiting = false;
    atomic_store(&yard_edge(&g->yard, g->pool->edge)->waits, 0);
}

static int generation_serves(struct pool *p, struct pool_generation *g,
                             const struct channel_msg *msg, const int *fds, size_t fds_count)
{
    (void)msg, (void)fds;
    if (!g || g->is_retiring || fds_count != 0)
        return -EBADMSG;
    if (p->current && p->current != g)
        stop_waiting(p->current);
    p->current = g;
    tell_of_generation(g, CHANNEL_SWITCHED, &g->owes_switched);
    return 0;
}

static int generation_retires(struct pool *p, struct pool_generation *g,
                              const struct channel_msg *msg, const int *fds, size_t fds_count)
{
    (void)msg, (void)fds;
    if (!g || fds_count != 0)
        return -EBADMSG;
    g->is_retiring = true;            /* told of as drained at the turn's end */
    stop_waiting(g);
    if (p->current == g)
        p->current = NULL;
    return 0;
}

static int generation_goes(struct pool *p, struct pool_generation *g, const struct channel_msg *msg,
                           const int *fds, size_t fds_count)
{
    (void)msg, (void)fds;
    if (!g || fds_count != 0)
        return -EBADMSG;
    for (uint32_t i = 0; g->calls > 0 && i < g->yard.shape.slots; i++) {
        struct lease *l = &g->leases[i];
        if (l->call)
            pool_fail(p, pool_detach(l), l->has_head ? CALL_CUT : CALL_WORKER_DIED);
    }
    pool_drop(g);
    return 0;
}

static const handler_fn handlers[CHANNEL_KINDS] = {
    [CHANNEL_GENERATION] = generation_comes,
    [CHANNEL_WORKER] = worker_comes,
    [CHANNEL_WORKER_REST] = worker_rests,
    [CHANNEL_WORKER_DEAD] = worker_dies,
    [CHANNEL_SWITCH] = generation_serves,
    [CHANNEL_RETIRE] = generation_retires,
    [CHANNEL_FORGET] = generation_goes,
};

int pool_message(struct pool *p, const struct channel_msg *msg, struct span text, const int *fds,
                 size_t fds_count)
{
    handler_fn handle = msg->kind < CHANNEL_KINDS ? handlers[msg->kind] : NULL;
    (void)text;                       /* of GENERATION, for serve */
    int rc = handle ? handle(p, find(p, msg->generation), msg, fds, fds_count) : -EBADMSG;
    for (size_t i = 0; rc < 0 && i < fds_count; i++)
        (void)sys_close(fds[i]);
    return rc;
}
