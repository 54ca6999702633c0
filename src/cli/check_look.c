/* check_look.c - the checks that need no Python: who runs it, what others can read, the limits.
 * The others are in python/slipway/lookover.py; docs/checks.md is the list of both. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/address.h"
#include "base/sys.h"
#include "cli/check.h"
#include "conf/annex.h"
#include "conf/folder.h"
#include "edge/sandbox.h"
#include "edge/sandbox_calls.h"
#include "master/edge_user.h"
#include "master/worker_user.h"

enum { FILES_FEW = 4096, FILES_BESIDE = 256, FIX_BYTES = FOLDER_BYTES + 64 };

struct look {
    json_t *found;
    const struct conf *c, *server;      /* server: of which it is one of several sites, or NULL */
    const struct project *p;
    const char *name;
};

/* What he cannot reach, the import says with its sentence (master/worker_user.h). */
static void look_at_user(const struct look *l)
{
    char why[CONF_WHY_BYTES];
    struct worker_user user;
    if (worker_user_find(&user, l->c, l->p->folder, why) < 0) {
        check_say(l->found, "program", l->name, CHECK_PROBLEM, "", "%s", why);
        return;
    }
    json_t *name = json_string(user.account.name);
    (void)json_object_set_new(l->found, "user", name ? name : json_string("(not UTF-8)"));
    if (user.is_root_unasked)
        check_say(l->found, "program", l->name, CHECK_OK, "",
                  "imported as root, the user it would run as: user = NAME would be safer");
    else
        check_say(l->found, "program", l->name, CHECK_OK, "", "imported as %s, the user it would run as (%s)",
                  user.account.name, user.from);
}

/* What it says of logs, sockets and users is done by root. */
static void look_at_config(const struct look *l)
{
    char fix[FIX_BYTES];
    struct stat st;
    const char *file = l->c->config;
    if (file[0] == '\0' || geteuid() != 0 || sys_stat(file, &st) < 0)
        return;
    bool is_everybodys = (st.st_mode & S_IWOTH) != 0;
    bool is_public = is_everybodys || (st.st_uid == 0 && st.st_gid != 0 && (st.st_mode & S_IWGRP) != 0);
    (void)snprintf(fix, sizeof(fix), is_public ? "chmod go-w %s" : "chown root %s", file);
    if (is_public)
        check_say(l->found, "security", l->name, CHECK_PROBLEM, fix,
                  "root starts slipway, and %s may write %s: who does says as whom it runs and where root writes",
                  is_everybodys ? "everybody" : "its group", file);
    else if (st.st_uid != 0)
        check_say(l->found, "security", l->name, CHECK_WARNING, fix,
                  "root starts slipway, and another user may write %s: he names the files that root's log "
                  "goes to", file);
    else
        check_say(l->found, "security", l->name, CHECK_OK, "", "%s is root's", folder_name(file));
}

static void look_at_interpreter(const struct look *l)
{
    char fix[FIX_BYTES];
    const char *venv = l->p->venv;
    if (venv[0] != '\0' && folder_is_public(venv)) {
        (void)snprintf(fix, sizeof(fix), "chmod o-w %s", venv);
        check_say(l->found, "program", l->name, CHECK_PROBLEM, fix,
                  "everybody may put code into the virtual environment %s", venv);
    } else {
        check_say(l->found, "program", l->name, CHECK_OK, "", "%s",
                  venv[0] != '\0' ? "of the virtual environment"
                                  : "of this machine, no virtual environment");
    }
}

static void look_at_env_file(const struct look *l)
{
    char fix[FIX_BYTES];
    struct stat st;
    const char *file = l->c->env_file;
    if (file[0] == '\0')
        return;
    (void)snprintf(fix, sizeof(fix), "chmod 600 %s", file);
    if (sys_stat(file, &st) == 0 && (st.st_mode & S_IROTH))
        check_say(l->found, "security", l->name, CHECK_WARNING, fix,
                  "every user of this machine can read %s and its secrets", file);
    else
        check_say(l->found, "security", l->name, CHECK_OK, "", "%s is not for others",
                  folder_name(file));
}

