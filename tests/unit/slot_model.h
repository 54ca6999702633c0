/* slot_model.h - two edges and two workers on the real table of slots, and everything that can
 * happen.
 *
 * A state is all that edges, workers, master, intakes and slots know at one moment.  A step is one
 * atomic action of one of them: a compare-and-swap by slot_next_in(), a ticket written, read, lost
 * or doubled, a request or an answer written, a process killed, a death told.  The explorer goes
 * from the first state along every step to every state there is, and looks for
 *
 *   run twice          a request runs more often than its confirmed deaths allow, or once forgotten
 *   wrong answer       a client gets another request's answer, or half of one
 *   slot in use        a slot is written anew while a living taker holds it
 *   stale ticket       a ticket takes an offer that it was not written for
 *   stranger           a FINISH succeeds without the slot in hand, or fails with it
 *   lost               nothing moves any more and a request has no end, or a slot is not FREE
 *
 * Each edge has one slot and REQUESTS_EACH requests, one after the other.  What may go wrong, and
 * how often, is struct faults.
 */
#pragma once
#include "explorer.h"
#include "link/slot.h"

enum { EDGES = 2, WORKERS = 2, REQUESTS_EACH = 2, REQUESTS = EDGES * REQUESTS_EACH };
enum { TICKETS_MAX = 5 };               /* in one intake */
enum { NOBODY = 0xff, NOTHING = 0xff };

/* How often each may happen on one path. */
struct faults {
    uint8_t worker_kills, edge_kills;
    uint8_t lost, doubled;          /* tickets */
    uint8_t late;                   /* withdrawals because another worker is idle */
    uint8_t gone;                   /* clients that leave: WITHDRAW or CANCEL */
    uint8_t finished_again;         /* a worker says FINISH once more, at any time after */
};

enum edge_at {
    EDGE_IDLE,          /* the slot is its own to fill */
    EDGE_WRITTEN,       /* the request is in the slot */
    EDGE_OFFERED,       /* the word says so, the ticket is not sent */
    EDGE_SENT,          /* waits */
    EDGE_READ,          /* saw DONE and has the answer */
    EDGE_LEFT,          /* waits for a taker whose answer nobody wants */
    EDGE_DEAD, EDGE_DEAD_OFFERED, EDGE_DEAD_TAKEN,      /* the master: withdraw, cancel, release */
    EDGE_REBORN,        /* the next process, before it looked at its range */
};
enum worker_at { WORKER_IDLE, WORKER_TICKET, WORKER_TAKEN, WORKER_RUNS, WORKER_WROTE, WORKER_DEAD };
enum request_is { WAITING, IN_SLOT, ANSWERED, FAILED, FORGOTTEN };

/* Small, as there are millions of states; put_ticket() and worker_runs() keep to the widths.
 * serial: the model's own count of offers, whatever the table does to the sequence. */
struct offer { uint8_t slot : 1, sequence : 3, serial : 4; };

struct state {
    uint64_t word[EDGES];
    struct { uint8_t request, answer, serial; } slot[EDGES];
    struct { uint8_t at, request, worker, is_told, is_lost; } edge[EDGES];      /* is_told: bits */
    struct { uint8_t at; struct offer has, had; } worker[WORKERS];
    struct { uint8_t count; struct offer tickets[TICKETS_MAX]; } intake[WORKERS];
    struct { uint8_t is : 3, runs : 2, may_run : 2, retries : 1; } request[REQUESTS];
    struct faults left;
};

struct rules {                              /* the table under test */
    const struct slot_row *table, *also;    /* also: a second row that fits too, or NULL */
};

_Static_assert(sizeof(struct state) == 64, "states are compared as bytes: no padding");

/* ---- the table under test ---- */

static bool try_step(const struct explorer *x, struct state *s, unsigned slot,
                     enum slot_event event, uint32_t sequence, uint16_t mark)
{
    const struct rules *rules = x->rules;
    uint64_t word = s->word[slot], *next = &s->word[slot];
    return slot_next_in(rules->table, word, event, sequence, mark, next) ||
           (rules->also && slot_next_in(rules->also, word, event, sequence, mark, next));
}

static enum slot_state state_of(const struct state *s, unsigned slot)
{
    return (enum slot_state)slot_unpack(s->word[slot]).state;
}

static uint16_t mark_of(unsigned worker) { return (uint16_t)(worker + 1); }

