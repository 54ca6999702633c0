/* project.c - where the project is, which Python it has, which settings. */
#include "conf/project.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "conf/control_path.h"
#include "conf/env_file.h"
#include "conf/machine.h"
#include "conf/place.h"
#include "conf/settings_name.h"

_Static_assert((int)FOLDER_BYTES == (int)sizeof(((struct project *)0)->folder),
               "paths have one size");

/* Set to nothing is as good as not set. */
static const char *variable(char *const *envp, const char *name)
{
    const char *value = env_value(envp, name);
    return value ? value : "";
}

/* ---- interpreter ---- */

static bool take_venv(struct project *p, const char *venv)
{
    static const char *const names[] = { "bin/python", "bin/python3" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (folder_has_program(venv, names[i]))
            return folder_join(p->python, venv, names[i]) == 0 &&
                   folder_join(p->venv, "/", venv) == 0;
    return false;
}

static bool take_venv_in(struct project *p, const char *folder)
{
    static const char *const names[] = { ".venv", "venv" };
    char venv[FOLDER_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (folder_join(venv, folder, names[i]) == 0 && folder_exists(venv) && take_venv(p, venv))
            return true;
    return false;
}

static bool take_from_path(struct project *p, const char *name, char *const *envp)
{
    char folder[FOLDER_BYTES];
    struct span rest = span_of(variable(envp, "PATH"));
    if (rest.len == 0)
        rest = SPAN("/usr/local/bin:/usr/bin:/bin");
    while (rest.len > 0) {
        size_t end = span_find(rest, ':');
        if (end > 0 && end < sizeof(folder)) { /* an empty part means the working folder: never */
            *(char *)mempcpy(folder, rest.at, end) = '\0';
            if (folder_has_program(folder, name))
                return folder_join(p->python, folder, name) == 0;
        }
        rest = span_skip(rest, end < rest.len ? end + 1 : end);
    }
    return false;
}

/* An interpreter named by path may be one of a virtual environment: DIR/bin/python beside
 * DIR/pyvenv.cfg. */
static void take_venv_of_python(struct project *p)
{
    char venv[FOLDER_BYTES];
    if (folder_parent(venv, p->python) == 0 && folder_parent(venv, venv) == 0 &&
        folder_has_file(venv, "pyvenv.cfg"))
        (void)folder_join(p->venv, "/", venv);
}

static int take_python(struct project *p, const struct conf *c, char *const *envp, char *why)
{
    bool is_path = strchr(c->python, '/');
    bool is_found = is_path ? folder_has_program("/", c->python) &&
                                  folder_join(p->python, "/", c->python) == 0
                            : take_from_path(p, c->python, envp);
    if (is_found) {
        take_venv_of_python(p);
        return 0;
    }
    (void)snprintf(why, CONF_WHY_BYTES,
                   is_path ? "%s: there is no program %.300s"
                           : "%s: there is no program '%.300s' on PATH",
                   conf_origin_text(c, CONF_python), c->python);
    return -ENOENT;
}

static int find_python(struct project *p, const struct conf *c, char *const *envp, char *why)
{
    char above[FOLDER_BYTES];
    const char *active = variable(envp, "VIRTUAL_ENV");
    /* A site's own venv is meant, where the server names an interpreter for all. */
    bool is_venv_nearer = c->venv[0] != '\0' && c->origin[CONF_venv].source > c->origin[CONF_python].source;
    if (c->python[0] != '\0' && !is_venv_nearer)
        return take_python(p, c, envp, why);
    if (c->venv[0] != '\0') {
        if (take_venv(p, c->venv))
            return 0;
        (void)snprintf(why, CONF_WHY_BYTES,
                       "%s: there is no bin/python in %.300s; make one by: python3 -m venv %.100s",
                       conf_origin_text(c, CONF_venv), c->venv, c->venv);
        return -ENOENT;
    }
    if ((active[0] == '/' && take_venv(p, active)) || take_venv_in(p, p->folder))
        return 0;
    if (folder_parent(above, p->folder) == 0 && !folder_is_public(above) && take_venv_in(p, above))
        return 0;
    if (take_from_path(p, "python3", envp))
        return 0;
    (void)snprintf(
        why, CONF_WHY_BYTES,
        "no Python: there is neither a virtual environment in %.200s nor python3 on PATH; "
        "name one with --venv or --python",
        p->folder);
    return -ENOENT;
}

/* ---- settings ---- */

static int take_settings(struct project *p, const char *module, const char *from, char *why)
{
    if (strlen(module) >= sizeof(p->settings)) {
        (void)snprintf(why, CONF_WHY_BYTES, "%s: the name of the settings module is too long",
                       from);
        return -ENAMETOOLONG;
    }
    (void)snprintf(p->settings, sizeof(p->settings), "%s", module);
    (void)snprintf(p->settings_from, sizeof(p->settings_from), "%s", from);
    return 0;
}

static int take_settings_of_env_file(struct project *p, const struct conf *c, char *const *envp,
                                     char *why)
{
    struct env_entry *entries = NULL;
    int rc = c->env_file[0] != '\0' ? env_read(c->env_file, envp, &entries, why) : 0;
    for (const struct env_entry *e = entries; e && rc == 0; e = e->next)
        if (strcmp(e->name, "DJANGO_SETTINGS_MODULE") == 0 && e->value && e->value[0] != '\0') {
            char from[100];
            (void)snprintf(from, sizeof(from), "%.50s: DJANGO_SETTINGS_MODULE",
                           folder_name(c->env_file));
            rc = take_settings(p, e->value, from, why);
        }
    env_free(entries);
    return rc;
}

static int take_settings_of_file(struct project *p, const char *name, char *why)
{
    char path[FOLDER_BYTES], module[SETTINGS_NAME_BYTES];
    if (folder_join(path, p->folder, name) < 0 || settings_name_read(path, module) < 0)
        return 0;
    return take_settings(p, module, name, why);
}

static int find_settings(struct project *p, const struct place *place, const struct conf *c,
                         char *const *envp, char *why)
{
    char name[WSGI_NAME_BYTES + 16];
    const char *set = variable(envp, "DJANGO_SETTINGS_MODULE");
    if (c->settings[0] != '\0')
        return take_settings(p, c->settings, conf_origin_text(c, CONF_settings), why);
    if (set[0] != '\0')
        return take_settings(p, set, "DJANGO_SETTINGS_MODULE", why);
    int rc = take_settings_of_env_file(p, c, envp, why);
    if (rc == 0 && p->settings[0] == '\0' && p->has_manage_py)
        rc = take_settings_of_file(p, "manage.py", why);
    if (rc == 0 && p->settings[0] == '\0' && place->has_wsgi) {
        wsgi_file_name(&place->wsgi, name);
        rc = take_settings_of_file(p, name, why);
    }
    return rc;
}

/* ---- application ---- */

/* A wsgi.py may compute which settings it names: then it is imported for its answer. */
static void find_app(struct project *p, const struct place *place, const struct conf *c)
{
    char name[WSGI_NAME_BYTES + 16];
    const struct wsgi *w = &place->wsgi;
    bool is_answer = !p->has_manage_py || p->settings[0] == '\0';
    if (c->app[0] != '\0') {
        (void)snprintf(p->app, sizeof(p->app), "%s", c->app);
        (void)snprintf(p->app_from, sizeof(p->app_from), "%s", conf_origin_text(c, CONF_app));
    } else if (place->has_wsgi && !w->is_asgi && is_answer) {
        wsgi_file_name(w, name);
        (void)snprintf(p->app, sizeof(p->app), "%s%swsgi:application", w->package,
                       w->package[0] != '\0' ? "." : "");
        (void)snprintf(p->app_from, sizeof(p->app_from), "%s", name);
    }
}

/* ---- the whole ---- */

static int check_one(const struct place *place, char *why)
{
    const struct wsgi *w = &place->wsgi;
    if (place->has_manage_py || !place->has_wsgi || w->other[0] == '\0')
        return 0;
    (void)snprintf(why, CONF_WHY_BYTES,
                   "more than one package in %.200s has a wsgi.py or asgi.py (%.60s and %.60s): name "
                   "the application: %.60s.wsgi:application",
                   place->folder, w->package, w->other, w->package);
    return -EEXIST;
}

static int check_app(const struct project *p, const struct place *place, const struct conf *c,
                     char *why)
{
    char name[WSGI_NAME_BYTES + 16] = "manage.py";
    if (p->app[0] != '\0' || p->settings[0] != '\0')
        return c->app[0] != '\0' ? 0 : check_one(place, why);
    if (!p->has_manage_py && place->has_wsgi)
        wsgi_file_name(&place->wsgi, name);
    if (p->has_manage_py || place->has_wsgi)
        (void)snprintf(
            why, CONF_WHY_BYTES,
            "%.250s/%.150s does not say its settings module; name it: --settings MODULE", p->folder,
            name);
    else
        (void)snprintf(
            why, CONF_WHY_BYTES,
            "no Django project here: there is neither a manage.py nor a package with wsgi.py in "
            "%.200s, above or one folder below; go to the project, or name it: --chdir DIR, or an "
            "application: MODULE:CALLABLE",
            c->chdir);
    return -ENOENT;
}

static int find_what_runs(struct project *p, const struct conf *c, char *const *envp,
                          bool wants_app, char *why)
{
    struct place place;
    int rc = place_find(&place, c, why);
    if (rc < 0)
        return rc;
    (void)snprintf(p->folder, sizeof(p->folder), "%s", place.folder);
    (void)snprintf(p->folder_from, sizeof(p->folder_from), "%s", place.from);
    p->has_manage_py = place.has_manage_py;
    control_site_name(p->name, c, p->folder);
    rc = find_settings(p, &place, c, envp, why);
    if (rc < 0)
        return rc;
    find_app(p, &place, c);
    return wants_app ? check_app(p, &place, c, why) : 0;
}

int project_find(struct project *p, const struct conf *c, char *const *envp, bool wants_app,
                 char *why)
{
    memset(p, 0, sizeof(*p));
    int rc = find_what_runs(p, c, envp, wants_app, why);
    rc = rc < 0 ? rc : find_python(p, c, envp, why);
    return rc < 0 ? rc : control_path(p->control, c, p->folder, why);
}

unsigned project_cpus(void)
{
    return machine_cpus("");
}

int64_t project_memory_bytes(void)
{
    return machine_memory_bytes("");
}

unsigned project_workers(const struct conf *c)
{
    return c->workers > 0 ? (unsigned)c->workers : machine_workers("");
}
