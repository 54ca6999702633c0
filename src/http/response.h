/* response.h - the head of a response, before any wire spells it; and the table of statuses.
 *
 * Owner  the exchange; every span points into its arena or is static.
 */
#pragma once
#include "base/arena.h"
#include "http/field.h"

struct response {
    unsigned status;           /* 200 ... 599 */
    struct span reason;        /* "" : the standard one */
    struct field *fields;      /* without hop-by-hop fields and Content-Length */
    size_t fields_count;
    int64_t body_bytes;        /* Content-Length; -1: not known in advance */
    bool has_date, has_server; /* the application sent its own */
    bool is_streamed;          /* text/event-stream or X-Accel-Buffering: no */
    bool is_for_front;         /* in: the client is a server that heeds X-Accel-* and X-Sendfile itself */
    struct span redirect;      /* value of X-Accel-Redirect; "" without */
    struct span sendfile;      /* value of X-Sendfile; "" without */
};

/* Reads a block of "Name: value\r\n" lines as a worker or an upstream wrote it, without an empty
 * line at the end.  Drops hop-by-hop fields, X-Accel-* and X-Sendfile (is_for_front: keeps these and
 * does not heed them), takes Content-Length into body_bytes.
 * The block must already be the edge's own copy: fields point into it.  Fills everything but
 * status, reason and is_for_front. 0, -EBADMSG (a bad name, value or line, two different Content-Lengths),
 * -EMSGSIZE (over fields_max, dropped ones not counted), -ENOMEM. */
int response_read_fields(struct response *r, struct span block, size_t fields_max,
                         struct arena *arena);

/* No body follows, whatever the fields say (RFC 9110, section 6.4.1): 1xx, 204, 304. */
bool status_has_no_body(unsigned status);
struct span status_reason(unsigned status);              /* one table; "" when unknown */
/* A small plain page for an answer of our own: text/plain, one sentence, ends in a newline.  Static
 * memory.  Below 400 it may be empty. */
struct span status_page(unsigned status);
