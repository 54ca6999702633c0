/* multipart.h - several ranges of a file as one body: multipart/byteranges (RFC 9110, section 14.6).
 */
#pragma once
#include "http/range.h"
#include "serve/exchange.h"

struct multipart {
    struct file_piece *pieces;      /* the last one is the end: words and no bytes */
    size_t count;
    int64_t bytes;                  /* of the whole body */
    struct span type;               /* its Content-Type, with the boundary */
};

/* Of a file of `size` bytes and this media type.  All memory is of the arena.  0, -ENOMEM or -errno
 * (no random bytes for the boundary). */
int multipart_make(struct multipart *m, struct arena *arena, const struct range *ranges, size_t count,
                   int64_t size, struct span type);
