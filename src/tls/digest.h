/* digest.h - digests that old files ask for; for anything new there is mac.h. */
#pragma once
#include "base/span.h"

enum digest_kind { DIGEST_MD5, DIGEST_SHA1 };
enum { DIGEST_MD5_BYTES = 16, DIGEST_SHA1_BYTES = 20 };

/* 0, or -ENOTSUP: this machine's OpenSSL does not do it (FIPS has no MD5). */
int digest_make(enum digest_kind kind, struct span text, unsigned char *into);
