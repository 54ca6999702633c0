/* pool.h - the edge's end of the link for one site: the queue, the choice of worker, what happens
 * when one dies.
 *
 * One queue: waiting requests stay here, where they can be cancelled and timed out; a request
 * gets a slot only when it is offered.  The edge chooses the worker: fewest requests in hand,
 * then most recently used; it offers as many as keep about 1 ms of expected work there (at least
 * `threads`, at most YARD_DEPTH_MAX), and withdraws an offer not taken in 2 ms when another
 * worker is idle (in 10 ms when another has free hands).  Tickets of a loop turn go in one write
 * a worker; bells as frame.h says.
 * Promises (design of failure: docs/architecture.md): a worker that dies before it took a
 * request, or running a safe one with no head seen yet, costs nothing: the request goes to
 * another worker (once; option retry).  Else reply->fail.
 *
 * Owner  the edge; struct call lives in the exchange and is in the pool from pool_submit until
 *        fail(), file(), a negative answer of head() or body(), the last body() was taken whole,
 *        or pool_cancel().  The pool never touches a call after that: the callback may free or
 *        reuse it.
 * Calls  callbacks come from the loop (turn end, or inside pool_message), never from inside
 *        pool_submit, pool_cancel or pool_resume; they may call these three themselves.
 */
#pragma once
#include "conf/conf.h"
#include "http/request.h"
#include "link/channel.h"
#include "link/frame.h"
#include "loop/loop.h"

struct call;

enum call_failure {
    CALL_QUEUE_TIMEOUT,     /* 503 + Retry-After */
    CALL_OVERLOADED,        /* refused at once: it would wait longer: 503 + Retry-After */
    CALL_WORKER_DIED,       /* 502 */
    CALL_LATE,              /* harakiri: 504 */
    CALL_TOO_LARGE,         /* variables do not fit: 431 */
    CALL_BROKEN,            /* the worker broke a rule, or ended without a head: 502 */
    CALL_CUT,               /* the application failed after the head: the client must see it */
    CALL_NO_MEMORY,         /* 503 */
};

/* Filled by serve/app; called on the loop, never from inside pool_submit. */
struct reply_to {
    /* Once, before any body.  `head` is the edge's own copy ("Reason\r\nName: value\r\n..."),
     * valid during the call.  is_complete: the application is done and body_bytes (ring and file
     * together) is the exact length of what follows; else body_bytes is -1.  0, or negative: the
     * head is refused, the call is over (pool cancels it), the receiver answers by itself. */
    int (*head)(struct call *c, unsigned status, struct span head, bool is_complete,
                int64_t body_bytes);
    /* Up to two runs of body bytes in place; takes what it can (sent or copied), returns how
     * many; fewer than there are: full, no more until pool_resume; negative: the client is gone
     * (pool cancels).  is_last: nothing follows these runs (they may be empty); when all of them
     * are taken the call is over and its slot free. */
    ssize_t (*body)(struct call *c, const struct span runs[2], bool is_last);
    /* Instead of the last body(): the rest is bytes [at, at + bytes) of fd, a regular file that
     * has them now, from here on the receiver's to close.  The call is over. */
    void (*file)(struct call *c, int fd, uint64_t at, uint64_t bytes);
    void (*fail)(struct call *c, enum call_failure why);     /* the call is over */
    /* Of a stream that asks, once: the application reads it.  May be NULL; submits and cancels nothing. */
    void (*reads_body)(struct call *c);
};

struct call_body {          /* a request body; bytes 0: none, whatever the rest says */
    struct span memory;     /* all of it, copied when offered; else empty */
    int fd;                 /* with empty memory: a file or memfd, lent until the call is over.
                             * A retry reads it again: by offset, never by position.
                             * is_stream: the read end of a pipe, lent likewise */
    int64_t bytes;          /* -1: a stream whose length is not known */
    bool is_stream;         /* it is not complete: pool_body_end says what the pipe's end means */
    bool asks;              /* reads_body shall be called */
    bool is_awaited;        /* of a stream: pool_body_awaits */
    bool was_read;          /* the pool's own: reads_body was called */
    uint8_t end;            /* the pool's own: enum frame_body_end */
};

struct lease;

struct call {               /* one request on its way to a worker; all-zero is ready */
    struct list node;       /* in the queue, or among those to be failed */
    const struct reply_to *to;
    const struct request *request;
    struct span mount;
    const char *secrets;                /* parameters whose values no log has (http/query_mask.h); NULL: all */
    struct call_body body;
    int64_t harakiri_ms;                /* it may run; 0: no limit */
    bool may_retry;                     /* if it is safe: once more when its worker dies */
    int64_t submitted_us, offered_us;
    uint64_t queue_us, app_us;          /* for the access log, when over */
    int32_t worker_pid;                 /* who ran it last; 0 before the first offer */
    uint32_t generation;                /* of that one */
    int64_t taken_seen_us;              /* when the edge first saw it TAKEN; 0 before */
    /* the pool's own */
    struct lease *lease;                /* its slot; NULL while queued */
    unsigned tries;                     /* workers that died running it */
    uint8_t state;                      /* enum call_state, pool_private.h; 0: not in the pool */
    uint8_t why;                        /* enum call_failure, while it waits to be failed */
};

struct pool;
/* conf must outlive it; master_fd (SEQPACKET) stays the caller's and is only written.  NULL: no
 * memory. */
struct pool *pool_new(struct loop *l, const struct conf *conf, unsigned edge, unsigned edges,
                      int master_fd);
void pool_options(struct pool *p, const struct conf *conf);     /* from now on; it must outlive them */
/* No callback follows; slots in use stay as they are, for the master to abandon (frame_abandon). */
void pool_free(struct pool *p);

void pool_submit(struct pool *p, struct call *c);
/* The client left; idempotent; no callback follows. */
void pool_cancel(struct pool *p, struct call *c);
void pool_resume(struct pool *p, struct call *c);        /* body() may take bytes again */
/* Of a stream, before the pipe's write end is closed. */
void pool_body_end(struct pool *p, struct call *c, enum frame_body_end how);
/* Of a stream: the worker has, or is about to have, all that came, and waits for the client.  Such
 * time is none of the application's (harakiri). */
void pool_body_awaits(struct pool *p, struct call *c, bool awaits);
/* True while no worker has taken it, so that forgetting it costs nobody anything. */
bool pool_is_waiting(const struct call *c);

/* Messages from the master that concern the pool (GENERATION, WORKER, ..., FORGET); fds become
 * the pool's, whatever is returned.  0, -EBADMSG (a message that makes no sense here), or -errno
 * of what it took to obey it. */
int pool_message(struct pool *p, const struct channel_msg *msg, struct span text, const int *fds,
                 size_t fds_count);

bool pool_is_ready(const struct pool *p);                /* a generation serves and has a worker */
bool pool_is_idle(const struct pool *p);                 /* nobody waits for anything */
bool pool_is_empty(const struct pool *p);                /* ... and it knows no generation */
struct pool_stats {
    uint64_t queued, in_hand;                            /* now */
    uint64_t served, retried, failed, refused, lost_bells, withdrawn;
};
struct pool_stats pool_stats(const struct pool *p);
