/* path.h - percent-decoding and dot segments, once (RFC 3986, sections 2.1 and 5.2.4).
 */
#pragma once
#include <sys/types.h>
#include "base/span.h"

/* Decodes `raw` (a path that begins with '/', without query) into `into`, which has raw.len bytes, then
 * removes dot segments, so that %2e%2e%2f is seen as what it is.  "//" is kept.
 * The length, or -EBADMSG: a bad escape, %00, a segment ".." above the root. */
ssize_t path_decode(struct span raw, char *into);

/* Splits "a/b?c" at the first '?': the path, and *query (empty without one). */
struct span path_split_query(struct span target, struct span *query);

/* May a file server open this decoded path below a root?  No segment may begin with '.', none is empty but
 * the last, no NUL. */
bool path_is_servable(struct span path);
