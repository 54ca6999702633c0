/* rotated.h - what rotated files are called: FILE-20261124T071819Z, the second of their last line in
 * UTC; .01 to .99 behind it when there are several of one second; .gz once they are compressed.  Names
 * in order are times in order.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

enum { ROTATED_NAME_BYTES = 512 };        /* holds every name */

/* Is `name` that of a rotated file of the file called `base`?  Both without folder. */
bool rotated_is_name(struct span name, struct span base);
bool rotated_is_packed(struct span name);                /* it ends in ".gz" */
/* Before, after or the same in time: <0, >0, 0. */
int rotated_compare(struct span a, struct span b);

/* Gives the file the name of its last line's second.  0, or -errno: it has its own name still. */
int rotated_rename(int folder_fd, const char *base, int64_t last_s);

/* The names of the rotated files of `base`, oldest first: one allocation, freed with sys_free().
 * Their count, or -errno. */
int rotated_list(int folder_fd, const char *base, struct span **names);
