/* login.h - the option basic-auth: only users of a file of htpasswd come in.
 *
 * Whoever is let in is REMOTE_USER to the application and the user of the access log.  His Authorization
 * is taken off, as Apache does for CGI and WSGI: it was for us, and an application that reads the
 * field would try its own users' passwords on it.  Bearer and the like are another's, and no login.
 * Open     health, ACME's challenges, CORS preflights, as with the wall (wall.h).
 * Owner    a route: login_new(), login_free(); conf and file must outlive it.
 */
#pragma once
#include "conf/conf.h"
#include "conf/htpasswd.h"

struct login;

/* `people`: the file of conf->basic_auth; NULL while nobody has sent it: then nobody comes in.  NULL:
 * nobody is asked (then *why is 0), or no memory. */
struct login *login_new(const struct conf *conf, const struct htpasswd *people, int *why);
void login_free(struct login *l);        /* takes NULL */
