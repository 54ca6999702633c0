/* date.h - IMF-fixdate, and the two old formats on reading (RFC 9110, section 5.6.7). Pure: no
 * clock. */
#pragma once
#include "base/span.h"

enum { DATE_BYTES = 29 };                                /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Not NUL-ended.  A second outside the years 0 to 9999 is moved to the nearer end of them. */
void date_write(char into[DATE_BYTES], int64_t unix_s);

/* 0, or -EBADMSG: none of the three formats, or a day or time that does not exist.  The name of
 * the week day must be one, but is not compared with the date.
 * now_s: a two-digit year that would be more than 50 years ahead of it is the last one before. */
int date_read(struct span text, int64_t now_s, int64_t *unix_s);
