/* mac.h - a message authentication code: HMAC with SHA-256 (RFC 2104). */
#pragma once
#include "base/span.h"

enum { MAC_KEY_BYTES = 32, MAC_BYTES = 32 };

/* 0, or -ENOMEM: the library had none. */
int mac_sign(const unsigned char key[MAC_KEY_BYTES], struct span text, unsigned char mac[MAC_BYTES]);
/* In a time that does not depend on where they differ. */
bool mac_is_equal(const unsigned char a[MAC_BYTES], const unsigned char b[MAC_BYTES]);
