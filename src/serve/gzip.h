/* gzip.h - files as gzip has them (RFC 1952), both ways, piece by piece: rotated logs.
 *
 * Memory  about 270 KiB to pack, 50 KiB to unpack, from the heap.
 */
#pragma once
#include "base/buf.h"

struct gzip;
struct gzip *gzip_packer(void);             /* NULL: no memory */
struct gzip *gzip_unpacker(void);
void gzip_free(struct gzip *g);             /* takes NULL */

/* All of `in` is taken; what comes of it is added to `out`.  is_last: nothing follows.
 * Unpacking reads members one behind the other.  0, -ENOMEM, -EMSGSIZE (the limit of `out`), or
 * -EBADMSG: not gzip, or cut short; what came until then is in `out`. */
int gzip_put(struct gzip *g, struct span in, bool is_last, struct buf *out);
