/* zygote.h - starting the process that imports the project, and reading what it says.
 * (link/channel.h has the messages.)
 */
#pragma once
#include <limits.h>
#include <sys/types.h>
#include "base/json.h"
#include "master/master.h"
#include "master/worker_user.h"

/* Why there is nothing to import (`run` only): it is shown in the browser. */
struct zygote_excuse {
    const char *sentence, *traceback;
};

struct zygote_start {
    const struct master_start *start;
    const struct zygote_excuse *excuse;     /* or NULL */
    uint32_t generation;            /* 0 for a probe */
    unsigned workers;
    bool looks_over;                /* `check`: its report has "checks", too (lookover.py) */
    int output_fd, error_fd;
};

/* Environment, socket, process, and its first message.  *user: whom it runs as.  *fd: our end,
 * non-blocking, the caller's.  The pid, or -errno with a sentence (CONF_WHY_BYTES). */
pid_t zygote_spawn(const struct zygote_start *z, struct worker_user *user, int *fd, char *why);

/* Where one of slipway's own Python files is: 0, or -ENOENT with a sentence. */
int zygote_file(const char *name, char path[PATH_MAX], char *why);

/* The next message: 1 and *message (new reference); 0 at the end; -EAGAIN; -EBADMSG; -ENOMEM. */
int zygote_read(int fd, json_t **message);
