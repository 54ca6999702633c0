/* static.c - the stage that answers with a file, when one is there; else the application is asked.
 *
 * Cold files are opened by a helper: the exchange waits in struct file_wait and goes on when it is done.
 */
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "http/condition.h"
#include "http/media.h"
#include "http/range.h"
#include "serve/files_private.h"
#include "serve/finish.h"
#include "serve/stage.h"

struct file_wait {
    struct helper_job job;
    struct exchange *x;         /* NULL once it left */
    struct serve *serve;
    int root_fd;                /* duplicate: the roots may be replaced meanwhile */
    int fd;                     /* result: a descriptor or -errno */
    unsigned root, stamp;       /* of files.roots then */
    char path[];
};

static struct files *files_of(const struct exchange *x)
{
    return x->serve->files;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* What is kept in memory goes out together with the head, in one call to the kernel instead of two:
 * how many bytes went that way. */
static uint64_t send_content(struct exchange *x, struct file *file, size_t first, size_t bytes)
{
    struct span content = files_content(files_of(x), file);
    if (content.len < first + bytes)
        return 0;
    const struct span runs[2] = { { content.at + first, bytes }, { NULL, 0 } };
    ssize_t took = x->out->body(x, runs, true);
    return took < 0 ? bytes : (uint64_t)took;          /* negative: nobody is there */
}

/* The head in x->response, then its bytes of the file. */
static enum stage_says send_file(struct exchange *x, struct file *file, int64_t first)
{
    int rc = finish_head(x);
    x->response.fields = NULL;      /* they are the caller's */
    x->response.fields_count = 0;
    if (rc < 0)
        return STAGE_ANSWERED;
    files_used(files_of(x), file);
    uint64_t bytes = x->request.method == METHOD_HEAD ? 0 : (uint64_t)x->response.body_bytes;
    uint64_t sent = bytes > 0 ? send_content(x, file, (size_t)first, (size_t)bytes) : 0;
    if (sent > 0 && sent == bytes)
        file_release(files_of(x), file);
    else
        x->out->file(x, file, file->fd, (uint64_t)first + sent, bytes - sent);
    return STAGE_ANSWERED;
}

static enum stage_says answer_range(struct exchange *x, struct file *file, struct field *fields, size_t count,
                                    int64_t first, int64_t last)
{
    char text[80];
    int len = snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)first, (long long)last,
                       (long long)file->bytes);
    fields[count++] = (struct field){ SPAN("Content-Range"), { text, (size_t)len }, FIELD_OTHER };
    x->response = (struct response){
        .status = 206, .fields = fields, .fields_count = count, .body_bytes = last - first + 1,
    };
    return send_file(x, file, first);
}

static enum stage_says answer_unsatisfiable(struct exchange *x, const struct file *file)
{
    char text[48];
    int len = snprintf(text, sizeof text, "bytes */%lld", (long long)file->bytes);
    const struct field range = { SPAN("Content-Range"), { text, (size_t)len }, FIELD_OTHER };
    answer_small(x, 416, SPAN("text/plain; charset=utf-8"), &range, 1, status_page(416));
    return STAGE_ANSWERED;
}

/* Uploads come from anybody: the type is what we say, a page of theirs runs nothing, and what a
 * browser would run is saved instead of shown.  A sandbox keeps browsers' own PDF viewers away. */
static size_t add_media_fields(struct field *fields, size_t count, struct span type)
{
    static const struct span policy =
        SPAN("default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
             "sandbox");
    fields[count++] = (struct field){ SPAN("X-Content-Type-Options"), SPAN("nosniff"),
                                      FIELD_OTHER };
    if (media_type_runs(type))
        fields[count++] = (struct field){ SPAN("Content-Disposition"), SPAN("attachment"),
                                          FIELD_OTHER };
    if (!span_eq(type, SPAN("application/pdf")))
        fields[count++] = (struct field){ SPAN("Content-Security-Policy"), policy, FIELD_OTHER };
    return count;
}

/* A browser and what lies between may use its copy: for a year under a name that stands for its
 * content (what RFC 9111 calls heuristic is a tenth of its age otherwise, and too long for the rest). */
static struct field cache_policy(const struct files *f, struct file *file)
{
    struct span policy = files_is_hashed(f, file) ? SPAN("public, max-age=31536000, immutable")
                                                  : span_of(f->policy);
    return (struct field){ SPAN("Cache-Control"), policy, FIELD_CACHE_CONTROL };
}

static enum stage_says answer(struct exchange *x, struct file *file)
{
    const struct request *r = &x->request;
    int64_t now_s = sys_wall_us() / 1000000, first = 0, last = file->bytes - 1;
    struct validators v = { { file->etag, file->etag_bytes }, file->modified_s };
    struct field fields[10];
    size_t count = 0;
    fields[count++] = (struct field){ SPAN("ETag"), v.etag, FIELD_ETAG };
    fields[count++] = (struct field){ SPAN("Last-Modified"), span_of(file->modified), FIELD_LAST_MODIFIED };
    fields[count++] = cache_policy(files_of(x), file);
    switch (condition_check(r, &v, now_s)) {
    case CONDITION_NOT_MODIFIED:
        answer_small(x, 304, SPAN(""), fields, count, SPAN(""));
        return STAGE_ANSWERED;
    case CONDITION_FAILED:
        answer_small(x, 412, SPAN("text/plain; charset=utf-8"), NULL, 0, status_page(412));
        return STAGE_ANSWERED;
    case CONDITION_SERVE:
        break;
    }
    fields[count++] = (struct field){ SPAN("Accept-Ranges"), SPAN("bytes"), FIELD_OTHER };
    fields[count++] = (struct field){ SPAN("Content-Type"), file->type, FIELD_CONTENT_TYPE };
    if (files_of(x)->roots[file->root].is_media)
        count = add_media_fields(fields, count, file->type);
    const struct field *range = request_field(r, FIELD_RANGE);
    if (range && r->method == METHOD_GET && condition_allows_range(r, &v, now_s)) {
        switch (range_read(range->value, file->bytes, &first, &last)) {
        case RANGE_ONE:
            return answer_range(x, file, fields, count, first, last);
        case RANGE_UNSATISFIABLE:
            return answer_unsatisfiable(x, file);
        case RANGE_NONE:
            break;
        }
    }
    x->response = (struct response){
        .status = 200, .fields = fields, .fields_count = count, .body_bytes = file->bytes,
    };
    return send_file(x, file, 0);
}

