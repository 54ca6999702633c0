/* cell.c - chunks of addresses; a cell's content packed as runs of words that are not zero. */
#include "base/cell.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include "base/sys.h"

enum { ALIGN_BYTES = 16, WORD_BYTES = sizeof(uint64_t) };

struct run {
    uint16_t at, words;           /* in words */
};
_Static_assert(CELL_BYTES_MAX / WORD_BYTES <= UINT16_MAX + 1, "a run's numbers hold a cell");

struct cell_pack {
    uint32_t runs, words_count;
    uint64_t words[];             /* of all runs, then the runs */
};

/* ---- pages ----------------------------------------------------------------------------------- */

void cells_init(struct cells *cs, size_t bytes)
{
    size_t page = sys_page_bytes();
    *cs = (struct cells){ .cell_bytes = (bytes + page - 1) / page * page };
}

void cells_done(struct cells *cs)
{
    for (size_t i = 0; i < cs->chunks_count; i++)
        (void)sys_munmap(cs->chunks[i], CELLS_A_CHUNK * cs->cell_bytes);
    sys_free(cs->chunks);
    sys_free(cs->free);
    *cs = (struct cells){ .cell_bytes = cs->cell_bytes };
}

/* Large pages would make a cell's first byte cost two megabytes. */
static int add_chunk(struct cells *cs)
{
    size_t count = cs->chunks_count + 1, bytes = CELLS_A_CHUNK * cs->cell_bytes;
    void **chunks = sys_realloc(cs->chunks, count * sizeof *chunks);
    if (chunks)
        cs->chunks = chunks;
    char **free = chunks ? sys_realloc(cs->free, count * CELLS_A_CHUNK * sizeof *free) : NULL;
    if (!free)
        return -ENOMEM;
    cs->free = free;
    int rc = sys_mmap(-1, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      &chunks[cs->chunks_count]);
    if (rc < 0)
        return rc;
    char *at = chunks[cs->chunks_count++];
    (void)sys_madvise(at, bytes, MADV_NOHUGEPAGE);
    for (size_t i = CELLS_A_CHUNK; i > 0; i--)
        free[cs->free_count++] = at + (i - 1) * cs->cell_bytes;
    return 0;
}

int cell_open(struct cells *cs, struct cell *c)
{
    if (cs->free_count == 0 && add_chunk(cs) < 0)
        return -ENOMEM;
    *c = (struct cell){ .at = cs->free[--cs->free_count] };
    return 0;
}

void cell_close(struct cells *cs, struct cell *c)
{
    if (!c->at)
        return;
    if (!c->pack && cs->free_count >= CELLS_KEPT_WARM)
        (void)sys_madvise(c->at, cs->cell_bytes, MADV_DONTNEED);
    sys_free(c->pack);
    cs->free[cs->free_count++] = c->at;
    *c = (struct cell){ 0 };
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

void *cell_take(const struct cells *cs, struct cell *c, size_t bytes)
{
    if (!c->at || bytes > cs->cell_bytes || rounded(bytes) > cs->cell_bytes - c->used_bytes)
        return NULL;
    void *at = c->at + c->used_bytes;
    c->used_bytes += rounded(bytes);
    return at;
}

void cell_give(struct cell *c, void *at, size_t bytes)
{
    if ((char *)at + rounded(bytes) == c->at + c->used_bytes)
        c->used_bytes -= rounded(bytes);
}

/* ---- sleep ----------------------------------------------------------------------------------- */

/* The next run of words that are not zero, from *at on; false: there is none. */
static bool next_run(const uint64_t *words, size_t count, size_t *at, struct run *run)
{
    size_t from = *at;
    while (from < count && words[from] == 0)
        from++;
    size_t to = from;
    while (to < count && words[to] != 0)
        to++;
    *at = to;
    *run = (struct run){ (uint16_t)from, (uint16_t)(to - from) };
    return to > from;
}

static struct cell_pack *pack(const uint64_t *words, size_t count)
{
    struct run run;
    size_t runs = 0, kept = 0;
    for (size_t at = 0; next_run(words, count, &at, &run); runs++)
        kept += run.words;
    struct cell_pack *p = sys_malloc(sizeof *p + kept * WORD_BYTES + runs * sizeof run);
    if (!p)
        return NULL;
    p->runs = (uint32_t)runs;
    p->words_count = (uint32_t)kept;
    struct run *into = (struct run *)(p->words + kept);
    uint64_t *to = p->words;
    for (size_t at = 0; next_run(words, count, &at, &run); into++) {
        *into = run;
        memcpy(to, words + run.at, run.words * WORD_BYTES);
        to += run.words;
    }
    return p;
}

int cell_sleep(const struct cells *cs, struct cell *c)
{
    if (c->pack || !c->at)
        return 0;
    struct cell_pack *p = pack((const uint64_t *)c->at, c->used_bytes / WORD_BYTES);
    int rc = p ? sys_madvise(c->at, cs->cell_bytes, MADV_DONTNEED) : -ENOMEM;
    if (rc == 0)
        c->pack = p;
    else
        sys_free(p);
    return rc;
}

void cell_wake(struct cell *c)
{
    struct cell_pack *p = c->pack;
    if (!p)
        return;
    uint64_t *words = (uint64_t *)c->at;
    const struct run *run = (const struct run *)(p->words + p->words_count), *end = run + p->runs;
    for (const uint64_t *from = p->words; run < end; run++) {
        memcpy(words + run->at, from, run->words * WORD_BYTES);
        from += run->words;
    }
    c->pack = NULL;
    sys_free(p);
}
