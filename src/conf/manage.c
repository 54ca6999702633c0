/* manage.c - a walk up, then a look into each folder below. */
#include "conf/manage.h"
#include <errno.h>

enum { FOLDERS_ABOVE_MAX = 32 };

/* Other people's packages and caches bring their own manage.py along. */
bool manage_is_foreign(const char *name)
{
    return name[0] == '.' || strcmp(name, "node_modules") == 0 ||
           strcmp(name, "site-packages") == 0;
}

static bool is_project(const char *folder)
{
    return folder_has_file(folder, "manage.py") && !folder_has_file(folder, "pyvenv.cfg");
}

/* ---- above ---- */

/* A folder of a package that was installed: /x/node_modules/a, /x/lib/site-packages/a. */
static bool is_installed(const char *path)
{
    return strstr(path, "/node_modules/") || strstr(path, "/site-packages/");
}

static int find_above(char folder[FOLDER_BYTES], const char *start)
{
    char at[FOLDER_BYTES];
    int rc = folder_join(at, "/", start);
    for (int i = 0; i < FOLDERS_ABOVE_MAX && rc == 0; i++) {
        rc = folder_parent(at, at);
        if (rc < 0 || folder_is_public(at))
            return -ENOENT;
        if (!manage_is_foreign(folder_name(at)) && !is_installed(at) && is_project(at))
            return folder_join(folder, "/", at);
    }
    return -ENOENT;
}

/* ---- below ---- */

struct below {
    const char *start;
    bool is_public;        /* start: others may have put folders there */
    char *found, *other;
    unsigned count;
};

static int look_into(void *ctx, const char *name)
{
    char folder[FOLDER_BYTES];
    struct below *b = ctx;
    if (manage_is_foreign(name) || folder_join(folder, b->start, name) < 0 ||
        !is_project(folder) || (b->is_public && !folder_is_ours(folder)))
        return 0;
    return folder_join(b->count++ == 0 ? b->found : b->other, "/", folder) < 0 || b->count > 1;
}

static int find_below(char folder[FOLDER_BYTES], const char *start, char other[FOLDER_BYTES])
{
    struct below b = { start, folder_is_public(start), folder, other, 0 };
    int rc = folder_each(start, look_into, &b);
    return rc < 0 || b.count == 0 ? -ENOENT : b.count > 1 ? -EEXIST : 0;
}

int manage_find(char folder[FOLDER_BYTES], const char *start, char other[FOLDER_BYTES])
{
    if (is_project(start))
        return folder_join(folder, "/", start);
    return find_above(folder, start) == 0 ? 0 : find_below(folder, start, other);
}
