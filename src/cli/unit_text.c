/* unit_text.c - systemd.service(5), systemd.exec(5), systemd.kill(5) of version 252 (Debian 12). */
#include "cli/unit_text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/sys.h"
#include "conf/folder.h"
#include "conf/listen.h"

enum { PATHS_MAX = 256, SPARE_S = 10, FIRST_FD = 3 };

struct paths {
    size_t count;
    char all[PATHS_MAX][FOLDER_BYTES];
};

/* ---- words ---- */

static bool is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           strchr("-_./:=@,+", byte) || (byte & 0x80);
}

/* A word as units spell it: in quotes where it needs them, '%' doubled; in commands '$' too. */
static int add_word(struct buf *out, struct span word, bool is_command)
{
    bool is_quoted = word.len == 0;
    for (size_t i = 0; i < word.len; i++)
        is_quoted = is_quoted || word.at[i] == '\0' || !is_plain(word.at[i]);
    int rc = is_quoted ? buf_add(out, SPAN("\"")) : 0;
    for (size_t i = 0; i < word.len && rc == 0; i++) {
        char byte = word.at[i];
        bool is_doubled = byte == '%' || byte == '\\' || (byte == '$' && is_command);
        if (byte == '"')
            rc = buf_add(out, SPAN("\\"));
        if (rc == 0 && is_doubled)
            rc = buf_add(out, (struct span){ &byte, 1 });
        if (rc == 0)
            rc = buf_add(out, (struct span){ &byte, 1 });
    }
    return rc == 0 && is_quoted ? buf_add(out, SPAN("\"")) : rc;
}

static int add_argument(struct buf *out, struct span word)
{
    int rc = buf_add(out, SPAN(" "));
    return rc == 0 ? add_word(out, word, true) : rc;
}

/* ---- the command ---- */

static bool is_said_here(const struct conf *c, enum conf_option option)
{
    enum conf_source source = c->origin[option].source;
    return source == CONF_ENVIRONMENT || source == CONF_ARGUMENT;
}

/* What was typed, or stood in the environment that the unit will not have. */
static int add_option(struct buf *out, const struct conf *c, enum conf_option option)
{
    struct buf lines = { 0 };
    int rc = conf_write_option(c, option, &lines);
    struct span rest = buf_span(&lines);
    while (rc == 0 && rest.len > 0) {
        char word[FOLDER_BYTES + 256];
        size_t end = span_find(rest, '\n');
        (void)snprintf(word, sizeof word, "--%.*s", (int)end, rest.at);
        rc = add_argument(out, span_of(word));
        rest = span_skip(rest, end + 1);
    }
    buf_done(&lines);
    return rc;
}

static int add_application(struct buf *out, const struct conf *c)
{
    return c->app[0] ? add_argument(out, span_of(c->app)) : 0;
}

/* Which one is meant: of the command, and of those that talk to it. */
static bool is_of_place(enum conf_option option)
{
    return option == CONF_chdir || option == CONF_control || option == CONF_site || option == CONF_sites ||
           option == CONF_config;
}

static int add_place(struct buf *out, const struct unit_facts *f)
{
    char word[FOLDER_BYTES + 16];
    (void)snprintf(word, sizeof word, "--chdir=%s", f->c->sites[0] ? f->c->chdir : f->sites[0].p->folder);
    int rc = add_argument(out, span_of(word));
    for (enum conf_option i = 0; i < CONF_OPTIONS && rc == 0; i++)
        if (i != CONF_chdir && is_of_place(i) && is_said_here(f->c, i))
            rc = add_option(out, f->c, i);
    return rc;
}

/* Sockets that are passed come in the order of the unit that opens them. */
static int add_passed(struct buf *out, const struct conf *c)
{
    int rc = 0;
    for (size_t i = 0; i < c->listen.count && rc == 0; i++) {
        struct listen_spec s;
        char word[64];
        if (listen_parse(span_of(c->listen.items[i]), &s))
            continue;
        (void)snprintf(word, sizeof word, "--listen=fd:%zu%s%s", FIRST_FD + i, s.is_tls ? " tls" : "",
                       s.has_proxy ? " proxy" : "");
        rc = add_argument(out, span_of(word));
    }
    return rc;
}