/* Not that there is no such file, but that we cannot look: 503, and never the application's 404. */
static bool is_exhausted(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

static void refuse_file(struct exchange *x, int error)
{
    char target[200];
    log_warn("static file not opened", "request=\"%s\" error=\"%s\"",
             log_escape(target, sizeof target, x->request.target), strerror(-error));
    x->failure = "a file could not be opened";
    serve_refuse(x, 503);
}

/* ---- cold files ------------------------------------------------------------------------------ */

static void open_cold(struct helper_job *job)
{
    struct file_wait *w = container_of(job, struct file_wait, job);
    w->fd = files_open_beneath(w->root_fd, w->path, false);
}

static void opened_cold(struct helper_job *job)
{
    struct file_wait *w = container_of(job, struct file_wait, job);
    struct exchange *x = w->x;
    struct file *file = NULL;
    /* Another generation brought other roots: the number may mean another folder now. */
    bool is_same_root = w->stamp == w->serve->files->roots_stamp;
    int fd = w->fd;
    if (fd >= 0 && x && is_same_root)
        file = files_keep(w->serve->files, fd, w->root, span_of(w->path));
    else if (fd >= 0)
        (void)sys_close(fd);
    (void)sys_close(w->root_fd);
    sys_free(w);
    if (!x)
        return;
    x->file_wait = NULL;
    if (file) {
        (void)answer(x, file);
    } else if (is_exhausted(fd)) {
        refuse_file(x, fd);
    } else {
        x->file_root = is_same_root ? x->file_root + 1 : 0;
        x->out->wake(x);            /* the application may want the body first: the edge asks again */
    }
}

void stage_files_leave(struct exchange *x)
{
    x->file_wait->x = NULL;
    x->file_wait = NULL;
}

static bool wait_for(struct exchange *x, unsigned root, struct span path)
{
    struct file_wait *w = sys_calloc(1, sizeof *w + path.len + 1);
    if (!w)
        return false;
    w->job = (struct helper_job){ .work = open_cold, .done = opened_cold };
    w->x = x;
    w->serve = x->serve;
    w->root = root;
    w->stamp = files_of(x)->roots_stamp;
    memcpy(w->path, path.at, path.len);
    w->root_fd = sys_dup_cloexec(files_of(x)->roots[root].fd);
    if (w->root_fd >= 0 && helpers_submit(x->serve->helpers, &w->job) == 0) {
        x->file_wait = w;
        return true;
    }
    (void)sys_close(w->root_fd);
    sys_free(w);
    return false;
}

/* ---- the stage ------------------------------------------------------------------------------- */

/* At once where the kernel has all it needs in memory; -EAGAIN: a helper does it. */
static int open_or_wait(struct exchange *x, unsigned root, struct span path, const char *name)
{
    struct files *f = files_of(x);
    int fd = files_open_beneath(f->roots[root].fd, name, true);
    if (fd == -EMFILE) {
        files_forget_all(f);            /* those that nobody sends just now make room */
        fd = files_open_beneath(f->roots[root].fd, name, true);
    }
    if (fd != -EAGAIN || wait_for(x, root, path))
        return fd;
    /* Every helper is busy: better slow than wrong. */
    return files_open_beneath(f->roots[root].fd, name, false);
}

/* The file, or NULL: *error is -EAGAIN when a helper opens it, else why there is none. */
static struct file *open_now(struct exchange *x, unsigned root, struct span path, int *error)
{
    char name[4096];
    struct files *f = files_of(x);
    struct file *file = files_find(f, root, path);
    if (file && files_trusts(f, file))
        return file;
    *error = -ENOENT;
    if (path.len >= sizeof name)
        return NULL;
    memcpy(name, path.at, path.len);
    name[path.len] = '\0';
    int fd = open_or_wait(x, root, path, name);
    if (fd < 0)
        *error = fd;
    return fd >= 0 ? files_keep(f, fd, root, path) : NULL;
}

enum stage_says stage_files(struct exchange *x)
{
    struct files *f = files_of(x);
    struct span rest;
    int error;
    if (x->request.method != METHOD_GET && x->request.method != METHOD_HEAD)
        return STAGE_PASS;
    for (; x->file_root < f->roots_count; x->file_root++) {
        if (!files_match(f, x->file_root, x->request.path, &rest))
            continue;
        struct file *file = open_now(x, x->file_root, rest, &error);
        if (file)
            return answer(x, file);
        if (error == -EAGAIN && x->file_wait)
            return STAGE_WAITS;
        if (is_exhausted(error)) {
            refuse_file(x, error);
            return STAGE_ANSWERED;
        }
    }
    return STAGE_PASS;
}
