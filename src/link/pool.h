/* pool.h - the edge's end of the link for one site: the queue, the choice of worker, what happens when one dies.
 *
 * One queue: waiting requests stay here, where they can be cancelled and timed out; a request gets a slot only when it is
 * offered.  The edge chooses the worker: fewest requests in hand, then most recently used; it offers as many as keep about
 * 1 ms of expected work there (at least `threads`, at most YARD_DEPTH_MAX), and withdraws an offer not taken in 2 ms when another
 * worker is idle.  Tickets of a loop turn go in one write a worker; bells as frame.h says.
 * Promises (design of failure: docs/architecture.md): a worker that dies before it took a request, or running a safe one with no
 * head seen yet, costs nothing: the request goes to another worker (once; option retry).  Else reply->fail.
 *
 * Owner  the edge; struct call lives in the exchange and is in the pool from pool_submit until fail() or the last body() was
 *        accepted or pool_cancel().
 */
#pragma once
#include "conf/conf.h"
#include "link/channel.h"
#include "link/frame.h"
#include "loop/loop.h"
#include "http/request.h"

struct call;

enum call_failure {
    CALL_QUEUE_TIMEOUT,     /* 503 + Retry-After */
    CALL_OVERLOADED,        /* refused at once: the expected wait exceeds queue_timeout: 503 + Retry-After */
    CALL_WORKER_DIED,       /* 502 */
    CALL_LATE,              /* harakiri: 504 */
    CALL_TOO_LARGE,         /* variables do not fit: 431 */
    CALL_BROKEN,            /* the worker broke a rule, or its head is not HTTP: 502 */
    CALL_CUT,               /* the application failed after the head: close so that the client sees it */
    CALL_NO_MEMORY,         /* 503 */
};

/* Filled by serve/app; called on the loop, never from inside pool_submit. */
struct reply_to {
    /* Once, before any body.  `head` is the edge's own copy ("Reason\r\nName: value\r\n..."), valid during the call.
     * 0, or negative: the head is refused, the call is over (pool cancels it), the receiver answers by itself. */
    int (*head)(struct call *c, unsigned status, struct span head, bool has_body_bytes_known, int64_t file_bytes);
    /* Up to two runs of body bytes in place; takes what it can (sent or copied), returns how many, 0 for none now (then
     * pool_resume when there is room again), negative: the client is gone (pool cancels).  is_last: nothing follows these
     * runs; when all of them are taken the call is over and its slot free. */
    ssize_t (*body)(struct call *c, const struct span runs[2], bool is_last);
    /* Instead of the last body(): the rest is bytes [at, at + bytes) of fd, now the receiver's to close.  The call is over. */
    void (*file)(struct call *c, int fd, uint64_t at, uint64_t bytes);
    void (*fail)(struct call *c, enum call_failure why);     /* the call is over */
};

struct call_body {          /* a complete request body */
    struct span memory;     /* small: copied into the slot; else empty */
    int fd;                 /* -1, or a file or memfd that is lent until the call is over */
    int64_t bytes;
};

struct call {               /* one request on its way to a worker; embedded in the exchange */
    struct list node;       /* in the queue or in the worker's hands */
    const struct reply_to *to;
    const struct request *request;
    struct span mount;
    struct call_body body;
    int64_t submitted_us, offered_us;
    uint64_t queue_us, app_us;          /* for the access log, when over */
    int32_t worker_pid;                 /* who ran it last */
    /* the pool's own */
    struct pool_generation *generation; /* NULL while queued */
    uint32_t slot, sequence;
    unsigned worker;
    unsigned tries;
    uint64_t consumed;
    int64_t taken_seen_us;              /* when the edge first saw it TAKEN; 0 before */
    bool has_head, is_blocked;
    uint8_t state;
};

struct pool;
struct pool *pool_new(struct loop *l, const struct conf *conf, unsigned edge, unsigned edges, int master_fd);
void pool_free(struct pool *p);

void pool_submit(struct pool *p, struct call *c);
void pool_cancel(struct pool *p, struct call *c);        /* the client left; idempotent; no callback follows */
void pool_resume(struct pool *p, struct call *c);        /* body() may take bytes again */

/* Messages from the master that concern the pool (GENERATION, WORKER, ..., FORGET); fds become the pool's.
 * 0, or -EBADMSG. */
int pool_message(struct pool *p, const struct channel_msg *msg, struct span text, const int *fds, size_t fds_count);

bool pool_is_ready(const struct pool *p);                /* a generation serves */
bool pool_is_idle(const struct pool *p);                 /* nothing queued or in hand */
struct pool_stats { uint64_t queued, in_hand, served, retried, failed, refused, lost_bells, withdrawn; };
struct pool_stats pool_stats(const struct pool *p);
