/* basic.h - credentials of the Basic scheme (RFC 7617, section 2).
 */
#pragma once
#include "base/span.h"

enum { BASIC_BYTES_MAX = 1024 };          /* of "user:password"; nobody's are longer */

/* `value` of Authorization.  1: `into` has "user:password" as the client spelled it, *len bytes;
 * 0: another scheme; -EBADMSG: Basic, but not base64, without a colon, or longer than
 * BASIC_BYTES_MAX. */
int basic_read(struct span value, char into[BASIC_BYTES_MAX], size_t *len);

enum { BASIC_REALM_BYTES_MAX = 256, BASIC_CHALLENGE_BYTES = 2 * BASIC_REALM_BYTES_MAX + 64 };
/* The value of WWW-Authenticate that asks for them; NUL-ended.  -EINVAL: the realm is too long or has a
 * control character. */
int basic_challenge(const char *realm, char into[BASIC_CHALLENGE_BYTES]);
