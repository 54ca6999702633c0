/* range.h - one byte range of a file (RFC 9110, section 14). */
#pragma once
#include "base/span.h"

enum range_kind {
    RANGE_NONE,            /* no valid byte range, or several: serve the whole */
    RANGE_ONE,             /* 206 with first..last */
    RANGE_UNSATISFIABLE,   /* 416 */
};

/* Reads the value of a Range field.  `size` is the file's (0 or more); *first and *last
 * (inclusive) are written for RANGE_ONE only, with 0 <= first <= last < size. */
enum range_kind range_read(struct span value, int64_t size, int64_t *first, int64_t *last);
