/* slot.h - the states of a slot and its one word of truth.
 *
 * The word is {sequence 32, state 8, flags 8, thread 16}.  It changes only by compare-and-swap and
 * only along this table; everything else that travels (tickets, completions, bells) is a hint.
 * Pure but for slot_try(), which applies a row atomically.
 *
 *   event           actor   from     to        also
 *   SLOT_OFFER      edge    FREE     OFFERED   next sequence (never 0), flags and thread cleared
 *   SLOT_TAKE       worker  OFFERED  TAKEN     sequence must be the ticket's; thread set
 *   SLOT_FINISH     taker   TAKEN    DONE      sequence and thread must be the taker's
 *   SLOT_RELEASE    edge    DONE     FREE
 *   SLOT_WITHDRAW   edge    OFFERED  FREE      client gone, worker dead or late
 *   SLOT_RECLAIM    edge    TAKEN    FREE      only after the master said that the taker is dead
 *   SLOT_CANCEL     edge    TAKEN    TAKEN     flag CANCELLED: nobody wants the answer any more
 *
 * "edge" is the one that the slot belongs to; after its death the master acts for it
 * (frame_abandon).  tests/unit/slot_model.h explores every interleaving of this very table.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum slot_state { SLOT_FREE, SLOT_OFFERED, SLOT_TAKEN, SLOT_DONE, SLOT_STATES };
enum slot_event {
    SLOT_OFFER, SLOT_TAKE, SLOT_FINISH, SLOT_RELEASE, SLOT_WITHDRAW, SLOT_RECLAIM, SLOT_CANCEL,
    SLOT_EVENTS
};
enum { SLOT_CANCELLED = 1 };           /* flags */

struct slot_word {
    uint32_t sequence;                 /* of the latest offer; 0: never offered */
    uint8_t state, flags;              /* a process that broke may have left any byte here */
    uint16_t thread;                   /* yard_thread_mark() of the taker; 0: nobody took it */
};

static inline uint64_t slot_pack(struct slot_word w)
{
    return (uint64_t)w.sequence << 32 | (uint64_t)w.state << 24 | (uint64_t)w.flags << 16 |
           w.thread;
}

static inline struct slot_word slot_unpack(uint64_t word)
{
    return (struct slot_word){ (uint32_t)(word >> 32), (uint8_t)(word >> 24),
                               (uint8_t)(word >> 16), (uint16_t)word };
}

/* One row of the table.  The functions know no event; they do what the row says. */
struct slot_row {
    const char *name;
    enum slot_state from, to;
    bool is_next_offer;                /* sequence + 1 (0 is skipped), flags and thread cleared */
    bool checks_sequence;              /* the word's must be the actor's */
    bool checks_thread;
    bool sets_thread;
    bool after_death;                  /* the actor must know that the taker is dead: its promise */
    uint8_t sets_flags;
};
extern const struct slot_row slot_table[SLOT_EVENTS];

/* The word after `event`, or false when the table has no such step from here.  sequence and thread
 * are those that the actor believes in (a ticket's, the taker's own); rows that do not check or set
 * them ignore them.  *next is written on success only. */
bool slot_next(uint64_t word, enum slot_event event, uint32_t sequence, uint16_t thread,
               uint64_t *next);

/* The same along another table: the explorer's tests put mistakes into a copy. */
bool slot_next_in(const struct slot_row *table, uint64_t word, enum slot_event event,
                  uint32_t sequence, uint16_t thread, uint64_t *next);

/* Applies the step to the shared word (acquire and release); false when it does not fit what is
 * there.  *now (may be NULL) gets the word after the step, or the one that was found. */
bool slot_try(_Atomic uint64_t *word, enum slot_event event, uint32_t sequence, uint16_t thread,
              uint64_t *now);