static bool is_alive(const struct state *s, unsigned worker)
{
    return s->worker[worker].at != WORKER_DEAD;
}

static bool is_told(const struct state *s, unsigned edge, unsigned worker)
{
    return (s->edge[edge].is_told >> worker & 1) != 0;
}

/* A living worker between its TAKE and its FINISH. */
static bool holds(const struct state *s, unsigned worker, unsigned slot)
{
    unsigned at = s->worker[worker].at;
    return (at == WORKER_TAKEN || at == WORKER_RUNS || at == WORKER_WROTE) &&
           s->worker[worker].has.slot == slot;
}

/* ---- the edge ---- */

/* It has its end and must not run from now on.  What no rule looks at any more is made equal, here
 * and in edge_is_idle(): fewer states, the same steps. */
static void end(struct state *s, unsigned request, enum request_is is)
{
    s->request[request].is = is & 7;
    s->request[request].runs = s->request[request].may_run = s->request[request].retries = 0;
}

static void edge_is_idle(struct state *s, unsigned e)
{
    if (s->edge[e].request != NOTHING && s->request[s->edge[e].request].is == FORGOTTEN)
        end(s, s->edge[e].request, FORGOTTEN);
    s->slot[e].request = s->slot[e].answer = NOTHING;
    s->edge[e].at = EDGE_IDLE;
    s->edge[e].request = NOTHING;
    s->edge[e].worker = NOBODY;
    s->edge[e].is_lost = 0;
}

static void edge_writes(struct explorer *x, const struct state *s, unsigned e)
{
    unsigned r = e * REQUESTS_EACH;
    while (r < (e + 1) * REQUESTS_EACH && s->request[r].is != WAITING)
        r++;
    if (r == (e + 1) * REQUESTS_EACH)
        return;
    for (unsigned w = 0; w < WORKERS; w++) {
        if (is_told(s, e, w))
            continue;
        struct state n = *s;
        n.slot[e].request = (uint8_t)r;
        n.request[r].is = IN_SLOT;
        n.edge[e].at = EDGE_WRITTEN;
        n.edge[e].request = (uint8_t)r;
        n.edge[e].worker = (uint8_t)w;
        for (unsigned other = 0; other < WORKERS; other++)
            if (holds(s, other, e))
                wrong(x, "slot in use");
        reach(x, "edge writes", &n, false);
    }
}

static void edge_offers(struct explorer *x, const struct state *s, unsigned e)
{
    struct state n = *s;
    if (!try_step(x, &n, e, SLOT_OFFER, 0, 0))
        wrong(x, "an offer is refused");
    n.slot[e].serial++;
    n.edge[e].at = EDGE_OFFERED;
    reach(x, "edge offers", &n, false);
}

static int compare_offers(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct offer));
}

static void put_ticket(struct state *s, unsigned worker, struct offer ticket)
{
    if (!is_alive(s, worker))
        return;                             /* nobody reads that pipe */
    if (s->intake[worker].count == TICKETS_MAX)
        abort();
    s->intake[worker].tickets[s->intake[worker].count++] = ticket;
    qsort(s->intake[worker].tickets, s->intake[worker].count, sizeof ticket, compare_offers);
}

static void edge_sends(struct explorer *x, const struct state *s, unsigned e)
{
    unsigned sequence = slot_unpack(s->word[e]).sequence, serial = s->slot[e].serial;
    struct offer ticket = { .slot = e & 1, .sequence = sequence & 7, .serial = serial & 15 };
    struct state n = *s;
    if (sequence > 7 || serial > 15)
        abort();
    n.edge[e].at = EDGE_SENT;
    put_ticket(&n, s->edge[e].worker, ticket);
    reach(x, "edge sends the ticket", &n, false);
    if (s->left.doubled > 0) {
        struct state twice = n;
        twice.left.doubled--;
        put_ticket(&twice, s->edge[e].worker, ticket);
        reach(x, "the ticket is doubled", &twice, true);
    }
    if (s->left.lost > 0) {
        struct state none = *s;
        none.edge[e].at = EDGE_SENT;
        none.edge[e].is_lost = 1;
        none.left.lost--;
        reach(x, "the ticket is lost", &none, true);
    }
}

