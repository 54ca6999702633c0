/* attic.h - what becomes of a log's rotated files: they are compressed, and the oldest deleted.
 *
 * All of it from the folder's names, in a thread of its own, so that no line waits: whoever was
 * killed midway, the next one goes on.  A file is whole under one of its names at any time: the
 * compressed one appears by a rename, then the other is deleted.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct attic {
    const char *path;             /* of the log; outlives it */
    int64_t keep;                 /* that many rotated files; 0: all */
    bool packs;
    bool is_wanted;               /* something was rotated since the thread began */
    bool has_thread;
    bool is_over;                 /* atomic: the thread has nothing more to do */
    bool is_cancelled;            /* atomic: it shall end soon */
    int error;                    /* of the thread, once it is over: 0 or -errno */
    pthread_t thread;
};

void attic_init(struct attic *a, const char *path, int64_t keep, bool packs);
void attic_wake(struct attic *a);           /* there is something to do: at the next look */
/* Takes leave of a thread that is over, and starts one where it is wanted.  The error of the one
 * that was over (-errno), or 0. */
int attic_look(struct attic *a);
static inline bool attic_is_busy(const struct attic *a) { return a->has_thread || a->is_wanted; }
void attic_done(struct attic *a);           /* what is under way is left for the next one */

/* What the thread does.  0 or the first -errno; what failed is as it was. */
int attic_tidy(struct attic *a);
