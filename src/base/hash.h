/* hash.h - a keyed 64-bit hash of bytes (SipHash-1-3) for tables whose keys strangers choose. */
#pragma once
#include <stdint.h>
#include "base/span.h"

/* draws the process's key from getrandom, once, at start-up */
void hash_seed(void);
uint64_t hash_span(struct span s);
