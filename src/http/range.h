/* range.h - byte ranges of a file (RFC 9110, section 14).
 *
 * Ranges that overlap, or that lie closer together than the words between two parts are long, become
 * one (section 15.3.7.2): so all of them together never have more bytes than the file, whatever a
 * client asks for (section 17.15).
 */
#pragma once
#include "base/span.h"

enum { RANGES_MAX = 256, RANGE_GAP_BYTES = 80 };

struct range {
    int64_t first, last;   /* inclusive: 0 <= first <= last < size */
};

enum range_kind {
    RANGE_NONE,            /* no valid byte ranges, or too many: serve the whole */
    RANGE_SOME,            /* 206 with these */
    RANGE_UNSATISFIABLE,   /* 416 */
};

/* Reads the value of a Range field.  `size` is the file's (0 or more).  `most` (up to RANGES_MAX) is
 * how many ranges the field may name, and `ranges` has room for them.  *count (1 or more) and ranges
 * are written for RANGE_SOME only: in the order in which they were asked for, and no two of them
 * nearer than RANGE_GAP_BYTES. */
enum range_kind range_read(struct span value, int64_t size, size_t most, struct range *ranges,
                           size_t *count);
