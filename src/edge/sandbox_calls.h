/* sandbox_calls.h - the filter of system calls (seccomp): those of edge/calls.def, and no others.
 *
 * A call that is not in it is not made.  It gives EPERM and, once a number, a warning in the log; with
 * `kills` the process ends after that (exit status SANDBOX_KILLED).  For all threads, and for good.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { SANDBOX_KILLED = 159 };          /* as a shell says it of SIGSYS */

/* makes_names: the spool's file system has no O_TMPFILE, files are made with a name and unlinked.
 * 0, or -errno: nothing is filtered. */
int sandbox_calls_limit(bool makes_names, bool kills);
size_t sandbox_calls_count(void);       /* how many different ones this machine has of them */
