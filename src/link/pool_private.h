/* pool_private.h - what the files of the pool share; nobody else includes it.
 *
 *   pool.c          submit, cancel, resume; the queue; the loop's turn that everything hangs on
 *   pool_offer.c    which worker, the request into a slot, tickets, withdrawal
 *   pool_reply.c    what a slot's word and ring say becomes head, body, file, fail
 *   pool_lease.c    a slot's way from spare to a worker's hands and back
 *   pool_workers.c  the master's messages: generations and workers come, rest, die, go
 *   pool_clock.c    harakiri, streams that are looked at, sleeping and being woken
 *
 * A lease is the edge's own copy of all it relies on about a slot: call, worker, sequence,
 * positions. The word in the yard is compared with it, never the other way round.
 *
 * Lists may change under any callback, so they are worked off by moving them aside and taking the
 * first one until nothing is left (list_take_all), never by walking on from a node.
 */
#pragma once
#include "link/pool.h"

enum {
    POOL_WITHDRAW_US = 2000,          /* an offer not taken for so long goes to an idle one ... */
    POOL_WITHDRAW_BUSY_US = 10000,    /* ... and then to any that has free hands */
    POOL_AHEAD_US = 1000,             /* of expected work in one worker's hands */
    POOL_LOOK_US = 1000,              /* between two looks at a stream without bells */
    POOL_EMPTY_LOOKS = 2,             /* after so many it wants a bell */
    POOL_CHECK_US = 100 * 1000,       /* between two looks at all words in hand */
    POOL_OWED_US = 2000,              /* first look for bells that a busy worker may owe */
    POOL_SLEEP_US = 1000 * 1000,      /* longest sleep with something in hand */
    POOL_LOST_US = 50 * 1000,         /* after such a sleep what is found should have rung */
    POOL_AGAIN_US = 5000,             /* when something to a worker or the master was full */
    POOL_FILES_AT_ONCE = 64,          /* messages read from a passing socket in one go */
    POOL_TRIM_MS = 1000,              /* between two rounds of giving pages back */
    POOL_TRIM_IDLE_US = 10 * 1000 * 1000,
    POOL_TRIM_KEEP = 8,               /* spare slots that keep their pages however long */
    POOL_TRIM_AT_ONCE = 64,
    POOL_KILLS = 64,                  /* requests remembered for having killed two workers ... */
    POOL_KILLS_US = 60 * 1000 * 1000, /* ... and for how long */
};

enum call_state {
    CALL_OUT,                         /* not in the pool */
    CALL_QUEUED,
    CALL_REFUSED,                     /* in pool.refused, to be failed at the turn's end */
    CALL_LEASED,                      /* call.lease says more */
    CALL_LENT,                        /* inside head() or body(): pool.lent */
};

enum lease_state {
    LEASE_FREE,
    LEASE_OFFERED,
    LEASE_TAKEN,                      /* seen so */
    LEASE_DONE,                       /* the worker let go; ring bytes are left */
    LEASE_WRECKED,                    /* its word makes no sense: until its worker is dead */
};

struct lease {                        /* one a slot of the edge's range */
    struct list node;                 /* FREE: generation's spare or clean; OFFERED, TAKEN: worker's
                                       * hands, in order of offering; DONE: generation's done;
                                       * WRECKED: worker's wrecks */
    struct list age;                  /* OFFERED: generation's offered; TAKEN: running; else none */
    struct list look;                 /* in pool.looks or the generation's polled, or in none */
    struct pool_generation *generation;
    struct yard_slot *at;
    uint32_t slot, sequence;          /* sequence: of our latest offer */
    struct pool_worker *worker;       /* NULL while FREE */
    int32_t worker_pid;               /* whom it was offered to */
    struct call *call;                /* NULL: nobody wants the answer, or inside a callback */
    enum lease_state state;
    bool is_ticketed;                 /* its ticket was written */
    bool has_head, is_blocked;        /* blocked: body() took less than there was */
    bool is_starved;                  /* its worker waits for the client's body */
    bool wants_bell;                  /* own copy of edge_wants_bell */
    bool is_late;                     /* reported past its limit */
    bool was_held;                    /* pdb had it: how long it ran says nothing */
    unsigned empty_looks;             /* since bytes came */
    uint64_t consumed;                /* own position in the ring */
    int64_t limit_us;                 /* of its call: it may run; 0: no limit */
    int64_t offered_us, ran_from_us;  /* ran_from_us: seen TAKEN, plus the time its clock stood */
    int64_t stood_us, freed_us;       /* since when; the clock stands while blocked or starved */
    int file_fd;                      /* of the response; -1 until it came */
    /* in DONE: copied from the slot once */
    uint64_t end;                     /* of the ring bytes */
    uint32_t result;                  /* enum frame_result, unchecked */
    bool has_file;
    uint64_t file_at, file_bytes;
};

