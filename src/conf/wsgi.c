/* wsgi.c - first the folders that we are in, then those that are in ours. */
#include "conf/wsgi.h"
#include <errno.h>
#include <stdio.h>
#include "conf/manage.h"

enum { PACKAGES_ABOVE_MAX = 8 };

static bool is_package_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_' ||
                         (*at & 0x80);
        if (!is_letter && !(at > name && *at >= '0' && *at <= '9'))
            return false;
    }
    return name[0] != '\0' && strlen(name) < WSGI_NAME_BYTES;
}

/* ---- a package in a folder ---- */

struct search {
    struct wsgi *w;
    const char *file;                /* "wsgi.py" or "asgi.py" */
};

static int look_at(void *ctx, const char *name)
{
    char folder[FOLDER_BYTES];
    const struct search *s = ctx;
    if (manage_is_foreign(name) || !is_package_name(name) ||
        folder_join(folder, s->w->folder, name) < 0 || !folder_has_file(folder, s->file) ||
        folder_has_file(folder, "pyvenv.cfg"))
        return 0;
    bool is_first = s->w->package[0] == '\0';
    (void)snprintf(is_first ? s->w->package : s->w->other, WSGI_NAME_BYTES, "%s", name);
    return !is_first;                /* two are enough to know that there are several */
}

int wsgi_find_in(struct wsgi *w, const char *folder)
{
    static const char *const files[] = { "wsgi.py", "asgi.py" };
    memset(w, 0, sizeof(*w));
    if (folder_join(w->folder, "/", folder) < 0 || folder_has_file(folder, "pyvenv.cfg"))
        return -ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(files) && w->package[0] == '\0'; i++) {
        w->is_asgi = i > 0;
        (void)folder_each(folder, look_at, &(struct search){ w, files[i] });
    }
    return w->package[0] != '\0' ? 0 : -ENOENT;
}

/* ---- a package that we are in ---- */

/* Puts the folder's name before the package: "site" in "company" is "company.site". */
static int go_out(struct wsgi *w)
{
    char inner[WSGI_NAME_BYTES];
    const char *name = folder_name(w->folder);
    if (!is_package_name(name) || strlen(name) + strlen(w->package) + 2 > sizeof(inner))
        return -ENOENT;
    (void)snprintf(inner, sizeof(inner), "%s", w->package);
    (void)snprintf(w->package, sizeof(w->package), "%s%s%.*s", name, inner[0] != '\0' ? "." : "",
                   (int)(sizeof(w->package) - strlen(name) - 2), inner);
    return folder_parent(w->folder, w->folder);
}

static int find_around(struct wsgi *w, const char *start)
{
    memset(w, 0, sizeof(*w));
    int rc = folder_join(w->folder, "/", start);
    bool is_found = false;
    for (int i = 0; i < PACKAGES_ABOVE_MAX && rc == 0; i++) {
        if (!folder_has_file(w->folder, "__init__.py"))
            return is_found && !folder_is_public(w->folder) &&
                           !manage_is_foreign(folder_name(w->folder))
                       ? 0
                       : -ENOENT;
        bool has_wsgi = folder_has_file(w->folder, "wsgi.py");
        if (!is_found) {             /* what is inside it is not part of its name */
            w->package[0] = '\0';
            is_found = has_wsgi || folder_has_file(w->folder, "asgi.py");
            w->is_asgi = !has_wsgi;
        }
        rc = go_out(w);
    }
    return -ENOENT;
}

/* ---- below ---- */

struct below {
    const char *start;
    bool is_public;
    struct wsgi *w;
};

static int look_below(void *ctx, const char *name)
{
    char folder[FOLDER_BYTES];
    struct wsgi found;
    struct below *b = ctx;
    if (manage_is_foreign(name) || folder_join(folder, b->start, name) < 0 ||
        (b->is_public && !folder_is_ours(folder)) || wsgi_find_in(&found, folder) < 0 ||
        (folder_has_file(folder, "__init__.py") && go_out(&found) < 0))
        return 0;
    if (b->w->package[0] == '\0') {
        *b->w = found;
        return 0;
    }
    memcpy(b->w->other, found.package, sizeof(found.package));
    return 1;
}

static int find_below(struct wsgi *w, const char *start)
{
    memset(w, 0, sizeof(*w));
    struct below b = { start, folder_is_public(start), w };
    (void)folder_each(start, look_below, &b);
    return w->package[0] != '\0' ? 0 : -ENOENT;
}

/* ---- the order ---- */

/* A wsgi.py that is in no package, beside the settings. */
static int find_flat(struct wsgi *w, const char *start)
{
    memset(w, 0, sizeof(*w));
    if (!folder_has_file(start, "wsgi.py") || folder_has_file(start, "__init__.py") ||
        folder_has_file(start, "pyvenv.cfg"))
        return -ENOENT;
    return folder_join(w->folder, "/", start);
}

int wsgi_find(struct wsgi *w, const char *start)
{
    if (find_around(w, start) == 0)
        return 0;
    if (!folder_is_public(start) && (wsgi_find_in(w, start) == 0 || find_flat(w, start) == 0))
        return 0;
    return find_below(w, start);
}

void wsgi_file_name(const struct wsgi *w, char name[WSGI_NAME_BYTES + 16])
{
    char package[WSGI_NAME_BYTES];
    (void)snprintf(package, sizeof(package), "%s", w->package);
    for (char *dot = strchr(package, '.'); dot; dot = strchr(dot, '.'))
        *dot = '/';
    (void)snprintf(name, WSGI_NAME_BYTES + 16, "%s%s%s.py", package, package[0] != '\0' ? "/" : "",
                   w->is_asgi ? "asgi" : "wsgi");
}
