/* pace.c - a bucket that bytes fill and time empties, and a difference of two looks. */
#include "edge/pace.h"

int64_t pace_in(struct pace_in *p, const struct pace_limit *l, uint64_t bytes, int64_t now_us)
{
    int64_t most_us = now_us + l->window_ms * 1000, by_us;
    uint64_t more = bytes - p->seen_bytes;
    p->seen_bytes = bytes;
    if (p->due_us == 0 || (l->bytes_per_s == 0 && more > 0))
        p->due_us = most_us;
    else if (more > 0 && (__builtin_mul_overflow(more, 1000000, &by_us) ||
                          by_us / l->bytes_per_s > most_us - p->due_us))
        p->due_us = most_us;
    else if (more > 0)
        p->due_us += by_us / l->bytes_per_s;
    int64_t left_ms = (p->due_us - now_us + 999) / 1000;
    return left_ms > 0 ? left_ms : 1;
}

bool pace_out(struct pace_out *p, const struct pace_limit *l, uint64_t taken_bytes)
{
    uint64_t *earlier = &p->taken_bytes[p->looks % 2];       /* two looks ago: a window */
    uint64_t want;
    if (__builtin_mul_overflow((uint64_t)l->bytes_per_s, (uint64_t)l->window_ms, &want))
        want = UINT64_MAX;
    want = want / 1000 > 0 ? want / 1000 : 1;
    bool is_enough = p->looks < 2 || taken_bytes - *earlier >= want;
    *earlier = taken_bytes;
    p->looks++;
    return is_enough;
}
