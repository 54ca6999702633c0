/* place.c - the order of the ways in which a project is known. */
#include "conf/place.h"
#include <errno.h>
#include <stdio.h>
#include "conf/manage.h"

/* Where the folder lies, seen from the one that we started from. */
static void say_from(struct place *p, const char *what, const char *start)
{
    size_t len = strlen(p->folder);
    bool is_here = strcmp(p->folder, start) == 0,
         is_above = strncmp(p->folder, start, len) == 0 && (len == 1 || start[len] == '/');
    if (is_here)
        (void)snprintf(p->from, sizeof(p->from), "%.290s", what);
    else
        (void)snprintf(p->from, sizeof(p->from), "%.150s %s %.150s", what,
                       is_above ? "above" : "one folder below", start);
}

static int take_manage(struct place *p, const struct conf *c, char *why)
{
    char other[FOLDER_BYTES];
    int rc = manage_find(p->folder, c->chdir, other);
    if (rc == -EEXIST)
        (void)snprintf(
            why, CONF_WHY_BYTES,
            "more than one project is below %.200s (%.60s and %.60s): choose by --chdir DIR",
            c->chdir, folder_name(p->folder), folder_name(other));
    if (rc < 0)
        return rc;
    p->has_manage_py = true;
    p->has_wsgi = wsgi_find_in(&p->wsgi, p->folder) == 0 && p->wsgi.other[0] == '\0';
    say_from(p, "manage.py", c->chdir);
    return 0;
}

static bool take_wsgi(struct place *p, const struct conf *c)
{
    char name[WSGI_NAME_BYTES + 16];
    if (wsgi_find(&p->wsgi, c->chdir) < 0)
        return false;
    p->has_wsgi = true;
    memcpy(p->folder, p->wsgi.folder, sizeof(p->folder));
    wsgi_file_name(&p->wsgi, name);
    say_from(p, name, c->chdir);
    return true;
}

static int take_start(struct place *p, const struct conf *c)
{
    bool is_named = c->origin[CONF_chdir].source > CONF_BUILT_IN;
    (void)snprintf(p->from, sizeof(p->from), "%.300s",
                   is_named ? conf_origin_text(c, CONF_chdir) : "the working folder");
    p->has_manage_py = folder_has_file(c->chdir, "manage.py");
    return folder_join(p->folder, "/", c->chdir);
}

int place_find(struct place *p, const struct conf *c, char *why)
{
    memset(p, 0, sizeof(*p));
    if (!folder_exists(c->chdir)) {
        (void)snprintf(why, CONF_WHY_BYTES, "there is no folder %.400s", c->chdir);
        return -ENOENT;
    }
    if (c->app[0] != '\0')
        return take_start(p, c);
    int rc = take_manage(p, c, why);
    if (rc != -ENOENT)
        return rc;
    return take_wsgi(p, c) ? 0 : take_start(p, c);
}
