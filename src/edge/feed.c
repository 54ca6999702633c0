/* feed.c - see feed.h.  Nothing waits here: the write end does not block, the read end does, for the worker. */
#include "edge/feed.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/sys.h"

enum { KERNEL_BYTES = 64 * 1024 };          /* of a pipe as it is made (pipe(7)) */

static void woke(struct watch *w)
{
    struct feed *f = container_of(w, struct feed, watch);
    if (!f->is_full || !(w->ready & LOOP_WRITE))
        return;
    f->is_full = false;
    f->wake(f);
}

int feed_open(struct feed *f, struct loop *l, size_t bytes, void (*wake)(struct feed *f))
{
    int fds[2];
    int rc = sys_pipe(fds, 0);
    if (rc < 0)
        return rc;
    rc = sys_set_nonblocking(fds[1]);
    if (rc == 0)
        rc = loop_watch(l, &f->watch, fds[1], woke);
    if (rc < 0) {
        (void)sys_close(fds[0]);
        (void)sys_close(fds[1]);
        return rc;
    }
    if (bytes != KERNEL_BYTES)              /* beyond pipe-max-size: then it stays as it is */
        (void)sys_fcntl(fds[1], F_SETPIPE_SZ, (long)bytes);
    f->watch.ready |= LOOP_WRITE;
    f->read_fd = fds[0];
    f->is_made = f->is_open = true;
    f->is_full = false;
    f->wake = wake;
    return 0;
}

ssize_t feed_put(struct feed *f, struct span bytes)
{
    if (bytes.len == 0 || f->is_full)
        return 0;
    ssize_t put = sys_write(f->watch.fd, bytes.at, bytes.len);
    if (put == -EAGAIN)
        put = 0;
    if (put >= 0 && (size_t)put < bytes.len) {
        f->is_full = true;
        f->watch.ready &= ~(unsigned)LOOP_WRITE;
    }
    return put;
}

void feed_end(struct feed *f)
{
    if (!f->is_open)
        return;
    int fd = f->watch.fd;
    loop_unwatch(&f->watch);
    (void)sys_close(fd);
    f->is_open = f->is_full = false;
}

void feed_close(struct feed *f)
{
    feed_end(f);
    if (f->is_made)
        (void)sys_close(f->read_fd);
    f->is_made = false;
}
