/* rate_rule.h - a value of the option rate-limit, taken apart.
 *
 *     N/s|m|h [burst N] [by address|by header NAME] [path /PREFIX]        in any order after N/...
 *
 * Pure; the texts point into the value.
 */
#pragma once
#include <stdint.h>
#include "base/span.h"

enum { RATE_BURST_MAX = 1000000, RATE_PER_S_MAX = 10000 };

struct rate_rule {
    int64_t interval_us;      /* a request every so often ... */
    int64_t burst;            /* ... and so many at once; default: N */
    struct span header;       /* its value tells the clients apart; "": the address does */
    struct span path;         /* this path and what is below it; "": all */
};

#define RATE_RULE_TAKES "N/s, N/m or N/h and then burst N, by header NAME, path /PREFIX, such as 5/m burst 10 path /login/"

/* 0, or -EBADMSG: not of this form, faster than RATE_PER_S_MAX, or a bucket that would take longer
 * than a day to fill. */
int rate_rule_parse(struct span text, struct rate_rule *rule);
/* Is the request for `path` (decoded, from '/') one of those that it counts? */
bool rate_rule_matches(const struct rate_rule *rule, struct span path);
