/* zygote.c - `PYTHON boot.py 3` in the project's folder.
 *
 * boot.py lies beside the program in a build tree (DIR/python/slipway) and in ../lib/slipway once
 * installed.
 */
#include "master/zygote.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/sys.h"
#include "conf/folder.h"
#include "conf/listen.h"
#include "master/environment.h"
#include "master/metrics.h"
#include "master/spawn.h"

enum { MESSAGE_BYTES_MAX = 200 * 1024 };     /* what a SEQPACKET socket takes by default */

int zygote_file(const char *name, char path[PATH_MAX], char *why)
{
    static const char *const places[] = { "python/slipway/", "../lib/slipway/python/slipway/" };
    char program[PATH_MAX - 64];
    struct stat st;
    ssize_t len = sys_readlink("/proc/self/exe", program, sizeof program);
    char *slash = len > 0 ? strrchr(program, '/') : NULL;
    for (size_t i = 0; slash && i < ARRAY_LEN(places); i++) {
        (void)snprintf(path, PATH_MAX, "%.*s/%s%s", (int)(slash - program), program, places[i],
                       name);
        if (sys_stat(path, &st) == 0)
            return 0;
    }
    (void)snprintf(why, CONF_WHY_BYTES,
                   "slipway's own Python files are missing: there is no %.300s; "
                   "install slipway again",
                   slash ? path : name);
    return -ENOENT;
}

/* May others than programs of this machine connect? */
static bool is_open(const struct conf_list *listen)
{
    struct listen_spec one;
    for (size_t i = 0; i < listen->count; i++)
        if (!listen_parse(span_of(listen->items[i]), &one) && one.kind == LISTEN_INET &&
            strncmp(one.host, "127.", 4) != 0 && strcmp(one.host, "::1") != 0 && strcmp(one.host, "localhost") != 0)
            return true;
    return false;
}

/* The URLs of items URL=PATH. */
static void add_urls(json_t *urls, const struct conf_list *items)
{
    for (size_t i = 0; i < items->count; i++)
        (void)json_array_append_new(urls, json_stringn(items->items[i], strcspn(items->items[i], "=")));
}

/* Sections that mean addresses of the project: not those that keep people from others, or send them away. */
static json_t *patterns_of(const struct conf *conf)
{
    json_t *patterns = json_array();
    for (size_t i = 0; i < conf->routes_count; i++) {
        const struct conf_origin *says = conf->routes[i].conf->origin;
        if (says[CONF_redirect].source != CONF_ROUTE && says[CONF_redirects].source != CONF_ROUTE &&
            says[CONF_deny].source != CONF_ROUTE && says[CONF_maintenance].source != CONF_ROUTE)
            (void)json_array_append_new(patterns, json_string(conf->routes[i].pattern));
    }
    return patterns;
}

/* What lookover.py compares Django's settings with. */
static json_t *facts_to_check(const struct conf *conf)
{
    json_t *urls = json_array(), *files = json_array();
    add_urls(urls, &conf->static_map);
    add_urls(files, &conf->static_map);
    add_urls(files, &conf->file_map);
    add_urls(files, &conf->protected_map);
    return json_pack("{s:I, s:o, s:o, s:o, s:b, s:b}", "body_limit", (json_int_t)conf->body_limit_bytes, "static",
                     urls, "files", files, "routes", patterns_of(conf), "sees_https",
                     conf->trusted_peers.count > 0 || listen_any_tls(&conf->listen), "is_open", is_open(&conf->listen));
}

/* Somewhere on the site: a route may have it alone. */
static bool has_wall(const struct conf *conf)
{
    bool has_one = conf->wall;
    for (size_t i = 0; i < conf->routes_count; i++)
        has_one |= conf->routes[i].conf->wall;
    return has_one;
}

/* Query parameters whose values no log has; those of a route count for all: a worker knows no routes. */
static json_t *secrets_of(const struct conf *conf)
{
    json_t *lists = json_array();
    (void)json_array_append_new(lists, json_string(conf->mask_query));
    for (size_t i = 0; i < conf->routes_count; i++)
        (void)json_array_append_new(lists, json_string(conf->routes[i].conf->mask_query));
    return lists;
}

static json_t *start_message(const struct zygote_start *z, const char *settings)
{
    const struct conf *conf = z->start->conf;
    const struct project *project = z->start->project;
    char metrics[METRICS_PATH_BYTES] = "";
    if (z->generation > 0)
        metrics_path(metrics, project->control);
    if (project->settings[0])
        settings = project->settings;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:s, s:s, s:s, "
                     "s:b, s:o}",
                     "do", "start", "app", project->app, "app_from", project->app_from, "settings",
                     settings, "settings_from", project->settings_from, "chdir", project->folder,
                     "site", project->name, "mount", conf->mount, "threads",
                     (json_int_t)conf->threads, "workers", (json_int_t)z->workers, "generation",
                     (json_int_t)z->generation, "development", z->start->is_development, "preload",
                     conf->preload, "metrics_dir", metrics, "media", conf->media, "wall",
                     has_wall(conf), "secrets", secrets_of(conf));
}

