/* routes.h - which options are a request's: those of the site, and over them those of the [route PATTERN]
 * sections that its path matches (conf/conf_paths.h).
 *
 * Cost   each pattern is looked at once a request; none without sections.
 * Made   with what stages want to have read before the first request (gate, redirect, login), and before
 *        the first response (policy): once for each set of sections that can hold together.
 * Owner  counted: who made it has it, and every exchange under its options.  The conf goes with the
 *        last one.
 */
#pragma once
#include "base/buf.h"
#include "conf/conf_paths.h"
#include "serve/policy.h"

struct route {
    const struct conf *conf;
    struct span pattern;          /* of the most specific section; "" for the site */
    struct gate *gate;            /* NULL: everybody may do everything */
    struct redirect *redirect;    /* NULL: nobody is sent elsewhere */
    struct policy *policy;        /* of responses; NULL: none */
    char files_policy[POLICY_FILES_BYTES];        /* Cache-Control of files, by static-max-age */
    struct login *login;          /* NULL: nobody is asked who he is */
};

struct routes {
    unsigned holders;
    struct conf *conf;            /* of the site, which it frees; NULL: a lent one */
    struct buf annex;             /* the files that options name, and pages for errors */
    struct named *named;          /* ... as they are read; NULL: none */
    const struct conf *site;
    struct conf_paths paths;
    size_t count;
    struct route *all;            /* as paths.sets: the first one is the site's */
};

/* Of these options.  Both are the callee's, also when it fails, and so are the bytes of `annex`,
 * which is empty afterwards.  NULL: no memory, or no annex.  May run on a helper's thread: a large
 * annex takes its time. */
struct routes *routes_new(struct conf *site, struct buf *annex);
struct routes *routes_lent(const struct conf *site);        /* the options stay the caller's */
struct routes *routes_hold(struct routes *r);
void routes_let(struct routes *r);                  /* takes NULL */
const struct route *routes_find(const struct routes *r, struct span path);
