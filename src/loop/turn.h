/* turn.h - what loop.c and timer.c know of the loop and nobody else does. */
#pragma once
#include "base/span.h"
#include "base/sys.h"
#include "loop/loop.h"

enum { LOOP_EVENTS_MAX = 256 };           /* taken from the kernel in one turn */

struct timer_heap {
    /* at[1] is the first due; at[0] is unused; NULL while empty */
    struct timer **at;
    uint32_t count, cap;                  /* timers in it; places, with the unused one */
};

struct loop {
    int ep;
    bool is_stopping;
    int64_t now_us;                       /* of the last wake-up */
    struct list again;                    /* watches to run in the next turn */
    struct list hooks;
    struct list garbage;                  /* to be freed when the turn ends */
    struct timer_heap timers;
    struct watch signals;                 /* a signalfd; fd -1 until loop_signals() */
    sigset_t signal_set;
    signal_fn on_signal;
    void *signal_user;
    struct epoll_event events[LOOP_EVENTS_MAX];
};

/* Fires what is due now.  A timer set meanwhile is due in the next millisecond at the earliest. */
void timers_run(struct loop *l);
int64_t timers_next_ms(const struct loop *l);   /* when to look again; -1: no timer is on */
