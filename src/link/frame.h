/* frame.h - the yard: shared memory between edges and the workers of one generation, and what each end does with it.
 * No loop, no log, no policy.  (docs/architecture.md, "The link".)
 *
 * Layout  header page | edge lines | worker lines | scoreboard | completion rings | slot lines | slot data
 *         Every word that two processes write lies on a cache line of its own.
 * Trust   the edge trusts nothing a worker wrote: a shared word is loaded once into a local, then checked.
 *         Positions are free-running; each side believes only its own copy of its own position.
 * Order   positions and words are stored with release and loaded with acquire; who goes to sleep publishes, fences
 *         (seq_cst), looks again; who may have to ring stores, fences (seq_cst), looks whether the other sleeps.
 */
#pragma once
#include <stdatomic.h>
#include <pthread.h>
#include <sys/types.h>
#include "base/span.h"
#include "link/slot.h"

enum {
    YARD_VERSION = 1,
    YARD_EDGES_MAX = 16, YARD_WORKERS_MAX = 1024, YARD_THREADS_MAX = 256,
    YARD_REQUEST_BYTES = 128 * 1024,    /* virtual; the variables and a small inline body */
    YARD_RESPONSE_BYTES = 128 * 1024,   /* the ring; a power of two */
    YARD_HEAD_BYTES = 64 * 1024,        /* most of a response head: it is written first, never wraps */
    YARD_DEPTH_MAX = 16,                /* most offers in one worker's hands */
};

struct yard_shape {
    uint32_t edges, workers, threads;   /* threads: a worker */
    uint32_t slots;                     /* an edge */
    uint32_t ring;                      /* entries of a completion ring: a power of two >= slots */
};

/* ---- what lies in the yard ---------------------------------------------------------------------------------- */

struct yard_edge {                      /* written by that edge; one cache line pair an edge */
    _Alignas(128) _Atomic uint32_t sleeps;          /* 1 while it may be waiting in epoll */
    _Atomic uint32_t waits;             /* 1: has requests and found no free hands: ring it when one returns */
};
struct yard_hand {                      /* one a worker and edge; written by that edge */
    _Alignas(64) _Atomic uint64_t tickets;          /* written into the intake so far */
    _Atomic uint32_t in_hand;           /* offered or taken, of this edge */
};
struct yard_worker {                    /* written by that worker */
    _Alignas(64) _Atomic uint64_t tickets_read;
    _Atomic uint32_t pid;
};
enum thread_state { THREAD_ABSENT, THREAD_STARTING, THREAD_IDLE, THREAD_BUSY, THREAD_ENDING };
struct yard_thread {                    /* the scoreboard: one line a thread, written by it */
    _Alignas(64) _Atomic uint32_t state;            /* enum thread_state */
    _Atomic uint32_t slot;              /* while busy */
    _Atomic uint64_t since_us;          /* monotonic, of the last change */
    _Atomic uint64_t requests;          /* finished */
    _Atomic uint64_t busy_us;           /* in requests that finished */
};
struct yard_ring {                      /* completions of one worker for one edge: many writers, one reader */
    _Alignas(64) _Atomic uint64_t head; /* next place to write, by fetch_add */
    _Alignas(64) _Atomic uint64_t entries[];        /* {slot 32, lap 32 = (uint32_t)place + 1}; valid when lap fits */
};

enum frame_body { FRAME_BODY_NONE, FRAME_BODY_INLINE, FRAME_BODY_FD };
enum frame_result {                     /* how the worker ended the exchange, valid in DONE */
    FRAME_OK,                           /* whole */
    FRAME_CUT,                          /* failed midway: the client must see it */
    FRAME_LEFT,                         /* nobody wanted it (cancelled) */
};
enum { FRAME_HAS_HEAD = 1, FRAME_HAS_FILE = 2 };    /* yard_slot.what */

