/* backoff.h - how long to wait before something that ended is started again.  Pure.
 *
 * The first end costs no wait; while it goes on ending within BACKOFF_QUICK_MS of its start, the
 * next waits are 100 ms, 200 ms, ... up to a bound.  All-zero is ready.
 */
#pragma once
#include <stdint.h>

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 10000,        /* the usual bound */
    BACKOFF_QUICK_MS = 10000,
};

struct backoff { int64_t next_ms; };

/* It ended after it had lived for lived_ms: how long to wait now, most_ms at most. */
int64_t backoff_next(struct backoff *b, int64_t lived_ms, int64_t most_ms);
