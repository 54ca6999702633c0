/* sandbox_files.h - which files an edge can open (Landlock): static ones to read, the spool to write.
 *
 *     sandbox_files_begin   writes nowhere but in the spool folder, runs nothing, makes and takes no TCP
 *                           connection, signals nobody outside: known at the start
 *     sandbox_files_allow   static files of a site: known when its first generation says which folders
 *                           they are
 *     sandbox_files_limit   reads nothing but those and the spool: when all sites have said so
 *
 * What Landlock took it never gives back, to no thread.  So later folders that are not among the first
 * cannot be read: 1 is returned, and the edge has to be replaced by one that starts with those.
 */
#pragma once
#include <sys/types.h>
#include "loop/helpers.h"

enum { SANDBOX_PLACES_MAX = 1024 };

struct sandbox_place {          /* the inode that a rule is for */
    dev_t device;
    ino_t inode;
};

struct sandbox_files {
    int version;                /* of the kernel's Landlock; 0: none is in force */
    int spool_fd;               /* O_PATH; -1: it could not be opened */
    struct sandbox_place spool; /* all 0 without it */
    int rules;                  /* that are being gathered; -1: none yet, or no more */
    bool is_limited;
    size_t count;
    struct sandbox_place places[SANDBOX_PLACES_MAX];    /* what may be read */
};

/* Before the first thread.  0, or -errno. */
int sandbox_files_begin(struct sandbox_files *f, const char *spool_folder);
/* fds: folders and files (O_PATH), those with a bit in `readable`.  0; 1: it is limited to others
 * already; or -errno. */
int sandbox_files_allow(struct sandbox_files *f, const int *fds, size_t count, uint64_t readable);
/* 0, also when it is so already; or -errno.  Helper threads follow before their next job. */
int sandbox_files_limit(struct sandbox_files *f, struct helpers *helpers);
/* Is this not the spool folder any more that was there at the start? */
bool sandbox_files_moved(const struct sandbox_files *f, const char *spool_folder);
/* Is this file one that was replaced since, and could be read if it had been there at the start? */
bool sandbox_files_misses(const struct sandbox_files *f, uint64_t device, uint64_t inode);
void sandbox_files_done(struct sandbox_files *f);
