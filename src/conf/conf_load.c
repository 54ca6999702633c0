/* conf_load.c - all sources in their order.
 *
 * chdir says where slipway.ini is, which may say where the env file is, and both are weaker than
 * the environment and the arguments; so those two are read twice: first into a scout that only
 * knows where to look, then in their turn.
 */
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "conf/conf_private.h"
#include "conf/env_file.h"
#include "conf/place.h"

struct loading {
    struct conf *conf, *scout;
    char project[FOLDER_BYTES];       /* where slipway.ini and .env are looked for first */
    char *const *envp;
    char *why;
    bool passes_over;                 /* a file that is wrong: why says so, the rest goes on */
    bool has_passed;
};

static int no_memory(char *why)
{
    (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
    return -ENOMEM;
}

static bool is_set(const struct conf *c, enum conf_option option)
{
    return c->origin[option].source > CONF_BUILT_IN;
}

/* ---- paths ---- */

/* Puts a path that was relative to `base` in its place; the origin stays. */
static int keep_path(struct conf *c, const char **field, struct span before, const char *base,
                     char *why)
{
    char path[FOLDER_BYTES], text[2 * FOLDER_BYTES];
    int rc = folder_join(path, base, *field + before.len);
    if (rc < 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "the path %.300s is too long", *field);
        return rc;
    }
    (void)snprintf(text, sizeof(text), "%.*s%s", (int)before.len, before.at, path);
    const char *kept = conf_keep(c, span_of(text));
    if (!kept)
        return no_memory(why);
    *field = kept;
    return 0;
}

/* "journald" is a word, "journald:/PATH" has its path. */
static bool is_journal(const char *place)
{
    return strcmp(place, "journald") == 0 || span_starts(span_of(place), SPAN("journald:"));
}

static int keep_paths(struct conf *c, char *why)
{
    const struct span unix_prefix = SPAN("unix:");
    struct conf_list *const lists[] = { &c->tls_certificate, &c->tls_key };
    struct conf_list *const maps[] = { &c->static_map, &c->protected_map, &c->file_map };
    const char **const paths[] = {
        &c->tls_client_ca, &c->venv, &c->spool_dir, &c->maintenance_file, &c->sites, &c->access_log,
        &c->log, &c->python, &c->basic_auth, &c->redirects,
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(paths) && rc == 0; i++) {
        const char *path = *paths[i];
        bool is_word = path[0] == '\0' || strcmp(path, "-") == 0 ||
                       (paths[i] == &c->access_log && strcmp(path, "off") == 0) ||
                       ((paths[i] == &c->access_log || paths[i] == &c->log) && is_journal(path)) ||
                       (paths[i] == &c->python && !strchr(path, '/')); /* a name for PATH */
        rc = is_word ? 0 : keep_path(c, paths[i], SPAN(""), c->chdir, why);
    }
    if (rc == 0 && c->control[0] != '\0')
        rc = keep_path(c, &c->control, unix_prefix, c->chdir, why);
    for (size_t i = 0; i < c->listen.count && rc == 0; i++)
        if (span_starts(span_of(c->listen.items[i]), unix_prefix) &&
            c->listen.items[i][unix_prefix.len] != '@')
            rc = keep_path(c, &c->listen.items[i], unix_prefix, c->chdir, why);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (size_t i = 0; i < lists[l]->count && rc == 0; i++)
            rc = keep_path(c, &lists[l]->items[i], SPAN(""), c->chdir, why);
    for (size_t l = 0; l < ARRAY_LEN(maps); l++)
        for (size_t i = 0; i < maps[l]->count && rc == 0; i++) {
            const char *item = maps[l]->items[i];
            if (strchr(item, '='))
                rc = keep_path(c, &maps[l]->items[i], (struct span){ item, strcspn(item, "=") + 1 }, c->chdir, why);
        }
    return rc;
}

/* ---- folder ---- */

