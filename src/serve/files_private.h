/* files_private.h - what files.c gives to the static stage: roots by URL, files by path. */
#pragma once
#include "serve/files.h"
#include "serve/manifest.h"
#include "serve/memory_files.h"

enum { FILES_CHAINS = 2048, UNREADABLE_TOLD_EVERY_MS = 10000 };

struct stat;
struct files_root {
    char *url;                  /* heap, as configured */
    struct span prefix;         /* of it, without a closing slash; "" for "/" */
    int fd;                     /* O_PATH */
    unsigned order;
    bool is_media;              /* uploads: foreign content */
    bool is_protected;          /* only the application gives its files out */
    char *folder, *real;        /* heap, of a protected one: its path, and that without links ("" unknown) */
    char *without;              /* heap: of this folder in it nothing is served; NULL: of none */
    char *only;                 /* heap: of it this file alone, at `url`; NULL: all */
    struct manifest *manifest;  /* of names with a hash; NULL: none */
    int manifest_fd;            /* O_PATH: its folder, where that was given; -1 */
};

struct files {
    struct loop *loop;
    struct helpers *helpers;
    int64_t trust_ms;
    struct files_root roots[FILES_ROOTS_MAX];
    size_t roots_count;
    unsigned roots_stamp;       /* another one whenever the roots are replaced */
    struct file *chains[FILES_CHAINS];
    struct list by_age;
    size_t count;               /* of files in the table, and of their siblings */
    struct file_refusal refusal;
    int64_t unreadable_told_ms;       /* 0: never */
    struct memory_files memory;
    bool is_done;               /* files_free() was called, and a helper still reads one of them */
};

/* Is `path` beneath this root's URL, and may it be opened?  *rest: relative to the root. */
bool files_match(const struct files *f, unsigned root, struct span path, struct span *rest);
/* Likewise of a path on disk, of a protected root only. */
bool files_match_folder(const struct files *f, unsigned root, struct span path, struct span *rest);
/* It could not be opened: is it one that this process may not read?  Of a single file files_refusal() tells
 * the master first, who may have to say that another one may be read now; else the log says so. */
void files_note_refusal(struct files *f, unsigned root, struct span path, int error);
/* The descriptor, or -errno; only_cached: -EAGAIN where the kernel would have to read a folder from
 * disk. */
int files_open_beneath(int root_fd, const char *path, bool only_cached);
/* NULL: not in the table */
struct file *files_find(struct files *f, unsigned root, struct span path);
/* looked at a moment ago */
bool files_trusts(const struct files *f, const struct file *file);
/* Takes over fd: the table's file for it (the old one when it is unchanged), or NULL: not a regular
 * file, no memory. */
struct file *files_keep(struct files *f, int fd, unsigned root, struct span path);
/* Is it still what was opened, its content, too? */
bool file_is(const struct file *file, const struct stat *st);
/* Takes over fd.  In no table yet; released by file_release().  NULL: no memory, and fd is the caller's. */
struct file *files_make(int fd, const struct stat *st, unsigned root, struct span path, enum encoding encoding);
void files_forget_all(struct files *f);      /* closes all that no response is sending */
/* Does the name have its content's hash in it?  Then what is kept under it is good for ever. */
bool files_is_hashed(const struct files *f, struct file *file);
void files_used(struct files *f, struct file *file);      /* one reference more, and young again */
