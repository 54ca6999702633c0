/* tickets.c - a ring of keys: the newest goes where the oldest was. */
#include "tls/tickets.h"

void tickets_renew(struct tickets *t, int64_t now_s,
                   const unsigned char random[TICKET_RANDOM_BYTES])
{
    uint32_t newest = atomic_load_explicit(&t->newest, memory_order_relaxed);
    bool is_first = atomic_load_explicit(&t->keys[newest % TICKETS_KEPT].from_s,
                                         memory_order_relaxed) == 0;
    uint32_t next = is_first ? newest : (newest + 1) % TICKETS_KEPT;
    struct ticket_key *key = &t->keys[next];
    atomic_store_explicit(&key->from_s, 0, memory_order_seq_cst);
    memcpy(key->name, random, sizeof key->name);
    memcpy(key->cipher, random + sizeof key->name, sizeof key->cipher);
    memcpy(key->mac, random + sizeof key->name + sizeof key->cipher, sizeof key->mac);
    atomic_store_explicit(&key->from_s, now_s > 0 ? now_s : 1, memory_order_release);
    atomic_store_explicit(&t->newest, next, memory_order_release);
}

const struct ticket_key *tickets_newest(const struct tickets *t)
{
    uint32_t newest = atomic_load_explicit(&t->newest, memory_order_acquire) % TICKETS_KEPT;
    const struct ticket_key *key = &t->keys[newest];
    return atomic_load_explicit(&key->from_s, memory_order_acquire) > 0 ? key : NULL;
}

const struct ticket_key *tickets_find(const struct tickets *t, const unsigned char *name,
                                      int64_t now_s, int64_t life_s)
{
    int64_t most_s = TICKETS_PERIODS * tickets_period_s(life_s);
    for (unsigned i = 0; i < TICKETS_KEPT; i++) {
        const struct ticket_key *key = &t->keys[i];
        int64_t from_s = atomic_load_explicit(&key->from_s, memory_order_acquire);
        if (from_s > 0 && memcmp(key->name, name, sizeof key->name) == 0)
            return now_s - from_s < most_s ? key : NULL;
    }
    return NULL;
}
