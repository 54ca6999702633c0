/* annexes.h - files that options name, while the site runs: read for each generation, and again when one
 * of basic-auth or redirects has changed.  What is wrong with them is said, and the edges keep what they
 * have.
 */
#pragma once
#include "loop/loop.h"

struct site;
struct generation;

struct annexes {
    struct site *site;
    uint64_t seen;                /* stamp of the last look: files are read when they rest */
    uint64_t refused;             /* ... that were said to be wrong already; 0: none */
    struct timer look;
};

void annexes_init(struct annexes *a, struct site *s);
void annexes_done(struct annexes *a);
/* For a generation, by its options: before its import, so that what is wrong ends it early, and after
 * it, when its pages for errors are known, too.  0, or -errno with a sentence (CONF_WHY_BYTES). */
int annexes_read(struct generation *g, char *why);
void annexes_watch(struct annexes *a);              /* one serves: look from now on */