struct yard_slot {
    _Alignas(64) _Atomic uint64_t word;             /* slot.h */
    _Atomic uint32_t posted;            /* 1: an entry for it is in the completion ring, not yet looked at by the edge */

    _Alignas(64) uint32_t vars_bytes;   /* request, written by the edge before OFFERED: at the start of the request area */
    uint32_t body_kind;                 /* enum frame_body; INLINE: right behind the variables */
    uint64_t body_bytes;
    _Atomic uint32_t edge_wants_bell;   /* 1: ring at the next publish, I am not looking */

    _Alignas(64) _Atomic uint64_t written;          /* response, written by the taker: bytes put into the ring so far */
    uint32_t what;                      /* HAS_HEAD once head_bytes and status are valid, HAS_FILE: a descriptor follows */
    uint32_t status;
    uint32_t head_bytes;                /* the first bytes of the ring: "Reason\r\nName: value\r\n..." */
    uint32_t result;                    /* enum frame_result */
    uint32_t run_us;                    /* inside the application, so far */
    uint64_t file_at, file_bytes;       /* of the descriptor, after all ring bytes */
    _Atomic uint32_t taker_waits;       /* 1: the taker sleeps on `room` */

    _Alignas(64) _Atomic uint64_t consumed;         /* written by the edge: ring bytes it is done with */
    _Atomic uint32_t room;              /* futex: changes when consumed does, or on CANCEL */
};

struct yard {                           /* one process's view */
    char *at;
    size_t bytes;
    struct yard_shape shape;            /* own copy, checked against the file's size */
    uint64_t generation;
};

/* ---- making and mapping --------------------------------------------------------------------------------------- */

/* Master: a sealed memfd (shrink, grow, seal) of this shape; *fd is the caller's.  0 or -errno. */
int yard_make(struct yard *y, const struct yard_shape *shape, uint64_t generation, int *fd);
/* Edge, worker: maps it; -EBADMSG when header, size or seals are not what this build expects. */
int yard_map(struct yard *y, int fd);
void yard_done(struct yard *y);
struct yard_shape yard_shape_for(unsigned edges, unsigned workers, unsigned threads);

struct yard_edge *yard_edge(const struct yard *y, unsigned edge);
struct yard_hand *yard_hand(const struct yard *y, unsigned worker, unsigned edge);
struct yard_worker *yard_worker(const struct yard *y, unsigned worker);
struct yard_thread *yard_thread(const struct yard *y, unsigned worker, unsigned thread);
struct yard_ring *yard_ring(const struct yard *y, unsigned worker, unsigned edge);
struct yard_slot *yard_slot(const struct yard *y, uint32_t slot);        /* slot: edge * shape.slots + i */
char *yard_request(const struct yard *y, uint32_t slot);                 /* YARD_REQUEST_BYTES */
char *yard_response(const struct yard *y, uint32_t slot);                /* YARD_RESPONSE_BYTES */
uint16_t yard_thread_mark(const struct yard *y, unsigned worker, unsigned thread);   /* for the word: never 0 */
unsigned yard_worker_of_mark(const struct yard *y, uint16_t mark);

struct ticket { uint32_t slot, sequence; };         /* what travels through an intake pipe: 8 bytes */

/* A descriptor's companion on the passing socket (SOCK_SEQPACKET, one pair a worker and edge). */
struct frame_pass { uint32_t slot, sequence; };

/* ---- the edge's end ------------------------------------------------------------------------------------------- */

/* The next completed or progressed slot of this worker, or -EAGAIN; *tail is the edge's own position.
 * -EBADMSG: the worker broke the ring (a slot outside this edge's range, a lap from the future). */
