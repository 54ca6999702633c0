/* tickets.h - the keys of session tickets, in memory that all edges share (RFC 5077; RFC 8446,
 * section 4.6.1).
 *
 * One writer: the master.  It makes a key the newest one; edges seal with the newest and open with
 * any that is younger than TICKETS_PERIODS periods, so that each edge opens what another sealed, and
 * what is older than that nobody can open any more.
 * Order  a key is written whole before it becomes the newest; its place is used again long after
 *        the last edge could want it.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include "base/span.h"

enum {
    TICKET_NAME_BYTES = 16, TICKET_KEY_BYTES = 32,
    TICKET_RANDOM_BYTES = TICKET_NAME_BYTES + 2 * TICKET_KEY_BYTES,
    TICKETS_PERIODS = 4,          /* a key is made new after a third of a session's life */
    TICKETS_KEPT = 8,
};

struct ticket_key {
    _Atomic int64_t from_s;       /* wall clock: since then the newest; 0: there is none here */
    unsigned char name[TICKET_NAME_BYTES];           /* in each ticket, in the clear */
    unsigned char cipher[TICKET_KEY_BYTES], mac[TICKET_KEY_BYTES];
};
struct tickets {                  /* all-zero: no key, so no tickets */
    _Atomic uint32_t newest;      /* index into keys */
    struct ticket_key keys[TICKETS_KEPT];
};

/* Master: another newest key. */
void tickets_renew(struct tickets *t, int64_t now_s,
                   const unsigned char random[TICKET_RANDOM_BYTES]);
/* Edge: what to seal with; NULL: there is no key. */
const struct ticket_key *tickets_newest(const struct tickets *t);
/* The key of a ticket, if it is younger than life_s and a third; NULL: unknown or too old. */
const struct ticket_key *tickets_find(const struct tickets *t, const unsigned char *name,
                                      int64_t now_s, int64_t life_s);
/* How long a key is the newest one when sessions live for life_s. */
static inline int64_t tickets_period_s(int64_t life_s)
{
    return life_s / (TICKETS_PERIODS - 1) > 0 ? life_s / (TICKETS_PERIODS - 1) : 1;
}