static int set_chdir(struct conf *c, const char *base, char *why)
{
    char real[FOLDER_BYTES];
    int rc = keep_path(c, &c->chdir, SPAN(""), base, why);
    if (rc < 0)
        return rc;
    if (!folder_exists(c->chdir)) {
        (void)snprintf(why, CONF_WHY_BYTES, "%s: there is no folder %.300s",
                       conf_origin_text(c, CONF_chdir), c->chdir);
        return -ENOENT;
    }
    if (!strstr(c->chdir, "/..")) /* else links stay: a release is switched by one */
        return 0;
    rc = sys_realpath(c->chdir, real);
    const char *kept = rc == 0 ? conf_keep(c, span_of(real)) : c->chdir;
    if (!kept)
        return no_memory(why);
    c->chdir = kept;
    return 0;
}

static int find_folder(struct loading *l)
{
    char why[CONF_WHY_BYTES];
    struct place place;
    /* Several projects below are for project_find to refuse; here they only mean that none counts.
     */
    int rc = place_find(&place, l->scout, why);
    return folder_join(l->project, "/", rc < 0 ? l->scout->chdir : place.folder);
}

/* ---- files ---- */

/* The file of an option that is set, which then must be there; else `name` in the project's or the
 * working folder. */
static int find_file(struct loading *l, enum conf_option option, const char *set_path,
                     const char *name, char into[FOLDER_BYTES])
{
    const char *chdir = l->scout->chdir;
    into[0] = '\0';
    if (set_path) {
        if (folder_join(into, chdir, set_path) == 0)
            return 0;
        (void)snprintf(l->why, CONF_WHY_BYTES, "%s: the path is too long", conf_row(option)->name);
        return -ENAMETOOLONG;
    }
    const char *folders[] = { l->project, chdir };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (folder_has_file(folders[i], name))
            return folder_join(into, folders[i], name);
    return 0;
}

static int keep_found(struct conf *c, const char **field, const char *path, char *why)
{
    const char *kept = conf_keep(c, span_of(path));
    if (!kept)
        return no_memory(why);
    *field = kept;
    return 0;
}

/* A slipway.ini may say chdir: then that is where everything else is looked for. */
static int follow_chdir(struct loading *l, const char *ini)
{
    char folder[FOLDER_BYTES];
    if (is_set(l->scout, CONF_chdir) || !is_set(l->conf, CONF_chdir))
        return 0;
    int rc = folder_parent(folder, ini);
    rc = rc < 0 ? rc : set_chdir(l->conf, folder, l->why);
    rc = rc < 0 ? rc : keep_found(l->scout, &l->scout->chdir, l->conf->chdir, l->why);
    return rc < 0 ? rc : find_folder(l);
}

/* What was read of the file is as if it had not been; only the first sentence is kept. */
static int pass_over(struct loading *l, int error, const struct conf *before, const char *why)
{
    conf_drop_texts(l->conf, before->texts);
    *l->conf = *before;
    if (!l->has_passed)
        (void)snprintf(l->why, CONF_WHY_BYTES, "%s", why);
    l->has_passed = true;
    return l->passes_over ? 0 : error;
}

static int read_ini(struct loading *l, const char *ini)
{
    char why[CONF_WHY_BYTES] = "";
    const struct conf before = *l->conf;
    int rc = conf_read_ini(l->conf, ini, why);
    return rc < 0 ? pass_over(l, rc, &before, why) : follow_chdir(l, ini);
}

static int load_ini(struct loading *l, char ini[FOLDER_BYTES])
{
    const char *set_path = is_set(l->scout, CONF_config) ? l->scout->config : NULL;
    int rc = find_file(l, CONF_config, set_path, "slipway.ini", ini);
    return rc < 0 || ini[0] == '\0' ? rc : read_ini(l, ini);
}

static int load_entries(struct conf *c, const char *path, const struct env_entry *entries,
                        char *why)
{
    char *const none[] = { NULL };
    char **variables = env_merge(none, entries);
    if (!variables)
        return no_memory(why);
    int rc = conf_read_variables(c, variables, CONF_ENV_FILE, folder_name(path), why);
    sys_free(variables);
    return rc;
}

static int read_env_file(struct loading *l, const char *path)
{
    char why[CONF_WHY_BYTES] = "";
    const struct conf before = *l->conf;
    struct env_entry *entries = NULL;
    int rc = env_read(path, l->envp, &entries, why);
    rc = rc < 0 ? rc : load_entries(l->conf, path, entries, why);
    env_free(entries);
    return rc < 0 ? pass_over(l, rc, &before, why) : 0;
}

