/* path.h - percent-decoding and dot segments, once (RFC 3986, sections 2.1 and 5.2.4).
 *
 * Every stage and the application see the path that comes out here, so what a check saw is what is
 * opened: %2e%2e%2f has become what it is before anybody looks.
 */
#pragma once
#include <sys/types.h>
#include "base/span.h"

/* True when decoding would change nothing: no '%' and no "/." in it.  `raw` begins with '/'. */
bool path_is_plain(struct span raw);

/* The byte of an escape "%41", or -1; 0 is refused too: no file and no C library can tell "a\0b"
 * from "a". */
int path_escaped_byte(struct span s);

/* Decodes `raw` (a path that begins with '/', without query) into `into`, which has raw.len bytes,
 * then removes dot segments.  "//" is kept; ".." takes off the segment before it, even an empty
 * one.  The length (at least 1; the result begins with '/' and has no segment "." or ".."), or
 * -EBADMSG: no '/' at the start, a bad escape, %00, a segment ".." above the root. */
ssize_t path_decode(struct span raw, char *into);

/* Has `raw` (percent-coded, or not at all) a segment ".."? */
bool path_climbs(struct span raw);

/* Splits "a/b?c" at the first '?': the path, and *query (empty without one). */
struct span path_split_query(struct span target, struct span *query);

/* May a file server open this decoded path below a root?  It begins with '/', no segment begins
 * with '.', none is empty but the last, no NUL. */
bool path_is_servable(struct span path);

/* Is the decoded path `prefix`, or one below it?  The prefix has no slash at its end; "" is above all. */
static inline bool path_is_below(struct span path, struct span prefix)
{
    return span_starts(path, prefix) && (path.len == prefix.len || path.at[prefix.len] == '/');
}
