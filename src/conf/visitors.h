/* visitors.h - values of the options allow and deny: which clients come in.
 *
 * Of all networks of both that hold a client's address the smallest decides; of two equal ones, that
 * of deny.  Whom none holds comes in, unless there is any `allow`.  So the order of the lines says nothing.
 */
#pragma once
#include "base/address.h"
#include "conf/conf.h"

struct visitors {
    struct networks networks;
    bool has_all;                 /* the word "all" */
};

#define VISITORS_TAKES "addresses or networks such as 10.1.2.3, 10.0.0.0/8 or 2001:db8::/32, or the words private, loopback, unix and all"

/* Adds what networks_add() does, and "all".  0, -EINVAL, -E2BIG. */
int visitors_add(struct visitors *v, struct span text);
/* One for each item of the two lists, as visitors_add() made it.  `client` is NULL for one on a Unix
 * socket, who has no address: "unix" is his network. */
bool visitors_may_enter(const struct visitors *allow, size_t allow_count, const struct visitors *deny,
                        size_t deny_count, const struct address *client);