static int add_serve(struct buf *out, const struct unit_facts *f)
{
    int rc = buf_add(out, SPAN("ExecStart="));
    rc = rc == 0 ? add_word(out, span_of(f->program), true) : rc;
    rc = rc == 0 ? buf_add(out, SPAN(" serve")) : rc;
    rc = rc == 0 && is_said_here(f->c, CONF_app) ? add_application(out, f->c) : rc;
    rc = rc == 0 ? add_place(out, f) : rc;
    for (enum conf_option i = 0; i < CONF_OPTIONS && rc == 0; i++) {
        bool is_placed = is_of_place(i) || i == CONF_app;
        if (!is_placed && is_said_here(f->c, i) && !(f->has_socket && i == CONF_listen))
            rc = add_option(out, f->c, i);
    }
    rc = rc == 0 && f->has_socket ? add_passed(out, f->c) : rc;
    return rc == 0 ? buf_add(out, SPAN("\n")) : rc;
}

static int add_reload(struct buf *out, const struct unit_facts *f)
{
    int rc = buf_add(out, SPAN("ExecReload="));
    rc = rc == 0 ? add_word(out, span_of(f->program), true) : rc;
    rc = rc == 0 ? buf_add(out, SPAN(" reload")) : rc;
    rc = rc == 0 ? add_place(out, f) : rc;
    return rc == 0 ? buf_add(out, SPAN("\n")) : rc;
}

/* ---- paths ---- */

static bool is_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static void add_path(struct paths *paths, const char *path)
{
    if (path[0] != '/' || paths->count == PATHS_MAX)
        return;
    for (size_t i = 0; i < paths->count; i++)
        if (is_in(path, paths->all[i]))
            return;
    (void)folder_join(paths->all[paths->count++], "/", path);
}

static void add_folder_of(struct paths *paths, const char *file)
{
    char folder[FOLDER_BYTES];
    if (file[0] == '/' && folder_parent(folder, file) == 0)
        add_path(paths, folder);
}

static void find_site_writes(const struct unit_site *s, struct paths *writes)
{
    size_t i;
    json_t *folder;
    json_array_foreach(json_object_get(s->report, "writes"), i, folder)
        add_path(writes, json_string_value(folder));
    add_folder_of(writes, s->c->access_log);
}

static void find_writes(const struct unit_facts *f, struct paths *writes)
{
    size_t i;
    for (i = 0; i < f->sites_count; i++)
        find_site_writes(&f->sites[i], writes);
    add_folder_of(writes, f->c->log);
    add_path(writes, f->c->spool_dir);
    if (f->c->control[0])
        add_folder_of(writes, f->c->control + strlen("unix:"));
    for (i = 0; !f->has_socket && i < f->c->listen.count; i++) {
        struct listen_spec s;
        if (!listen_parse(span_of(f->c->listen.items[i]), &s) && s.kind == LISTEN_UNIX)
            add_folder_of(writes, s.path);
    }
}

static void add_with_links(struct paths *paths, const char *path)
{
    char real[FOLDER_BYTES];
    add_path(paths, path);
    if (path[0] == '/' && sys_realpath(path, real) == 0)
        add_path(paths, real);
}

/* Each word that names something which is there: a file, or a URL that is spelled alike, which does no
 * harm here. */
static void add_words(struct paths *paths, struct span text)
{
    while (text.len > 0) {
        char word[FOLDER_BYTES];
        struct stat st;
        size_t end = 0;
        while (end < text.len && !strchr(" =\n", text.at[end]))
            end++;
        if (end > 1 && end < sizeof word && text.at[0] == '/') {
            *(char *)mempcpy(word, text.at, end) = '\0';
            if (sys_stat(word, &st) == 0)
                add_with_links(paths, word);
        }
        text = span_skip(text, end < text.len ? end + 1 : end);
    }
}

/* Of every option, those of some paths too: certificates, folders, pages, lists of users. */
static void add_options(struct paths *paths, const struct conf *c)
{
    struct buf text = { 0 };
    if (conf_write(c, &text) == 0)
        add_words(paths, buf_span(&text));
    buf_done(&text);
}

/* Where it must be able to look. */
static void find_site_reads(const struct unit_site *s, struct paths *reads)
{
    const char *const files[] = { s->p->folder, s->p->python, s->p->venv,
                                  json_text(json_object_get(s->report, "media"), "root", "") };
    size_t i;
    json_t *row;
    for (i = 0; i < ARRAY_LEN(files); i++)
        add_with_links(reads, files[i]);
    add_options(reads, s->c);
    json_array_foreach(json_object_get(s->report, "static"), i, row)
        add_with_links(reads, json_text(row, "root", ""));
}

