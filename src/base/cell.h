/* cell.h - memory for what lives long and rests often: blocks in pages of their own.
 *
 * While a cell sleeps, its content lies packed on the heap and its pages are the kernel's again; awake all is
 * as it was, at the same addresses.  So whoever has a cell need not know what its blocks are: a library's
 * may sleep that was written without us.  Nobody may touch a sleeping one.
 * Worth it where most of it is zeros: only the other words are kept.
 * Owner   struct cells has the pages of all its cells; cells_done() when all are closed.
 * Cost    awake nothing; to fall asleep and to wake up some ten microseconds for 28 KB.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct cells {
    size_t cell_bytes;            /* whole pages */
    void **chunks;                /* of CELLS_A_CHUNK cells each */
    size_t chunks_count;
    char **free;                  /* room for all there are */
    size_t free_count;
};
enum { CELLS_A_CHUNK = 64, CELLS_KEPT_WARM = 64, CELL_BYTES_MAX = 256 * 1024 };

struct cell_pack;
struct cell {                     /* all-zero: not open */
    char *at;
    size_t used_bytes;
    struct cell_pack *pack;       /* asleep; NULL: awake */
};

/* Of at least `bytes` each, up to CELL_BYTES_MAX. */
void cells_init(struct cells *cs, size_t bytes);
void cells_done(struct cells *cs);

int cell_open(struct cells *cs, struct cell *c);          /* 0 or -ENOMEM */
void cell_close(struct cells *cs, struct cell *c);        /* all its blocks are gone; also asleep, or not open */
/* Aligned to 16, not cleared.  NULL: no room, or not open. */
void *cell_take(const struct cells *cs, struct cell *c, size_t bytes);
/* A block of it, of that size; there is room again when it was the last one taken. */
void cell_give(struct cell *c, void *at, size_t bytes);

/* 0, also when it sleeps already; or -ENOMEM, -errno: it stays awake. */
int cell_sleep(const struct cells *cs, struct cell *c);
void cell_wake(struct cell *c);                           /* also an awake one */
static inline bool cell_sleeps(const struct cell *c) { return c->pack != NULL; }
