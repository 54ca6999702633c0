/* child.h - the processes that the master waits for, and who is told when one ended.
 *
 * Owner  a struct child lives inside the thing that the process is (a worker, an edge, ...); it is
 *        in the list only while the process runs.  Signals go by pidfd.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/list.h"

enum { CHILDREN_STRANGERS = 16 };

struct child {
    struct list node;         /* in children.all while it runs */
    pid_t pid;                /* 0 while there is none */
    int pidfd;                /* -1 while there is none */
    int64_t started_us;
    /* Called once, when it is reaped; the child is free for the next process by then. */
    void (*ended)(struct child *c, pid_t pid, int status, int64_t peak_kib);
};

struct children {
    struct list all;
    /* The last ones reaped that nobody had named yet: a worker can die before its first word is
     * read. */
    struct { pid_t pid; int status; int64_t peak_kib; } strangers[CHILDREN_STRANGERS];
    unsigned strangers_at;
};

void children_init(struct children *all);
void child_init(struct child *c, void (*ended)(struct child *, pid_t, int, int64_t));
static inline bool child_runs(const struct child *c) { return c->pid != 0; }

/* A process that was forked here. */
void child_add(struct children *all, struct child *c, pid_t pid);

/* A process that says it is `pid` and ours: added when it is a child of ours that nobody has named.
 * 0; -ECHILD: no child of ours (yet); -EEXIST: somebody's.  One that ended already is added and
 * told as ended at once. */
int child_claim(struct children *all, struct child *c, pid_t pid);

void child_signal(const struct child *c, int sig);        /* nothing when it does not run */
void children_reap(struct children *all);                 /* after SIGCHLD */

/* "signal 9", "exit status 1": into `text`, for logs and sentences. */
enum { CHILD_STATUS_BYTES = 32 };
const char *child_status_text(int status, char text[CHILD_STATUS_BYTES]);
