/* bucket.c - looks through one set, changes one word. */
#include "link/bucket.h"
#include <stdbool.h>
#include "link/board.h"

enum { TAG_BITS = 20, TIME_BITS = 44, UNIT_US = 4, TRIES = 16 };

#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

static uint64_t word_of(uint64_t tag, int64_t full_at)
{
    return tag << TIME_BITS | ((uint64_t)full_at & TIME_MASK);
}

/* How far ahead it is full, in units; 0: it is.  Times wrap in two years; what lies further ahead
 * than any bucket may is old, and a place that nobody ever had is 0. */
static int64_t debt_of(uint64_t word, int64_t now)
{
    int64_t ahead = (int64_t)(((word & TIME_MASK) - (uint64_t)now) & TIME_MASK);
    return word != 0 && ahead <= BUCKET_DEBT_US_MAX / UNIT_US ? ahead : 0;
}

struct place {
    _Atomic uint64_t *at;
    uint64_t word;
    int64_t debt;
};

/* The key's own place, else the one with the least debt.  Two edges may have put a key into two
 * places: the deeper one counts. */
static struct place look(_Atomic uint64_t *set, uint64_t tag, int64_t now)
{
    struct place own = { 0 }, least = { 0 };
    for (int i = 0; i < BOARD_SET_BUCKETS; i++) {
        uint64_t word = atomic_load_explicit(&set[i], memory_order_relaxed);
        struct place p = { &set[i], word, debt_of(word, now) };
        if (p.debt > 0 && word >> TIME_BITS == tag && (!own.at || p.debt > own.debt))
            own = p;
        if (!least.at || p.debt < least.debt)
            least = p;
    }
    return own.at ? own : least;
}

static _Atomic uint64_t *set_of(const struct bucket_table *t, uint64_t hash)
{
    uint32_t set = (uint32_t)(((hash & UINT32_MAX) * t->sets) >> 32);
    return t->words + (uint64_t)set * BOARD_SET_BUCKETS;
}

int64_t bucket_wait(const struct bucket_table *t, uint64_t hash, const struct bucket_rate *r,
                    int64_t now_us)
{
    int64_t interval = r->interval_us / UNIT_US, most = interval * r->burst;
    struct place p = look(set_of(t, hash), hash >> (64 - TAG_BITS), now_us / UNIT_US);
    return p.debt + interval > most ? (p.debt + interval - most) * UNIT_US : 0;
}

int64_t bucket_take(const struct bucket_table *t, uint64_t hash, const struct bucket_rate *r,
                    int64_t now_us)
{
    uint64_t tag = hash >> (64 - TAG_BITS);
    int64_t now = now_us / UNIT_US, interval = r->interval_us / UNIT_US, most = interval * r->burst;
    for (int tries = 0; tries < TRIES; tries++) {
        struct place p = look(set_of(t, hash), tag, now);
        int64_t debt = p.debt + interval;
        if (debt > most)
            return (debt - most) * UNIT_US;
        /* Alone it is all there is of a bucket: no other memory hangs on it, so no order either. */
        if (atomic_compare_exchange_strong_explicit(p.at, &p.word, word_of(tag, now + debt),
                                                    memory_order_relaxed, memory_order_relaxed))
            return 0;
    }
    return 0;
}
