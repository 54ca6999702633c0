/* fuzz.h - what every fuzz target needs: promises that must hold, bytes in a block of their own. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stays on in every build: the fuzzer keeps the input that broke the promise. */
#define must(promise)                                                              \
    do {                                                                           \
        if (!(promise)) {                                                          \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise);  \
            abort();                                                               \
        }                                                                          \
    } while (0)

/* A copy without a byte to spare, so that overreads are caught; free(.at). */
static inline struct span own_copy(struct span s)
{
    char *at = malloc(s.len > 0 ? s.len : 1);
    must(at != NULL);
    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return (struct span){ at, s.len };
}

/* A number from 1 to `most` that is always the same for the same bytes: where to cut them. */
static inline size_t cut_of(struct span s, size_t most)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.at[i]) * 16777619u;
    return 1 + hash % most;
}