static void find_reads(const struct unit_facts *f, struct paths *reads)
{
    add_with_links(reads, f->program);
    add_options(reads, f->c);
    for (size_t i = 0; i < f->sites_count; i++)
        find_site_reads(&f->sites[i], reads);
}

static bool any_in(const struct paths *paths, const char *const *folders, size_t count)
{
    for (size_t i = 0; i < paths->count; i++)
        for (size_t k = 0; k < count; k++)
            if (is_in(paths->all[i], folders[k]))
                return true;
    return false;
}

/* ---- the unit ---- */

/* An address of one interface is there only once the network is. */
static bool needs_network(const struct conf *c)
{
    static const char *const always[] = { "0.0.0.0", "::", "127.0.0.1", "::1", "localhost" };
    bool needs = false;
    for (size_t i = 0; i < c->listen.count; i++) {
        struct listen_spec s;
        bool is_there = listen_parse(span_of(c->listen.items[i]), &s) || s.kind != LISTEN_INET;
        for (size_t k = 0; k < ARRAY_LEN(always) && !is_there; k++)
            is_there = strcmp(s.host, always[k]) == 0;
        needs = needs || !is_there;
    }
    return needs;
}

static int add_head(struct buf *out, const struct unit_facts *f)
{
    const char *online = !f->has_socket && needs_network(f->c) ? " network-online.target" : "";
    int rc = buf_addf(out, "[Unit]\nDescription=slipway: %s\n"
                           "After=network.target postgresql.service mariadb.service redis-server.service%s\n",
                      f->name, online);
    if (rc == 0 && online[0])
        rc = buf_add(out, SPAN("Wants=network-online.target\n"));
    if (rc == 0 && f->has_socket)
        rc = buf_addf(out, "Requires=%s.socket\n", f->name);
    return rc == 0 ? buf_add(out, SPAN("# A project that is broken now may be mended in an hour.\n"
                                       "StartLimitIntervalSec=0\n\n"))
                   : rc;
}

static int add_life(struct buf *out, const struct unit_facts *f)
{
    int64_t start_s = (2 * f->c->start_timeout_ms + f->c->drain_idle_ms) / 1000 + 2 * SPARE_S;
    int64_t stop_s = (f->c->drain_timeout_ms + f->c->drain_idle_ms + f->c->harakiri_grace_ms) / 1000 + SPARE_S;
    return buf_addf(out,
                    "Restart=always\nRestartSec=2\nWatchdogSec=30\n"
                    "# start-timeout twice: the import, and the start of the workers\n"
                    "TimeoutStartSec=%lld\n"
                    "# drain-timeout, drain-idle and harakiri-grace\nTimeoutStopSec=%lld\n"
                    "# SIGTERM is for the master, which drains; what is left after that, or after its death, is killed\n"
                    "KillMode=mixed\n"
                    "# a worker that is out of memory is replaced, not the whole site\nOOMPolicy=continue\n"
                    "LimitNOFILE=524288\nSyslogIdentifier=%s\n\n",
                    (long long)start_s, (long long)stop_s, f->name);
}

static int add_writes(struct buf *out, const struct paths *writes, bool has_own_tmp)
{
    static const char *const temporary[] = { "/tmp", "/var/tmp" };
    int rc = 0;
    for (size_t i = 0; i < writes->count && rc == 0; i++) {
        bool is_own = has_own_tmp && (is_in(writes->all[i], temporary[0]) || is_in(writes->all[i], temporary[1]));
        if (is_own || is_in(writes->all[i], "/dev/shm"))
            continue;
        rc = buf_add(out, SPAN("ReadWritePaths=-"));
        rc = rc == 0 ? add_word(out, span_of(writes->all[i]), false) : rc;
        rc = rc == 0 ? buf_add(out, SPAN("\n")) : rc;
    }
    return rc == 0 && !has_own_tmp ? buf_add(out, SPAN("ReadWritePaths=/tmp /var/tmp\n")) : rc;
}

