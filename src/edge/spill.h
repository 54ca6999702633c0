/* spill.h - an unlinked file that grows at its end, written by helper threads: big request bodies
 * and responses that wait for a slow client.
 *
 *     room > filled > room > filled ... > flush     a block of SPILL_BLOCK_BYTES is filled, then
 *                                                   written
 *
 * While a block is being written there is no room (spill_room gives NULL); `wake` is called on the
 * loop when there is again, or when the write failed (spill_error).
 */
#pragma once
#include "loop/helpers.h"

enum { SPILL_BLOCK_BYTES = 256 * 1024 };

struct spill_job;
struct spill {
    struct spill_job *job;        /* NULL while not open; owns file and block, outlives us while a
                                   * write is under way */
    uint64_t written_bytes;       /* in the file */
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
