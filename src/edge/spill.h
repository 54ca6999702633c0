/* spill.h - an unlinked file that grows at its end, written by helper threads: big request bodies
 * and responses that wait for a slow client.
 *
 *     room > filled > room > filled ... > flush     a block of SPILL_BLOCK_BYTES is filled, then
 *                                                   written
 *
 * While a block is being written there is no room (spill_room gives NULL); `wake` is called on the
 * loop when there is again, or when the write failed (`error`).
 *
 * A response is read from the front meanwhile, and what was read is given back to the disk: a file that
 * only grows would hold all of an endless response (where holes cannot be punched it does).
 */
#pragma once
#include "loop/helpers.h"

enum { SPILL_BLOCK_BYTES = 256 * 1024 };

struct spill_job;
struct spill {
    struct spill_job *job;        /* NULL while not open; owns file and block, outlives us while a
                                   * write is under way */
    uint64_t written_bytes;       /* in the file */
    uint64_t read_bytes;          /* ... from its front: what comes next lies there */
    uint64_t freed_bytes;         /* ... that have no place on the disk any more */
    size_t filled_bytes;          /* of the block */
    int error;                    /* 0, or the -errno of a failed write */
    bool is_writing;
    void (*wake)(struct spill *s);
};

int spill_open(struct spill *s, struct helpers *helpers, const char *folder,
               void (*wake)(struct spill *s));
void spill_close(struct spill *s);              /* at any time; accepts an all-zero one */
int spill_fd(const struct spill *s);            /* the file: lent */
char *spill_room(struct spill *s, size_t *room_bytes);
void spill_filled(struct spill *s, size_t bytes);
/* Everything filled so far goes to the file: 0 it is there, -EAGAIN under way (wake follows), or
 * the error. */
int spill_flush(struct spill *s);
static inline uint64_t spill_ready_bytes(const struct spill *s)     /* can be read now */
{
    return s->written_bytes - s->read_bytes;
}
uint64_t spill_left_bytes(const struct spill *s);       /* all that is to be read; 0 while not open */
void spill_was_read(struct spill *s, size_t bytes);     /* so many: at most spill_ready_bytes() */
/* After it was full: is there room again, where most_bytes may wait to be read? */
bool spill_takes_more(const struct spill *s, uint64_t most_bytes);
