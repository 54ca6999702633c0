/* helpers.h - a few threads for what would block the loop: cold files, spool writes, slow hashes.
 *
 * A job is the caller's memory and knows nothing of connections: `work` runs on a helper thread and
 * may touch only the job; `done` runs on the loop afterwards.  A job cannot be cancelled; who loses
 * interest marks its own object and ignores `done`.  Jobs of one pool finish in no promised order.
 */
#pragma once
#include "loop/loop.h"

struct helper_job {
    void (*work)(struct helper_job *job);      /* on a helper thread */
    void (*done)(struct helper_job *job);      /* on the loop */
    struct helper_job *next;
};

struct helpers;
/* NULL on failure */
struct helpers *helpers_new(struct loop *l, unsigned threads, unsigned jobs_max);
/* after all submitted jobs ran and got their done(); takes NULL */
void helpers_free(struct helpers *h);
/* 0, or -EAGAIN: jobs_max are under way */
int helpers_submit(struct helpers *h, struct helper_job *job);

bool helpers_are_idle(const struct helpers *h);      /* no job is under way */

/* Every thread calls `run` once, before its next job: what the kernel knows by thread.  It must be over
 * before the next helpers_each(). */
void helpers_each(struct helpers *h, void (*run)(void *user), void *user);
unsigned helpers_threads(const struct helpers *h);
