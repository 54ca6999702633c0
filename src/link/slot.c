/* slot.c - the table of a slot's steps, and the two functions that read it. */
#include "link/slot.h"

const struct slot_row slot_table[SLOT_EVENTS] = {
    [SLOT_OFFER]    = { .name = "offer",    .from = SLOT_FREE,    .to = SLOT_OFFERED, .is_next_offer = true },
    [SLOT_TAKE]     = { .name = "take",     .from = SLOT_OFFERED, .to = SLOT_TAKEN,
                        .checks_sequence = true, .sets_thread = true },
    [SLOT_FINISH]   = { .name = "finish",   .from = SLOT_TAKEN,   .to = SLOT_DONE,
                        .checks_sequence = true, .checks_thread = true },
    [SLOT_RELEASE]  = { .name = "release",  .from = SLOT_DONE,    .to = SLOT_FREE },
    [SLOT_WITHDRAW] = { .name = "withdraw", .from = SLOT_OFFERED, .to = SLOT_FREE },
    [SLOT_RECLAIM]  = { .name = "reclaim",  .from = SLOT_TAKEN,   .to = SLOT_FREE, .after_death = true },
    [SLOT_CANCEL]   = { .name = "cancel",   .from = SLOT_TAKEN,   .to = SLOT_TAKEN, .sets_flags = SLOT_CANCELLED },
};

bool slot_next_in(const struct slot_row *table, uint64_t word, enum slot_event event,
                  uint32_t sequence, uint16_t thread, uint64_t *next)
{
    const struct slot_row *row = &table[event];
    struct slot_word w = slot_unpack(word);
    if (w.state != row->from || (row->checks_sequence && w.sequence != sequence) ||
        (row->checks_thread && w.thread != thread))
        return false;
    if (row->is_next_offer)
        w = (struct slot_word){ .sequence = w.sequence == UINT32_MAX ? 1 : w.sequence + 1 };
    if (row->sets_thread)
        w.thread = thread;
    w.flags |= row->sets_flags;
    w.state = (uint8_t)row->to;
    *next = slot_pack(w);
    return true;
}

bool slot_next(uint64_t word, enum slot_event event, uint32_t sequence, uint16_t thread,
               uint64_t *next)
{
    return slot_next_in(slot_table, word, event, sequence, thread, next);
}

bool slot_try(_Atomic uint64_t *word, enum slot_event event, uint32_t sequence, uint16_t thread,
              uint64_t *now)
{
    uint64_t seen = atomic_load_explicit(word, memory_order_acquire), next = 0;
    bool is_done = false;
    while (!is_done && slot_next(seen, event, sequence, thread, &next))
        is_done = atomic_compare_exchange_weak_explicit(word, &seen, next, memory_order_acq_rel,
                                                        memory_order_acquire);
    if (now)
        *now = is_done ? next : seen;
    return is_done;
}
