/* manifest.c - a set of names, made by a helper and swapped in on the loop.
 *
 * Woken  by a request for a file of its root (manifest_look) and by the helper that looked.
 * Owns   the set; a look under way owns itself, and outlives a manifest that is freed meanwhile.
 * Not    what is answered for such a name: static.c.
 */
#include "serve/manifest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sys.h"
#include "serve/files.h"

struct names {
    size_t mask;                /* slots - 1, a power of two: at least half of them are 0 */
    char *texts;                /* NUL-ended, one behind the other */
    uint32_t slots[];           /* 1 + where the text begins; 0: free */
};

struct version {                /* of the manifest's file; all 0: none was read */
    uint64_t inode;
    int64_t bytes, modified_s, modified_ns;
};

struct look {
    struct helper_job job;
    struct manifest *manifest;  /* NULL once that was freed */
    struct version seen;        /* what is known already; then what was read */
    struct names *names;        /* result: NULL when there is nothing new, or an error */
    int error;                  /* 0, or why it could not be read */
    int folder_fd;              /* own; -1: path is absolute */
    uint64_t device, inode;     /* of a file that may not be read */
    char path[];
};

struct manifest {
    struct loop *loop;
    struct helpers *helpers;
    struct names *names;        /* NULL: none */
    struct version version;
    struct look *look;          /* under way; NULL: none is */
    int64_t looked_ms;
    unsigned stamp;
    int said_error;             /* logged last: once is enough */
    struct file_refusal *refusal;       /* lent; NULL: nobody asked */
    int folder_fd;              /* lent: path + skip is beneath it; -1: none */
    size_t skip;
    char path[];
};

/* ---- the set --------------------------------------------------------------------------------- */

static void names_free(struct names *n)
{
    if (n)
        sys_free(n->texts);
    sys_free(n);
}

/* The slot of this name, or the free one where it belongs. */
static uint32_t *slot_of(struct names *n, struct span name)
{
    size_t at = (size_t)hash_span(name) & n->mask;
    while (n->slots[at] != 0) {
        const char *text = n->texts + n->slots[at] - 1;
        if (strncmp(text, name.at, name.len) == 0 && text[name.len] == '\0')
            break;
        at = (at + 1) & n->mask;
    }
    return &n->slots[at];
}

static struct names *names_new(size_t count, size_t bytes)
{
    size_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    struct names *n = sys_calloc(1, sizeof *n + slots * sizeof n->slots[0]);
    if (!n)
        return NULL;
    n->mask = slots - 1;
    n->texts = sys_malloc(bytes + 1);
    if (n->texts)
        return n;
    sys_free(n);
    return NULL;
}

/* A value that is a key as well is the name of a source file: those change. */
static bool is_hashed(const json_t *paths, const json_t *value)
{
    return json_is_string(value) && !json_object_get(paths, json_string_value(value));
}

/* NULL: no memory.  All of it came from at most MANIFEST_BYTES_MAX of text, so no sum overflows. */
static struct names *names_of(json_t *paths)
{
    size_t count = 0, bytes = 0;
    const char *key;
    json_t *value;
    json_object_foreach(paths, key, value) {
        count++;
        bytes += json_is_string(value) ? json_string_length(value) + 1 : 0;
    }
    struct names *n = names_new(count, bytes);
    size_t end = 0;
    json_object_foreach(paths, key, value) {
        if (!n || !is_hashed(paths, value))
            continue;
        struct span name = { json_string_value(value), json_string_length(value) };
        uint32_t *slot = slot_of(n, name);
        if (*slot != 0)
            continue;
        memcpy(n->texts + end, name.at, name.len + 1);
        *slot = (uint32_t)end + 1;
        end += name.len + 1;
    }
    return n;
}

/* ---- a look, on a helper's thread ------------------------------------------------------------- */

