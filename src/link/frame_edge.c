/* frame_edge.c - the edge's end of the link: what workers wrote is read here, and believed nowhere.
 *
 * Every shared word is loaded once into a local and checked before it is used.
 */
#include "link/frame.h"
#include <errno.h>
#include "base/sys.h"

void frame_prepare(const struct yard *y, uint32_t slot)
{
    struct yard_slot *s = yard_slot(y, slot);
    atomic_store_explicit(&s->posted, 0, memory_order_relaxed);
    atomic_store_explicit(&s->edge_wants_bell, 1, memory_order_relaxed);
    atomic_store_explicit(&s->written, 0, memory_order_relaxed);
    atomic_store_explicit(&s->what, 0, memory_order_relaxed);
    atomic_store_explicit(&s->status, 0, memory_order_relaxed);
    atomic_store_explicit(&s->head_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&s->result, FRAME_OK, memory_order_relaxed);
    atomic_store_explicit(&s->run_us, 0, memory_order_relaxed);
    atomic_store_explicit(&s->taker_waits, 0, memory_order_relaxed);
    atomic_store_explicit(&s->reads_body, 0, memory_order_relaxed);
    atomic_store_explicit(&s->body_end, FRAME_END_OPEN, memory_order_relaxed);
    atomic_store_explicit(&s->consumed, 0, memory_order_relaxed);    /* OFFER releases all of it */
}

/* A process before this one may have left tickets unread and a place of the ring unfilled. */
uint64_t frame_meet(const struct yard *y, unsigned worker, unsigned edge, pid_t pid)
{
    struct yard_hand *hand = yard_hand(y, worker, edge);
    if (atomic_load(&hand->pid) != (uint32_t)pid) {
        atomic_store(&hand->tickets, 0);
        atomic_store(&hand->in_hand, 0);
        atomic_store(&hand->pid, (uint32_t)pid);
    }
    return atomic_load(&yard_ring(y, worker, edge)->head);
}

int64_t frame_next_posted(const struct yard *y, unsigned worker, unsigned edge, uint64_t *tail)
{
    struct yard_ring *r = yard_ring(y, worker, edge);
    uint64_t entry = atomic_load_explicit(&r->entries[*tail & (y->shape.ring - 1)],
                                          memory_order_acquire);
    int32_t ahead = (int32_t)((uint32_t)entry - (uint32_t)(*tail + 1));
    if (ahead < 0)
        return -EAGAIN;
    uint32_t slot = (uint32_t)(entry >> 32), first = edge * y->shape.slots;
    if (ahead > 0 || slot < first || slot - first >= y->shape.slots)
        return -EBADMSG;
    *tail += 1;
    /* Acquires what the taker did before it set the flag: it may have seen no need for an entry. */
    (void)atomic_exchange_explicit(&yard_slot(y, slot)->posted, 0, memory_order_acq_rel);
    return slot;
}

ssize_t frame_readable(const struct yard *y, uint32_t slot, uint64_t from, struct span runs[2])
{
    const char *at = yard_response(y, slot);
    uint64_t written = atomic_load_explicit(&yard_slot(y, slot)->written, memory_order_acquire);
    uint64_t bytes = written - from;                       /* written < from: far above the ring */
    size_t pos = from & (YARD_RESPONSE_BYTES - 1), to_end = YARD_RESPONSE_BYTES - pos;
    if (bytes > YARD_RESPONSE_BYTES)
        return -EBADMSG;
    size_t first = bytes < to_end ? (size_t)bytes : to_end;
    runs[0] = (struct span){ at + pos, first };
    runs[1] = (struct span){ at, (size_t)bytes - first };
    return (ssize_t)bytes;
}

static void wake_taker(struct yard_slot *s)
{
    atomic_fetch_add_explicit(&s->room, 1, memory_order_release);
    (void)sys_futex_wake((uint32_t *)&s->room, 1);
}

/* Waking at half a ring, not at every byte: a taker that fills it up again wakes less often. */
void frame_consumed(const struct yard *y, uint32_t slot, uint64_t upto)
{
    struct yard_slot *s = yard_slot(y, slot);
    atomic_store_explicit(&s->consumed, upto, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&s->taker_waits, memory_order_relaxed) == 0)
        return;
    uint64_t written = atomic_load_explicit(&s->written, memory_order_relaxed);
    if (written - upto <= YARD_RESPONSE_BYTES / 2)
        wake_taker(s);
}

bool frame_cancel(const struct yard *y, uint32_t slot, uint64_t *word)
{
    struct yard_slot *s = yard_slot(y, slot);
    if (!slot_try(&s->word, SLOT_CANCEL, 0, 0, word))
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&s->taker_waits, memory_order_relaxed) != 0)
        wake_taker(s);
    return true;
}

/* A taker may finish between the looks, so until one of the steps fits; each changes the state for
 * good, as nobody offers in this range any more. */
static void abandon(const struct yard *y, uint32_t slot)
{
    struct yard_slot *s = yard_slot(y, slot);
    uint64_t word = atomic_load_explicit(&s->word, memory_order_acquire);
    if (slot_unpack(word).state == SLOT_FREE || slot_try(&s->word, SLOT_WITHDRAW, 0, 0, NULL))
        return;
    if (!frame_cancel(y, slot, NULL))
        (void)slot_try(&s->word, SLOT_RELEASE, 0, 0, NULL);
}

void frame_abandon(const struct yard *y, unsigned edge)
{
    atomic_store(&yard_edge(y, edge)->sleeps, YARD_AWAKE);
    atomic_store(&yard_edge(y, edge)->waits, 0);
    for (uint32_t i = 0; i < y->shape.slots; i++)
        abandon(y, edge * y->shape.slots + i);
}

void frame_trim(const struct yard *y, int yard_fd, uint32_t slot)
{
    off_t at = (off_t)(yard_request(y, slot) - y->at);
    (void)sys_fallocate_punch(yard_fd, at, YARD_REQUEST_BYTES + YARD_RESPONSE_BYTES);
}
