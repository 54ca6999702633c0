/* h2_preface.h - what a connection begins with: HTTP/2 by prior knowledge, HTTP/1, or neither
 * (RFC 9113, section 3.4).
 */
#pragma once
#include "base/span.h"

/* "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".  No request of HTTP/1 begins so. */
extern const struct span h2_preface;

/* Is `first` the preface and what follows, or the beginning of it? */
bool h2_preface_begins(struct span first);
/* Three words of letters and a CR: no line of HTTP/1 is without a "/".  A client that knows HTTP/2
 * beforehand and errs in its preface would take an answer for a frame. */
bool h2_preface_is_no_http(struct span first);
