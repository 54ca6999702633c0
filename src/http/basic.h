/* basic.h - credentials of the Basic scheme (RFC 7617, section 2).
 */
#pragma once
#include "base/span.h"

enum { BASIC_BYTES_MAX = 1024 };          /* of "user:password"; nobody's are longer */

/* `value` of Authorization.  1: `into` has "user:password" as the client spelled it, *len bytes;
 * 0: another scheme; -EBADMSG: Basic, but not base64, without a colon, or longer than
 * BASIC_BYTES_MAX. */
int basic_read(struct span value, char into[BASIC_BYTES_MAX], size_t *len);
