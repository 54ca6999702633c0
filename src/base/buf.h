/* buf.h - bytes that are owned: filled at the end, consumed at the front.
 *
 * All-zero is an empty buf without memory.  Storage is one heap block, grown by doubling up to
 * limit_bytes (0: no limit).  buf_done frees it; an empty buf may give its block back (buf_shrink).
 */
#pragma once
#include <stdint.h>
#include "base/span.h"

struct buf {
    char *block;          /* NULL while nothing was ever reserved */
    size_t start, end;    /* the content is block[start..end) */
    size_t cap_bytes;
    size_t limit_bytes;
};

void buf_done(struct buf *b);
static inline struct span buf_span(const struct buf *b)      /* valid until the buf changes */
{
    return (struct span){ b->block ? b->block + b->start : NULL, b->end - b->start };
}
static inline size_t buf_len(const struct buf *b) { return b->end - b->start; }

/* Makes room for `bytes` more after the end (moving content to the front when that suffices).
 * 0, -EMSGSIZE past the limit, -ENOMEM. */
int buf_reserve(struct buf *b, size_t bytes);
static inline char *buf_tail(struct buf *b) { return b->block ? b->block + b->end : NULL; }
static inline size_t buf_room(const struct buf *b) { return b->cap_bytes - b->end; }
/* bytes <= buf_room() */
static inline void buf_added(struct buf *b, size_t bytes) { b->end += bytes; }
int buf_add(struct buf *b, struct span bytes);                  /* 0, -EMSGSIZE, -ENOMEM */
int buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* consumes from the front; bytes <= buf_len(b) */
void buf_take(struct buf *b, size_t bytes);
/* an empty one gives its block back */
void buf_shrink(struct buf *b);