static int add_files(struct buf *out, const struct unit_facts *f)
{
    static const char *const temporary[] = { "/tmp", "/var/tmp" };
    static const char *const homes[] = { "/home", "/root", "/run/user" };
    struct paths *paths = sys_calloc(2, sizeof *paths);
    if (!paths)
        return -ENOMEM;
    find_writes(f, &paths[0]);
    find_reads(f, &paths[1]);
    bool has_own_tmp = !any_in(&paths[1], temporary, ARRAY_LEN(temporary));
    bool is_at_home = any_in(&paths[0], homes, ARRAY_LEN(homes)) || any_in(&paths[1], homes, ARRAY_LEN(homes));
    int rc = buf_addf(out,
                      "# The machine is read-only but for what the project is known to write; more: systemctl edit %s\n"
                      "ProtectSystem=strict\nProtectHome=%s\nPrivateTmp=%s\n"
                      "RuntimeDirectory=slipway\nRuntimeDirectoryMode=0711\nRuntimeDirectoryPreserve=yes\n",
                      f->name, is_at_home ? "read-only" : "yes", has_own_tmp ? "yes" : "no");
    rc = rc == 0 ? add_writes(out, &paths[0], has_own_tmp) : rc;
    sys_free(paths);
    return rc;
}

/* Each capability is one that the master uses: ports below 1024, becoming edge-user and the site's user, files
 * and sockets of others, signals to them. */
static const char rights[] =
    "\n# Master: ports, users, files and processes of others.  Edges and the project keep none of these.\n"
    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_KILL\n"
    "# In the way of a project that runs sudo or a setgid sendmail: take it out then\n"
    "NoNewPrivileges=yes\n"
    "PrivateDevices=yes\nProtectClock=yes\nProtectControlGroups=yes\nProtectHostname=yes\n"
    "ProtectKernelLogs=yes\nProtectKernelModules=yes\nProtectKernelTunables=yes\n"
    "LockPersonality=yes\nRestrictNamespaces=yes\nRestrictRealtime=yes\n"
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
    "SystemCallArchitectures=native\n"
    "SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap\n"
    "SystemCallErrorNumber=EPERM\n\n";

int unit_service(const struct unit_facts *f, struct buf *out)
{
    int rc = add_head(out, f);
    rc = rc == 0 ? buf_add(out, SPAN("[Service]\nType=notify\n")) : rc;
    rc = rc == 0 ? add_serve(out, f) : rc;
    rc = rc == 0 ? add_reload(out, f) : rc;
    rc = rc == 0 ? add_life(out, f) : rc;
    rc = rc == 0 ? add_files(out, f) : rc;
    rc = rc == 0 ? buf_add(out, span_of(rights)) : rc;
    return rc == 0 ? buf_add(out, SPAN("[Install]\nWantedBy=multi-user.target\n")) : rc;
}

/* ---- its sockets ---- */

/* Addresses and paths are not taken out of quotes. */
static int add_bare(struct buf *out, const char *text)
{
    int rc = 0;
    for (; *text && rc == 0; text++)
        rc = buf_add(out, *text == '%' ? SPAN("%%") : (struct span){ text, 1 });
    return rc;
}

static int add_stream(struct buf *out, const struct listen_spec *s)
{
    char where[sizeof s->host + 16];
    if (s->kind == LISTEN_INET)
        (void)snprintf(where, sizeof where, s->is_ipv6 ? "[%s]:%u" : "%s:%u", s->host, s->port);
    else
        (void)snprintf(where, sizeof where, "%s%s", s->kind == LISTEN_ABSTRACT ? "@" : "", s->path);
    int rc = buf_add(out, SPAN("ListenStream="));
    rc = rc == 0 ? add_bare(out, where) : rc;
    rc = rc == 0 ? buf_add(out, SPAN("\n")) : rc;
    if (rc == 0 && s->kind == LISTEN_UNIX)
        rc = buf_addf(out, "SocketMode=%04o\n", (unsigned)s->mode);
    if (rc == 0 && s->owner[0])
        rc = buf_addf(out, "SocketUser=%s\n", s->owner);
    return rc == 0 && s->group[0] ? buf_addf(out, "SocketGroup=%s\n", s->group) : rc;
}

int unit_socket(const struct unit_facts *f, struct buf *out)
{
    int rc = buf_addf(out, "[Unit]\nDescription=slipway: sockets of %s\n\n[Socket]\n", f->name);
    for (size_t i = 0; i < f->c->listen.count && rc == 0; i++) {
        struct listen_spec s;
        if (!listen_parse(span_of(f->c->listen.items[i]), &s))
            rc = add_stream(out, &s);
    }
    return rc == 0 ? buf_add(out, SPAN("BindIPv6Only=ipv6-only\nBacklog=4096\n\n[Install]\nWantedBy=sockets.target\n"))
                   : rc;
}
