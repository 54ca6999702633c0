/* frame.h - the yard: shared memory between edges and the workers of one generation, and what each
 * end does with it.  No loop, no log, no policy.  (docs/architecture.md, "The link".)
 *
 * Layout  header page | edge lines | hand lines | worker lines | scoreboard | completion rings |
 *         slot lines | slot data.  Words that different processes write lie on different cache
 *         lines.
 * Trust   the edge trusts nothing a worker wrote: a shared word is loaded once into a local, then
 *         checked.  Positions are free-running; each side believes only its own copy of its own.
 *         A worker trusts the edge, but never so far that it would leave the mapping.
 * Order   positions and words are stored with release and loaded with acquire; who goes to sleep
 *         publishes that, fences (seq_cst), looks again, and sleeps a second at most; who may have
 *         to ring stores, fences (seq_cst), looks whether the other sleeps.
 *
 * An exchange, step by step (E edge, W worker; frame_... are the functions below):
 *   E  slot is FREE: frame_prepare, writes the request, vars_bytes, body_kind, body_bytes
 *   E  slot_try(OFFER); body_kind FD, STREAM: the descriptor with struct frame_pass on the passing socket
 *   E  the ticket into the intake (all of a loop turn in one write), then hand.tickets grows
 *   W  frame_take: slot_try(TAKE); runs it; frame_head, frame_write, frame_publish ...
 *   W  frame_finish: slot_try(FINISH), an entry in the completion ring, a bell when one is due
 *   E  frame_next_posted, looks at the word, frame_readable, frame_consumed; slot_try(RELEASE)
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "base/span.h"
#include "link/slot.h"

enum {
    YARD_VERSION = 2,
    YARD_EDGES_MAX = 16, YARD_WORKERS_MAX = 1024, YARD_THREADS_MAX = 256,
    YARD_MARKS_MAX = 65535,             /* workers * threads: each thread has a mark of 16 bits */
    YARD_SLOTS_MAX = 8192,              /* an edge */
    YARD_RING_MAX = 16384,
    YARD_REQUEST_BYTES = 128 * 1024,    /* virtual; the variables and a small inline body */
    YARD_RESPONSE_BYTES = 128 * 1024,   /* the ring; a power of two */
    YARD_HEAD_BYTES = 64 * 1024,        /* most of a response head: written first, never wraps */
    YARD_DEPTH_MAX = 16,                /* most offers in one worker's hands */
    FRAME_UNRUNG_MAX = 8,               /* responses that may wait for one bell ... */
    FRAME_UNRUNG_US = 600,              /* ... and for how long */
};

struct yard_shape {
    uint32_t edges, workers, threads;   /* threads: a worker */
    uint32_t slots;                     /* an edge */
    uint32_t ring;                      /* entries of a completion ring: a power of two, at least 8
                                         * and at least slots + threads */
};

/* ---- what lies in the yard ------------------------------------------------------------------ */

/* Bits of yard_edge.sleeps.  The edge stores ASLEEP, fences, looks at every ring once more, waits,
 * and stores AWAKE.  A worker that rings swaps ASLEEP for RUNG first, and who finds AWAKE or RUNG
 * does not ring: a stream of completions costs one bell while the edge is still waking up. */
enum yard_sleep { YARD_AWAKE, YARD_ASLEEP, YARD_RUNG };

struct yard_edge {                      /* of one edge */
    _Alignas(128) _Atomic uint32_t sleeps;          /* enum yard_sleep */
    _Atomic uint32_t waits;             /* 1: has requests and found no free hands: the edge that
                                         * gets one back rings it */
};
struct yard_hand {                      /* one a worker and edge; written by that edge */
    _Alignas(64) _Atomic uint64_t tickets;          /* put into the intake, counted afterwards */
    _Atomic uint32_t in_hand;           /* offered or taken, of this edge */
    _Atomic uint32_t pid;               /* the process that both count for: frame_meet() */
};
struct yard_worker {                    /* written by that worker */
    _Alignas(64) _Atomic uint64_t tickets_read;     /* by this process */
    _Atomic uint32_t pid;
    _Atomic uint32_t holds;             /* `run`: pdb has its requests; no limit of time counts */
};
enum thread_state { THREAD_ABSENT, THREAD_STARTING, THREAD_IDLE, THREAD_BUSY, THREAD_ENDING };
struct yard_thread {                    /* the scoreboard: one line a thread, written by it */
    _Alignas(64) _Atomic uint32_t state;            /* enum thread_state */
    _Atomic uint32_t slot;              /* while busy */
    _Atomic uint64_t since_us;          /* monotonic, of the last change */
    _Atomic uint64_t requests;          /* finished */
    _Atomic uint64_t busy_us;           /* in requests that finished, waits for room left out */
};
struct yard_ring {                      /* completions of one worker for one edge: many writers, one
                                         * reader */
    _Alignas(64) _Atomic uint64_t head; /* next place to write, by fetch_add */
    _Alignas(64) _Atomic uint64_t entries[];        /* {slot 32, lap 32 = (uint32_t)place + 1};
                                                     * there when the lap fits */
};

