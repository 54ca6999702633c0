/* files.c - the table of open files, and how a path becomes one of them.
 *
 * Woken  by the stage (a request) and by helpers (a cold file was opened).
 * Owns   a descriptor a root (O_PATH) and one an open file; a response that sends a file holds a reference.
 * Not    what is answered about a file: static.c.
 */
#include "serve/files_private.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/log.h"
#include "base/sys.h"
#include "http/date.h"
#include "http/media.h"
#include "http/path.h"
#include "serve/siblings.h"

enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

struct files *files_new(struct loop *loop, struct helpers *helpers, const struct conf *conf)
{
    struct files *f = sys_calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->loop = loop;
    f->helpers = helpers;
    memory_files_init(&f->memory, loop, helpers);
    list_init(&f->by_age);
    files_options(f, conf);
    return f;
}

void files_options(struct files *f, const struct conf *conf)
{
    f->trust_ms = conf->static_cache_ms;
    memory_files_limit(&f->memory, f->trust_ms > 0 ? conf->static_memory_bytes : 0,
                       conf->static_memory_file_bytes);
}

void file_release(struct files *f, struct file *file)
{
    if (--file->references > 0)
        return;
    memory_files_drop(&f->memory, file);
    siblings_detach(f, file);
    (void)sys_close(file->fd);
    sys_free(file);
}

static struct file **chain_of(struct files *f, uint64_t hash)
{
    return &f->chains[hash % FILES_CHAINS];
}

static void forget(struct files *f, struct file *file)
{
    struct file **at = chain_of(f, file->hash);
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    list_remove(&file->age);
    f->count--;
    file_release(f, file);
}

void files_forget_all(struct files *f)
{
    while (!list_empty(&f->by_age))
        forget(f, container_of(f->by_age.next, struct file, age));
}

static void close_roots(struct files *f)
{
    for (size_t i = 0; i < f->roots_count; i++) {
        (void)sys_close(f->roots[i].fd);
        (void)sys_close(f->roots[i].manifest_fd);
        sys_free(f->roots[i].url);
        sys_free(f->roots[i].without);
        sys_free(f->roots[i].folder);
        sys_free(f->roots[i].real);
        sys_free(f->roots[i].only);
        manifest_free(f->roots[i].manifest);
    }
    f->roots_count = 0;
}

void files_free(struct files *f)
{
    if (!f)
        return;
    files_forget_all(f);
    close_roots(f);
    f->is_done = true;
    if (f->memory.reading == 0)
        sys_free(f);                    /* else whoever is the last of them does */
}

/* ---- roots ----------------------------------------------------------------------------------- */

struct given_fds {              /* beside the list of roots; each is taken once, then -1 */
    int fds[SYS_FDS_MAX];
    size_t count;
};

static int take_given(const json_t *item, const char *name, struct given_fds *given)
{
    int64_t which = json_int(item, name, -1);
    if (which < 0 || (uint64_t)which >= given->count || given->fds[which] < 0)
        return -EBADF;
    int fd = given->fds[which];
    given->fds[which] = -1;
    return fd;
}

