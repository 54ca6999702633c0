/* guesses.h - wrong credentials, counted by client: ten at once, then one in six seconds; after that he
 * has to wait, also with right ones, or else the answer would still tell which are.
 *
 * Counted by each edge for itself.
 */
#pragma once
#include <stdatomic.h>
#include "link/board.h"

struct exchange;

enum { GUESSES_SETS = 256, GUESSES_AT_ONCE = 10 };

struct guesses {                          /* all-zero is ready */
    _Atomic uint64_t words[GUESSES_SETS * BOARD_SET_BUCKETS];
};

/* The client as a number; 0: one that no limit counts (rate.h). */
uint64_t guesses_who(const struct exchange *x);
/* Seconds until he may try again, as if `under_way` more had been wrong; 0: now. */
int64_t guesses_wait_s(struct guesses *g, uint64_t who, unsigned under_way, int64_t now_us);
/* It was wrong.  0, or seconds: he has to wait, and it did not count. */
int64_t guesses_count(struct guesses *g, uint64_t who, int64_t now_us);