/* STREAM: the read end of a pipe, into which the edge writes what comes while it comes. */
enum frame_body { FRAME_BODY_NONE, FRAME_BODY_INLINE, FRAME_BODY_FD, FRAME_BODY_STREAM };
/* What the end of that pipe means: yard_slot.body_end is set before it is closed. */
enum frame_body_end {
    FRAME_END_OPEN,                     /* nobody said: the edge died */
    FRAME_END_WHOLE,
    FRAME_END_CUT,                      /* the client went away, or broke its own framing */
    FRAME_END_LARGE,                    /* beyond body-limit */
    FRAME_END_LATE,                     /* slower than body-timeout and body-rate allow */
};
#define FRAME_BYTES_UNKNOWN UINT64_MAX  /* yard_slot.body_bytes of a STREAM without a length */
enum frame_result {                     /* how the worker ended the exchange, valid in DONE */
    FRAME_OK,                           /* whole */
    FRAME_CUT,                          /* failed midway: the client must see it */
    FRAME_LEFT,                         /* nobody wanted it (cancelled) */
};
enum { FRAME_HAS_HEAD = 1, FRAME_HAS_FILE = 2 };    /* yard_slot.what */

struct yard_slot {
    _Alignas(64) _Atomic uint64_t word;             /* slot.h */
    _Atomic uint32_t posted;            /* the sequence for which an entry lies in a completion ring
                                         * unread; 0: none */

    /* request, written by the edge before OFFERED; it starts at the start of the request area */
    _Alignas(64) uint32_t vars_bytes;
    uint32_t body_kind;                 /* enum frame_body; INLINE: right behind the variables */
    uint64_t body_bytes;
    uint32_t body_asks;                 /* 1: of a STREAM, say when the application reads it */
    _Atomic uint32_t body_end;          /* enum frame_body_end; also while TAKEN */
    _Atomic uint32_t edge_wants_bell;   /* 1: ring at the next publish, I am not looking; 0: I have
                                         * more than I can send, take your time */

    /* response, written by the taker */
    _Alignas(64) _Atomic uint64_t written;          /* bytes put into the ring so far */
    _Atomic uint32_t what;              /* HAS_HEAD: head_bytes and status are valid, and the head
                                         * is whole once written >= head_bytes; HAS_FILE, in DONE:
                                         * a descriptor is in the passing socket */
    _Atomic uint32_t status;
    _Atomic uint32_t head_bytes;        /* the ring's first: "Reason\r\nName: value\r\n..." */
    _Atomic uint32_t result;            /* enum frame_result */
    _Atomic uint32_t run_us;            /* in the application, waits for room left out; in DONE */
    _Atomic uint64_t file_at, file_bytes;           /* of the descriptor, after all ring bytes */
    _Atomic uint32_t taker_waits;       /* 1: the taker sleeps on `room` */
    _Atomic uint32_t reads_body;        /* 1: of a STREAM, the application wants some */

    /* written by the edge */
    _Alignas(64) _Atomic uint64_t consumed;         /* ring bytes it is done with */
    _Atomic uint32_t room;              /* futex: changes when a waiting taker may look again */
};

struct yard {                           /* one process's view */
    char *at;                           /* NULL: not mapped */
    size_t bytes;
    struct yard_shape shape;            /* own copy, checked against the file's size */
    uint64_t generation;
    struct yard_layout {                /* offsets, computed from the own copy */
        size_t edges, hands, workers, threads, rings, ring_bytes, slots, data, bytes;
    } layout;
};

/* ---- making and mapping --------------------------------------------------------------------- */

/* Master: a sealed memfd (shrink, grow, seal) of this shape; *fd is the caller's.  0, -EINVAL (no
 * possible shape) or -errno. */
int yard_make(struct yard *y, const struct yard_shape *shape, uint64_t generation, int *fd);
/* Edge, worker: maps it; -EBADMSG when header, size or seals are not what this build expects.  fd
 * stays the caller's and may be closed. */
