/* manifest.h - the names of static files that have their content's hash in them.
 *
 * Read from the manifest of Django's ManifestFilesMixin, {"paths": {"a.css": "a.5f3c.css", ...}},
 * by a helper, and again when that file has changed.  While it is not there or cannot be read, the
 * names known before stay.
 *
 * Owner   manifest_new/manifest_free, on the loop's thread only.
 * Limits  MANIFEST_BYTES_MAX of text; more is as good as no manifest, and logged.
 */
#pragma once
#include "loop/helpers.h"
#include "base/span.h"

enum { MANIFEST_BYTES_MAX = 32 * 1024 * 1024, MANIFEST_LOOK_MS = 1000 };

struct manifest;
/* `path` is copied; the first look is under way.  NULL: no memory.
 * folder_fd: lent; path without its first `skip` bytes is beneath it.  -1: none, path is opened. */
struct manifest *manifest_new(struct loop *loop, struct helpers *helpers, const char *path,
                              int folder_fd, size_t skip);
void manifest_move(struct manifest *m, int folder_fd, size_t skip);      /* another one is lent */
struct file_refusal;
void manifest_tells(struct manifest *m, struct file_refusal *refusal);  /* lent: set when it may not be read */
void manifest_free(struct manifest *m);                  /* takes NULL */
const char *manifest_path(const struct manifest *m);
/* Has a helper look whether the file changed, unless that was less than MANIFEST_LOOK_MS ago. */
void manifest_look(struct manifest *m);
/* Another one whenever the names are others; never 0. */
unsigned manifest_stamp(const struct manifest *m);
/* Is `name`, relative to the static root, one that a hash was put into? */
bool manifest_has(const struct manifest *m, struct span name);
