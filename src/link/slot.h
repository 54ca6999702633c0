/* slot.h - the states of a slot and its one word of truth: {sequence 32, state 8, flags 8, thread 16}.
 *
 * The word changes only by compare-and-swap, only along this table; everything else that travels (tickets,
 * completions, bells) is a hint.  Pure but for slot_try(), which applies a row atomically.
 *
 *   event           actor   from     to        also
 *   SLOT_OFFER      edge    FREE     OFFERED   sequence + 1, flags and thread cleared
 *   SLOT_TAKE       worker  OFFERED  TAKEN     sequence must be the ticket's; thread set
 *   SLOT_FINISH     taker   TAKEN    DONE      sequence and thread must be the taker's
 *   SLOT_RELEASE    edge    DONE     FREE
 *   SLOT_WITHDRAW   edge    OFFERED  FREE      client gone, worker dead or late
 *   SLOT_RECLAIM    edge    TAKEN    FREE      only after the master said that the taker is dead
 *   SLOT_CANCEL     edge    TAKEN    TAKEN     flag CANCELLED: nobody wants the answer any more
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum slot_state { SLOT_FREE, SLOT_OFFERED, SLOT_TAKEN, SLOT_DONE, SLOT_STATES };
enum slot_event { SLOT_OFFER, SLOT_TAKE, SLOT_FINISH, SLOT_RELEASE, SLOT_WITHDRAW, SLOT_RECLAIM, SLOT_CANCEL,
                  SLOT_EVENTS };
enum { SLOT_CANCELLED = 1 };                       /* flags */

struct slot_word { uint32_t sequence; uint8_t state, flags; uint16_t thread; };

static inline uint64_t slot_pack(struct slot_word w)
{
    return (uint64_t)w.sequence << 32 | (uint64_t)w.state << 24 | (uint64_t)w.flags << 16 | w.thread;
}
static inline struct slot_word slot_unpack(uint64_t word)
{
    return (struct slot_word){ (uint32_t)(word >> 32), (uint8_t)(word >> 24), (uint8_t)(word >> 16), (uint16_t)word };
}

/* The word after `event`, or false when the table has no such step from here.  sequence and thread are those
 * the actor believes in (a ticket's, the taker's own); events that do not look at them ignore them. */
bool slot_next(uint64_t word, enum slot_event event, uint32_t sequence, uint16_t thread, uint64_t *next);

/* Applies the step to the shared word (acquire and release); false when it does not fit what is there.
 * *now (may be NULL) gets the word after the step, or the one that was found. */
bool slot_try(_Atomic uint64_t *word, enum slot_event event, uint32_t sequence, uint16_t thread, uint64_t *now);

const char *slot_state_name(enum slot_state state);
