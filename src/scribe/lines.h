/* lines.h - cuts a stream of bytes into lines.  Pure but for the memory of the line that is not
 * whole yet.
 *
 * A line longer than LINES_BYTES_MAX is given out in pieces, each as a line.
 */
#pragma once
#include "base/buf.h"

enum { LINES_BYTES_MAX = 128 * 1024 };     /* six times that, as JSON, is below SINK_BYTES_MAX */

struct lines { struct buf part; };         /* all-zero is ready */

typedef void (*lines_fn)(void *user, struct span line);       /* without its '\n' */

/* Feeds bytes; calls `take` for each whole line.  Without memory a part is given out early, never
 * lost. */
void lines_feed(struct lines *l, struct span bytes, lines_fn take, void *user);
/* The last one, if it had no end; frees. */
void lines_end(struct lines *l, lines_fn take, void *user);