static void look_at_limits(const struct look *l)
{
    bool is_default = l->c->origin[CONF_connections].source == CONF_BUILT_IN;
    int64_t files = sys_files_most(), wanted = l->c->connections;
    if (files < 0)
        return;
    if (files < FILES_FEW || (!is_default && files - FILES_BESIDE < wanted))
        check_say(l->found, "program", l->name, CHECK_WARNING,
                  "LimitNOFILE=524288 in the systemd unit, or ulimit -Hn 524288",
                  "a process may have %lld descriptors: no more connections than that an edge "
                  "(connections = %lld)",
                  (long long)files, (long long)wanted);
    else
        check_say(l->found, "program", l->name, CHECK_OK, "", "%lld descriptors a process",
                  (long long)files);
}

static void look_at_folders(const struct look *l, const struct conf_list *list, enum conf_option option,
                            const char *what)
{
    char fix[FIX_BYTES];
    for (size_t i = 0; i < list->count; i++) {
        const char *folder = strchr(list->items[i], '=');
        if (!folder)
            continue;
        (void)snprintf(fix, sizeof(fix), "mkdir -p %s", folder + 1);
        if (!folder_exists(folder + 1))
            check_say(l->found, "files", l->name, CHECK_PROBLEM, fix, "%s: %s folder %s is not there",
                      conf_origin_text(l->c, option), what, folder + 1);
    }
}

/* Of a file that will be written: its folder; else the folder itself. */
static void look_at_folder(const struct look *l, enum conf_option option, const char *path, bool is_file)
{
    char folder[FOLDER_BYTES], fix[FIX_BYTES];
    (void)snprintf(folder, sizeof folder, "%s", path);
    if (path[0] != '/' || (is_file && folder_parent(folder, path) < 0) || folder_exists(folder))
        return;
    (void)snprintf(fix, sizeof fix, "mkdir -p %s", folder);
    check_say(l->found, "files", l->name, CHECK_PROBLEM, fix, "%s: %s is %s, and there is no folder %s",
              conf_origin_text(l->c, option), conf_row(option)->name, path, folder);
}

static void look_at_named_folders(const struct look *l)
{
    look_at_folders(l, &l->c->static_map, CONF_static_map, "static");
    look_at_folders(l, &l->c->protected_map, CONF_protected_map, "protected");
    look_at_folder(l, CONF_spool_dir, l->c->spool_dir, false);
    look_at_folder(l, CONF_access_log, l->c->access_log, true);
    look_at_folder(l, CONF_log, l->c->log, true);
    look_at_folder(l, CONF_maintenance_file, l->c->maintenance_file, true);
    for (size_t i = 0; i < l->c->file_map.count; i++) {
        const char *file = strchr(l->c->file_map.items[i], '=') + 1;
        struct stat st;
        if (sys_stat(file, &st) < 0 || !S_ISREG(st.st_mode))
            check_say(l->found, "files", l->name, CHECK_PROBLEM, "name a file that is there",
                      "%s: there is no file %s", conf_origin_text(l->c, CONF_file_map), file);
    }
}

static void look_at_certificates(const struct look *l)
{
    check_look_tls(l->found, l->c, l->server, l->name);
}

/* Those of basic-auth and redirects, of the site and its routes. */
static void look_at_annexes(const struct look *l)
{
    char why[CONF_WHY_BYTES];
    struct buf text = { 0 };
    if (annex_stamp(l->c) != 0 && annex_read(l->c, &text, why) < 0)
        check_say(l->found, "files", l->name, CHECK_PROBLEM, "", "%s", why);
    else if (annex_stamp(l->c) != 0)
        check_say(l->found, "files", l->name, CHECK_OK, "", "the files of basic-auth and redirects are in order");
    if (text.block)
        explicit_bzero(text.block, text.cap_bytes);
    buf_done(&text);
}

/* Where there is none yet, it will be made. */
static int try_log(const char *path)
{
    char folder[FOLDER_BYTES];
    int fd = sys_open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY, 0);
    (void)sys_close(fd);
    if (fd == -ENXIO)                 /* a FIFO: who reads it may come later */
        return 0;
    if (fd != -ENOENT)
        return fd < 0 ? fd : 0;
    int rc = folder_parent(folder, path);
    return rc < 0 ? rc : sys_can(folder, W_OK);
}

