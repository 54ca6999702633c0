/* files.h - static roots and the files open beneath them.
 *
 * A file is opened beneath its root only (openat2 RESOLVE_BENEATH, else a walk that follows no
 * link), never a dotfile.  Open files are kept and trusted for conf.static_cache_ms, then looked at
 * again; a reference counts for each response that sends one.  What is not in the kernel's cache is
 * opened by a helper.
 */
#pragma once
#include "base/json.h"
#include "loop/helpers.h"
#include "serve/exchange.h"

enum {
    FILES_ROOTS_MAX = 64, FILES_OPEN_MAX = 1024, FILES_CONTENT_BYTES = 16 * 1024,
    /* what TLS reads: of one file, and of all together */
    FILES_SEALED_BYTES = 128 * 1024, FILES_SEALED_BYTES_ALL = 32 * 1024 * 1024,
};

struct file {
    struct file *next;            /* in its hash chain */
    struct list age;              /* most recently used first */
    unsigned references;          /* the table's own one included */
    uint64_t hash;
    int fd;
    char *content;                /* all its bytes; NULL: not kept (files_content) */
    int64_t bytes, modified_s;
    uint64_t inode, device;
    int64_t modified_ns, checked_ms;
    char etag[40];                /* with quotes */
    unsigned etag_bytes;
    char modified[32];            /* IMF-fixdate */
    struct span type;             /* media type: static text */
    unsigned root;
    unsigned names_stamp;         /* of the manifest that is_hashed was read from; 0: from
                                   * none yet */
    bool is_hashed;
    size_t path_bytes;
    char path[];                  /* relative to its root, NUL-ended */
};

struct file_refusal {             /* a manifest that this process may not read */
    bool is_set;                  /* whoever looks clears it */
    uint64_t device, inode;
};

struct files;
/* trust_ms: an open file is not looked at again; kept_ms: a browser may use its copy without
 * asking. */
struct files *files_new(struct loop *loop, struct helpers *helpers, int64_t trust_ms,
                        int64_t kept_ms);
/* Likewise, from now on. */
void files_times(struct files *f, int64_t trust_ms, int64_t kept_ms);
void files_free(struct files *f);
/* Replaces the roots: [{"url": "/static/", "root": "/abs", "manifest": "/abs"|"", "without":
 * "a/b"|"", "media": false}...].  "without": of this folder in the root nothing is served.
 * "fd" in a row: which of `fds` is its folder (O_PATH); "error": why there is none; neither: "root"
 * is opened.  "manifest_fd": likewise of a manifest's that is not beneath the root.  All of `fds`
 * are taken over.  Roots that cannot be opened are left out and logged.  Files of a root with
 * "media" are foreign content: they are sent so that no browser runs a script of theirs for this
 * site. */
int files_set_roots(struct files *f, const json_t *roots, const int *fds, size_t fds_count);
struct file_refusal *files_refusal(struct files *f);
void file_release(struct files *f, struct file *file);
/* All bytes of a file that is trusted, for who cannot hand its descriptor to the kernel: kept from its
 * first use on, while there is room; else empty.  Valid while a reference is held. */
struct span files_sealed_content(struct files *f, struct file *file);
