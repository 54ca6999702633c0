/* chunked.h - takes the chunked coding off a message body (RFC 9112, section 7.1).
 *
 * Extensions and trailers are skipped, but only what is spelled as one: an extension holds no
 * control byte, a trailer is a field line.
 * Owner   nobody: the struct is plain and all-zero is ready; data points into the caller's bytes.
 * Limits  a size has at most 15 digits; extensions and trailers together at most 8192 bytes.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "base/span.h"

enum chunked_state {     /* what the next byte must be */
    CHUNKED_SIZE,        /* a hex digit; after one, also a blank, ';' or CR */
    CHUNKED_BLANK,       /* a blank or the ';' of an extension (section 7.1.1: BWS) */
    CHUNKED_EXT,         /* an extension, skipped up to CR */
    CHUNKED_DATA,        /* left_bytes of body */
    CHUNKED_TRAILER,     /* the first byte of a trailer's name; a CR instead ends the body */
    CHUNKED_NAME,        /* more of the name, or the colon */
    CHUNKED_VALUE,       /* a trailer's value, skipped up to CR */
    CHUNKED_SIZE_LF, CHUNKED_DATA_CR, CHUNKED_DATA_LF, CHUNKED_TRAILER_LF, CHUNKED_END_LF,
    CHUNKED_DONE,        /* nothing: the body is over */
    CHUNKED_BAD,         /* nothing: answer 400 and close */
};

struct chunked {
    enum chunked_state state;
    unsigned digits;         /* of the current size */
    unsigned skipped_bytes;  /* extensions and trailers so far */
    uint64_t left_bytes;     /* of the current chunk, from the end of its size on */
};

/* Reads up to the end of one run of body bytes and points *data at that run (maybe empty).  Returns
 * how many bytes of `in` it took, or -EBADMSG.  Call again with the rest until CHUNKED_DONE. */
ssize_t chunked_read(struct chunked *c, struct span in, struct span *data);
