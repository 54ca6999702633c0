/* spill.c - one block in memory, one job for it at a time.
 *
 * The job is heap memory of its own, since a connection may end while a helper writes: then the job, without an owner,
 * frees file and block when it is done.
 */
#include "edge/spill.h"
#include <errno.h>
#include "base/span.h"
#include "base/sys.h"

enum { FREED_AT_ONCE_BYTES = 4 * 1024 * 1024 };

struct spill_job {
    struct helper_job job;
    struct helpers *helpers;
    struct spill *owner;          /* NULL once abandoned */
    int fd;
    off_t at;
    size_t bytes;
    int result;
    char block[SPILL_BLOCK_BYTES];
};

static void free_job(struct spill_job *j)
{
    (void)sys_close(j->fd);
    sys_free(j);
}

static void write_block(struct helper_job *job)
{
    struct spill_job *j = container_of(job, struct spill_job, job);
    size_t done = 0;
    j->result = 0;
    while (done < j->bytes) {
        ssize_t n = sys_pwrite(j->fd, j->block + done, j->bytes - done, j->at + (off_t)done);
        if (n <= 0) {
            j->result = n < 0 ? (int)n : -ENOSPC;
            return;
        }
        done += (size_t)n;
    }
}

static void written(struct helper_job *job)
{
    struct spill_job *j = container_of(job, struct spill_job, job);
    struct spill *s = j->owner;
    if (!s) {
        free_job(j);
        return;
    }
    s->is_writing = false;
    if (j->result < 0)
        s->error = j->result;
    else
        s->written_bytes += j->bytes;
    s->filled_bytes = 0;
    s->wake(s);
}

int spill_open(struct spill *s, struct helpers *helpers, const char *folder, void (*wake)(struct spill *s))
{
    int fd = sys_open_unlinked(folder);
    if (fd < 0)
        return fd;
    struct spill_job *j = sys_malloc(sizeof *j);
    if (!j) {
        (void)sys_close(fd);
        return -ENOMEM;
    }
    j->job = (struct helper_job){ .work = write_block, .done = written };
    j->helpers = helpers;
    j->owner = s;
    j->fd = fd;
    *s = (struct spill){ .job = j, .wake = wake };
    return 0;
}

void spill_close(struct spill *s)
{
    struct spill_job *j = s->job;
    s->job = NULL;
    if (!j)
        return;
    if (s->is_writing)
        j->owner = NULL;
    else
        free_job(j);
}

int spill_fd(const struct spill *s)
{
    return s->job->fd;
}

char *spill_room(struct spill *s, size_t *room_bytes)
{
    if (s->is_writing || s->error < 0)
        return NULL;
    *room_bytes = SPILL_BLOCK_BYTES - s->filled_bytes;
    return s->job->block + s->filled_bytes;
}

static void submit(struct spill *s)
{
    s->job->at = (off_t)s->written_bytes;
    s->job->bytes = s->filled_bytes;
    s->is_writing = true;
    int rc = helpers_submit(s->job->helpers, &s->job->job);
    if (rc == 0)
        return;
    /* Every helper is busy: better to wait for the disk here than to lose the request. */
    write_block(&s->job->job);
    s->is_writing = false;
    if (s->job->result < 0)
        s->error = s->job->result;
    else
        s->written_bytes += s->filled_bytes;
    s->filled_bytes = 0;
}

void spill_filled(struct spill *s, size_t bytes)
{
    s->filled_bytes += bytes;
    if (s->filled_bytes == SPILL_BLOCK_BYTES)
        submit(s);
}

int spill_flush(struct spill *s)
{
    if (s->error == 0 && !s->is_writing && s->filled_bytes > 0)
        submit(s);
    return s->error < 0 ? s->error : s->is_writing ? -EAGAIN : 0;
}

uint64_t spill_left_bytes(const struct spill *s)
{
    return s->job ? spill_ready_bytes(s) + s->filled_bytes : 0;
}

/* Whole pages only: those under way in a socket keep their bytes, but part of one would be zeroed in place. */
void spill_was_read(struct spill *s, size_t bytes)
{
    s->read_bytes += bytes;
    uint64_t to = s->read_bytes - s->read_bytes % FREED_AT_ONCE_BYTES;
    if (to > s->freed_bytes)
        (void)sys_fallocate_punch(s->job->fd, (off_t)s->freed_bytes, (off_t)(to - s->freed_bytes));
    s->freed_bytes = to;
}

bool spill_takes_more(const struct spill *s, uint64_t most_bytes)
{
    return !s->is_writing && s->error == 0 && spill_ready_bytes(s) < most_bytes;
}
