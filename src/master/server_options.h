/* server_options.h - the options of the whole server, read again by a reload.
 *
 * They are read by edges alone, as they were when an edge began; so where one of them is another, each edge
 * is replaced by one that begins with it (edges.h): nobody is refused or cut for that.  Addresses that are new are
 * listened on before, those that are gone are closed.  What takes effect at the next start keeps its value.
 *
 * Two steps, so that a reload that is refused has changed nothing: read, then take or leave.
 */
#pragma once
#include "conf/conf.h"

enum { WAITING_BYTES = 256 };

struct master;
struct server_change;

/* Into m->change; NULL there: nothing is another.  0, or -errno with a sentence (CONF_WHY_BYTES). */
int server_options_read(struct master *m, char *why);
void server_options_take(struct master *m);
void server_options_leave(struct master *m);               /* also when there is no change */

/* Options that are others now and take effect at the next start (under `run` all of the server): said in the log,
 * and their names, with ", " between, added to `names`. */
void server_options_wait(const struct conf *was, const struct conf *is, bool is_development,
                         char names[WAITING_BYTES]);
