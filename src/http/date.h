/* date.h - IMF-fixdate, and the two old formats on reading (RFC 9110, section 5.6.7). Pure: no clock. */
#pragma once
#include "base/span.h"

enum { DATE_BYTES = 29 };                                /* "Sun, 06 Nov 1994 08:49:37 GMT" */
void date_write(char into[DATE_BYTES], int64_t unix_s);
int date_read(struct span text, int64_t now_s, int64_t *unix_s);     /* 0 or -EBADMSG; now_s: for 2-digit years */
