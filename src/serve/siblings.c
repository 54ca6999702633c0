/* siblings.c - a sibling is a struct file that is in no table: only its file knows it.
 */
#include "serve/siblings.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "http/media.h"
#include "serve/files_private.h"

static const char *const endings[ENCODING_COUNT] = {
    [ENCODING_GZIP] = ".gz",
    [ENCODING_BROTLI] = ".br",
    [ENCODING_ZSTD] = ".zst",
};

const char *siblings_ending(enum encoding e)
{
    return endings[e];
}

/* ---- opening --------------------------------------------------------------------------------- */

void siblings_close(struct opened *o)
{
    for (int e = 0; e < ENCODING_COUNT; e++) {
        (void)sys_close(o->siblings[e]);
        o->siblings[e] = -1;
    }
}

static void open_siblings(int root_fd, const char *path, bool only_cached, struct opened *o)
{
    char name[4096 + 8];
    for (int e = ENCODING_GZIP; e < ENCODING_COUNT; e++) {
        int len = snprintf(name, sizeof name, "%s%s", path, endings[e]);
        if (len < 0 || (size_t)len >= sizeof name)
            continue;
        int fd = files_open_beneath(root_fd, name, only_cached);
        o->siblings[e] = fd >= 0 ? fd : -1;
        if (fd == -EAGAIN && only_cached) {
            siblings_close(o);
            (void)sys_close(o->fd);
            o->fd = -EAGAIN;
            return;
        }
    }
}

struct opened siblings_open(int root_fd, const char *path, bool with_siblings, bool only_cached)
{
    struct opened o = { files_open_beneath(root_fd, path, only_cached), { -1, -1, -1, -1 } };
    if (o.fd >= 0 && with_siblings && encoding_helps(media_type_of(span_of(path))))
        open_siblings(root_fd, path, only_cached, &o);
    return o;
}

/* ---- of an open file ------------------------------------------------------------------------- */

static bool is_older(const struct stat *st, const struct file *file)
{
    if (st->st_mtim.tv_sec != file->modified_s)
        return st->st_mtim.tv_sec < file->modified_s;
    return st->st_mtim.tv_nsec < file->modified_ns;
}

void siblings_set(struct files *f, struct file *file, enum encoding e, struct file *sibling)
{
    struct file *before = file->siblings[e];
    file->siblings[e] = sibling;
    f->count += sibling != NULL;
    f->count -= before != NULL;
    if (sibling)
        sibling->of = file;
    if (before) {
        before->of = NULL;
        file_release(f, before);
    }
}

/* Takes over fd, which may be -1. */
static void attach(struct files *f, struct file *file, enum encoding e, int fd)
{
    struct file *before = file->siblings[e], *made = NULL;
    struct stat st;
    bool is_there = fd >= 0 && sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !is_older(&st, file);
    bool is_made = before && before->fd < 0;
    if (is_there ? before && !is_made && file_is(before, &st) : is_made) {      /* as it was */
        (void)sys_close(fd);
        return;
    }
    if (is_there)
        made = files_make(fd, &st, file->root, (struct span){ file->path, file->path_bytes }, e);
    if (!made)
        (void)sys_close(fd);
    siblings_set(f, file, e, made);
}

void siblings_attach(struct files *f, struct file *file, struct opened *o)
{
    for (int e = ENCODING_GZIP; e < ENCODING_COUNT; e++) {
        attach(f, file, (enum encoding)e, o->siblings[e]);
        o->siblings[e] = -1;
    }
}

void siblings_detach(struct files *f, struct file *file)
{
    for (int e = ENCODING_GZIP; e < ENCODING_COUNT; e++)
        siblings_set(f, file, (enum encoding)e, NULL);
}

unsigned siblings_count(const struct file *file)
{
    unsigned count = 0;
    for (int e = ENCODING_GZIP; e < ENCODING_COUNT; e++)
        count += file->siblings[e] != NULL;
    return count;
}

/* ---- which one ------------------------------------------------------------------------------- */

struct file *siblings_choose(const struct exchange *x, struct file *file)
{
    enum encoding order[ENCODING_COUNT];
    size_t count = 0;
    for (int e = ENCODING_COUNT - 1; e > ENCODING_IDENTITY; e--) {      /* the smallest first */
        if (!file->siblings[e] || file->siblings[e]->fd < 0)
            continue;
        size_t at = count++;
        for (; at > 0 && file->siblings[order[at - 1]]->bytes > file->siblings[e]->bytes; at--)
            order[at] = order[at - 1];
        order[at] = (enum encoding)e;
    }
    if (count == 0 || x->request.version < 11)
        return file;
    enum encoding chosen = encoding_choose(&x->request, order, count);
    return chosen == ENCODING_IDENTITY ? file : file->siblings[chosen];
}
