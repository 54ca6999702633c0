/* watcher.h - under `run`: tells which files of the project were saved, and what follows from it.
 *
 * A generation says over its sockets what it was made of (link/channel.h, "watch"); folders are
 * watched by inotify, and only the names that were told count: modules start a new generation,
 * templates are read anew by the workers, other files only reach the browser.  .env and slipway.ini
 * are always among them.  What a generation said holds until a later one serves without an error.
 *
 * Under `serve` there is none: every function takes NULL and does nothing.
 */
#pragma once
#include "base/json.h"

struct generation;
struct master;
struct watcher;

enum { WATCHER_QUIET_MS = 30 };  /* without an event, before a save counts as finished */

/* NULL after one line in the log: edits are then not noticed. */
struct watcher *watcher_new(struct master *m);
void watcher_free(struct watcher *w);

/* {"event":"watch","folder":"/abs","names":["a.py"]}: these modules of it; or with
 * "any":"code"|"template"|"file": every name in it that is not some program's by-product. */
void watcher_hear(struct watcher *w, const struct generation *g, const json_t *message);

/* It serves: what only older ones said is forgotten. */
void watcher_serves(struct watcher *w, const struct generation *g);