int yard_map(struct yard *y, int fd);
void yard_done(struct yard *y);         /* unmaps; takes an all-zero one */
/* Room for twice what all workers may have in hand (cancelled and streaming leftovers), at least 64
 * slots and at most YARD_SLOTS_MAX an edge. */
struct yard_shape yard_shape_for(unsigned edges, unsigned workers, unsigned threads);

/* The caller's indexes are in range. */
struct yard_edge *yard_edge(const struct yard *y, unsigned edge);
struct yard_hand *yard_hand(const struct yard *y, unsigned worker, unsigned edge);
struct yard_worker *yard_worker(const struct yard *y, unsigned worker);
struct yard_thread *yard_thread(const struct yard *y, unsigned worker, unsigned thread);
struct yard_ring *yard_ring(const struct yard *y, unsigned worker, unsigned edge);
struct yard_slot *yard_slot(const struct yard *y, uint32_t slot);   /* edge * shape.slots + i */
/* Pdb has this worker's requests: none of its limits of time counts. */
bool yard_is_held(const struct yard *y, unsigned worker);
char *yard_request(const struct yard *y, uint32_t slot);            /* YARD_REQUEST_BYTES */
char *yard_response(const struct yard *y, uint32_t slot);           /* YARD_RESPONSE_BYTES */
/* The thread in a slot's word: never 0. */
uint16_t yard_thread_mark(const struct yard *y, unsigned worker, unsigned thread);
/* shape.workers or more when no thread has this mark. */
unsigned yard_worker_of_mark(const struct yard *y, uint16_t mark);

struct ticket { uint32_t slot, sequence; };         /* in an intake pipe: 8 bytes, whole ones */

/* A descriptor's companion on the passing socket (SOCK_SEQPACKET, one pair a worker and edge): one
 * message, one descriptor.  To the worker: a request's body (or the pipe that brings it), sent
 * after OFFER and before the ticket.  To the edge: a response's file, there when the slot is DONE with
 * FRAME_HAS_FILE. */
struct frame_pass { uint32_t slot, sequence; };

/* ---- the edge's end ------------------------------------------------------------------------- */

/* A FREE slot of the edge's own, before it writes the next request there: forgets the last answer,
 * sets edge_wants_bell. */
void frame_prepare(const struct yard *y, uint32_t slot);
/* A worker is announced (also to an edge that was just started): makes the hand line fit for this
 * process and gives the ring position to read from.  A new edge then looks at every slot of its
 * range: what is not FREE is its predecessor's, to be released when DONE. */
uint64_t frame_meet(const struct yard *y, unsigned worker, unsigned edge, pid_t pid);
/* The next slot of this worker that completed or progressed, or -EAGAIN; *tail is the edge's own
 * position.  Clears `posted`, so look at the word and at `written` after it, not before.  A hint:
 * the slot may have been looked at already, or be in another's hands.  -EBADMSG: the worker broke
 * the ring (a slot outside this edge's range, a lap from the future). */
int64_t frame_next_posted(const struct yard *y, unsigned worker, unsigned edge, uint64_t *tail);
/* Ring bytes between `from` and what the worker published, as up to two spans, and how many; they
 * may change under the reader's eyes.  -EBADMSG when `written` is impossible. */
ssize_t frame_readable(const struct yard *y, uint32_t slot, uint64_t from, struct span runs[2]);
/* The edge is done with everything before `upto`; wakes the taker when it waits and half of the
 * ring is free. */
void frame_consumed(const struct yard *y, uint32_t slot, uint64_t upto);
/* CANCEL and wake the taker.  False: it is not TAKEN any more.  *word, or NULL: as slot_try. */
bool frame_cancel(const struct yard *y, uint32_t slot, uint64_t *word);
/* Master, after the death of an edge and before the next one starts: withdraws, cancels or releases
 * everything in its range, and has nobody ring it any more. */
void frame_abandon(const struct yard *y, unsigned edge);
/* Pages of an idle slot (FREE, the edge's own) are given back to the kernel. */
void frame_trim(const struct yard *y, int yard_fd, uint32_t slot);

/* ---- the worker's end: blocking calls, to be made without the GIL; one struct a process ------ */

struct frame_worker {                          /* shared by the process's threads */
    struct yard yard;
    unsigned worker, edges;                    /* own index; how many edges there are */
    int intake_fd;                             /* read end, blocking */
    int bell_fds[YARD_EDGES_MAX];              /* eventfd of each edge, non-blocking */
    int passing_fds[YARD_EDGES_MAX];           /* SEQPACKET, to and from each edge */
    pthread_mutex_t lock;                      /* guards the stash and the order of receiving */
    struct frame_stash {                       /* descriptors that came for other threads' slots */
        struct frame_pass pass;
        int fd;
    } *stash;                                  /* room for one a slot of the yard */
    size_t stashed;
};

