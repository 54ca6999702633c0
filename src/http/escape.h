/* escape.h - bytes that a stranger chose, as they may stand in a URL that we write (RFC 3986, section 2).
 *
 * What comes out has no control byte, no blank, no quote, no backslash and nothing but ASCII: a
 * Location made of it is one line, and one reference to the same place for everybody.
 */
#pragma once
#include "base/span.h"

enum { ESCAPE_GROWTH = 3 };        /* a byte becomes at most so many */

/* A decoded path: all is escaped but unreserved bytes, sub-delims, ':', '@' and '/'.  `into` has
 * ESCAPE_GROWTH * path.len bytes; the length. */
size_t escape_path(struct span path, char *into);
/* A target or query as it came: what is escaped stays so ('%'), and so do the delimiters but '#'. */
size_t escape_raw(struct span raw, char *into);
