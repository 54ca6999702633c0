/* environment.c - three merges; who comes first wins (env_merge adds only what is lacking).
 */
#include "master/environment.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/sys.h"

static bool is_named(const char *variable, const char *name)
{
    size_t len = strlen(name);
    return strncmp(variable, name, len) == 0 && variable[len] == '=';
}

/* Passed sockets (sd_listen_fds(3)) were for us, and who watches us (sd_notify(3)) does not want to hear
 * of them. */
static bool is_for_us(const char *variable)
{
    static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
                                         "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC" };
    bool is_ours = false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        is_ours = is_ours || is_named(variable, names[i]);
    return is_ours;
}

/* envp without those that `ours` says and those meant for us alone: one block, of pointers into envp. */
static char **without(char *const *envp, const struct env_entry *ours)
{
    size_t count = 0, kept = 0;
    while (envp[count])
        count++;
    char **copy = sys_calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        bool is_ours = is_for_us(envp[i]);
        for (const struct env_entry *o = ours; o; o = o->next)
            is_ours = is_ours || is_named(envp[i], o->name);
        if (!is_ours)
            copy[kept++] = envp[i];
    }
    return copy;
}

static char *path_of(const struct project *p, char *const *envp)
{
    const char *old = env_value(envp, "PATH");
    size_t bytes = strlen(p->venv) + (old ? strlen(old) : 0) + sizeof "/bin:";
    char *path = sys_malloc(bytes);
    if (path)
        (void)snprintf(path, bytes, "%s/bin%s%s", p->venv, old ? ":" : "", old ? old : "");
    return path;
}

static int read_file(struct environment *e, const struct master_start *start, char *why)
{
    const char *path = start->conf->env_file;
    if (!path[0])
        return 0;
    why[0] = '\0';
    int rc = env_read(path, start->envp, &e->file, why);
    if (rc < 0 && !why[0])
        (void)snprintf(why, CONF_WHY_BYTES, "cannot read the environment file %.300s: %s", path,
                       strerror(-rc));
    return rc;
}

enum { OVERRIDES_MAX = 8 };

/* Those of a login; what root's session has for itself is no place of his. */
static struct env_entry *override_user(const struct worker_user *user, struct env_entry *first,
                                       struct env_entry room[5])
{
    static char home_name[] = "HOME", user_name[] = "USER", logname_name[] = "LOGNAME",
                shell_name[] = "SHELL", runtime_name[] = "XDG_RUNTIME_DIR";
    if (!user || !user->is_other)
        return first;
    const struct account *a = &user->account;
    room[0] = (struct env_entry){ first, home_name, (char *)(uintptr_t)a->home };
    room[1] = (struct env_entry){ &room[0], user_name, (char *)(uintptr_t)a->name };
    room[2] = (struct env_entry){ &room[1], logname_name, (char *)(uintptr_t)a->name };
    room[3] = (struct env_entry){ &room[2], shell_name, (char *)(uintptr_t)a->shell };
    room[4] = (struct env_entry){ &room[3], runtime_name, NULL };
    return &room[4];
}

/* What must hold whatever the environment says: chained into `room`. */
static const struct env_entry *overrides(struct environment *e, const struct master_start *start,
                                         const struct worker_user *user,
                                         struct env_entry room[OVERRIDES_MAX])
{
    static char venv_name[] = "VIRTUAL_ENV", path_name[] = "PATH",
                settings_name[] = "DJANGO_SETTINGS_MODULE";
    struct env_entry *first = NULL;
    const struct project *p = start->project;
    if (p->venv[0] && (e->path = path_of(p, start->envp)) != NULL) {
        room[0] = (struct env_entry){ first, venv_name, (char *)(uintptr_t)p->venv };
        room[1] = (struct env_entry){ &room[0], path_name, e->path };
        first = &room[1];
    }
    if (start->conf->settings[0]) {
        room[2] = (struct env_entry){ first, settings_name,
                                      (char *)(uintptr_t)start->conf->settings };
        first = &room[2];
    }
    return override_user(user, first, room + 3);
}

static char **add_defaults(char **envp, const char *settings)
{
    char buffered_name[] = "PYTHONUNBUFFERED", one[] = "1", lang_name[] = "LANG",
         lang[] = "C.UTF-8";
    char settings_name[] = "DJANGO_SETTINGS_MODULE";
    struct env_entry entries[] = {
        { &entries[1], buffered_name, one },
        { settings[0] ? &entries[2] : NULL, lang_name, lang },
        { NULL, settings_name, (char *)(uintptr_t)settings },
    };
    return env_merge(envp, entries);
}

int environment_build(struct environment *e, const struct master_start *start,
                      const struct worker_user *user, bool has_file, char *why)
{
    struct env_entry room[OVERRIDES_MAX];
    *e = (struct environment){ .settings = "" };
    int rc = has_file ? read_file(e, start, why) : 0;
    if (rc < 0)
        return rc;
    const struct env_entry *ours = overrides(e, start, user, room);
    char **rest = without(start->envp, ours);
    e->own = rest ? env_merge(rest, ours) : NULL;
    e->with_file = e->own ? env_merge(e->own, e->file) : NULL;
    e->envp = e->with_file ? add_defaults(e->with_file, start->project->settings) : NULL;
    sys_free(rest);
    if (!e->envp) {
        (void)snprintf(why, CONF_WHY_BYTES, "no memory for the environment of the application");
        return -ENOMEM;
    }
    const char *settings = env_value(e->envp, "DJANGO_SETTINGS_MODULE");
    e->settings = settings ? settings : "";
    return 0;
}

void environment_done(struct environment *e)
{
    sys_free(e->envp);
    sys_free(e->with_file);
    sys_free(e->own);
    sys_free(e->path);
    env_free(e->file);
    *e = (struct environment){ .settings = "" };
}
