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
    policy_of_files(conf, r->files_policy);
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

static int prepare_all(struct routes *r)
{
    char why[CONF_WHY_BYTES];
    int rc = 0;
    r->named = buf_len(&r->annex) > 0 ? named_new(buf_span(&r->annex), &rc) : NULL;
    rc = rc < 0 ? rc : conf_paths_make(&r->paths, r->site, why);
    return rc < 0 ? rc : prepare_paths(r);
}

static struct routes *make(const struct conf *site, struct conf *owned, struct buf annex)
{
    struct routes *r = sys_calloc(1, sizeof *r);
    if (!r) {
        buf_done(&annex);
        conf_free(owned);
        return NULL;
    }
    r->holders = 1;
    r->site = site;
    r->conf = owned;
    r->annex = annex;
    if (prepare_all(r) == 0)
        return r;
    routes_let(r);
    return NULL;
}

struct routes *routes_new(struct conf *site, struct buf *annex)
{
    struct buf taken = *annex;
    *annex = (struct buf){ 0 };
    return make(site, site, taken);
}

struct routes *routes_lent(const struct conf *site)
{
    return make(site, NULL, (struct buf){ 0 });
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
