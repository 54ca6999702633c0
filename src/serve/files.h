/* files.h - static roots and the files open beneath them.
 *
 * A file is opened beneath its root only (openat2 RESOLVE_BENEATH, else a walk that follows no
 * link), never a dotfile.  Open files are kept and trusted for conf.static_cache_ms, then looked at
 * again; a reference counts for each response that sends one.  What is not in the kernel's cache is
 * opened by a helper.
 */
#pragma once
#include "base/json.h"
#include "http/encoding.h"
#include "loop/helpers.h"
#include "serve/exchange.h"

enum { FILES_ROOTS_MAX = 64, FILES_OPEN_MAX = 1024 };

struct file {
    struct file *next;            /* in its hash chain */
    struct list age;              /* most recently used first */
    unsigned references;          /* the table's own one included */
    uint64_t hash;
    int fd;
    struct content *content;      /* all its bytes; NULL: not kept (memory_files.h) */
    unsigned uses;                /* requests for it since they were not */
    bool is_being_read;           /* by a helper, to be kept */
    unsigned coding_uses;         /* likewise of codings that are not there */
    unsigned useless_codings;     /* 1 << those in which it is no smaller */
    int64_t bytes, modified_s;
    uint64_t inode, device;
    int64_t modified_ns, changed_s, changed_ns, checked_ms;
    char etag[48];                /* with quotes */
    unsigned etag_bytes;
    char modified[32];            /* IMF-fixdate */
    struct span type;             /* media type: static text */
    struct file *siblings[ENCODING_COUNT];      /* its own references to them; NULL: none */
    struct file *of;              /* of a sibling: whose; NULL: of none, or of one that is gone */
    enum encoding encoding;       /* that it is in: of a sibling */
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
/* Of conf: static_cache_ms, static_memory_bytes, static_memory_file_bytes. */
struct files *files_new(struct loop *loop, struct helpers *helpers, const struct conf *conf);
/* Likewise, from now on. */
void files_options(struct files *f, const struct conf *conf);
void files_free(struct files *f);
/* Replaces the roots: [{"url": "/static/", "root": "/abs", "manifest": "/abs"|"", "without":
 * "a/b"|"", "media": false}...].  "without": of this folder in the root nothing is served.
 * "protected": only the
 * application gives its files out, which it may name by "root" or "real", the same without links.
 * "only": of this root that file alone, at that very URL.
 * "fd" in a row: which of `fds` is its folder (O_PATH); "error": why there is none; neither: "root"
 * is opened.  "manifest_fd": likewise of a manifest's that is not beneath the root.  All of `fds`
 * are taken over.  Roots that cannot be opened are left out and logged.  Files of a root with
 * "media" are foreign content: they are sent so that no browser runs a script of theirs for this
 * site. */
int files_set_roots(struct files *f, const json_t *roots, const int *fds, size_t fds_count);
struct file_refusal *files_refusal(struct files *f);
void file_release(struct files *f, struct file *file);
/* All bytes of a file where they are in memory, else empty; valid while a reference is held. */
struct span file_content(const struct file *file);
uint64_t files_memory_bytes(const struct files *f);        /* of the files that are kept there */
