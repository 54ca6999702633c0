/* board.h - the memory that all edges share and no worker ever gets: what would be of use to a
 * stranger who got into an application lives here, not in the yard.
 *
 * Layout  header page, with the keys of TLS tickets | buckets (rate limits; bucket.h says what one is)
 * Owner   the master makes it once and renews the keys of tickets; each edge maps what came with
 *         CHANNEL_WELCOME.  It ends with the master, so an edge that is started again
 *         finds every bucket as it was.
 * Trust   an edge computes where it looks from its own copy of the sizes, never from shared words.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include "base/span.h"
#include "tls/tickets.h"

enum {
    BOARD_VERSION = 1,
    BOARD_SET_BUCKETS = 8,              /* a cache line: one key lies in one set */
    BOARD_BUCKETS_MIN = 1024, BOARD_BUCKETS_MAX = 1 << 24,
};

struct board {                          /* one edge's view */
    char *at;                           /* NULL: not mapped */
    size_t bytes;
    uint32_t buckets;                   /* a multiple of BOARD_SET_BUCKETS */
    uint64_t key[2];                    /* of hash_keyed(): the same in all edges, and secret */
};

/* Master: a sealed memfd (shrink, grow, seal) with at least so many buckets, all empty, and a new
 * key; *fd is the caller's.  Memory is used only where it is touched.  0, -EINVAL (more than
 * BOARD_BUCKETS_MAX) or -errno. */
int board_make(uint32_t buckets, int *fd);
/* Edge: maps it; -EBADMSG when header, size or seals are not what this build expects.  fd stays the
 * caller's and may be closed. */
int board_map(struct board *b, int fd);
void board_done(struct board *b);       /* unmaps; takes an all-zero one */

_Atomic uint64_t *board_buckets(const struct board *b);
struct tickets *board_tickets(const struct board *b);          /* only the master writes there */
