/* feed.h - a request's body on its way to the worker while the client still sends it: a pipe.
 *
 *     feed_put --pipe--> wsgi.input
 *
 * The pipe bounds what is under way (option stream-request-buffer); while it is full the client is not
 * read from.  Its end says nothing: whether the body is whole is told beside it (pool_body_end) before
 * feed_end(), so one that was cut never looks whole.
 * The read end stays ours until the request is over: what is in the pipe goes with the offer, if that
 * goes elsewhere.
 * Owner  a body; all-zero is none.
 */
#pragma once
#include "base/span.h"
#include "loop/loop.h"

struct feed {
    struct watch watch;               /* of the write end */
    int read_fd;
    bool is_made, is_open, is_full;   /* made: it has a read end; open: and a write end */
    void (*wake)(struct feed *f);     /* after it was full: the worker took some */
};

/* 0 or -errno (-EMFILE, -ENFILE).  bytes: as much as the kernel grants. */
int feed_open(struct feed *f, struct loop *l, size_t bytes, void (*wake)(struct feed *f));
/* How many it took; fewer than all: it is full, and wake follows.  -errno. */
ssize_t feed_put(struct feed *f, struct span bytes);
void feed_end(struct feed *f);        /* nothing more comes: closes the write end; again too */
void feed_close(struct feed *f);      /* the request is over; again too */
