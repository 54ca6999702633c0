/* routes.h - which options are a request's: those of the site, or of one of its [route PATTERN]
 * sections.
 *
 * Match  on the decoded path.  "/api" is that path and all below it, "/api/" all that begins so; a
 *        pattern with '*' (any bytes, also '/') is one of whole paths.  Of several that match, the one
 *        with most bytes other than '*'; of equals, the first.
 * Cost   each pattern is looked at once a request; none without sections.
 * Owner  struct routes, of its serve; the confs stay those of the site's conf, which must outlive it.
 */
#pragma once
#include "conf/conf.h"

struct route {
    const struct conf *conf;
    struct span pattern;          /* "" for the site */
    size_t weight;                /* bytes of it other than '*' */
    bool is_glob;
};

struct routes {
    struct route site;
    struct route *all;
    size_t count;
};

int routes_init(struct routes *r, const struct conf *site);       /* 0 or -ENOMEM */
void routes_done(struct routes *r);
const struct route *routes_find(const struct routes *r, struct span path);
