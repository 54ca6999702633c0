/* memory_files.h - bytes of small files that are asked for again and again, kept in memory.
 *
 * A file is read by a helper when it is asked for the second time, never by the loop; what changed
 * while it was read, or a moment before, is not kept.  The bytes belong to the open file and end with it:
 * what the table of open files knows as changed is another file.  A file kept of which a response
 * is under way stays; the others make room, the one longest unused first.
 */
#pragma once
#include "base/list.h"
#include "base/span.h"
#include "loop/helpers.h"

struct file;
struct files;
struct content {
    struct list age;                  /* most recently used first */
    struct file *file;
    int64_t used_ms;
    size_t bytes;
    char at[];
};

struct memory_files {
    struct loop *loop;
    struct helpers *helpers;
    struct list by_age;               /* struct content */
    uint64_t bytes;                   /* kept, and those that are being read */
    uint64_t limit_bytes, largest_bytes;        /* of all together, and of one */
    unsigned reading;                 /* files, by helpers */
    bool is_making;                   /* ... of which one is being compressed */
};

void memory_files_init(struct memory_files *m, struct loop *loop, struct helpers *helpers);
/* 0: nothing is kept.  What is kept above a smaller limit goes when another file needs the room. */
void memory_files_limit(struct memory_files *m, int64_t limit_bytes, int64_t largest_bytes);
/* A request for this file, which the table trusts: all its bytes, valid while a reference to it is held;
 * else empty, and perhaps they are there for a later one. */
struct span memory_files_use(struct memory_files *m, struct file *file);
/* For made_files.c: room for so many bytes; a whole content for a file (taken over); the end of a job
 * that had been counted in `reading` and held a reference. */
bool memory_files_make_room(struct memory_files *m, uint64_t bytes);
void memory_files_put(struct memory_files *m, struct file *file, struct content *content);
void memory_files_was_read(struct files *f, struct file *file);
/* Was its last change long enough ago to tell it from a next one?  Did none come since it was opened? */
bool memory_files_is_settled(const struct file *file);
bool memory_files_is_unchanged(const struct file *file);
/* The file is about to be freed. */
void memory_files_drop(struct memory_files *m, struct file *file);
