/* sandbox_calls.h - the edge's filter of system calls (fence/calls.h): those of calls.def, and no others.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* makes_names: the spool's file system has no O_TMPFILE, files are made with a name and unlinked.
 * 0, or -errno: nothing is filtered. */
int sandbox_calls_limit(bool makes_names, bool kills);
size_t sandbox_calls_count(void);       /* how many different ones this machine has of them */
