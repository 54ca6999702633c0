/* folder.h - paths and what lies at them.  A path has room for FOLDER_BYTES, and is NUL-ended.
 *
 * Errors  -errno; -ENAMETOOLONG when it does not fit.
 */
#pragma once
#include "base/buf.h"
#include "base/span.h"

enum { FOLDER_BYTES = 4096 };

/* `path` as it is when absolute, else below `base`; "//", "/./" and a '/' at the end are taken out,
 * ".." stays (what it means depends on links). */
int folder_join(char into[FOLDER_BYTES], const char *base, const char *path);
int folder_parent(char into[FOLDER_BYTES], const char *path);       /* -ENOENT above "/" */
const char *folder_name(const char *path);                          /* its last part, "" of "/" */
bool folder_exists(const char *path);
bool folder_has_file(const char *folder, const char *name);         /* regular, links followed */
bool folder_has_program(const char *folder, const char *name);      /* one with an execute bit */
/* Everybody may put files there: what is found in it is not to be trusted for being there. */
bool folder_is_public(const char *path);
bool folder_is_ours(const char *path);                              /* owned by this user or root */

/* Another number when it is another file, was written, or can be seen no more; `before`: the number of the
 * files before it, 0 for none.  Never 0. */
uint64_t folder_stamp(uint64_t before, const char *path);

/* Calls `each` with every name in the folder but "." and ".." until it returns other than 0, which
 * is the result. */
int folder_each(const char *path, int (*each)(void *ctx, const char *name), void *ctx);

/* Appends a whole file.  -EFBIG above limit_bytes, -EISDIR, -EINVAL for what is neither a regular
 * file nor a character device (/dev/null is an empty file to people). */
int folder_read_file(const char *path, size_t limit_bytes, struct buf *into);
