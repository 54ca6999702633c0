/* routes.c - see routes.h. */
#include "serve/routes.h"
#include <errno.h>
#include "base/sys.h"
#include "serve/gate.h"
#include "serve/login.h"
#include "serve/named.h"
#include "serve/policy.h"
#include "serve/redirect.h"

/* 0 or -ENOMEM. */
static int prepare(struct route *r, const struct conf *conf, const struct named *named)
{
    int rc;
    r->conf = conf;
    r->gate = gate_new(conf, &rc);
    if (rc == 0)
        r->redirect = redirect_new(conf, named_redirects(named, conf->redirects), &rc);
    if (rc == 0)
        r->login = login_new(conf, named_passwords(named, conf->basic_auth), &rc);
    if (rc == 0)
        r->policy = policy_new(conf, &rc);
    return rc;
}

static void forget(struct route *r)
{
    gate_free(r->gate);
    redirect_free(r->redirect);
    login_free(r->login);
    policy_free(r->policy);
}

/* Of each set of sections that can hold together. */
static int prepare_paths(struct routes *r)
{
    int rc = 0;
    r->all = sys_calloc(r->paths.sets.count, sizeof *r->all);
    if (!r->all)
        return -ENOMEM;
    for (; r->count < r->paths.sets.count && rc == 0; r->count++) {
        const struct route_set *set = &r->paths.sets.sets[r->count];
        struct route *one = &r->all[r->count];
        if (r->count > 0)
            one->pattern = r->paths.sets.patterns[set->pattern].text;
        rc = prepare(one, r->count > 0 ? r->paths.confs[r->count] : r->site, r->named);
    }
    return rc;
}

struct routes *routes_new(const struct conf *site, struct buf *annex, bool is_lent)
{
    char why[CONF_WHY_BYTES];
    struct routes *r = sys_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->holders = 1;
    r->site = site;
    int rc = 0;
    r->named = annex ? named_new(buf_span(annex), &rc) : NULL;
    rc = rc < 0 ? rc : conf_paths_make(&r->paths, site, why);
    rc = rc < 0 ? rc : prepare_paths(r);
    if (rc < 0) {
        routes_let(r);
        return NULL;
    }
    if (annex) {
        r->annex = *annex;
        *annex = (struct buf){ 0 };
    }
    r->conf = is_lent ? NULL : (struct conf *)(uintptr_t)site;
    return r;
}

struct routes *routes_hold(struct routes *r)
{
    r->holders++;
    return r;
}

void routes_let(struct routes *r)
{
    if (!r || --r->holders > 0)
        return;
    for (size_t i = 0; i < r->count; i++)
        forget(&r->all[i]);
    sys_free(r->all);
    conf_paths_done(&r->paths);
    named_free(r->named);
    if (r->annex.block)
        explicit_bzero(r->annex.block, r->annex.cap_bytes);
    buf_done(&r->annex);
    conf_free(r->conf);
    sys_free(r);
}

const struct route *routes_find(const struct routes *r, struct span path)
{
    return &r->all[route_sets_find(&r->paths.sets, path)];
}
