/* notify.h - what the service manager is told (sd_notify(3)): that we are ready, reload, stop; a line for
 * `systemctl status`; and that we are alive.
 *
 * Heard   READY=1 with MAINPID once the first generation serves, and again after each reload, also one that
 *         was refused; RELOADING=1 with MONOTONIC_USEC while another generation is on its way; STOPPING=1.
 *         A state that cannot be told (the manager has too much unread) is told a little later.
 * Alive   WATCHDOG=1 three times in $WATCHDOG_USEC, by the loop, and only when the edges answered what
 *         they were asked a third before: who hangs is restarted.
 */
#pragma once
#include "loop/loop.h"
#include "master/notify_send.h"

struct master;

enum notify_state { NOTIFY_NOTHING, NOTIFY_STARTING, NOTIFY_READY, NOTIFY_RELOADING, NOTIFY_STOPPING };
enum { NOTIFY_STATUS_BYTES = 512 };

struct notify {
    struct master *master;
    struct notify_to to;          /* .len 0: there is no manager, and nothing happens here */
    enum notify_state told;
    bool is_untold;               /* .told did not get through yet */
    int64_t tick_ms;
    int64_t watchdog_us;          /* 0: nobody waits for a sign of life */
    int64_t asked_us, asked_requests;             /* of the last tick, for the rate */
    char status[NOTIFY_STATUS_BYTES];             /* that was told */
    char reload[NOTIFY_STATUS_BYTES / 2];         /* how the last one went, "" before it */
    struct timer timer;
};

void notify_open(struct notify *n, struct master *m);           /* once there is a loop */
/* Something changed: who serves, who is on its way, whether we stop. */
void notify_look(struct notify *n);
/* A reload ended; sentence NULL: well, and `generation` serves. */
void notify_reloaded(struct notify *n, const char *site, uint32_t generation, const char *sentence);
void notify_done(struct notify *n);
