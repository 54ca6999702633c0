/* siblings.h - FILE.zst, FILE.br and FILE.gz beside a static file: what it is, in a coding.
 *
 * Whoever builds a site may lay them there (`slipway assets` does); a client that takes the coding gets
 * the one it likes most, and of those it likes alike the smallest.  One that is older than its
 * file is as if it were not there; so is every one of what users uploaded, for there two files beside
 * each other need not come from the same user.
 * They are opened, and looked at again, together with their file, and belong to it.
 */
#pragma once
#include "http/encoding.h"
#include "serve/exchange.h"

struct files;

const char *siblings_ending(enum encoding e);       /* ".gz"; not of identity */

struct opened {                       /* a file and what is beside it */
    int fd;                           /* or -errno: there is none, and no siblings either */
    int siblings[ENCODING_COUNT];     /* descriptors; -1: none, or not looked for */
};

/* Opens path beneath root_fd, as files_open_beneath() does, and its siblings where a file of this name
 * gains by a coding.  fd is -EAGAIN, too, where one of these would have to be read from disk. */
struct opened siblings_open(int root_fd, const char *path, bool with_siblings, bool only_cached);
void siblings_close(struct opened *o);
/* The table has just opened, or looked again at, this file: takes over the descriptors of the siblings. */
void siblings_attach(struct files *f, struct file *file, struct opened *o);
void siblings_detach(struct files *f, struct file *file);       /* it is about to be freed */
/* Puts one, or NULL, in the place of what was there. */
void siblings_set(struct files *f, struct file *file, enum encoding e, struct file *sibling);
unsigned siblings_count(const struct file *file);

/* What this client is to get of it: the file itself, or a sibling that lies beside it (not one that
 * made_files.c made), whose `encoding` says which. */
struct file *siblings_choose(const struct exchange *x, struct file *file);
