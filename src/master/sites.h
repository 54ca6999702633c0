/* sites.h - which sites a server has: the one that it was started for, or one a file NAME.ini in the
 * folder of option sites.
 *
 * A file that is wrong, or names a host that another site has, keeps only its own site from being
 * served: it is broken (site.h), its other hosts get 503, log and status say why, and it is tried again from
 * time to time.  The folder is read at the start and by sites_read_again (`slipway
 * reload`): files that came are served, the sites of those that went finish what they have.
 */
#pragma once
#include "base/json.h"
#include "conf/conf.h"

struct master;
struct site;

/* Before anything runs.  0, or -errno with a sentence (CONF_WHY_BYTES): there is no site at all. */
int sites_open(struct master *m, char *why);
void sites_start(struct master *m);
void sites_done(struct master *m);
/* only: "", or the one name that may come or go.  {"ok":true,"sites":[NAME],"errors":[SENTENCE]}; NULL:
 * no memory. */
json_t *sites_read_again(struct master *m, const char *only);
/* Frees those that are gone and have no process any more. */
void sites_sweep(struct master *m);
struct reread;
/* New options of a site (NULL: of one that comes) beside those of the others: 0, or -EEXIST and a
 * sentence. */
int sites_compare(const struct master *m, const struct site *site, const struct reread *r, char *why);
/* A host that `site` serves, and by its new options does not, but another one's file names: it stays
 * among them, for nobody else serves it yet; the other's generation then takes it.  So a host moves from
 * one file to another, or two change places, without a request refused.  0, or -errno with a sentence. */
int sites_keep_hosts(const struct master *m, const struct site *site, struct conf *conf, char *why);

struct site *sites_find(const struct master *m, const char *name);      /* "": the first; or NULL */
int sites_some(const struct master *m, char *why);     /* one that is not broken: 0, or -ENOENT with a sentence */
/* Reads the file of a broken one again, and what that names: 0, and it is one as all others, or -errno with a
 * sentence. */
int sites_mend(struct site *s, char *why);
