/* arena.c - a list of blocks, newest first; memory is cut from the front of the newest.
 *
 *   blocks > [header|taken taken|left....] > [header|taken......] > NULL
 *
 * A large piece gets a block of its own, put behind the newest, so that the rest of the newest
 * stays in use. Under the address sanitizer what was not given out is poisoned.
 */
#include "base/arena.h"
#include "base/sys.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

enum { ALIGN_BYTES = 16, BLOCK_BYTES = 4096, LARGE_BYTES = 1024 };

struct arena_block {
    struct arena_block *older;
    size_t bytes;                                /* with this header */
} __attribute__((aligned(ALIGN_BYTES)));

void arena_init(struct arena *a, size_t limit_bytes)
{
    *a = (struct arena){ .limit_bytes = limit_bytes };
}

static void free_block(struct arena *a, struct arena_block *b)
{
    a->used_bytes -= b->bytes;
    ASAN_UNPOISON_MEMORY_REGION(b, b->bytes);
    sys_free(b);
}

static void start_block(struct arena *a, struct arena_block *b)
{
    a->at = (char *)(b + 1);
    a->left_bytes = b->bytes - sizeof *b;
    ASAN_POISON_MEMORY_REGION(a->at, a->left_bytes);
}

void arena_done(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->older;
        free_block(a, b);
    }
    a->at = NULL;
    a->left_bytes = 0;
}

void arena_reset(struct arena *a)
{
    while (a->blocks && (a->blocks->older || a->blocks->bytes > BLOCK_BYTES)) {
        struct arena_block *b = a->blocks;
        a->blocks = b->older;
        free_block(a, b);
    }
    a->at = NULL;
    a->left_bytes = 0;
    if (a->blocks)
        start_block(a, a->blocks);
}

/* A block for at least `bytes` of content; smaller than usual when the limit is near. */
static struct arena_block *new_block(struct arena *a, size_t bytes)
{
    size_t may = a->limit_bytes - a->used_bytes;
    if (may < sizeof(struct arena_block) || bytes > may - sizeof(struct arena_block))
        return NULL;
    size_t need = bytes + sizeof(struct arena_block);
    size_t size = need > BLOCK_BYTES ? need : may < BLOCK_BYTES ? may : BLOCK_BYTES;
    struct arena_block *b = sys_malloc(size);
    if (b) {
        b->bytes = size;
        a->used_bytes += size;
    }
    return b;
}

static void *alloc_large(struct arena *a, size_t bytes)
{
    struct arena_block *b = new_block(a, bytes);
    if (!b)
        return NULL;
    b->older = a->blocks->older;
    a->blocks->older = b;
    return b + 1;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGN_BYTES)
        return NULL;
    size_t rounded = (bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
    if (rounded == 0)
        rounded = ALIGN_BYTES;                   /* so that no two pieces have one address */
    if (rounded > a->left_bytes) {
        if (a->blocks && rounded > LARGE_BYTES)
            return alloc_large(a, rounded);
        struct arena_block *b = new_block(a, rounded);
        if (!b)
            return NULL;
        b->older = a->blocks;
        a->blocks = b;
        start_block(a, b);
    }
    char *piece = a->at;
    a->at += rounded;
    a->left_bytes -= rounded;
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    return piece;
}

struct span arena_copy(struct arena *a, struct span s)
{
    if (s.len == 0)
        return SPAN("");
    char *piece = arena_alloc(a, s.len);
    return piece ? (struct span){ memcpy(piece, s.at, s.len), s.len } : (struct span){ NULL, 0 };
}