struct pool_worker {
    struct pool_generation *generation;
    struct list bucket;               /* among those that take offers; none while it does not */
    struct list busy;                 /* in the generation's busy while something is in hand */
    struct list fresh;                /* in the generation's fresh while tickets are due */
    struct list hands, wrecks;        /* leases */
    unsigned index;
    unsigned in_hand;                 /* leases in `hands`; the yard's hand line has a copy */
    int32_t pid;
    int intake_fd, passing_fd;        /* -1 while not open */
    uint64_t tail;                    /* own position in its completion ring */
    bool is_open;                     /* between WORKER and WORKER_DEAD */
    bool is_resting;                  /* no more offers */
    bool is_suspect;                  /* an offer was withdrawn and it has finished nothing since */
    bool is_blamed;                   /* reported to the master: it will be killed */
    bool is_clogged;                  /* its passing socket was full this turn */
    bool is_owed;                     /* the report did not fit the master's socket yet */
    struct channel_msg owed;
};

struct pool_generation {
    struct pool *pool;
    struct list node;                 /* in pool.generations */
    uint32_t number;
    struct yard yard;
    int yard_fd;
    int bell_fds[YARD_EDGES_MAX];
    struct watch bell;
    struct pool_worker *workers;      /* yard.shape.workers of them */
    struct lease *leases;             /* yard.shape.slots of them */
    struct list *buckets;             /* [n]: workers that take offers and have n in hand, the most
                                       * recently used first, suspects last */
    unsigned buckets_count;
    struct list spare;                /* FREE and touched, latest first */
    struct list clean;                /* FREE without pages */
    struct list offered, running;     /* by age, oldest first */
    struct list done, busy, fresh, polled;
    unsigned spare_count, open_count; /* open: workers that take offers */
    unsigned in_hand;                 /* of all workers */
    unsigned calls;                   /* leases that have a call */
    int64_t check_us;                 /* when all words in hand are looked at; INT64_MAX: never */
    bool is_retiring, owes_switched, owes_drained, is_drained;
    bool is_asleep;                   /* yard_edge.sleeps was set */
    bool is_waiting;                  /* own copy of yard_edge.waits */
    bool is_lowered;                  /* hands became free: other edges may wait for them */
};

struct kill {                         /* a request that killed two workers */
    uint64_t key;
    int64_t last_us;                  /* 0: an empty row */
};

struct pool {
    struct loop *loop;
    struct loop_hook hook;
    const struct conf *conf;
    unsigned edge, edges;
    int master_fd;
    struct list generations;          /* oldest first */
    struct pool_generation *current;  /* NULL before the first SWITCH and after its end */
    struct list queue;                /* calls, oldest first */
    struct list refused;              /* calls to be failed at the turn's end */
    struct list looks;                /* leases to be looked at, at the turn's end */
    struct call *lent;                /* whose callback runs; NULL when it let go meanwhile */
    bool lent_resumed;                /* pool_resume came from inside it */
    int64_t now_us;                   /* of this turn's end */
    uint64_t run_us_256;              /* average of a request's run, in 1/256 us; 0: none yet */
    int64_t look_us;                  /* when streams are looked at next */
    int64_t moved_us;                 /* when something was last offered or found */
    int64_t slept_from_us;            /* the latest wait began; ... */
    int64_t asked_us, slept_us;       /* ... how long it might last and did */
    bool slept_owed;                  /* ... a bell might be owed then */
    bool bell_rang, is_clogged;
    bool yields;                      /* left free hands to another edge this turn */
    unsigned owed;                    /* messages to the master that did not fit its socket yet */
    struct timer trim;
    struct kill kills[POOL_KILLS];
    struct pool_stats stats;
    char head[YARD_HEAD_BYTES];       /* the head being handed up: a worker may not change it */
};