/* Back into the queue: nobody has run it, or (is_retry) its taker is dead. */
static void edge_queues(struct state *s, unsigned e, bool is_retry)
{
    unsigned r = s->edge[e].request;
    edge_is_idle(s, e);
    s->request[r].is = WAITING;
    if (is_retry && s->request[r].retries > 0) {
        end(s, r, FAILED);
    } else if (is_retry) {
        s->request[r].retries = 1;
        s->request[r].may_run = (s->request[r].runs + 1) & 3;
    }
}

static void edge_looks(struct explorer *x, const struct state *s, unsigned e)
{
    struct state n = *s;
    if (state_of(s, e) != SLOT_DONE)
        return;
    if (s->slot[e].answer != s->edge[e].request)
        wrong(x, "wrong answer");
    n.edge[e].at = EDGE_READ;
    reach(x, "edge reads the answer", &n, false);
}

static void edge_judges(struct explorer *x, const struct state *s, unsigned e)
{
    struct state n = *s;
    bool is_dead = is_told(s, e, s->edge[e].worker), is_free = is_dead || s->edge[e].is_lost != 0;
    if ((is_free || s->left.late > 0) && try_step(x, &n, e, SLOT_WITHDRAW, 0, 0)) {
        n.left.late -= !is_free;
        edge_queues(&n, e, false);
        reach(x, "edge withdraws", &n, !is_free);
        n = *s;
    }
    /* A row without the promise may be used when the edge only suspects. */
    bool is_promised = ((const struct rules *)x->rules)->table[SLOT_RECLAIM].after_death;
    bool may_reclaim = is_dead || (!is_promised && s->left.late > 0);
    if (may_reclaim && try_step(x, &n, e, SLOT_RECLAIM, 0, 0)) {
        n.left.late -= !is_dead;
        edge_queues(&n, e, true);
        reach(x, "edge reclaims", &n, !is_dead);
    }
}

static void client_leaves(struct explorer *x, const struct state *s, unsigned e)
{
    struct state n = *s;
    if (s->left.gone == 0)
        return;
    n.left.gone--;
    struct state cancelled = n;
    if (try_step(x, &n, e, SLOT_WITHDRAW, 0, 0)) {
        end(&n, s->edge[e].request, FORGOTTEN);
        edge_is_idle(&n, e);
        reach(x, "client leaves, edge withdraws", &n, true);
    }
    if (try_step(x, &cancelled, e, SLOT_CANCEL, 0, 0)) {
        cancelled.request[s->edge[e].request].is = FORGOTTEN;
        cancelled.edge[e].at = EDGE_LEFT;
        if ((slot_unpack(cancelled.word[e]).flags & SLOT_CANCELLED) == 0)
            wrong(x, "a cancelled slot does not say so");
        reach(x, "client leaves, edge cancels", &cancelled, true);
    }
}

static void edge_releases(struct explorer *x, const struct state *s, unsigned e)
{
    struct state n = *s;
    unsigned r = s->edge[e].request;
    bool is_wanted = s->edge[e].at == EDGE_READ;
    if (try_step(x, &n, e, SLOT_RELEASE, 0, 0)) {
        if (is_wanted && s->request[r].is != IN_SLOT)
            wrong(x, "answered twice");
        if (is_wanted)
            end(&n, r, ANSWERED);
        edge_is_idle(&n, e);
        reach(x, "edge releases", &n, false);
    } else if (is_wanted) {
        wrong(x, "a release is refused");
    }
}

static void edge_waits_for_taker(struct explorer *x, const struct state *s, unsigned e)
{
    unsigned mark = slot_unpack(s->word[e]).thread;
    struct state n = *s;
    edge_releases(x, s, e);
    if (mark >= 1 && mark <= WORKERS && is_told(s, e, mark - 1) &&
        try_step(x, &n, e, SLOT_RECLAIM, 0, 0)) {
        edge_is_idle(&n, e);
        reach(x, "edge reclaims what nobody wants", &n, false);
    }
}

/* frame_abandon(): one of the three steps after the other, the workers running on. */
static void master_abandons(struct explorer *x, const struct state *s, unsigned e)
{
    static const enum slot_event events[] = { SLOT_WITHDRAW, SLOT_CANCEL, SLOT_RELEASE };
    unsigned stage = s->edge[e].at - EDGE_DEAD, held = s->edge[e].request;
    struct state n = *s;
    bool is_done = state_of(s, e) == SLOT_FREE || try_step(x, &n, e, events[stage], 0, 0);
    if (is_done && stage == 0 && held != NOTHING)
        end(&n, held, FORGOTTEN);
    n.edge[e].at = (uint8_t)(is_done || stage == 2 ? EDGE_REBORN : EDGE_DEAD + stage + 1);
    reach(x, "master abandons", &n, false);
}