static ssize_t read_all(int fd, char *into, size_t bytes)
{
    size_t done = 0;
    ssize_t n = 1;
    while (n > 0 && done < bytes) {
        n = sys_pread(fd, into + done, bytes - done, (off_t)done);
        done += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? n : (ssize_t)done;
}

static int understand(struct look *k, struct span text)
{
    char why[160];
    json_t *all = json_read(text, why);
    json_t *paths = json_object_get(all, "paths");
    int rc = json_is_object(paths) ? 0 : -EBADMSG;
    if (rc == 0 && !(k->names = names_of(paths)))
        rc = -ENOMEM;
    json_decref(all);
    return rc;
}

static int read_file(struct look *k, int fd, size_t bytes)
{
    char *text = sys_malloc(bytes + 1);
    if (!text)
        return -ENOMEM;
    ssize_t n = read_all(fd, text, bytes);
    int rc = n < 0 ? (int)n : understand(k, (struct span){ text, (size_t)n });
    sys_free(text);
    return rc;
}

static int look_at(struct look *k, int fd)
{
    struct stat st;
    int rc = sys_fstat(fd, &st);
    if (rc < 0)
        return rc;
    const struct version now = { st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec };
    if (memcmp(&now, &k->seen, sizeof now) == 0)
        return 0;
    if (!S_ISREG(st.st_mode) || st.st_size > MANIFEST_BYTES_MAX)
        return -EFBIG;
    k->seen = now;
    return read_file(k, fd, (size_t)st.st_size);
}

/* Which file it is can be seen without the right to read it. */
static void name_file(struct look *k)
{
    struct stat st = { 0 };
    int folder = k->folder_fd < 0 ? AT_FDCWD : k->folder_fd;
    int fd = sys_openat(folder, k->path, O_PATH | O_CLOEXEC);
    if (fd >= 0 && sys_fstat(fd, &st) == 0) {
        k->device = st.st_dev;
        k->inode = st.st_ino;
    }
    (void)sys_close(fd);
}

static void work(struct helper_job *job)
{
    struct look *k = container_of(job, struct look, job);
    int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    int fd = k->folder_fd < 0 ? sys_open(k->path, flags, 0)
                              : sys_openat(k->folder_fd, k->path, flags);
    k->error = fd < 0 ? fd : look_at(k, fd);
    (void)sys_close(fd);
    if (fd == -EACCES)
        name_file(k);
}

/* ---- on the loop ------------------------------------------------------------------------------ */

/* One that is not there is nobody's mistake: collectstatic takes it away and writes another. */
static void say(struct manifest *m, int error)
{
    if (error < 0 && error != -ENOENT && error != m->said_error)
        log_warn("manifest of static files not read", "file=%s error=\"%s\"", m->path,
                 strerror(-error));
    m->said_error = error;
}

static void look_free(struct look *k)
{
    (void)sys_close(k->folder_fd);
    sys_free(k);
}

static void looked(struct helper_job *job)
{
    struct look *k = container_of(job, struct look, job);
    struct manifest *m = k->manifest;
    if (m) {
        m->look = NULL;
        say(m, k->error);
        if (m->refusal && k->error == -EACCES)
            *m->refusal = (struct file_refusal){ true, k->device, k->inode };
    }
    if (m && k->names) {
        names_free(m->names);
        m->names = k->names;
        m->version = k->seen;
        m->stamp++;
        log_debug("manifest of static files read", "file=%s", m->path);
    } else {
        names_free(k->names);
    }
    look_free(k);
}

static void begin_look(struct manifest *m)
{
    const char *path = m->path + (m->folder_fd < 0 ? 0 : m->skip);
    size_t bytes = strlen(path) + 1;
    struct look *k = sys_calloc(1, sizeof *k + bytes);
    m->looked_ms = loop_now_ms(m->loop);
    if (!k)
        return;
    k->job = (struct helper_job){ .work = work, .done = looked };
    k->manifest = m;
    k->seen = m->version;
    memcpy(k->path, path, bytes);
    k->folder_fd = m->folder_fd < 0 ? -1 : sys_dup_cloexec(m->folder_fd);
    if (m->folder_fd < 0 || k->folder_fd >= 0)
        m->look = helpers_submit(m->helpers, &k->job) == 0 ? k : NULL;
    if (!m->look)
        look_free(k);           /* no descriptor, or every helper is busy: a request tries again */
}

void manifest_look(struct manifest *m)
{
    if (loop_now_ms(m->loop) - m->looked_ms >= MANIFEST_LOOK_MS && !m->look)
        begin_look(m);
}

struct manifest *manifest_new(struct loop *loop, struct helpers *helpers, const char *path,
                              int folder_fd, size_t skip)
{
    size_t bytes = strlen(path) + 1;
    struct manifest *m = sys_calloc(1, sizeof *m + bytes);
    if (!m)
        return NULL;
    *m = (struct manifest){ .loop = loop, .helpers = helpers, .stamp = 1,
                             .folder_fd = folder_fd, .skip = skip };
    memcpy(m->path, path, bytes);
    begin_look(m);
    return m;
}

void manifest_move(struct manifest *m, int folder_fd, size_t skip)
{
    m->folder_fd = folder_fd;
    m->skip = skip;
}

void manifest_tells(struct manifest *m, struct file_refusal *refusal)
{
    m->refusal = refusal;
}

void manifest_free(struct manifest *m)
{
    if (m && m->look)
        m->look->manifest = NULL;
    if (m)
        names_free(m->names);
    sys_free(m);
}

const char *manifest_path(const struct manifest *m)
{
    return m->path;
}

unsigned manifest_stamp(const struct manifest *m)
{
    return m->stamp;
}

bool manifest_has(const struct manifest *m, struct span name)
{
    return m->names && span_find(name, '\0') == name.len && *slot_of(m->names, name) != 0;
}
