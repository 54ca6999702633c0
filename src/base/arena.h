/* arena.h - memory that dies together: one per connection, one per request.
 *
 * Blocks of 4 KiB and more are taken from the heap as needed, up to limit_bytes in all; nothing is
 * freed alone.  NULL means limit or exhaustion: the caller's answer is the same 503 for both.
 * Blocks that arena_reset frees are kept for the next use: first one of 4 KiB stays with the arena.
 */
#pragma once
#include "base/span.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;   /* newest first; NULL while nothing was taken */
    char *at;                     /* free bytes of the newest block */
    size_t left_bytes;
    size_t used_bytes;            /* of blocks, against the limit */
    size_t limit_bytes;
};

void arena_init(struct arena *a, size_t limit_bytes);
void arena_done(struct arena *a);                        /* accepts an all-zero one */
/* everything taken is gone; keeps one block */
void arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t bytes);        /* aligned to 16, not cleared */
/* Copies; .at is NULL when there was no memory (and never for an empty span). */
struct span arena_copy(struct arena *a, struct span s);