static void edge_is_reborn(struct explorer *x, const struct state *s, unsigned e)
{
    struct state n = *s;
    n.edge[e].is_told = 0;
    n.edge[e].at = EDGE_LEFT;
    if (state_of(s, e) == SLOT_FREE)
        edge_is_idle(&n, e);
    reach(x, "a new edge looks", &n, false);
}

static void edge_is_killed(struct explorer *x, const struct state *s, unsigned e)
{
    struct state n = *s;
    if (s->left.edge_kills == 0 || s->edge[e].at >= EDGE_DEAD)
        return;
    n.left.edge_kills--;
    n.edge[e].at = EDGE_DEAD;
    if (s->edge[e].request != NOTHING)
        n.request[s->edge[e].request].is = FORGOTTEN;       /* its connection went with the edge */
    if (s->edge[e].at == EDGE_WRITTEN)
        end(&n, s->edge[e].request, FORGOTTEN);
    n.edge[e].worker = NOBODY;
    n.edge[e].is_lost = 0;
    reach(x, "an edge is killed", &n, true);
}

static void edge_steps(struct explorer *x, const struct state *s, unsigned e)
{
    switch ((enum edge_at)s->edge[e].at) {
    case EDGE_IDLE:
        edge_writes(x, s, e);
        break;
    case EDGE_WRITTEN:
        edge_offers(x, s, e);
        break;
    case EDGE_OFFERED:
        edge_sends(x, s, e);
        break;
    case EDGE_SENT:
        edge_looks(x, s, e);
        edge_judges(x, s, e);
        client_leaves(x, s, e);
        break;
    case EDGE_READ:
        edge_releases(x, s, e);
        break;
    case EDGE_LEFT:
        edge_waits_for_taker(x, s, e);
        break;
    case EDGE_DEAD: case EDGE_DEAD_OFFERED: case EDGE_DEAD_TAKEN:
        master_abandons(x, s, e);
        break;
    case EDGE_REBORN:
        edge_is_reborn(x, s, e);
        break;
    }
    edge_is_killed(x, s, e);
}

/* ---- the worker ---- */

static void worker_reads(struct explorer *x, const struct state *s, unsigned w)
{
    for (unsigned i = 0; i < s->intake[w].count; i++) {
        struct state n = *s;
        if (i > 0 && compare_offers(&s->intake[w].tickets[i - 1], &s->intake[w].tickets[i]) == 0)
            continue;                       /* the same ticket twice: the same step */
        n.worker[w].at = WORKER_TICKET;
        n.worker[w].has = s->intake[w].tickets[i];
        n.intake[w].count--;
        for (unsigned j = i; j < n.intake[w].count; j++)
            n.intake[w].tickets[j] = s->intake[w].tickets[j + 1];
        n.intake[w].tickets[n.intake[w].count] = (struct offer){ 0, 0, 0 };
        reach(x, "worker reads a ticket", &n, false);
    }
}

static void worker_takes(struct explorer *x, const struct state *s, unsigned w)
{
    struct offer ticket = s->worker[w].has;
    struct state n = *s;
    if (try_step(x, &n, ticket.slot, SLOT_TAKE, ticket.sequence, mark_of(w))) {
        n.worker[w].at = WORKER_TAKEN;
        if (ticket.serial != s->slot[ticket.slot].serial)
            wrong(x, "stale ticket");
        reach(x, "worker takes", &n, false);
    } else {
        n.worker[w].at = WORKER_IDLE;
        n.worker[w].has = (struct offer){ 0, 0, 0 };
        reach(x, "worker drops a ticket", &n, false);
    }
}

static void worker_runs(struct explorer *x, const struct state *s, unsigned w)
{
    unsigned r = s->slot[s->worker[w].has.slot].request;
    struct state n = *s;
    n.worker[w].at = WORKER_RUNS;
    if (r == NOTHING || ++n.request[r].runs > s->request[r].may_run)
        wrong(x, "run twice");
    reach(x, "worker runs", &n, false);
}

static void worker_answers(struct explorer *x, const struct state *s, unsigned w)
{
    unsigned slot = s->worker[w].has.slot;
    struct state n = *s;
    n.slot[slot].answer = s->slot[slot].request;
    n.worker[w].at = WORKER_WROTE;
    reach(x, "worker answers", &n, false);
}