int64_t frame_next_posted(const struct yard *y, unsigned worker, unsigned edge, uint64_t *tail);
/* Ring bytes between `from` and what the worker published, as up to two spans; -EBADMSG when `written` is impossible. */
ssize_t frame_readable(const struct yard *y, uint32_t slot, uint64_t from, struct span runs[2]);
/* The edge is done with everything before `upto`; wakes the taker when it waits. */
void frame_consumed(const struct yard *y, uint32_t slot, uint64_t upto);
/* CANCEL and wake the taker.  False: it is not TAKEN any more. */
bool frame_cancel(const struct yard *y, uint32_t slot, uint64_t *word);
/* Master, after the death of an edge: withdraws, cancels or releases everything in its range. */
void frame_abandon(const struct yard *y, unsigned edge);
/* Pages of an idle slot are given back to the kernel. */
void frame_trim(const struct yard *y, int yard_fd, uint32_t slot);

/* ---- the worker's end: blocking calls, to be made without the GIL; one struct a process, shared by its threads - */

struct frame_worker {
    struct yard yard;
    unsigned worker;
    int intake_fd;                             /* read end, blocking */
    int bell_fds[YARD_EDGES_MAX];              /* eventfd of each edge, non-blocking */
    int passing_fds[YARD_EDGES_MAX];           /* SEQPACKET, to and from each edge */
    pthread_mutex_t lock;                      /* guards `stash` */
    struct { struct frame_pass pass; int fd; } stash[64];  /* descriptors that came for slots of other threads */
    size_t stashed;
};
struct frame_thread {                          /* one a thread */
    struct frame_worker *worker;
    unsigned thread;
    struct ticket tickets[YARD_DEPTH_MAX];     /* read, not yet looked at (one thread: many at a time; several: one) */
    unsigned next, count;
    uint32_t slot, sequence;                   /* the one taken */
    uint64_t written;                          /* own copy of the ring position */
    uint64_t announced;                        /* up to where the edge was told */
    bool has_head;
    int64_t began_us;                          /* when it was taken */
    unsigned unrung;                           /* responses since the last bell */
    int64_t unrung_since_us;
    uint32_t unrung_edges;                     /* which edges are owed a bell */
};

int frame_worker_init(struct frame_worker *w, int yard_fd, unsigned worker, int intake_fd,
                      const int *bell_fds, const int *passing_fds, unsigned edges);
void frame_worker_done(struct frame_worker *w);            /* closes everything: also in a process the application forked */
void frame_thread_init(struct frame_thread *t, struct frame_worker *w, unsigned thread);

/* Waits for an offer and takes it.  0; -EPIPE: the intake is closed, leave; -ETIMEDOUT: idle for idle_us (-1: for ever);
 * -EINTR: a signal came.  Before it blocks it rings the bells that are owed. */
int frame_take(struct frame_thread *t, int64_t idle_us);
struct span frame_vars(const struct frame_thread *t);
/* The request's body: INLINE sets *inline_body, FD sets *fd (the caller's to close).  Kind or -errno. */
int frame_body(struct frame_thread *t, struct span *inline_body, int *fd, uint64_t *body_bytes);
bool frame_cancelled(const struct frame_thread *t);

/* `head` is "Reason\r\nName: value\r\n..." already checked.  0 or -EMSGSIZE. Not yet visible: frame_publish. */
int frame_head(struct frame_thread *t, unsigned status, struct span head);
/* Copies as much as fits into the ring: the bytes taken, maybe 0 (then publish, frame_wait_room, again). */
size_t frame_write(struct frame_thread *t, struct span bytes);
/* Makes what was written visible; rings when the edge wants a bell or one is due. */
void frame_publish(struct frame_thread *t);
/* Sleeps until the ring has room: 0, -ECANCELED (nobody wants it), -EINTR. */
int frame_wait_room(struct frame_thread *t);
/* A regular file's bytes follow what was written: passes a duplicate of fd.  0 or -errno. Then frame_finish. */
int frame_file(struct frame_thread *t, int fd, uint64_t at, uint64_t bytes);
/* TAKEN > DONE; rings by the rule: intake empty, or 8 responses or 300 us since the first unrung. */
void frame_finish(struct frame_thread *t, enum frame_result result);
void frame_thread_state(struct frame_thread *t, enum thread_state state);