/* Moves all of `from` to `to`, an uninitialised head. */
static inline void list_take_all(struct list *from, struct list *to)
{
    list_add_before(from, to);        /* `to` takes the place of the head */
    list_remove(from);
}

static inline struct lease *lease_of(struct list *node)
{
    return container_of(node, struct lease, node);
}

/* ---- pool.c ---- */

void pool_requeue(struct pool *p, struct call *c);        /* where the next one is taken from */
struct call *pool_next(struct pool *p);                   /* off the queue; NULL: empty */
/* The call is over; nothing of it is touched afterwards. */
void pool_fail(struct pool *p, struct call *c, enum call_failure why);
int64_t pool_run_us(const struct pool *p);                /* expected; 0: not known */

/* ---- pool_offer.c ---- */

void pool_dispatch(struct pool *p);
void pool_write_tickets(struct pool_generation *g);
void pool_withdraw_due(struct pool_generation *g);
void pool_withdraw_all(struct pool_worker *w);            /* what it has not taken, to the queue */
int64_t pool_withdraw_wait(const struct pool_generation *g);  /* us; -1: nothing can become due */
void pool_ring_waiting(struct pool_generation *g);        /* other edges, when hands became free */
unsigned pool_total_in_hand(const struct pool_worker *w); /* of all edges */

/* ---- pool_reply.c ---- */

/* Looks at a slot that may have moved: the one place where an answer is taken from the yard. */
void pool_look(struct lease *l);
void pool_drain(struct pool_worker *w);                   /* its completion ring */
/* Takes the call from the lease: it has none from now on. */
struct call *pool_detach(struct lease *l);

/* ---- pool_lease.c ---- */

struct lease *lease_spare(struct pool_generation *g);     /* NULL: all are in use */
void lease_offer(struct lease *l, struct pool_worker *w, struct call *c, uint32_t sequence);
void lease_into_hands(struct lease *l, struct pool_worker *w);
void lease_seen_taken(struct lease *l);
/* Blocked or starved begins, or ends: its clock stands while one of them is true. */
void lease_stand(struct lease *l, bool *why, bool stands);
void lease_leave_hands(struct lease *l);                  /* OFFERED, TAKEN: the worker let go */
void lease_release(struct lease *l);                      /* DONE > FREE */
bool lease_withdraw(struct lease *l);                     /* OFFERED > FREE; false: it was taken */
void lease_abandon(struct lease *l);                      /* nobody wants its answer: has no call */
void lease_reclaim(struct lease *l);                      /* whatever it is, its worker is dead */
/* Makes the word FREE, past the table: it was wrecked, and nobody may write it but the edge. */
void lease_mend(struct lease *l);
/* The word is none of those that may follow: the worker is reported and the call fails. */
void lease_wreck(struct lease *l, const char *why);
void lease_trim(struct timer *t);

/* ---- pool_workers.c ---- */

void pool_place(struct pool_worker *w);                   /* into the bucket it belongs to now */
void pool_rest(struct pool_worker *w);                    /* no more offers; takes back its own */
void pool_blame(struct pool_worker *w, const struct channel_msg *msg, struct span text);
void pool_broke(struct pool_worker *w, const char *rule); /* it broke a rule and is to be killed */
void pool_tell_owed(struct pool *p);
void pool_settle_retiring(struct pool_generation *g);     /* DRAINED when it is */
void pool_drop(struct pool_generation *g);                /* unmaps, closes, frees; no callback */

/* ---- pool_clock.c ---- */

void pool_check(struct pool_generation *g);               /* harakiri, and what nobody told us */
void pool_look_polled(struct pool *p);
int64_t pool_sleep(struct pool *p);                       /* how long the loop may wait, in us */
void pool_wake(struct pool *p);
void pool_note_found(struct pool *p, const struct pool_worker *w);
