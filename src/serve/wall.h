/* wall.h - the auth wall: Basic credentials in front of everything, for a site that is not public yet.
 *
 * Who has passed once gets a signed cookie, so that the application's own Authorization (Basic of its
 * own, Bearer) works behind the wall.  What the wall was shown, the application never sees.
 * Open     health, ACME's challenges, CORS preflights (browsers send no credentials with them), and
 *          the paths of the option wall-open.
 * Secrets  the password itself is not here: the site's description brings keyed digests of what is
 *          accepted (python/slipway/wall.py), and the key, which also signs cookies.
 * Guesses  a client's wrong credentials are counted (guesses.h), by each edge for itself; after a few
 *          it has to wait, also with right ones.
 */
#pragma once
#include "base/json.h"
#include "serve/exchange.h"

struct wall;

/* "wall" of CHANNEL_FILES: {"realm":"...","key":HEX,"accepts":[HEX,...]}.  NULL: there is none (then *why is 0);
 * or -ENOMEM, -EBADMSG: nobody may be let in. */
struct wall *wall_new(const json_t *wall, int *why);
void wall_free(struct wall *w);           /* takes NULL */