static int open_root(const json_t *item, struct given_fds *given)
{
    int64_t error = json_int(item, "error", 0);
    if (error > 0)
        return error < INT_MAX ? -(int)error : -EIO;
    if (json_object_get(item, "fd"))
        return take_given(item, "fd", given);
    return sys_open(json_text(item, "root", ""), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

/* What its user may not look into is not served: better to be told at the start than by a browser. */
static int try_root(int fd)
{
    int inside = sys_openat(fd, "./.", O_PATH | O_DIRECTORY | O_CLOEXEC);
    (void)sys_close(inside);
    return inside < 0 ? inside : 0;
}

static int name_root(struct files_root *root, const char *url, const json_t *item)
{
    const char *without = json_text(item, "without", ""), *only = json_text(item, "only", "");
    root->only = only[0] ? sys_strdup(only) : NULL;
    root->url = sys_strdup(url);
    root->without = without[0] ? sys_strdup(without) : NULL;
    root->folder = root->is_protected ? sys_strdup(json_text(item, "root", "")) : NULL;
    root->real = root->is_protected ? sys_strdup(json_text(item, "real", "")) : NULL;
    if (root->url && (root->without || !without[0]) && (root->only || !only[0]) &&
        (!root->is_protected || (root->folder && root->real)))
        return 0;
    sys_free(root->url);
    sys_free(root->without);
    sys_free(root->folder);
    sys_free(root->real);
    sys_free(root->only);
    return -ENOMEM;
}

static int add_root(struct files *f, const json_t *item, unsigned order, struct given_fds *given)
{
    const char *url = json_text(item, "url", "");
    if (f->roots_count == FILES_ROOTS_MAX || url[0] != '/')
        return -EINVAL;
    size_t url_bytes = strlen(url);
    while (url_bytes > 1 && url[url_bytes - 1] == '/')
        url_bytes--;
    struct files_root *root = &f->roots[f->roots_count];
    root->order = order;
    root->is_media = json_flag(item, "media", false);
    root->is_protected = json_flag(item, "protected", false);
    root->fd = open_root(item, given);
    if (root->fd < 0)
        return root->fd;
    int rc = try_root(root->fd);
    if (rc == 0)
        rc = name_root(root, url, item);
    if (rc < 0) {
        (void)sys_close(root->fd);
        return rc;
    }
    root->prefix = (struct span){ root->url, url_bytes == 1 ? 0 : url_bytes };
    root->manifest = NULL;
    root->manifest_fd = take_given(item, "manifest_fd", given);
    f->roots_count++;
    return 0;
}

/* The longest prefix answers first; among equals the order given. */
static int by_length(const void *a, const void *b)
{
    const struct files_root *one = a, *other = b;
    if (one->prefix.len != other->prefix.len)
        return one->prefix.len > other->prefix.len ? -1 : 1;
    return one->order < other->order ? -1 : 1;
}

/* Beneath the root a manifest is found through that, as files are.  -1: only by its path. */
static int folder_of_manifest(const struct files_root *root, const json_t *item, size_t *skip)
{
    const char *path = json_text(item, "manifest", "");
    struct span folder = span_of(json_text(item, "root", ""));
    while (folder.len > 0 && folder.at[folder.len - 1] == '/')
        folder.len--;
    if (root->manifest_fd < 0 && span_starts(span_of(path), folder) && path[folder.len] == '/') {
        *skip = folder.len + 1;
        return root->fd;
    }
    *skip = (size_t)(strrchr(path, '/') + 1 - path);
    return root->manifest_fd;
}

/* One that was read for the generation before is not read anew: its names are known at once. */
static struct manifest *find_manifest(struct files *f, struct manifest **old, size_t old_count,
                                      const json_t *item)
{
    size_t skip;
    const char *path = json_text(item, "manifest", "");
    if (path[0] != '/')
        return NULL;
    int folder_fd = folder_of_manifest(&f->roots[f->roots_count - 1], item, &skip);
    for (size_t i = 0; i < old_count; i++) {
        struct manifest *m = old[i];
        if (m && strcmp(manifest_path(m), path) == 0) {
            old[i] = NULL;
            manifest_move(m, folder_fd, skip);
            return m;
        }
    }
    struct manifest *m = manifest_new(f->loop, f->helpers, path, folder_fd, skip);
    if (m)
        manifest_tells(m, &f->refusal);
    return m;
}

static size_t take_manifests(struct files *f, struct manifest **into)
{
    for (size_t i = 0; i < f->roots_count; i++) {
        into[i] = f->roots[i].manifest;
        f->roots[i].manifest = NULL;
    }
    return f->roots_count;
}

static void close_given(struct given_fds *given)
{
    for (size_t i = 0; i < given->count; i++)
        (void)sys_close(given->fds[i]);
}

int files_set_roots(struct files *f, const json_t *roots, const int *fds, size_t fds_count)
{
    struct manifest *old[FILES_ROOTS_MAX];
    struct given_fds given = { .count = 0 };
    while (given.count < fds_count && given.count < SYS_FDS_MAX) {
        given.fds[given.count] = fds[given.count];
        given.count++;
    }
    size_t i, old_count = take_manifests(f, old);
    files_forget_all(f);
    close_roots(f);
    json_t *item;
    f->roots_stamp++;
    json_array_foreach(roots, i, item) {
        int rc = add_root(f, item, (unsigned)i, &given);
        if (rc < 0)
            log_warn("static root left out", "url=%s root=%s error=\"%s\"",
                     json_text(item, "url", ""), json_text(item, "root", ""), strerror(-rc));
        else
            f->roots[f->roots_count - 1].manifest = find_manifest(f, old, old_count, item);
    }
    close_given(&given);
    for (i = 0; i < old_count; i++)
        manifest_free(old[i]);
    qsort(f->roots, f->roots_count, sizeof f->roots[0], by_length);
    return 0;
}

static bool is_left_out(const struct files_root *root, struct span rest)
{
    if (!root->without)
        return false;
    struct span folder = span_of(root->without);
    return span_starts(rest, folder) && (rest.len == folder.len || rest.at[folder.len] == '/');
}

bool files_match(const struct files *f, unsigned root, struct span path, struct span *rest)
{
    struct span prefix = f->roots[root].prefix;
    if (f->roots[root].only) {
        *rest = span_of(f->roots[root].only);
        return span_eq(path, prefix);
    }
    if (!span_starts(path, prefix) || path.len < prefix.len + 2 || path.at[prefix.len] != '/')
        return false;
    *rest = span_skip(path, prefix.len + 1);
    return path_is_servable(span_skip(path, prefix.len)) && !is_left_out(&f->roots[root], *rest);
}

static bool is_in_folder(const char *folder, struct span path, struct span *rest)
{
    struct span whole = span_of(folder);
    while (whole.len > 0 && whole.at[whole.len - 1] == '/')
        whole.len--;
    if (whole.len == 0 || !span_starts(path, whole) || path.len < whole.len + 2 || path.at[whole.len] != '/')
        return false;
    *rest = span_skip(path, whole.len + 1);
    return path_is_servable(span_skip(path, whole.len));
}

bool files_match_folder(const struct files *f, unsigned root, struct span path, struct span *rest)
{
    const struct files_root *r = &f->roots[root];
    return r->is_protected && (is_in_folder(r->folder, path, rest) || is_in_folder(r->real, path, rest));
}

/* False: it was told of already, and did not help. */
static bool note_another(struct files *f, const struct stat *st)
{
    bool is_known = f->refusal.device == st->st_dev && f->refusal.inode == st->st_ino;
    f->refusal = (struct file_refusal){ true, st->st_dev, st->st_ino };
    return !is_known;
}

void files_note_refusal(struct files *f, unsigned root, struct span path, int error)
{
    char shown[200];
    struct stat st;
    const struct files_root *r = &f->roots[root];
    if (error != -EACCES)
        return;
    int fd = r->only ? sys_openat(r->fd, r->only, O_PATH | O_CLOEXEC) : -EBADF;
    bool is_noted = fd >= 0 && sys_fstat(fd, &st) == 0 && note_another(f, &st);
    (void)sys_close(fd);
    if (!is_noted && loop_may_tell(f->loop, &f->unreadable_told_ms, UNREADABLE_TOLD_EVERY_MS))
        log_warn("a file may not be read by the user of the edges (option edge-user): chmod o+r it, and o+x its folders",
                 "path=\"%s\"", log_escape(shown, sizeof shown, path));
}

/* ---- opening --------------------------------------------------------------------------------- */

/* For kernels without openat2: one component after the other, following no link. */
static int open_walk(int root_fd, const char *path)
{
    char part[256];
    int fd = root_fd;
    for (;;) {
        const char *slash = strchr(path, '/');
        size_t bytes = slash ? (size_t)(slash - path) : strlen(path);
        if (bytes == 0 || bytes >= sizeof part) {
            if (fd != root_fd)
                (void)sys_close(fd);
            return -ENOENT;
        }
        memcpy(part, path, bytes);
        part[bytes] = '\0';
        int flags = slash ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : OPEN_FLAGS | O_NOFOLLOW;
        int next = sys_openat(fd, part, flags);
        if (fd != root_fd)
            (void)sys_close(fd);
        if (next < 0 || !slash)
            return next;
        fd = next;
        path = slash + 1;
    }
}

int files_open_beneath(int root_fd, const char *path, bool only_cached)
{
    enum { TRIES = 8 };
    uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (only_cached ? RESOLVE_CACHED : 0);
    int fd = -EAGAIN;
    /* Without RESOLVE_CACHED the kernel says so only when something was renamed meanwhile. */
    for (int tries = only_cached ? 1 : TRIES; tries > 0 && fd == -EAGAIN; tries--)
        fd = sys_openat2(root_fd, path, OPEN_FLAGS, 0, resolve);
    if (fd == -ENOSYS || fd == -EPERM)
        return open_walk(root_fd, path);
    if (fd == -EINVAL && only_cached)           /* Linux 5.6 to 5.11 know no RESOLVE_CACHED */
        return -EAGAIN;
    return fd;
}

/* ---- the table ------------------------------------------------------------------------------- */

static uint64_t hash_of(unsigned root, struct span path)
{
    return hash_span(path) ^ (uint64_t)root * 0x9e3779b97f4a7c15u;
}

struct file *files_find(struct files *f, unsigned root, struct span path)
{
    uint64_t hash = hash_of(root, path);
    for (struct file *file = *chain_of(f, hash); file; file = file->next)
        if (file->hash == hash && file->root == root && file->path_bytes == path.len &&
            memcmp(file->path, path.at, path.len) == 0)
            return file;
    return NULL;
}

bool files_trusts(const struct files *f, const struct file *file)
{
    return f->trust_ms > 0 && loop_now_ms(f->loop) - file->checked_ms < f->trust_ms;
}

bool file_is(const struct file *file, const struct stat *st)
{
    return file->inode == st->st_ino && file->device == st->st_dev && file->bytes == st->st_size &&
           file->modified_s == st->st_mtim.tv_sec && file->modified_ns == st->st_mtim.tv_nsec &&
           file->changed_s == st->st_ctim.tv_sec && file->changed_ns == st->st_ctim.tv_nsec;
}

/* A file and what it is in a coding are two things (RFC 9110, section 8.8.3). */
static const char *const etag_endings[ENCODING_COUNT] = { "", "-gz", "-br", "-zst" };

struct file *files_make(int fd, const struct stat *st, unsigned root, struct span path, enum encoding encoding)
{
    struct file *file = sys_malloc(sizeof *file + path.len + 1);
    if (!file)
        return NULL;
    *file = (struct file){
        .references = 1, .hash = hash_of(root, path), .fd = fd, .bytes = st->st_size, .root = root,
        .modified_s = st->st_mtim.tv_sec, .modified_ns = st->st_mtim.tv_nsec,
        .changed_s = st->st_ctim.tv_sec, .changed_ns = st->st_ctim.tv_nsec,
        .inode = st->st_ino, .device = st->st_dev, .type = media_type_of(path), .path_bytes = path.len,
        .encoding = encoding,
    };
    memcpy(file->path, path.at, path.len);
    file->path[path.len] = '\0';
    int etag_bytes = snprintf(file->etag, sizeof file->etag, "\"%llx-%llx%s\"",
                              (unsigned long long)st->st_mtim.tv_sec * 1000000u +
                                  (unsigned long long)st->st_mtim.tv_nsec / 1000u,
                              (unsigned long long)st->st_size, etag_endings[encoding]);
    file->etag_bytes = (unsigned)etag_bytes;
    date_write(file->modified, file->modified_s);
    return file;
}

struct file *files_keep(struct files *f, int fd, unsigned root, struct span path)
{
    struct stat st;
    int rc = sys_fstat(fd, &st);
    if (rc < 0 || !S_ISREG(st.st_mode)) {
        (void)sys_close(fd);
        return NULL;
    }
    struct file *old = files_find(f, root, path);
    if (old && file_is(old, &st)) {
        (void)sys_close(fd);
        old->checked_ms = loop_now_ms(f->loop);
        return old;
    }
    if (old)
        forget(f, old);
    struct file *file = files_make(fd, &st, root, path, ENCODING_IDENTITY);
    if (!file) {
        (void)sys_close(fd);
        return NULL;
    }
    while (f->count >= FILES_OPEN_MAX)
        forget(f, container_of(f->by_age.prev, struct file, age));
    file->checked_ms = loop_now_ms(f->loop);
    file->next = *chain_of(f, file->hash);
    *chain_of(f, file->hash) = file;
    list_add_after(&f->by_age, &file->age);
    f->count++;
    return file;
}

bool files_is_hashed(const struct files *f, struct file *file)
{
    struct manifest *m = f->roots[file->root].manifest;
    if (!m)
        return false;
    manifest_look(m);
    if (file->names_stamp != manifest_stamp(m)) {
        file->names_stamp = manifest_stamp(m);
        file->is_hashed = manifest_has(m, (struct span){ file->path, file->path_bytes });
    }
    return file->is_hashed;
}

struct file_refusal *files_refusal(struct files *f)
{
    return &f->refusal;
}

void files_used(struct files *f, struct file *file)
{
    struct list *age = file->of ? &file->of->age : &file->age;
    list_remove(age);
    list_add_after(&f->by_age, age);
    file->references++;
}

struct span file_content(const struct file *file)
{
    const struct content *content = file->content;
    return content ? (struct span){ content->at, content->bytes } : SPAN("");
}

uint64_t files_memory_bytes(const struct files *f)
{
    return f->memory.bytes;
}
