/* assets_make.c - a job reads a file whole, encodes it as small as can be, and puts it in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/sys.h"
#include "cli/assets.h"
#include "conf/folder.h"
#include "serve/encoder.h"
#include "serve/siblings.h"

enum { THREADS_MOST = 64 };

int assets_init(struct assets *a)
{
    *a = (struct assets){ .loop = loop_new(), .failures = json_array() };
    return a->loop && a->failures ? 0 : -ENOMEM;
}

void assets_done(struct assets *a)
{
    for (size_t i = 0; i < a->count; i++) {
        sys_free(a->list[i]->path);
        sys_free(a->list[i]);
    }
    sys_free(a->list);
    helpers_free(a->helpers);
    loop_free(a->loop);
    json_decref(a->failures);
}

/* ---- one file, on a helper's thread ---------------------------------------------------------- */

static int write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = sys_write(fd, bytes.at, bytes.len);
        if (n < 0)
            return (int)n;
        bytes = span_skip(bytes, (size_t)n);
    }
    return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* As its file, so that whoever may read that may read this, and a later run sees that it fits. */
static int dress(int fd, const char *name, const struct stat *st)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };
    if (st->st_uid != geteuid())
        (void)sys_lchown(name, st->st_uid, st->st_gid);      /* only root can; else it is ours */
    int rc = sys_fchmod(fd, st->st_mode & 0777);
    return rc < 0 ? rc : sys_set_times(fd, times);
}

static int put_in_place(const struct asset *one, struct span coded)
{
    char folder[FOLDER_BYTES], fresh[FOLDER_BYTES + 64], name[FOLDER_BYTES + 8];
    const char *ending = siblings_ending(one->encoding);
    struct stat now;
    int rc = folder_parent(folder, one->path);
    if (rc < 0)
        return rc;
    int len = snprintf(fresh, sizeof fresh, "%s/.%s%s.%d", folder, folder_name(one->path), ending, (int)getpid());
    (void)snprintf(name, sizeof name, "%s%s", one->path, ending);
    if (len < 0 || (size_t)len >= FOLDER_BYTES)
        return -ENAMETOOLONG;
    int fd = sys_open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fd;
    rc = write_all(fd, coded);
    if (rc == 0)
        rc = dress(fd, fresh, &one->st);
    if (rc == 0)
        rc = sys_lstat(one->path, &now);
    if (rc == 0)
        rc = is_same(&now, &one->st) ? sys_rename(fresh, name) : -EBUSY;     /* changed meanwhile */
    if (rc < 0)
        (void)sys_unlink(fresh);
    (void)sys_close(fd);
    return rc;
}

static int encode(const struct asset *one, struct span content, struct buf *coded)
{
    struct encoder *e = encoder_new(one->encoding, ENCODER_ASSET);
    if (!e)
        return -ENOMEM;
    coded->limit_bytes = content.len + 4096;        /* the room that encoders ask for at the end */
    int rc = encoder_put(e, content, ENCODER_END, coded);
    encoder_free(e);
    return rc;
}

static bool is_smaller(size_t coded, size_t plain)
{
    return coded < plain - plain / 20;
}

static int64_t make(const struct asset *one)
{
    struct buf content = { 0 }, coded = { 0 };
    int64_t made = 0;
    int rc = folder_read_file(one->path, (size_t)one->st.st_size, &content);
    if (rc == -EFBIG || (rc == 0 && buf_len(&content) != (size_t)one->st.st_size))
        rc = -EBUSY;
    if (rc == 0)
        rc = encode(one, buf_span(&content), &coded);
    if (rc == -EMSGSIZE)
        rc = 0;
    else if (rc == 0 && is_smaller(buf_len(&coded), buf_len(&content)))
        rc = put_in_place(one, buf_span(&coded)), made = (int64_t)buf_len(&coded);
    buf_done(&content);
    buf_done(&coded);
    return rc < 0 ? rc : made;
}

static void work(struct helper_job *job)
{
    struct asset *one = container_of(job, struct asset, job);
    one->coded_bytes = make(one);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void note(struct assets *a, const struct asset *one)
{
    if (one->coded_bytes > 0) {
        a->made++;
        a->bytes += (uint64_t)one->st.st_size;
        a->coded_bytes += (uint64_t)one->coded_bytes;
    } else if (one->coded_bytes == 0) {
        a->useless++;
    } else {
        json_t *path = json_string(one->path);
        const char *why = one->coded_bytes == -EBUSY ? "it was changed meanwhile" : strerror((int)-one->coded_bytes);
        (void)json_array_append_new(a->failures, json_pack("{s:o, s:s}", "file", path ? path : json_string("(not UTF-8)"),
                                                           "error", why));
    }
}

static void submit(struct assets *a);

static void done(struct helper_job *job)
{
    struct asset *one = container_of(job, struct asset, job);
    struct assets *a = one->all;
    a->done++;
    note(a, one);
    if (a->told)
        a->told(a);
    submit(a);
    if (a->done == a->count)
        loop_stop(a->loop);
}

static void submit(struct assets *a)
{
    while (a->next < a->count) {
        struct asset *one = a->list[a->next];
        one->job = (struct helper_job){ .work = work, .done = done };
        if (helpers_submit(a->helpers, &one->job) < 0)
            return;                   /* the next one that is done goes on here */
        a->next++;
    }
}

/* The largest first: else one of them runs alone at the end. */
static int by_size(const void *a, const void *b)
{
    const struct asset *one = *(struct asset *const *)a, *other = *(struct asset *const *)b;
    return one->st.st_size > other->st.st_size ? -1 : one->st.st_size < other->st.st_size;
}

int assets_make(struct assets *a)
{
    int cpus = sys_cpus_allowed();
    unsigned threads = cpus < 1 ? 1 : cpus > THREADS_MOST ? THREADS_MOST : (unsigned)cpus;
    if (a->count == 0)
        return 0;
    qsort(a->list, a->count, sizeof(struct asset *), by_size);
    a->helpers = helpers_new(a->loop, threads, 2 * threads);
    if (!a->helpers)
        return -ENOMEM;
    submit(a);
    return loop_run(a->loop);
}
