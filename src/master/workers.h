/* workers.h - the master's side of one worker: asked from the zygote, named, announced, mourned,
 * asked again.
 *
 * The whole life is the table in workers.c.  A worker's place (its index) outlives its processes.
 */
#pragma once
#include "link/channel.h"
#include "link/frame.h"
#include "loop/loop.h"
#include "master/backoff.h"
#include "master/child.h"

struct generation;

enum worker_state {
    WORKER_WAITING,       /* no process: for its turn, or for the back-off to pass */
    WORKER_FORKING,       /* the zygote was asked; no pid yet */
    WORKER_STARTING,      /* a process of ours */
    WORKER_READY,         /* edges offer it requests */
    WORKER_RESTING,       /* no more offers; to be killed when its grace is over */
    WORKER_LEAVING,       /* its intake is closed: it ends */
    WORKER_ENDED,         /* never again */
    WORKER_STATES
};

enum { WORKER_FAILURE_BYTES = 512 };

struct worker {
    struct generation *generation;
    unsigned index;
    enum worker_state state;
    struct child child;
    pid_t pid;                    /* of the last process, 0 before it was known */
    pid_t claimed;                /* "born" with this pid, which is no child of ours yet; else 0 */
    int life_fd, intake_fd;       /* our ends; -1 while there is none */
    int passing_fds[YARD_EDGES_MAX];     /* the edges' ends */
    struct watch life;
    struct timer timer;
    struct backoff backoff;
    bool is_due;                  /* WAITING: wants to be asked for */
    bool is_settled;              /* was ready, or ended, once: a new generation waits for this */
    bool is_ready_early;          /* said "ready" before its pid was accepted */
    bool was_ready;               /* this process */
    bool wants_terminal;          /* `run`: it is in breakpoint(), with the terminal or
                                   * waiting for it */
    bool was_told;                /* the edges know this process */
    int64_t asked_us;
    int64_t rest_ends_us;         /* RESTING: then it is killed */
    uint64_t requests_before;     /* on the scoreboard, of its predecessors */
    unsigned deaths;
    char last_end[CHILD_STATUS_BYTES];   /* how the last process ended, "" before */
    char failure[WORKER_FAILURE_BYTES];  /* why the last one could not import the project, "": it
                                          * did not say so */
};

void worker_init(struct worker *w, struct generation *g, unsigned index);
void worker_done(struct worker *w);              /* closes; the process, if any, is left alone */
void worker_go(struct worker *w);                /* WAITING and due: now */
void worker_leave(struct worker *w);
void worker_kill(struct worker *w);
void worker_is_late(struct worker *w, const struct channel_msg *msg, struct span request_line);
void worker_broke(struct worker *w, struct span rule);

uint64_t worker_requests(const struct worker *w); /* of the process that runs (or ended last) */
const char *worker_state_name(enum worker_state state);