static void look_at_log(const struct look *l, enum conf_option option, const char *path)
{
    int rc = path[0] == '/' ? try_log(path) : 0;
    if (rc < 0)
        check_say(l->found, "files", l->name, CHECK_PROBLEM, "", "%s: cannot write %s: %s",
                  conf_origin_text(l->c, option), path, strerror(-rc));
}

static void look_at_logs(const struct look *l)
{
    look_at_log(l, CONF_access_log, l->c->access_log);
    if (!l->server)
        look_at_log(l, CONF_log, l->c->log);
}

static void look_at_error_pages(const struct look *l)
{
    check_look_pages(l->found, l->c, l->p, l->name);
}

/* Whoever is trusted names any client he likes. */
static void look_at_trusted_peers(const struct look *l)
{
    enum { WHOLE_IPV4_BITS = 96 };
    struct networks n = { 0 };
    bool is_anybody = false;
    for (size_t i = 0; i < l->c->trusted_peers.count; i++)
        (void)networks_add(&n, span_of(l->c->trusted_peers.items[i]));
    for (unsigned i = 0; i < n.count; i++)
        is_anybody = is_anybody || n.all[i].bits == 0 || n.all[i].bits == WHOLE_IPV4_BITS;
    if (is_anybody)
        check_say(l->found, "security", l->name, CHECK_WARNING, "trusted-peers = ADDRESS-OF-THE-PROXY",
                  "%s: trusted-peers is everybody, so every client chooses his address and scheme",
                  conf_origin_text(l->c, CONF_trusted_peers));
    else if (l->c->trusted_peers.count > 0)
        check_say(l->found, "security", l->name, CHECK_OK, "", "%u network%s%s", n.count,
                  n.count == 1 ? "" : "s", n.has_unix ? " and Unix sockets" : "");
}

/* What keeps an edge that was broken into from doing harm. */
static void look_at_sandbox(const struct look *l)
{
    char why[CONF_WHY_BYTES];
    struct edge_user user;
    const char *lacks = sandbox_lacks(l->c);
    int version = sys_landlock_version();
    if (edge_user_find(l->c, &user, why) < 0)
        check_say(l->found, "security", l->name, CHECK_PROBLEM, "", "%s", why);
    else if (strcmp(l->c->sandbox, "no") == 0)
        check_say(l->found, "security", l->name, CHECK_WARNING, "sandbox = auto",
                  "%s: edges, which read what strangers send, keep all rights of their user",
                  conf_origin_text(l->c, CONF_sandbox));
    else if (sys_is_sanitized())
        check_say(l->found, "security", l->name, CHECK_WARNING, "make build",
                  "a build with sanitizers: edges give up user and rights, but neither seccomp nor "
                  "Landlock is on");
    else if (lacks)
        check_say(l->found, "security", l->name,
                  strcmp(l->c->sandbox, "yes") == 0 ? CHECK_PROBLEM : CHECK_WARNING,
                  "Linux 5.13 or later, with landlock in its list of security modules (lsm=)",
                  "this kernel, or this container, has no %s: edges do without", lacks);
    else
        check_say(l->found, "security", l->name, CHECK_OK, "",
                  "edges run as %s, may make %zu system calls (seccomp) and open static files and the "
                  "spool alone (Landlock, version %d)",
                  user.is_other ? l->c->edge_user : "this user", sandbox_calls_count(), version);
}

static const struct {
    const char *name;
    void (*look)(const struct look *);
} checks[] = {
    { "user", look_at_user },         { "interpreter", look_at_interpreter },
    { "config", look_at_config },
    { "limits", look_at_limits },     { "env-file", look_at_env_file },
    { "sandbox", look_at_sandbox },
    { "folders", look_at_named_folders },
    { "certificates", look_at_certificates },
    { "named-files", look_at_annexes },
    { "log-files", look_at_logs },
    { "error-pages", look_at_error_pages },
    { "trusted-peers", look_at_trusted_peers },
};

void check_look(json_t *found, const struct conf *c, const struct conf *server, const struct project *p)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        const struct look l = { .found = found, .c = c, .server = server, .p = p, .name = checks[i].name };
        checks[i].look(&l);
    }
}
