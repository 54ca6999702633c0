/* sandbox.h - what an edge gives up before it reads a byte of a stranger's.
 *
 *     sandbox_begin   its user, supplementary groups, capabilities, gains by exec (no_new_privs),
 *                     memory that others of the same user may read (not dumpable)
 *     sandbox_close   system calls that serving does not take (seccomp)
 *     sandbox_files   files that are not to be served (Landlock)
 *
 * Mode   option sandbox.  "no": nothing of it.  "auto": what this kernel and this place (a container)
 *        allow; what they do not is logged once.  "yes": a part that is missing ends the edge.  "kill":
 *        as auto, but a system call that is refused ends the edge.
 * Order  sandbox_begin before the first thread, sandbox_close after the last and before the loop.  All
 *        of it is for good, until the process ends.
 */
#pragma once
#include <stdint.h>
#include "conf/conf.h"
#include "edge/sandbox_files.h"

enum sandbox_part {         /* in their order */
    SANDBOX_USER,           /* the one of option edge-user, or no root from the start */
    SANDBOX_PRIVILEGES,     /* no exec brings rights */
    SANDBOX_CAPABILITIES,   /* none */
    SANDBOX_MEMORY,         /* no core file, no ptrace, no /proc/PID/mem by others than root */
    SANDBOX_WRITES,         /* Landlock: to the spool folder alone; no TCP connection */
    SANDBOX_CALLS,          /* no system calls but those of edge/calls.def */
    SANDBOX_READS,          /* Landlock: static files and the spool alone */
    SANDBOX_PARTS
};

struct sandbox {
    const struct conf *conf;
    uint64_t user;          /* {uid 32, gid 32} to become; 0: stay */
    struct sandbox_files files;
    bool is_off;            /* option sandbox: "no" */
    unsigned on;            /* a bit a part */
};

/* 0, or -errno: then the edge must not go on. */
int sandbox_begin(struct sandbox *s, const struct conf *conf, uint64_t user);
int sandbox_close(struct sandbox *s);
/* What of a site may be read: as sandbox_files_allow; 0 as well where that is missing here. */
int sandbox_files(struct sandbox *s, const int *fds, size_t count, uint64_t readable);
/* ... and nothing else from now on. */
int sandbox_limit(struct sandbox *s, struct helpers *helpers);
void sandbox_done(struct sandbox *s);
/* The part that this machine has not, though sandbox = yes wants it; NULL: none. */
const char *sandbox_lacks(const struct conf *conf);
