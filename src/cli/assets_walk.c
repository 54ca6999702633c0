/* assets_walk.c - which codings of which files are to be made; a list of folders instead of recursion.
 */
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "cli/assets.h"
#include "conf/folder.h"
#include "http/media.h"
#include "serve/siblings.h"

/* Less than that fits a segment either way; more would take minutes and gigabytes. */
enum { LEAST_BYTES = 256, MOST_BYTES = 64 * 1024 * 1024 };

struct walk {
    struct assets *all;
    char **folders;                   /* heap: yet to be read */
    size_t count, cap;
    const char *folder;
};

static int fail(struct assets *a, const char *path, int error)
{
    json_t *file = json_string(path);
    json_t *row = json_pack("{s:o, s:s}", "file", file ? file : json_string("(not UTF-8)"), "error",
                            strerror(-error));
    return json_array_append_new(a->failures, row) < 0 ? -ENOMEM : 0;
}

static int grow(void **list, size_t *cap, size_t count, size_t item_bytes)
{
    if (count < *cap)
        return 0;
    size_t more = *cap > 0 ? *cap * 2 : 64;
    void *bigger = sys_realloc(*list, more * item_bytes);
    if (!bigger)
        return -ENOMEM;
    *list = bigger;
    *cap = more;
    return 0;
}

static int add_folder(struct walk *w, const char *path)
{
    if (grow((void **)&w->folders, &w->cap, w->count, sizeof *w->folders) < 0)
        return -ENOMEM;
    w->folders[w->count] = sys_strdup(path);
    return w->folders[w->count] ? (w->count++, 0) : -ENOMEM;
}

static bool is_fresh(const char *path, enum encoding encoding, const struct stat *st)
{
    char name[FOLDER_BYTES];
    struct stat coded;
    int len = snprintf(name, sizeof name, "%s%s", path, siblings_ending(encoding));
    if (len < 0 || (size_t)len >= sizeof name || sys_lstat(name, &coded) < 0)
        return false;
    if (!S_ISREG(coded.st_mode))
        return true;                  /* somebody else's, whatever it is */
    if (coded.st_mtim.tv_sec != st->st_mtim.tv_sec)
        return coded.st_mtim.tv_sec > st->st_mtim.tv_sec;
    return coded.st_mtim.tv_nsec >= st->st_mtim.tv_nsec;
}

static int add_asset(struct assets *a, const char *path, enum encoding encoding, const struct stat *st)
{
    if (grow((void **)&a->list, &a->cap, a->count, sizeof(struct asset *)) < 0)
        return -ENOMEM;
    struct asset *one = sys_calloc(1, sizeof *one);
    char *copy = one ? sys_strdup(path) : NULL;
    if (!copy) {
        sys_free(one);
        return -ENOMEM;
    }
    one->all = a;
    one->path = copy;
    one->encoding = encoding;
    one->st = *st;
    a->list[a->count++] = one;
    return 0;
}

static int add_file(struct assets *a, const char *path, const struct stat *st)
{
    if (!encoding_helps(media_type_of(span_of(path))) || st->st_size < LEAST_BYTES ||
        st->st_size > MOST_BYTES)
        return 0;
    a->files++;
    for (int e = ENCODING_GZIP; e < ENCODING_COUNT; e++) {
        if (is_fresh(path, (enum encoding)e, st))
            a->fresh++;
        else if (add_asset(a, path, (enum encoding)e, st) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int add(void *ctx, const char *name)
{
    struct walk *w = ctx;
    char path[FOLDER_BYTES];
    struct stat st;
    if (name[0] == '.')
        return 0;
    int rc = folder_join(path, w->folder, name);
    if (rc == 0)
        rc = sys_lstat(path, &st);
    if (rc < 0)
        return rc == -ENOENT ? 0 : fail(w->all, name, rc);
    if (S_ISDIR(st.st_mode))
        return add_folder(w, path);
    return S_ISREG(st.st_mode) ? add_file(w->all, path, &st) : 0;
}

int assets_walk(struct assets *a, const char *folder)
{
    struct walk w = { .all = a };
    w.folder = folder;
    int rc = folder_each(folder, add, &w);
    while (rc == 0 && w.count > 0) {
        char *next = w.folders[--w.count];
        w.folder = next;
        rc = folder_each(next, add, &w);
        if (rc < 0 && rc != -ENOMEM)
            rc = fail(a, next, rc);
        sys_free(next);
    }
    while (w.count > 0)
        sys_free(w.folders[--w.count]);
    sys_free(w.folders);
    return rc;
}
