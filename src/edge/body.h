/* body.h - where a request's body is gathered until it is whole, or by what it goes to the worker as it comes.
 *
 * Up to BODY_MEMORY_BYTES in the exchange's arena; up to conf.body_memory_bytes in a pooled memfd that is
 * received into directly; beyond that in an unlinked file.  What a body needs is known before
 * (Content-Length) or found out (chunked): it moves on by itself.
 * By option a pipe stands for all that (feed.h).
 */
#pragma once
#include "base/arena.h"
#include "conf/conf.h"
#include "edge/feed.h"
#include "edge/spill.h"
#include "link/pool.h"

enum { BODY_MEMORY_BYTES = 32 * 1024, BODY_POOL_MAX = 4 };

struct body_memfd {
    struct body_memfd *next;
    int fd;
    char *map;
    size_t cap_bytes;
};

struct body_pool {                /* one an edge: memfds between two uses, so that their pages need
                                   * no clearing */
    struct body_memfd *free;
    unsigned count;
    size_t cap_bytes;             /* conf.body_memory_bytes */
    const char *folder;           /* of spool files */
    bool is_refused;              /* the kernel let nobody make a file there; whoever looks clears it */
    struct helpers *helpers;
    struct loop *loop;
    struct timer trim;            /* gives the pages back after a while without use */
};
const char *body_folder(const struct conf *conf);       /* of spool files: that of --spool-dir,
                                                         * $TMPDIR or /var/tmp */
void body_pool_init(struct body_pool *p, struct loop *l, const struct conf *conf,
                    struct helpers *helpers);
/* spill_open in that folder. */
int body_pool_spill(struct body_pool *p, struct spill *s, void (*wake)(struct spill *s));
void body_pool_done(struct body_pool *p);

struct body {
    struct body_pool *pool;
    int64_t bytes;                /* so far */
    char *memory;                 /* NULL while not in memory */
    size_t memory_cap;
    struct body_memfd *memfd;     /* NULL while not in a memfd */
    struct spill spill;           /* its job is NULL while not in a file */
    struct feed feed;             /* not open while it is gathered */
};

/* Is this request's body to be streamed?  (Option stream-request-body.)  here_bytes came with its head. */
bool body_is_streamed(const struct conf *conf, const struct request *r, size_t here_bytes);
/* It goes to the worker by a pipe, and *call says so.  0 or -errno. */
int body_begin_stream(struct body *b, struct body_pool *pool, const struct conf *conf,
                      const struct request *r, void (*wake)(struct feed *f), struct call_body *call);

/* expected_bytes: -1 when not known.  wake: a file has room again.  0, -ENOMEM, -errno of file or
 * memfd. */
int body_begin(struct body *b, struct body_pool *pool, struct arena *arena, int64_t expected_bytes,
               void (*wake)(struct spill *s));
/* is_let_go: no worker can still read it.  Otherwise its memfd is not used again.  Accepts an
 * all-zero one. */
void body_done(struct body *b, bool is_let_go);
/* How many of these found a place: fewer than all, then wake follows; or the error. */
ssize_t body_put(struct body *b, struct span bytes);
/* Of one that is gathered: where the next bytes may be put, at least one byte; NULL: -EAGAIN (wake
 * follows), -ENOMEM, -errno in *error. */
char *body_room(struct body *b, size_t *room_bytes, int *error);
void body_added(struct body *b, size_t bytes);        /* they are there */
/* Nothing more comes: 0 and *call says where it lies; -EAGAIN (wake follows); or the error. */
int body_end(struct body *b, struct call_body *call);
