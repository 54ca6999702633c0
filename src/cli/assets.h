/* assets.h - makes FILE.zst, FILE.br and FILE.gz beside the static files of some folders.
 *
 *     walk (what lacks one) > helpers (one coding of one file each) > counters
 *
 * Made is what is missing or older than its file, where that gains by it; it appears whole, by a rename,
 * with its file's mode, owner and time of modification.  Nothing is ever removed.
 */
#pragma once
#include <sys/stat.h>
#include "base/json.h"
#include "http/encoding.h"
#include "loop/helpers.h"

struct assets;
struct asset {                        /* one coding of one file */
    struct helper_job job;
    struct assets *all;
    char *path;                       /* heap */
    enum encoding encoding;
    struct stat st;                   /* of the file */
    int64_t coded_bytes;              /* 0: it would not be smaller; or -errno */
};

struct assets {
    struct loop *loop;
    struct helpers *helpers;
    struct asset **list;              /* heap, and so is each */
    size_t count, cap, next, done;
    void (*told)(struct assets *a);   /* after each one; may be NULL */
    void *user;
    unsigned files, fresh, made, useless;       /* files looked at; codings that were there, were
                                                 * made, would not have been smaller */
    uint64_t bytes, coded_bytes;      /* of the files of those made, and of what was made */
    json_t *failures;                 /* [{"file", "error"}] */
};

int assets_init(struct assets *a);    /* 0 or -ENOMEM */
void assets_done(struct assets *a);
/* Adds what is to be made beneath a folder; links are not followed, names with a dot in front are
 * passed over, a folder below that cannot be read is a failure.  0, or -errno of this folder. */
int assets_walk(struct assets *a, const char *folder);
/* Makes all of it, on as many threads as there are CPUs.  0, or -errno: it did not begin. */
int assets_make(struct assets *a);
