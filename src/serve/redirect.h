/* redirect.h - the options that send clients elsewhere: redirect, redirects, redirect-https and
 * canonical-host, as a route has them.
 *
 * Owner  a route: redirect_new(), redirect_free(); conf and map must outlive it.
 */
#pragma once
#include "conf/conf.h"
#include "base/json.h"
#include "conf/redirect_map.h"
#include "serve/hosts.h"

struct redirect;

/* `map`: of conf->redirects, NULL without it.  NULL: nobody is sent anywhere (then *why is 0), or no
 * memory. */
struct redirect *redirect_new(const struct conf *conf, const struct redirect_map *map, int *why);
/* What Django allows, in its spelling (".example.com": that and all below it), in place of what was there
 * before; "*" names nobody.  Without memory fewer are believed. */
void redirect_allow(struct hosts *allowed, const json_t *names);
void redirect_free(struct redirect *r);          /* takes NULL */
