/* hash.h - a keyed 64-bit hash of bytes (SipHash-1-3) for tables whose keys strangers choose. */
#pragma once
#include <stdint.h>
#include "base/span.h"

/* draws the process's key from getrandom, once, at start-up */
void hash_seed(void);
uint64_t hash_span(struct span s);
/* The same under a key of the caller's: processes that share a table share its key. */
uint64_t hash_keyed(const uint64_t key[2], struct span s);
