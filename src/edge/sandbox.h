/* sandbox.h - what an edge gives up before it reads a byte of a stranger's.
 *
 *     sandbox_begin   its user, supplementary groups, capabilities, gains by exec (no_new_privs),
 *                     memory that others of the same user may read (not dumpable)
 *
 * Mode   option sandbox.  "no": nothing of it.  "auto": what this kernel and this place (a container)
 *        allow; what they do not is logged once.  "yes", "kill": a part that is missing ends the edge.
 * Order  sandbox_begin before the first thread.  All of it is for good, until the process ends.
 */
#pragma once
#include <stdint.h>
#include "conf/conf.h"

enum sandbox_part {
    SANDBOX_USER,           /* the one of option edge-user, or no root from the start */
    SANDBOX_PRIVILEGES,     /* no exec brings rights */
    SANDBOX_CAPABILITIES,   /* none */
    SANDBOX_MEMORY,         /* no core file, no ptrace, no /proc/PID/mem by others than root */
    SANDBOX_PARTS
};

struct sandbox {
    const struct conf *conf;
    uint64_t user;          /* {uid 32, gid 32} to become; 0: stay */
    unsigned on;            /* a bit a part */
};

/* 0, or -errno: then the edge must not go on. */
int sandbox_begin(struct sandbox *s, const struct conf *conf, uint64_t user);
const char *sandbox_part_name(enum sandbox_part part);
