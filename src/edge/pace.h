/* pace.h - the least that a client must do to keep a request going: bytes a second, over a window.
 *
 * A time-out without a rate is no limit: one byte before each end of it holds a connection, its
 * memory and (for an upload) its place for days.  A rate without a window cuts a telephone in a
 * tunnel.  So both: on the whole window the client must come up with the rate (Apache's
 * mod_reqtimeout: MinRate; its first seconds are free here, too).
 * Pure; one struct a request, whatever wire it is on.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pace_limit {
    int64_t window_ms;
    int64_t bytes_per_s;          /* 0: any byte will do */
};

/* Bytes that the client sends.  Silence for the window ends it; each byte puts the end off by its
 * share of a second, at most to a window from now, so that what came fast pays for no drip later. */
struct pace_in {
    int64_t due_us;               /* monotonic; 0: it begins with the next look, the window whole */
    uint64_t seen_bytes;
};
/* At every wait for the client: so many bytes came in all.  Milliseconds left to it, at least 1. */
int64_t pace_in(struct pace_in *p, const struct pace_limit *l, uint64_t bytes, int64_t now_us);

/* Bytes that the client takes: known only when the kernel is asked, so at two looks a window, the
 * first at its begin.  A stopped client is ended after one to one and a half windows. */
struct pace_out {
    unsigned looks;
    uint64_t taken_bytes[2];      /* at the two looks before */
};
static inline int64_t pace_out_wait_ms(const struct pace_limit *l)
{
    return l->window_ms / 2 > 0 ? l->window_ms / 2 : 1;
}
/* So many bytes were taken in all: false when they are too few. */
bool pace_out(struct pace_out *p, const struct pace_limit *l, uint64_t taken_bytes);
