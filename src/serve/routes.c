/* routes.c - see routes.h. */
#include "serve/routes.h"
#include "base/sys.h"
#include "http/path.h"
#include "serve/gate.h"
#include "serve/login.h"
#include "serve/named.h"
#include "serve/policy.h"
#include "serve/redirect.h"

static void read_pattern(struct route *r, const char *pattern)
{
    r->pattern = span_of(pattern);
    for (size_t at = 0; at < r->pattern.len; at++)
        r->weight += r->pattern.at[at] != '*';
    r->is_glob = r->weight < r->pattern.len;
}

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

struct routes *routes_new(const struct conf *site, struct buf *annex, bool is_lent)
{
    struct routes *r = sys_calloc(1, sizeof *r + site->routes_count * sizeof r->all[0]);
    if (!r)
        return NULL;
    r->holders = 1;
    int rc = 0;
    r->named = annex ? named_new(buf_span(annex), &rc) : NULL;
    rc = rc < 0 ? rc : prepare(&r->site, site, r->named);
    for (size_t i = 0; i < site->routes_count && rc == 0; i++) {
        struct route *one = &r->all[r->count++];
        read_pattern(one, site->routes[i].pattern);
        rc = prepare(one, site->routes[i].conf, r->named);
    }
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
    forget(&r->site);
    for (size_t i = 0; i < r->count; i++)
        forget(&r->all[i]);
    named_free(r->named);
    if (r->annex.block)
        explicit_bzero(r->annex.block, r->annex.cap_bytes);
    buf_done(&r->annex);
    conf_free(r->conf);
    sys_free(r);
}

/* After a byte that does not fit, the last '*' takes one byte more: each pair of places is seen at
 * most once. */
static bool glob_fits(struct span pattern, struct span path)
{
    size_t p = 0, at = 0, star = SIZE_MAX, from = 0;
    while (at < path.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            from = at;
        } else if (p < pattern.len && pattern.at[p] == path.at[at]) {
            p++;
            at++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            at = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

static bool fits(const struct route *r, struct span path)
{
    struct span pattern = r->pattern;
    if (r->is_glob)
        return glob_fits(pattern, path);
    if (pattern.at[pattern.len - 1] == '/')
        return span_starts(path, pattern);
    return path_is_below(path, pattern);
}

const struct route *routes_find(const struct routes *r, struct span path)
{
    const struct route *best = &r->site;
    for (size_t i = 0; i < r->count; i++)
        if ((best == &r->site || r->all[i].weight > best->weight) && fits(&r->all[i], path))
            best = &r->all[i];
    return best;
}
