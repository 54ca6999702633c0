/* h1.h - the spelling of HTTP/1.0 and 1.1 heads (RFC 9112).  Strict: lines end in CRLF, no
 * obs-fold, no space around names, no control bytes; a lone CR or LF anywhere in a head is
 * refused.
 *
 * Nothing is copied: the spans of the result point into `in`.
 */
#pragma once
#include <sys/types.h>
#include "base/buf.h"
#include "http/request.h"
#include "http/response.h"

struct h1_limits {
    size_t head_bytes;         /* request line and fields; above it 431 (414 if the line alone) */
    size_t fields;             /* above it 431 */
};

/* Reads a request head from the start of `in`: fills method_name, target, version, fields,
 * fields_count.  Empty lines before the request line are skipped (at most 2; they count as bytes of
 * the head).
 *
 * *scanned_bytes is the caller's memory of how far earlier calls looked (0 at first), so that a
 * head that comes byte by byte costs linear time; `in` must then begin with the same bytes,
 * wherever they have moved.  The caller sets it to 0 again for the next head.
 *
 * Returns the bytes of the head with its empty line, 0 when more must come (r is then
 * unspecified), or minus the status to answer before closing: 400 414 431 501 (method token too
 * long) 503 505.  The verdict does not depend on how the bytes arrive: a control byte and a bad
 * request line are refused as soon as they are there, a bad field when the head is complete.
 * HTTP/1.2 to 1.9 are read as 1.1 (RFC 9110, section 2.5).  Bytes above 0x7f are let through in
 * the target and in values. */
ssize_t h1_read_head(struct request *r, struct span in, size_t *scanned_bytes,
                     const struct h1_limits *limits, struct arena *arena);

enum h1_body { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED, H1_BODY_CLOSE };

struct h1_answer {             /* how the wire spells this response */
    unsigned version;          /* of the request: 10 gets no chunked */
    bool is_head;              /* answer to HEAD: no body follows, fields as for GET */
    bool keeps_alive;          /* in: wanted; out: whether the framing allows it */
    enum h1_body body;         /* out */
};

/* Appends the head of `res` to `out`: status line, the fields in their order and spelling, then
 * what is missing of Date (`date`: 29 bytes), Server, Content-Length or Transfer-Encoding,
 * Connection.  No length is said for 1xx, 204 and 304, nor for HEAD when it is not known; to 1xx
 * nothing is added at all.  The status line says HTTP/1.1 to every client (RFC 9110, section 6.2).
 * The fields are sent as they are: they must have come through response_read_fields() or be our
 * own.
 * 0, -ENOMEM or -EMSGSIZE of the buf; then `out` and `a` are unchanged. */
int h1_write_head(struct buf *out, const struct response *res, struct h1_answer *a,
                  struct span date);

/* A chunk's size line ("1a\r\n") into `into`, at least 18 bytes; the length.  After the data comes
 * CRLF; the end is "0\r\n\r\n".  `bytes` is not 0: that would be the end. */
enum { H1_CHUNK_SIZE_BYTES_MAX = 18 };
size_t h1_write_chunk_size(char *into, uint64_t bytes);
