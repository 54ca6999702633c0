/* identity.h - what a request is called: its id, and the trace it is part of.
 *
 * Id      what a trusted peer calls it in the field of the option request-id-field, when that is 1 to
 *         EXCHANGE_ID_BYTES of letters, digits and "-._~:=+/;"; else 128 random bits in hex.  One id
 *         a request: the application (HTTP_X_REQUEST_ID), the client, error pages and logs see the
 *         same.  Made when somebody first wants it: a file in nobody's way has none.
 * Trace   traceparent of W3C, of anybody, when it is well formed; else it is taken off, with its
 *         tracestate.  The application sees it; the option traceparent makes one where there is none.
 */
#pragma once
#include "serve/exchange.h"

/* Draws are many bytes at a time: a system call in 64 requests. */
struct identity_random {
    unsigned char bytes[1024];
    size_t left;
};

void identity_take(struct exchange *x);              /* of who is trusted; at the start */
struct span identity_of(struct exchange *x);         /* its id, made now if need be */
/* Before the application sees the request.  0 or -ENOMEM. */
int identity_tell(struct exchange *x);
