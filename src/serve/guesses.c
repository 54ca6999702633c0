/* guesses.c - token buckets of guesses. */
#include "serve/guesses.h"
#include "link/bucket.h"
#include "serve/rate.h"

enum { INTERVAL_US = 6000000 };

static int64_t seconds(int64_t us)
{
    return (us + 999999) / 1000000;
}

uint64_t guesses_who(const struct exchange *x)
{
    uint64_t who = rate_spares(x) ? 0 : rate_client(x);
    return who == 0 && !rate_spares(x) ? 1 : who;
}

int64_t guesses_wait_s(struct guesses *g, uint64_t who, unsigned under_way, int64_t now_us)
{
    const struct bucket_table table = { g->words, GUESSES_SETS };
    const struct bucket_rate rate = { INTERVAL_US, GUESSES_AT_ONCE - (int64_t)under_way };
    if (who == 0)
        return 0;
    return rate.burst < 1 ? seconds(INTERVAL_US) : seconds(bucket_wait(&table, who, &rate, now_us));
}

int64_t guesses_count(struct guesses *g, uint64_t who, int64_t now_us)
{
    const struct bucket_table table = { g->words, GUESSES_SETS };
    const struct bucket_rate rate = { INTERVAL_US, GUESSES_AT_ONCE };
    return who == 0 ? 0 : seconds(bucket_take(&table, who, &rate, now_us));
}
