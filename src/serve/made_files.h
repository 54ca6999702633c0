/* made_files.h - a static file without siblings, compressed once and kept in memory.
 *
 * What of a file's codings a client wants twice, a helper makes, one at a time in a process; until it is
 * there, and where it has no room or would not be smaller, the file itself is sent.  It is a sibling
 * without a descriptor: weak ETag, no ranges, for another edge or release may make other bytes of it.
 */
#pragma once
#include "serve/exchange.h"

struct files;

/* May this be sent in a coding that we make?  So the answer depends on what the client takes. */
bool made_files_may_be(const struct exchange *x, const struct file *file);
/* Of such a file what this client is to get now: what was made, or `otherwise`: a sibling, the file. */
struct file *made_files_choose(const struct exchange *x, struct file *file, struct file *otherwise);
