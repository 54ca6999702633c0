/* bucket.h - token buckets in shared memory: who asks too often waits.
 *
 * A bucket is one word {tag of the key 20 bits, when it is full again 44 bits, in 4 us}, changed by
 * compare-and-swap alone.  "When it is full again" is all there is to know of a bucket (this is the
 * generic cell rate algorithm, ATM Forum TM 4.0, 4.4.2): a token taken moves it by `interval`, and
 * no token is left when it lies further ahead than `burst` of them.  A word whose time has passed
 * is a full bucket, the same as none at all, so a word needs no clearing and nobody sweeps.
 *
 * A key lies in one set of 8 words (a cache line), chosen by a keyed hash.  A newcomer takes the
 * place of a full bucket, else of the one that is nearest to full, and takes over its debt.  So a
 * key that lost its place comes back to at least the debt that it left (nothing in its set had
 * less, and debts only grow until they have passed): whoever fills the table with other keys, from
 * a million addresses, can make strangers pay for them, never get a token for himself.
 * Price    of bounded memory: with every place of a set in debt a newcomer begins with the least
 *          debt of the set.
 * Sharing  two keys of one set with one tag (8 in a million) share a bucket.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

struct bucket_table {                   /* a run of sets, of one kind of bucket */
    _Atomic uint64_t *words;            /* sets * BOARD_SET_BUCKETS, at a cache line */
    uint32_t sets;
};

struct bucket_rate {
    int64_t interval_us;                /* a token comes so often: 4 us to BUCKET_DEBT_US_MAX */
    int64_t burst;                      /* tokens in a full bucket, at least 1 */
};                                      /* interval_us * burst <= BUCKET_DEBT_US_MAX */

#define BUCKET_DEBT_US_MAX (24 * INT64_C(3600000000))

/* 0: the key with this hash has a token; else in so many microseconds.  Changes nothing. */
int64_t bucket_wait(const struct bucket_table *t, uint64_t hash, const struct bucket_rate *r,
                    int64_t now_us);
/* Takes a token of the key with this hash: 0, or in so many microseconds there is one (and nothing
 * was changed).  When others change the set at the same time again and again: 0. */
int64_t bucket_take(const struct bucket_table *t, uint64_t hash, const struct bucket_rate *r,
                    int64_t now_us);
