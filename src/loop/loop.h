/* loop.h - one epoll loop: readiness, timers, signals, child exits, wake-ups from
 * threads, free-later.
 *
 * Readiness is edge-triggered and remembered: a watch is registered once, for reading and writing,
 * and its `ready` bits stay set until the owner clears them after a short read or write or -EAGAIN.
 * So a request costs no epoll_ctl and no probing read.
 * A turn: wait; run due timers; run watches that became ready or asked for another turn
 * (loop_again); run the turn-end hooks; free what was given to loop_free_later.
 * A handler gets a bounded share: it does a bounded piece of work and calls loop_again() for
 * the rest.  Times on the loop are monotonic milliseconds, read once a turn (loop_now_ms).
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/list.h"

enum {
    LOOP_READ = 1, LOOP_WRITE = 2,
    LOOP_HANGUP = 4,        /* the peer will send nothing more, or is gone */
    LOOP_BROKEN = 8,        /* both directions are over: nobody is there */
};

struct loop;
struct watch;
struct timer;
typedef void (*watch_fn)(struct watch *w);
typedef void (*timer_fn)(struct timer *t);

struct timer {
    timer_fn fire;          /* called with the timer already off */
    int64_t due_ms;         /* 0 while off */
    /* where it stands in the heap: at or before due_ms (late moves are lazy) */
    int64_t key_ms;
    uint32_t place;         /* in the heap, 0 while not in it */
};

struct watch {
    watch_fn run;           /* readiness changed, or loop_again() was asked */
    struct loop *loop;
    int fd;                 /* -1 while not watched */
    unsigned ready;         /* LOOP_ bits; the owner clears READ and WRITE */
    struct list again;      /* in the loop's list of those to run next turn */
};

/* Called at the end of every turn, before the wait; returns the longest wait in microseconds that
 * it allows (0: another turn at once; -1: no wish).  The link gathers tickets and bells here.
 * A hook may remove itself while it runs, no other. */
struct loop_hook {
    int64_t (*turn_end)(struct loop_hook *h);
    /* after the wait, before any watch runs; may be NULL */
    void (*woken)(struct loop_hook *h);
    struct list node;
};

struct loop *loop_new(void);                    /* NULL: no memory or descriptors */
/* frees the garbage; watches and timers are their owners' */
void loop_free(struct loop *l);
int64_t loop_now_ms(const struct loop *l);
int64_t loop_now_us(const struct loop *l);      /* of the last wake-up */
/* May it be said (again)?  *told_ms: when it was last, kept here; 0: never. */
bool loop_may_tell(const struct loop *l, int64_t *told_ms, int64_t every_ms);
int loop_run(struct loop *l);                   /* until loop_stop(); 0 or -errno of the wait */
/* when this turn is over; before loop_run(): not one turn */
void loop_stop(struct loop *l);

/* Fills *w and registers fd, which must be non-blocking.  0, or -errno with w->fd still -1 (-EPERM:
 * a regular file).  An error or hang-up of the peer sets READ and WRITE too: the next call on the
 * fd says what it was. A listener is shared with other processes (EPOLLEXCLUSIVE), level-triggered
 * and for reading only: who cannot accept now (-EMFILE) must pause it, or the loop turns without
 * end. */
int loop_watch(struct loop *l, struct watch *w, int fd, watch_fn run);
int loop_watch_listener(struct loop *l, struct watch *w, int fd, watch_fn run);
/* A listener is not looked at for a while (descriptors ran out), and then again.  0 or -errno:
 * resuming can fail (-ENOMEM), and a listener that stays paused is deaf, so try once more later. */
int loop_pause(struct watch *w, bool is_paused);
/* the fd stays open and the caller's; idempotent, all-zero is fine */
void loop_unwatch(struct watch *w);
/* run once more in the next turn, which will not wait */
void loop_again(struct watch *w);

void timer_init(struct timer *t, timer_fn fire);
/* Moves it if on.  A delay below 1 counts as 1, so no timer fires twice in a turn.  0 or -ENOMEM,
 * which only a timer that was off can get. */
int timer_set(struct loop *l, struct timer *t, int64_t delay_ms);
/* idempotent; must precede freeing */
void timer_off(struct loop *l, struct timer *t);

void loop_hook_add(struct loop *l, struct loop_hook *h);
void loop_hook_remove(struct loop_hook *h);

/* Frees `object` by `free_fn` at the end of this turn, so never inside a step that runs on it.
 * Needs no memory: the node is the caller's, inside the object. */
struct loop_garbage {
    struct list node;
    void (*free_fn)(struct loop_garbage *g);
};
void loop_free_later(struct loop *l, struct loop_garbage *g,
                     void (*free_fn)(struct loop_garbage *g));

/* Signals: blocked from then on in this thread and those it starts, and delivered here, one call a
 * signal a turn.  Once a loop: -EBUSY after that.  A child that execs must unblock them first. */
typedef void (*signal_fn)(struct loop *l, void *user, int sig);
int loop_signals(struct loop *l, const int *signals, size_t count, signal_fn fn, void *user);