struct frame_thread {                          /* one a thread */
    struct frame_worker *worker;
    unsigned thread;
    uint16_t mark;
    struct ticket tickets[YARD_DEPTH_MAX];     /* read, not yet looked at (one thread: many at a
                                                * time; several: one) */
    unsigned next, count;
    uint32_t slot, sequence;                   /* the one taken */
    unsigned edge;                             /* to whom it belongs */
    uint64_t written;                          /* own copy of the ring position */
    uint64_t announced;                        /* up to where the edge was told */
    bool has_head;
    int64_t began_us;                          /* when it was taken */
    int64_t waited_us;                         /* of that, in frame_wait_room and for the client's
                                                * body */
    unsigned unrung;                           /* responses since the last bell */
    int64_t unrung_since_us;                   /* of the first of them */
    uint32_t unrung_edges;                     /* bit i: edge i is owed a bell */
};

/* Maps the yard and makes the process known in it.  From success on the other descriptors are the
 * frame_worker's, on failure they stay the caller's; yard_fd always does.  0 or -errno. */
int frame_worker_init(struct frame_worker *w, int yard_fd, unsigned worker, int intake_fd,
                      const int *bell_fds, const int *passing_fds, unsigned edges);
/* Closes and unmaps everything and leaves the shared words alone: also right in a process that the
 * application forked.  Idempotent; no thread is inside another function. */
void frame_worker_done(struct frame_worker *w);
/* A debugger has this worker's requests, or lets them go on. */
void frame_worker_hold(const struct frame_worker *w, bool holds);
void frame_thread_init(struct frame_thread *t, struct frame_worker *w, unsigned thread);

/* Waits for an offer and takes it.  0; -EPIPE: the intake is closed, leave; -ETIMEDOUT: idle for
 * idle_us (-1: never); -EINTR: a signal came; -EBADMSG: half a ticket; else -errno of the read.
 * Before it waits it rings the bells that are owed.  With several threads another one may take the
 * offer that ended the wait: then it waits without limit for the next. */
int frame_take(struct frame_thread *t, int64_t idle_us);

/* Of the taken request. */
struct span frame_vars(const struct frame_thread *t);
/* INLINE sets *inline_body, FD and STREAM set *fd (the caller's to close); *body_bytes is set
 * always, for a STREAM maybe FRAME_BYTES_UNKNOWN.  Call once.  Kind, -EBADMSG (not an enum frame_body,
 * or lengths beyond the area), -ENOENT (the descriptor did not come), or -errno. */
int frame_body(struct frame_thread *t, struct span *inline_body, int *fd, uint64_t *body_bytes);
/* What the end of the STREAM means, once its pipe is at its end. */
enum frame_body_end frame_body_end(const struct frame_thread *t);
/* The application reads the STREAM: the edge is told, if it asked to be. */
void frame_reads_body(struct frame_thread *t);
bool frame_cancelled(const struct frame_thread *t);

/* `head` is "Reason\r\nName: value\r\n..." already checked.  0, -EMSGSIZE, or -EALREADY (there is
 * one, or body bytes went before).  Not yet visible: frame_publish. */
int frame_head(struct frame_thread *t, unsigned status, struct span head);
/* Copies as much as fits into the ring: the bytes taken, maybe 0 (then frame_wait_room, again). */
size_t frame_write(struct frame_thread *t, struct span bytes);
/* Makes what was written visible, and tells the edge.  Rings when the edge sleeps and wants a bell
 * or one is due by time. */
void frame_publish(struct frame_thread *t);
/* Publishes, rings, and sleeps until the ring has room: 0, -ECANCELED (nobody wants it), -EINTR. */
int frame_wait_room(struct frame_thread *t);
/* Bytes [at, at + bytes) of a file follow what was written: passes a duplicate of fd.  0, -EINVAL
 * (not a regular file), -EAGAIN (the socket is full), or -errno: then write the bytes instead.
 * frame_finish comes next. */
int frame_file(struct frame_thread *t, int fd, uint64_t at, uint64_t bytes);
/* TAKEN > DONE, an entry for the edge, and a bell when the edge sleeps and one is due: the intake
 * is empty, or FRAME_UNRUNG_MAX responses or FRAME_UNRUNG_US since the first unrung; else it is
 * owed.  The slot must not be touched any more. */
void frame_finish(struct frame_thread *t, enum frame_result result);
void frame_thread_state(struct frame_thread *t, enum thread_state state);    /* scoreboard */
