/* static.c - the stage that answers with a file, when one is there; else the application is asked.
 *
 * Cold files are opened by a helper: the exchange waits in struct file_wait and goes on when it is done.
 */
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "http/query_mask.h"
#include "http/path.h"
#include "serve/file_answer.h"
#include "serve/files_private.h"
#include "serve/siblings.h"
#include "serve/handover.h"
#include "serve/stage.h"
#include "serve/access.h"

struct file_wait {
    struct helper_job job;
    struct exchange *x;         /* NULL once it left */
    struct serve *serve;
    int root_fd;                /* duplicate: the roots may be replaced meanwhile */
    bool with_siblings;
    struct opened opened;       /* the result */
    unsigned root, stamp;       /* of files.roots then */
    char path[];
};

static struct files *files_of(const struct exchange *x)
{
    return x->serve->files;
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
             query_mask_log(target, sizeof target, x->request.target, access_secrets(x)), strerror(-error));
    x->failure = "a file could not be opened";
    serve_refuse(x, 503);
}

/* ---- cold files ------------------------------------------------------------------------------ */

static void open_cold(struct helper_job *job)
{
    struct file_wait *w = container_of(job, struct file_wait, job);
    w->opened = siblings_open(w->root_fd, w->path, w->with_siblings, false);
}

/* Takes over the descriptors.  NULL: there is none, or it is not a file. */
static struct file *keep(struct files *f, struct opened *o, unsigned root, struct span path)
{
    struct file *file = o->fd >= 0 ? files_keep(f, o->fd, root, path) : NULL;
    if (file)
        siblings_attach(f, file, o);
    else
        siblings_close(o);
    return file;
}

/* What is looked for, for the log. */
static struct span path_of(const struct exchange *x)
{
    return x->handover ? x->handover->path : x->request.path;
}

/* Not in that root. */
static void go_on(struct exchange *x)
{
    if (!x->handover)
        x->out->wake(x);            /* the application may want the body first: the edge asks again */
    else if (files_look(x) == STAGE_PASS)
        handover_missing(x);
}

static void opened_cold(struct helper_job *job)
{
    struct file_wait *w = container_of(job, struct file_wait, job);
    struct exchange *x = w->x;
    struct file *file = NULL;
    /* Another generation brought other roots: the number may mean another folder now. */
    bool is_same_root = w->stamp == w->serve->files->roots_stamp;
    int fd = w->opened.fd;
    if (x && is_same_root) {
        file = keep(w->serve->files, &w->opened, w->root, span_of(w->path));
    } else {
        siblings_close(&w->opened);
        (void)sys_close(fd);
    }
    (void)sys_close(w->root_fd);
    sys_free(w);
    if (!x)
        return;
    x->file_wait = NULL;
    if (file) {
        file_answer(x, file);
    } else if (is_exhausted(fd)) {
        refuse_file(x, fd);
    } else {
        if (is_same_root)
            files_note_refusal(files_of(x), x->file_root, path_of(x), fd);
        x->file_root = is_same_root ? x->file_root + 1 : 0;
        go_on(x);
    }
}

void stage_files_leave(struct exchange *x)
{
    x->file_wait->x = NULL;
    x->file_wait = NULL;
}

/* What users uploaded has none: see siblings.h. */
static bool has_siblings(const struct exchange *x, unsigned root)
{
    const struct files_root *r = &files_of(x)->roots[root];
    return x->conf->static_siblings && !r->is_media && !r->is_protected;
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
    w->with_siblings = has_siblings(x, root);
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
static struct opened open_or_wait(struct exchange *x, unsigned root, struct span path, const char *name)
{
    struct files *f = files_of(x);
    int root_fd = f->roots[root].fd;
    bool with_siblings = has_siblings(x, root);
    struct opened o = siblings_open(root_fd, name, with_siblings, true);
    if (o.fd == -EMFILE) {
        files_forget_all(f);            /* those that nobody sends just now make room */
        o = siblings_open(root_fd, name, with_siblings, true);
    }
    if (o.fd != -EAGAIN || wait_for(x, root, path))
        return o;
    /* Every helper is busy: better slow than wrong. */
    return siblings_open(root_fd, name, with_siblings, false);
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
    struct opened o = open_or_wait(x, root, path, name);
    if (o.fd < 0)
        *error = o.fd;
    return keep(f, &o, root, path);
}

static bool is_same_list(const struct conf_list *a, const struct conf_list *b)
{
    size_t i = 0;
    while (i < a->count && i < b->count && strcmp(a->items[i], b->items[i]) == 0)
        i++;
    return i == a->count && i == b->count;
}

/* Does another route keep people from it?  The one of the folder was asked who may come in. */
static bool is_kept_by_another(const struct exchange *x, struct span path)
{
    const struct route *own = routes_find(x->routes, path);
    const struct conf *its = own->conf, *asked = x->conf;
    if (own == x->route)
        return false;
    return (own->gate && (!is_same_list(&its->allow, &asked->allow) || !is_same_list(&its->deny, &asked->deny) ||
                          strcmp(its->methods, asked->methods) != 0)) ||
           (own->login && strcmp(its->basic_auth, asked->basic_auth) != 0) || (its->wall && !asked->wall);
}

/* Of the file that is meant: where a folder is asked for, and the site shows one, that of its index. */
static struct span path_in(struct exchange *x, const struct files_root *root)
{
    struct span path = x->request.path, index = span_of(x->conf->static_index);
    if (index.len == 0 || path.len == 0 || path.at[path.len - 1] != '/' || root->is_media || root->is_protected)
        return path;
    char *whole = arena_alloc(&x->arena, path.len + index.len);
    if (!whole)
        return path;
    memcpy(mempcpy(whole, path.at, path.len), index.at, index.len);
    struct span page = { whole, path.len + index.len };
    return is_kept_by_another(x, page) ? path : page;
}

static bool may_be_in(struct exchange *x, unsigned root, struct span *rest)
{
    const struct files *f = files_of(x);
    if (!x->handover)
        return files_match(f, root, path_in(x, &f->roots[root]), rest);
    return x->handover->is_on_disk ? files_match_folder(f, root, x->handover->path, rest)
                                : files_match(f, root, x->handover->path, rest);
}

/* Whatever else is there by that URL: it is not for a client to ask for. */
static bool is_refused(const struct exchange *x, const struct files_root *root)
{
    return root->is_protected && !x->handover && path_is_below(x->request.path, root->prefix);
}

enum stage_says files_look(struct exchange *x)
{
    struct files *f = files_of(x);
    struct span rest;
    int error;
    for (; x->file_root < f->roots_count; x->file_root++) {
        if (is_refused(x, &f->roots[x->file_root])) {
            serve_refuse(x, 404);
            return STAGE_ANSWERED;
        }
        if (!may_be_in(x, x->file_root, &rest))
            continue;
        struct file *file = open_now(x, x->file_root, rest, &error);
        if (file) {
            file_answer(x, file);
            return STAGE_ANSWERED;
        }
        if (error == -EAGAIN && x->file_wait)
            return STAGE_WAITS;
        files_note_refusal(f, x->file_root, path_of(x), error);
        if (is_exhausted(error)) {
            refuse_file(x, error);
            return STAGE_ANSWERED;
        }
    }
    return STAGE_PASS;
}

enum stage_says stage_files(struct exchange *x)
{
    return files_look(x);
}
