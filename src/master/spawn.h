/* spawn.h - fork and exec, with exactly the descriptors that the new program is to have.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct worker_user;

enum { SPAWN_FIRST_FD = 3, SPAWN_FDS_MAX = 72 };

struct spawn {
    const char *path;               /* program */
    char *const *argv, *const *envp;
    const char *folder;             /* where it runs; NULL: where we are */
    int output_fd, error_fd;        /* become 1 and 2; 0 is /dev/null */
    int fds[SPAWN_FDS_MAX];         /* become 3, 4, ... */
    size_t fds_count;
    const struct worker_user *user; /* whom it begins as; NULL: as we are */
    bool dies_with_us;              /* killed by the kernel when we end: it may be deaf to us */
};

/* The pid, or -errno of the fork.  What fails after it is one line on error_fd and exit status 127.
 * The child has a process group of its own (the terminal's Ctrl-C is for the master alone) and no
 * signal blocked. */
pid_t spawn_start(const struct spawn *s);

/* Ours: `slipway edge`, `slipway scribe`, by /proc/self/exe, so that a replaced file on disk does
 * no harm. */
pid_t spawn_verb(struct spawn *s, const char *verb);
