/* trace.h - traceparent of W3C Trace Context (https://www.w3.org/TR/trace-context/, section 3.2).
 *
 *     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *     version, trace-id, parent-id, flags: digits in small hex
 *
 * Pure: the spans point into the text.
 */
#pragma once
#include "base/span.h"

enum {
    TRACE_ID_BYTES = 32, TRACE_PARENT_ID_BYTES = 16,
    TRACE_PARENT_BYTES = 2 + 1 + TRACE_ID_BYTES + 1 + TRACE_PARENT_ID_BYTES + 1 + 2,
};

/* False for what must not be passed on: another length or form, version ff, an id of zeros only.  Of
 * a later version than 00 what we know may be followed by "-" and anything (section 4.3). */
bool trace_parent_read(struct span text, struct span *trace_id);
/* "00-TRACE-PARENT-01" of random bytes, with those ids in hex; NUL-ended. */
void trace_parent_write(const unsigned char trace[16], const unsigned char parent[8],
                        char into[TRACE_PARENT_BYTES + 1]);
/* Small hex digits, two a byte, without an end. */
void trace_hex(const unsigned char *bytes, size_t count, char *into);
