/* confined.h - what the scribe gives up before it writes a line: it has the bytes of strangers in its hands, and
 * where root starts slipway, root's right to write in any folder of logs.
 *
 *     confined_begin    supplementary groups, all capabilities but those that other people's folders of logs
 *                       take, gains by exec (no_new_privs), memory that others may look into (not dumpable)
 *     confined_allow    a log: its folder, and nothing else, may be written and read
 *     confined_close    everything else (Landlock), and system calls but those of scribe/calls.def (seccomp)
 *
 * Mode   option sandbox, as for edges: "no"; "auto": what this kernel has; "yes": all, or we do not start;
 *        "kill": a system call that is refused ends us.
 * Later  Landlock never widens.  A log in another folder (a new site's, or one that was made anew) is not opened
 *        here: is_missed says so, and the scribe makes room for one that starts with that folder.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "conf/conf.h"

enum { CONFINED_PLACES_MAX = 1024 };

struct confined {
    const struct conf *conf;
    bool is_off;                  /* option sandbox: "no" */
    bool is_missed;               /* a log was asked for that lies elsewhere */
    bool is_closed;               /* Landlock is in force */
    bool is_given_up;             /* its rules cannot be had */
    int rules;                    /* that are being gathered; -1: none */
    uint64_t handled;             /* what of files they are about */
    size_t count;
    struct { dev_t device; ino_t inode; } places[CONFINED_PLACES_MAX];
};

/* Before the first file is opened.  0, or -errno: we must not go on. */
int confined_begin(struct confined *c, const struct conf *conf);
void confined_allow(struct confined *c, const char *path);
/* Before the first thread. */
int confined_close(struct confined *c);
/* May no file be opened in this folder?  Takes NULL: nothing confines us. */
bool confined_misses(struct confined *c, const struct stat *folder);