static int send_start(int fd, const struct zygote_start *z, const char *settings)
{
    const struct conf *conf = z->start->conf;
    json_t *start = start_message(z, settings);
    if (start && z->start->is_development && conf->live) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/live.js", conf->health_path);
        json_object_set_new(start, "live", json_string(path));
    }
    if (start && z->excuse) {
        json_object_set_new(start, "error", json_string(z->excuse->sentence));
        json_object_set_new(start, "traceback", json_string(z->excuse->traceback));
    }
    if (start && z->looks_over)
        (void)json_object_set_new(start, "check", facts_to_check(conf));
    char *line = start ? json_line(start) : NULL;
    ssize_t sent = line ? sys_send(fd, line, strlen(line), 0) : -ENOMEM;
    sys_free(line);
    json_decref(start);
    return sent < 0 ? (int)sent : 0;
}

/* Python itself would only say that it cannot. */
static int check_reach(const struct zygote_start *z, const struct worker_user *user, const char *boot, char *why)
{
    char folder[FOLDER_BYTES + 1];
    (void)snprintf(folder, sizeof folder, "%s/", z->start->project->folder);
    const char *const files[] = { folder, z->start->project->python, boot };
    return worker_user_reaches(user, files, ARRAY_LEN(files), why);
}

static pid_t spawn_python(const struct zygote_start *z, char *const *envp, const struct worker_user *user,
                          int fd, char *why)
{
    char boot[PATH_MAX], number[] = "3";
    char *argv[] = { (char *)(uintptr_t)z->start->project->python, boot, number, NULL };
    struct spawn s = { .path = z->start->project->python, .argv = argv, .envp = envp,
                       .folder = z->start->project->folder, .output_fd = z->output_fd,
                       .error_fd = z->error_fd, .fds = { fd }, .fds_count = 1,
                       .user = user, .dies_with_us = true };    /* an import may take for ever */
    int rc = zygote_file("boot.py", boot, why);
    if (rc == 0)
        rc = check_reach(z, user, boot, why);
    if (rc < 0)
        return rc;
    pid_t pid = spawn_start(&s);
    if (pid < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot start the application's process: %s",
                       strerror(-pid));
    return pid;
}

static pid_t spawn_with(const struct zygote_start *z, const struct environment *env,
                        const struct worker_user *user, int *fd, char *why)
{
    int pair[2];
    pid_t pid = 0;
    int rc = sys_socketpair(SOCK_SEQPACKET, pair);
    if (rc == 0) {
        rc = sys_set_nonblocking(pair[0]);
        if (rc == 0)
            rc = send_start(pair[0], z, env->settings);
        if (rc == 0)
            pid = spawn_python(z, env->envp, user, pair[1], why);
        (void)sys_close(pair[1]);
        if (rc == 0 && pid > 0) {
            *fd = pair[0];
            return pid;
        }
        (void)sys_close(pair[0]);
    }
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot talk to the application's process: %s",
                       strerror(-rc));
    return rc < 0 ? rc : pid;
}

/* The folder of the control socket is root's: his processes could not make one there. */
static void prepare_metrics(const struct zygote_start *z, const struct worker_user *user)
{
    char path[METRICS_PATH_BYTES];
    metrics_path(path, z->start->project->control);
    if (user->is_other && z->generation > 0 && path[0] != '\0')
        metrics_make(path, user);
}

pid_t zygote_spawn(const struct zygote_start *z, struct worker_user *user, int *fd, char *why)
{
    struct environment env;
    int rc = worker_user_find(user, z->start->conf, z->start->project->folder, why);
    if (rc < 0)
        return rc;
    prepare_metrics(z, user);
    pid_t pid = environment_build(&env, z->start, user, !z->excuse, why);
    if (pid == 0)
        pid = spawn_with(z, &env, user, fd, why);
    environment_done(&env);
    return pid;
}

int zygote_read(int fd, json_t **message)
{
    char why[160];
    char *text = sys_malloc(MESSAGE_BYTES_MAX);
    if (!text)
        return -ENOMEM;
    ssize_t got = sys_recv(fd, text, MESSAGE_BYTES_MAX, MSG_DONTWAIT);
    if (got == -ECONNRESET)      /* it ended before it read our last word; what it said itself comes after this */
        got = sys_recv(fd, text, MESSAGE_BYTES_MAX, MSG_DONTWAIT);
    json_t *object = got > 0 ? json_read((struct span){ text, (size_t)got }, why) : NULL;
    sys_free(text);
    if (got <= 0)
        return got == 0 || got == -ECONNRESET ? 0 : (int)got;
    if (!json_is_object(object)) {
        json_decref(object);
        return -EBADMSG;
    }
    *message = object;
    return 1;
}
