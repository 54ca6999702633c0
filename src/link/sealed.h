/* sealed.h - memory that processes share: a memfd whose size nobody can change any more, so that no
 * process can make another one fault by cutting it.
 *
 * What is in it is as foreign as the process that may write there.
 */
#pragma once
#include <stddef.h>

/* A new one, all zero: its descriptor, or -errno. */
int sealed_make(const char *name, size_t bytes);
/* Maps all of it, to read and write: *at for sys_munmap.  0, -EBADMSG (no such memfd, or not sealed, or
 * less than least_bytes) or -errno. */
int sealed_map(int fd, size_t least_bytes, char **at, size_t *bytes);
