/* attic.c - see attic.h. */
#include "scribe/attic.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/sys.h"
#include "scribe/log_folder.h"
#include "scribe/rotated.h"
#include "serve/gzip.h"

enum { READ_BYTES = 64 * 1024, SUFFIX_BYTES = 16 };

struct names {
    const struct log_folder *folder;
    const char *from;
    char to[ROTATED_NAME_BYTES + SUFFIX_BYTES], part[ROTATED_NAME_BYTES + SUFFIX_BYTES];
};

static bool is_cancelled(struct attic *a)
{
    return __atomic_load_n(&a->is_cancelled, __ATOMIC_RELAXED);
}

static void name(const struct log_folder *f, struct span file, struct names *n)
{
    n->folder = f;
    n->from = file.at;
    (void)snprintf(n->to, sizeof n->to, "%s.gz", file.at);
    (void)snprintf(n->part, sizeof n->part, "%s.gz.part", file.at);
}

static int write_all(int fd, struct buf *out)
{
    while (buf_len(out) > 0) {
        ssize_t sent = sys_write(fd, buf_span(out).at, buf_len(out));
        if (sent <= 0)
            return sent < 0 ? (int)sent : -ENOSPC;
        buf_take(out, (size_t)sent);
    }
    return 0;
}

static int copy_packed(struct attic *a, int from, int to)
{
    char bytes[READ_BYTES];
    struct buf out = { 0 };
    struct gzip *g = gzip_packer();
    int rc = g ? 0 : -ENOMEM;
    ssize_t got = 1;
    while (rc == 0 && got > 0) {
        got = sys_read(from, bytes, sizeof bytes);
        rc = got < 0 ? (int)got : gzip_put(g, (struct span){ bytes, (size_t)got }, got == 0, &out);
        if (rc == 0)
            rc = is_cancelled(a) ? -ECANCELED : write_all(to, &out);
    }
    gzip_free(g);
    buf_done(&out);
    return rc < 0 ? rc : sys_fsync(to);
}

/* Who may read the log may read what becomes of it.  What somebody was ended over is begun anew. */
static int pack_into(struct attic *a, const struct names *n, int from, const struct stat *st)
{
    (void)sys_unlink_at(n->folder->fd, n->part);
    int to = sys_create_at(n->folder->fd, n->part, O_WRONLY | O_EXCL | O_NOFOLLOW, st->st_mode & 0777);
    if (to < 0)
        return to;
    (void)sys_fchmod(to, st->st_mode & 0777);
    int rc = log_folder_give(n->folder, to, st->st_uid, st->st_gid);
    if (rc == 0)
        rc = copy_packed(a, from, to);
    int closed = sys_close(to);
    rc = rc < 0 ? rc : closed;
    if (rc == 0)
        rc = sys_rename_at(n->folder->fd, n->part, n->to);
    if (rc < 0)
        (void)sys_unlink_at(n->folder->fd, n->part);
    return rc < 0 ? rc : sys_unlink_at(n->folder->fd, n->from);
}

static int pack(struct attic *a, const struct log_folder *f, struct span file)
{
    struct names n;
    struct stat st;
    name(f, file, &n);
    if (sys_lstat_at(f->fd, n.to, &st) == 0)     /* somebody was ended between rename and unlink */
        return sys_unlink_at(f->fd, n.from);
    int from = sys_openat(f->fd, n.from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (from < 0)
        return from;
    int rc = sys_fstat(from, &st);
    if (rc == 0)
        rc = S_ISREG(st.st_mode) ? pack_into(a, &n, from, &st) : -EINVAL;
    (void)sys_close(from);
    return rc;
}

static int delete_one(const struct log_folder *f, struct span file)
{
    struct names n;
    name(f, file, &n);
    (void)sys_unlink_at(f->fd, n.part);
    return sys_unlink_at(f->fd, n.from);
}

static int tidy(struct attic *a, const struct log_folder *f)
{
    struct span *names = NULL;
    int count = rotated_list(f->fd, f->name, &names), error = count < 0 ? count : 0;
    int surplus = a->keep > 0 && count > a->keep ? count - (int)a->keep : 0;
    for (int i = 0; i < count && !is_cancelled(a); i++) {
        bool packs = a->packs && !rotated_is_packed(names[i]);
        int rc = i < surplus ? delete_one(f, names[i]) : packs ? pack(a, f, names[i]) : 0;
        if (rc < 0 && rc != -ECANCELED && error == 0)
            error = rc;
    }
    sys_free(names);
    return error;
}

int attic_tidy(struct attic *a)
{
    struct log_folder f;
    int rc = log_folder_open(&f, a->path);
    if (rc == 0)
        rc = tidy(a, &f);
    log_folder_close(&f);
    return rc;
}

static void *run(void *user)
{
    struct attic *a = user;
    (void)sys_sched_batch();                     /* lines come first */
    a->error = attic_tidy(a);
    __atomic_store_n(&a->is_over, true, __ATOMIC_RELEASE);
    return NULL;
}

void attic_init(struct attic *a, const char *path, int64_t keep, bool packs)
{
    *a = (struct attic){ .path = path, .keep = keep, .packs = packs };
}

void attic_wake(struct attic *a)
{
    a->is_wanted = a->keep > 0 || a->packs;
}

int attic_look(struct attic *a)
{
    int error = 0;
    if (a->has_thread && __atomic_load_n(&a->is_over, __ATOMIC_ACQUIRE)) {
        (void)pthread_join(a->thread, NULL);
        a->has_thread = false;
        error = a->error;
    }
    if (!a->is_wanted || a->has_thread)
        return error;
    a->is_over = false;
    a->is_wanted = false;
    int rc = pthread_create(&a->thread, NULL, run, a);
    a->has_thread = rc == 0;
    return rc != 0 ? -rc : error;
}

void attic_done(struct attic *a)
{
    __atomic_store_n(&a->is_cancelled, true, __ATOMIC_RELAXED);
    if (a->has_thread)
        (void)pthread_join(a->thread, NULL);
    a->has_thread = false;
}
