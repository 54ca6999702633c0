/* backoff.c - one number: the wait that the next quick end will cost. */
#include "master/backoff.h"

int64_t backoff_next(struct backoff *b, int64_t lived_ms, int64_t most_ms)
{
    int64_t wait_ms = lived_ms >= BACKOFF_QUICK_MS ? 0 : b->next_ms;
    if (wait_ms > most_ms)
        wait_ms = most_ms;
    b->next_ms = wait_ms == 0 ? BACKOFF_FIRST_MS : wait_ms * 2;
    return wait_ms;
}
