/* route_sets.h - patterns of [route] sections: what they match, and which of them match together.
 *
 * Match  on a decoded path.  "/api" is that path and all below it, "/api/" all that begins so; a
 *        pattern with '*' (any bytes, also '/') is one of whole paths.
 * Order  the least specific first: that with fewest bytes other than '*', of equals the last.
 * Sets   each set of patterns that can match one path, as a tree: a set is its parent and one pattern
 *        that comes later in the order.  The first set is the empty one.  Of patterns where it cannot be seen
 *        that no path has both, there is a set all the same.
 * Owner  route_sets_make(), route_sets_done(); the patterns' text stays the caller's.
 */
#pragma once
#include <stdint.h>
#include "base/span.h"

enum { ROUTE_SETS_MAX = 1024 };

struct route_pattern {
    struct span text;
    size_t weight;                /* bytes of it other than '*' */
    size_t head_bytes;            /* of it before the first '*' */
    uint32_t at;                  /* its place in the order in which the patterns were given */
};

struct route_set {
    uint32_t parent;              /* the set without `pattern` */
    uint32_t pattern;             /* in `patterns`; of the empty set: 0 */
    uint32_t child, sibling;      /* another set; 0: there is none */
};

struct route_sets {
    struct route_pattern *patterns;      /* in their order */
    size_t patterns_count;
    struct route_set *sets;
    size_t count;                 /* at least 1 */
};

bool route_pattern_fits(const struct route_pattern *p, struct span path);

/* `texts[i]` is the pattern of place i.  0, -ENOMEM, or -E2BIG: more than ROUTE_SETS_MAX; then nothing is
 * owned. */
int route_sets_make(struct route_sets *s, const struct span *texts, size_t count);
void route_sets_done(struct route_sets *s);      /* all zero is fine */
/* All patterns that fit the path, and no other: its set.  Each pattern is looked at once. */
size_t route_sets_find(const struct route_sets *s, struct span path);