static void worker_finishes(struct explorer *x, const struct state *s, unsigned w)
{
    struct offer held = s->worker[w].has;
    struct state n = *s;
    if (!try_step(x, &n, held.slot, SLOT_FINISH, held.sequence, mark_of(w)))
        wrong(x, "stranger: the taker may not finish");
    n.worker[w].at = WORKER_IDLE;
    n.worker[w].has = (struct offer){ 0, 0, 0 };
    if (s->left.finished_again > 0)
        n.worker[w].had = held;
    reach(x, "worker finishes", &n, false);
}

static void worker_finishes_again(struct explorer *x, const struct state *s, unsigned w)
{
    struct offer had = s->worker[w].had;
    struct state n = *s;
    if (s->left.finished_again == 0 || had.serial == 0)
        return;
    if (try_step(x, &n, had.slot, SLOT_FINISH, had.sequence, mark_of(w)))
        wrong(x, "stranger: a finish that is over succeeds");
    n.left.finished_again--;
    for (unsigned i = 0; n.left.finished_again == 0 && i < WORKERS; i++)
        n.worker[i].had = (struct offer){ 0, 0, 0 };
    reach(x, "worker finishes again", &n, true);
}

static void worker_is_killed(struct explorer *x, const struct state *s, unsigned w)
{
    struct state n = *s;
    if (s->left.worker_kills == 0)
        return;
    n.left.worker_kills--;
    memset(&n.worker[w], 0, sizeof n.worker[w]);
    memset(&n.intake[w], 0, sizeof n.intake[w]);
    n.worker[w].at = WORKER_DEAD;
    reach(x, "a worker is killed", &n, true);
}

static void worker_steps(struct explorer *x, const struct state *s, unsigned w)
{
    switch ((enum worker_at)s->worker[w].at) {
    case WORKER_IDLE:
        worker_reads(x, s, w);
        break;
    case WORKER_TICKET:
        worker_takes(x, s, w);
        break;
    case WORKER_TAKEN:
        worker_runs(x, s, w);
        break;
    case WORKER_RUNS:
        worker_answers(x, s, w);
        break;
    case WORKER_WROTE:
        worker_finishes(x, s, w);
        break;
    case WORKER_DEAD:
        return;
    }
    worker_finishes_again(x, s, w);
    worker_is_killed(x, s, w);
}

/* ---- the master's word, and the end ---- */

static void master_tells(struct explorer *x, const struct state *s)
{
    for (unsigned e = 0; e < EDGES; e++)
        for (unsigned w = 0; w < WORKERS; w++) {
            struct state n = *s;
            if (is_alive(s, w) || is_told(s, e, w) || s->edge[e].at >= EDGE_DEAD)
                continue;
            n.edge[e].is_told |= (uint8_t)(1U << w);
            reach(x, "master tells of a death", &n, false);
        }
}

/* Nothing moves any more but by a fault.  With no worker left, who waits may wait. */
static void check_end(struct explorer *x, const struct state *s)
{
    bool has_worker = false;
    for (unsigned w = 0; w < WORKERS; w++)
        has_worker |= is_alive(s, w);
    for (unsigned r = 0; r < REQUESTS; r++)
        if (s->request[r].is == IN_SLOT || (s->request[r].is == WAITING && has_worker))
            wrong(x, "lost: a request without an end");
    for (unsigned e = 0; e < EDGES; e++)
        if (state_of(s, e) != SLOT_FREE)
            wrong(x, "lost: a slot that is not free");
}

static void all_steps(struct explorer *x, const struct state *at)
{
    struct state s = *at;
    for (unsigned e = 0; e < EDGES; e++)
        edge_steps(x, &s, e);
    for (unsigned w = 0; w < WORKERS; w++)
        worker_steps(x, &s, w);
    master_tells(x, &s);
}

static void explore(struct explorer *x, const struct rules *rules, const struct faults *faults)
{
    struct state first;
    memset(&first, 0, sizeof first);
    first.left = *faults;
    for (unsigned e = 0; e < EDGES; e++) {
        first.edge[e].request = NOTHING;
        edge_is_idle(&first, e);
    }
    for (unsigned r = 0; r < REQUESTS; r++)
        first.request[r].may_run = 1;
    x->rules = rules;
    x->steps = all_steps;
    x->check_end = check_end;
    explore_from(x, &first);
}
