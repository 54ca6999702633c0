/* encoder.h - a body on its way through a content coding, piece by piece.
 *
 * One interface over zlib (gzip, RFC 1952) and brotli (br, RFC 7932).  Memory: about 270 KiB for gzip,
 * 1 MiB for br, from the heap for as long as the encoder lives.
 * A secret that is sent beside text of the visitor's choice can be found out by the length of what
 * comes out (BREACH).  So each body begins with a random number of bytes that mean nothing, as Django's
 * own GZipMiddleware does it: a file name in gzip's header, a metadata block of br.
 */
#pragma once
#include "base/buf.h"
#include "http/encoding.h"

/* Chosen anew for each body.  Not 1: libbrotlienc 1.0.9 writes a metadata block of one byte wrong. */
enum { ENCODER_PADDING_LEAST_BYTES = 2, ENCODER_PADDING_MOST_BYTES = 101 };

struct encoder;
/* Of ENCODING_GZIP and ENCODING_BROTLI.  NULL: no memory. */
struct encoder *encoder_new(enum encoding encoding);
void encoder_free(struct encoder *e);       /* takes NULL */

enum encoder_then {
    ENCODER_GO_ON,      /* what comes out may wait for more */
    ENCODER_FLUSH,      /* the client can read all that went in */
    ENCODER_END,        /* nothing follows */
};
/* All of `in` is taken; what comes of it is added to `out`.  0, -ENOMEM, or -EMSGSIZE past the limit of
 * `out`; after an error the body cannot be completed. */
int encoder_put(struct encoder *e, struct span in, enum encoder_then then, struct buf *out);