static int load_env_file(struct loading *l, char path[FOLDER_BYTES])
{
    const struct conf *stronger = is_set(l->scout, CONF_env_file) ? l->scout : l->conf;
    const char *set_path = is_set(stronger, CONF_env_file) ? stronger->env_file : NULL;
    int rc = find_file(l, CONF_env_file, set_path, ".env", path);
    return rc < 0 || path[0] == '\0' ? rc : read_env_file(l, path);
}

/* ---- the order ---- */

/* A server of several sites lives where its file is: there its control socket is looked for. */
static int settle_server(struct conf *c, char *why)
{
    char folder[FOLDER_BYTES];
    if (c->sites[0] == '\0' || c->config[0] == '\0' || is_set(c, CONF_chdir))
        return 0;
    int rc = folder_parent(folder, c->config);
    return rc < 0 ? rc : keep_found(c, &c->chdir, folder, why);
}

static int make_routes(struct loading *l)
{
    char why[CONF_WHY_BYTES] = "";
    int rc = conf_make_routes(l->conf, why);
    if (rc == 0)
        return 0;
    if (!l->has_passed)
        (void)snprintf(l->why, CONF_WHY_BYTES, "%s", why);
    l->has_passed = true;
    l->conf->route_lines = NULL;
    return l->passes_over ? 0 : rc;
}

static int load(struct loading *l, int argc, char **argv)
{
    char cwd[FOLDER_BYTES], ini[FOLDER_BYTES], env_file[FOLDER_BYTES];
    struct conf *c = l->conf;
    int rc = conf_read_environment(l->scout, l->envp, l->why);
    rc = rc < 0 ? rc : conf_read_arguments(l->scout, argc, argv, l->why);
    if (rc < 0)
        return rc;
    rc = sys_getcwd(cwd, sizeof(cwd));
    if (rc < 0) {
        (void)snprintf(l->why, CONF_WHY_BYTES, "the working folder is gone: %s", strerror(-rc));
        return rc;
    }
    rc = set_chdir(l->scout, cwd, l->why);
    rc = rc < 0 ? rc : find_folder(l);
    rc = rc < 0 ? rc : load_ini(l, ini);
    rc = rc < 0 ? rc : load_env_file(l, env_file);
    rc = rc < 0 ? rc : conf_read_environment(c, l->envp, l->why);
    rc = rc < 0 ? rc : conf_read_arguments(c, argc, argv, l->why);
    rc = rc < 0 ? rc : keep_found(c, &c->chdir, l->scout->chdir, l->why);
    rc = rc < 0 ? rc : keep_found(c, &c->config, ini, l->why);
    rc = rc < 0 ? rc : keep_found(c, &c->env_file, env_file, l->why);
    rc = rc < 0 ? rc : settle_server(c, l->why);
    rc = rc < 0 ? rc : keep_paths(c, l->why);
    rc = rc < 0 ? rc : make_routes(l);
    for (size_t i = 0; i < c->routes_count && rc == 0; i++)
        rc = keep_paths(c->routes[i].conf, l->why);
    return rc;
}

static int load_all(struct conf *c, int argc, char **argv, char *const *envp, bool passes_over,
                    char *why)
{
    struct loading l = { .conf = c, .scout = conf_new(), .envp = envp, .why = why,
                         .passes_over = passes_over };
    const struct conf saved = *c;
    if (!l.scout)
        return no_memory(why);
    int rc = load(&l, argc, argv);
    if (rc < 0) {
        conf_drop_routes(c);
        conf_drop_texts(c, saved.texts);
        *c = saved;
    }
    conf_free(l.scout);
    return rc < 0 ? rc : l.has_passed;
}

int conf_load(struct conf *c, int argc, char **argv, char *const *envp, char *why)
{
    return load_all(c, argc, argv, envp, false, why);
}

int conf_load_around(struct conf *c, int argc, char **argv, char *const *envp, char *why)
{
    return load_all(c, argc, argv, envp, true, why);
}

void conf_use_for_development(struct conf *c)
{
    if (!is_set(c, CONF_static_cache_ms))
        c->static_cache_ms = 0;
    if (!is_set(c, CONF_static_max_age_ms))
        c->static_max_age_ms = 0;
}
