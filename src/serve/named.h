/* named.h - what is in an annex (conf/annex.h), read: each once, however many routes name it.
 *
 * Owner  struct routes; the annex's bytes must outlive it.
 */
#pragma once
#include "conf/annex.h"
#include "conf/htpasswd.h"
#include "conf/redirect_map.h"

struct named;

/* NULL: there are none (then *why is 0), or -ENOMEM, -EBADMSG: not what the master reads. */
struct named *named_new(struct span annex, int *why);
void named_free(struct named *n);                /* takes NULL */
/* The one of that path; NULL when there is none, also for "". */
const struct htpasswd *named_passwords(const struct named *n, const char *path);
const struct redirect_map *named_redirects(const struct named *n, const char *path);
/* The text of a page or template: whether there is one. */
bool named_text(const struct named *n, enum annex_kind kind, const char *path, struct span *text);
