/* conf_paths.h - the options of each set of [route] sections that can match one path.
 *
 * Of sections that match together the more specific one is put over the other (route_sets.h has the order),
 * all of them over the site.  header and header-remove are added up by the field's name, error-page and
 * deny by line; allow, and any other option, takes the place of what is beneath.
 * Owner  conf_paths_make(), conf_paths_done(); the site's conf must outlive it.
 */
#pragma once
#include "conf/conf.h"
#include "conf/route_sets.h"

struct conf_paths {
    struct route_sets sets;
    struct conf **confs;          /* of each set; of the empty one NULL: the site's */
};

/* 0, -ENOMEM or -EBADMSG, with a sentence. */
int conf_paths_make(struct conf_paths *p, const struct conf *site, char *why);
void conf_paths_done(struct conf_paths *p);      /* all zero is fine */
