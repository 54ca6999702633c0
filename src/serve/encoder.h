/* encoder.h - a body on its way through a content coding, piece by piece.
 *
 * One interface over zlib (gzip, RFC 1952), brotli (br, RFC 7932) and zstd (RFC 8878).  Memory for a page:
 * about 270 KiB for gzip, 1 MiB for br, 1.25 MiB for zstd, from the heap for as long as the encoder lives.
 * A secret that is sent beside text of the visitor's choice can be found out by the length of what
 * comes out (BREACH).  So each page begins with a random number of bytes that mean nothing, as Django's
 * own GZipMiddleware does it: a file name in gzip's header, a metadata block of br, empty blocks of zstd.
 */
#pragma once
#include "base/buf.h"
#include "http/encoding.h"

/* Chosen anew for each body.  Not 1: libbrotlienc 1.0.9 writes a metadata block of one byte wrong. */
enum { ENCODER_PADDING_LEAST_BYTES = 2, ENCODER_PADDING_MOST_BYTES = 101 };

struct encoder;
enum encoder_effort {
    ENCODER_PAGE,       /* on the loop, for one client: what costs little, padded */
    ENCODER_KEPT,       /* by a helper, for many clients: about 25 ms per MiB */
    ENCODER_ASSET,      /* once and for all: what is smallest; seconds per MiB, 100 MiB of memory */
};
/* Of any but ENCODING_IDENTITY.  NULL: no memory. */
struct encoder *encoder_new(enum encoding encoding, enum encoder_effort effort);
void encoder_free(struct encoder *e);       /* takes NULL */

enum encoder_then {
    ENCODER_GO_ON,      /* what comes out may wait for more */
    ENCODER_FLUSH,      /* the client can read all that went in */
    ENCODER_END,        /* nothing follows */
};
/* All of `in` is taken; what comes of it is added to `out`.  0, -ENOMEM, or -EMSGSIZE past the limit of
 * `out`; after an error the body cannot be completed. */
int encoder_put(struct encoder *e, struct span in, enum encoder_then then, struct buf *out);
