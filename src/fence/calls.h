/* calls.h - a filter of system calls (seccomp): those of a table, and no others.
 *
 * A call that is not in it is not made.  It gives EPERM and, once a number, a warning on descriptor 2; with
 * `kills` the process ends after that (exit status FENCE_KILLED).  For all threads, and for good.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { FENCE_KILLED = 159 };            /* as a shell says it of SIGSYS */

enum fence_check {                      /* of a call's arguments */
    FENCE_ANY,
    FENCE_TCP_NODELAY, FENCE_LINGER, FENCE_SEND_BUFFER,             /* setsockopt */
    FENCE_READING, FENCE_UNLINKED, FENCE_NAMED,                     /* openat: how it opens */
    FENCE_DUPLICATE, FENCE_GET_FLAGS, FENCE_SET_FLAGS, FENCE_GET_SEALS, FENCE_ADD_SEALS,
    FENCE_PIPE_SIZE,                    /* fcntl */
    FENCE_NO_EXEC,                      /* mmap, mprotect */
    FENCE_ABORT, FENCE_OWN_SIGNALS,     /* rt_sigaction: of SIGABRT, of the C library's own for its threads */
    FENCE_OURSELVES,                    /* tgkill of this process */
    FENCE_UNSENT, FENCE_WINDOW_SIZE,    /* ioctl */
    FENCE_UNIX_DGRAM,                   /* socket */
    FENCE_THREAD,                       /* clone */
    FENCE_UNKNOWN,                      /* refused as by a kernel that has it not: ENOSYS, and nothing is said */
    FENCE_CHECKS
};

struct fence_call {
    const char *name;                   /* one that this machine has not is left out */
    enum fence_check check;
};

struct fence_table {
    const struct fence_call *calls;     /* one may stand in several rows: one of them must fit */
    size_t count;
};

/* Is it that this kernel, or a container, has not what was asked for? */
bool fence_is_missing(int error);
/* process: in the warning.  0, or -errno: nothing is filtered. */
int fence_calls_limit(const struct fence_table *tables, size_t count, const char *process, bool kills);
size_t fence_calls_count(const struct fence_table *table);       /* different ones that this machine has */
