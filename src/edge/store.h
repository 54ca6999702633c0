/* store.h - what of a response's body waits to be framed: memory, then a spool file, then the sender
 * waits; at its end maybe bytes of an open file, or several pieces of one.
 *
 *     store_put > memory > spill ---store_read--> a frame
 *                          file  -'
 *
 * So the worker's ring is empty as soon as the worker is done, however small the client's window.
 * Owner  a stream; all-zero but for fd = -1 is an empty one.
 */
#pragma once
#include "base/buf.h"
#include "edge/spill.h"

struct conf;
struct edge;
struct files;
struct file;
struct file_piece;
struct store {
    struct buf memory;
    struct spill spill;               /* its job is NULL while there is none */
    struct file *file;                /* a cached file; NULL: fd is our own */
    int fd;                           /* -1: none */
    uint64_t file_at, file_left_bytes;
    struct span before;               /* comes before these bytes */
    const struct file_piece *pieces;  /* what comes after them; lent */
    size_t pieces_left;
};

/* Gives everything back but a small block of memory. */
void store_done(struct store *s, struct files *files);       /* in which its file was found */

/* Takes what it has room for, by the options of the request: how many bytes; 0: full.  wake: what the
 * spill holds can be read, or it has room again.  -ENOMEM. */
ssize_t store_put(struct store *s, struct edge *e, const struct conf *conf, const struct span runs[2],
                  void (*wake)(struct spill *s));
/* What comes last; ownership as in struct answer_out. */
void store_put_file(struct store *s, struct file *file, int fd, uint64_t at, uint64_t bytes);
void store_put_pieces(struct store *s, struct file *file, int fd, const struct file_piece *pieces,
                      size_t count);

uint64_t store_bytes(const struct store *s);             /* all that waits */
/* How many of them can be read now; 0 with some waiting: wake follows.  Or the error of the spill. */
int64_t store_ready(struct store *s);
/* Exactly `bytes`, at most what store_ready() said: 0, or -EIO (the file became shorter), -errno. */
int store_read(struct store *s, char *into, size_t bytes);
bool store_takes_more(const struct store *s, const struct conf *conf);      /* after it was full */

/* For a response, whoever sends it.  False: none is wished, or there is no file, which is logged. */
bool store_open_spill(struct edge *e, const struct conf *conf, struct spill *spill,
                      void (*wake)(struct spill *s));
