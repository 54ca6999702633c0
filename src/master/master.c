/* master.c - start, signals, stop: the phases of supervise.h.
 *
 * Start with master_run(); what happens afterwards comes from children, timers, signals and the
 * control socket.
 */
#include "master/master.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/sandbox.h"
#include "master/browser.h"
#include "master/site.h"
#include "master/sites.h"
#include "master/supervise.h"
#include "master/watcher.h"
#include "scribe/journal.h"
#include "scribe/log_folder.h"

enum { EDGE_SPARE_MS = 1000, STOP_AGAIN_MS = 1000 };

/* ---- the parts ask for ---- */

int master_site_fd(const struct conf *c)
{
    struct buf text = { 0 };
    int rc = conf_write(c, &text);
    int fd = rc < 0 ? rc : sys_memfd_with("slipway-conf", buf_span(&text));
    buf_done(&text);
    return fd;
}

int master_conf_fd(const struct master *m)
{
    struct conf told = *m->conf;
    listeners_items(&m->listeners, &told.listen);
    return master_site_fd(&told);
}

struct generation *master_generation(const struct master *m, uint32_t number)
{
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next) {
        struct site *site = container_of(s, struct site, node);
        for (struct list *n = site->generations.next; n != &site->generations; n = n->next) {
            struct generation *g = container_of(n, struct generation, node);
            if (g->number == number)
                return g;
        }
    }
    return NULL;
}

static void each_site(struct master *m, void (*act)(struct site *))
{
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next)
        act(container_of(n, struct site, node));
}

/* ---- the ready line ---- */

static void add(char *into, size_t cap_bytes, const char *separator, const char *text)
{
    size_t len = strlen(into);
    if (text[0])
        (void)snprintf(into + len, cap_bytes - len, "%s%s", len > 0 ? separator : "", text);
}

/* Before the ready line: who waits for that one has heard everything that was decided. */
static void say_preload(const struct master *m, const struct generation *g)
{
    const char *why = generation_why_alone(g);
    if (why[0])
        logs_say(&m->logs, "Each worker imports the project by itself: %s.\n", why);
}

static void describe(char *what, size_t cap_bytes, const struct generation *g)
{
    char count[64];
    add(what, cap_bytes, ", ", json_text(g->report, "framework", ""));
    const char *settings = json_text(g->report, "settings", "");
    add(what, cap_bytes, ", ", settings[0] ? settings : json_text(g->report, "application", ""));
    (void)snprintf(count, sizeof count, "%u worker%s x %u thread%s", g->workers_count, g->workers_count == 1 ? "" : "s",
                   g->threads, g->threads == 1 ? "" : "s");
    add(what, cap_bytes, ", ", count);
}

/* False while one of several sites is still on its way. */
static bool describe_all(const struct master *m, char *what, size_t cap_bytes)
{
    unsigned serve = 0;
    char name[96];
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        const struct site *s = container_of(n, struct site, node);
        if (!s->current && !site_is_down(s))
            return false;
        serve += s->current != NULL;
    }
    (void)snprintf(what, cap_bytes, "%u site%s:", serve, serve == 1 ? "" : "s");
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        const struct site *s = container_of(n, struct site, node);
        (void)snprintf(name, sizeof name, "%s%s", s->project->name, s->current ? "" : " (cannot be served)");
        add(what, cap_bytes, n == m->sites.next ? " " : ", ", name);
    }
    return true;
}

static void say_ready(const struct master *m, const char *what, int64_t took_ms)
{
    char where[1024] = "";
    for (size_t i = 0; i < m->listeners.count; i++)
        add(where, sizeof where, " ", m->listeners.all[i].url);
    logs_say(&m->logs, "slipway %s: %s  %s (pid %d, ready in %" PRId64 " ms)\n", SLIPWAY_VERSION, where, what,
             (int)getpid(), took_ms);
    if (m->conf->tls && m->conf->origin[CONF_tls_certificate].source == CONF_BUILT_IN)
        logs_say(&m->logs, "A browser asks once about the certificate, which nobody vouches for: %s\n",
                 m->conf->tls_certificate.items[0]);
    if (m->start->is_development)
        logs_say(&m->logs, "Ctrl-C stops it.\n");
}

void master_announce(struct master *m, const struct generation *g)
{
    char what[2048] = "";
    int64_t took_ms = (sys_now_us() - m->started_us) / 1000;
    bool is_one = !m->conf->sites[0];
    if (m->is_announced)
        return;
    if (g)
        say_preload(m, g);
    if (is_one)
        describe(what, sizeof what, g);
    else if (!describe_all(m, what, sizeof what))
        return;
    m->is_announced = true;
    notify_look(&m->notify);
    say_ready(m, what, took_ms);
    if (m->start->is_development && m->conf->open)
        browser_open(m);
    if (strcmp(m->conf->log, "-") != 0 && is_one)           /* else the same place has just been told */
        log_info("ready", "site=%s generation=%u workers=%u threads=%u ready_in_ms=%" PRId64,
                 m->start->project->name, g->number, g->workers_count, g->threads, took_ms);
    else if (strcmp(m->conf->log, "-") != 0)
        log_info("ready", "sites=\"%s\" ready_in_ms=%" PRId64, what, took_ms);
}

/* ---- stopping ---- */

static void set_limit(struct master *m, int64_t delay_ms)
{
    if (timer_set(m->loop, &m->timer, delay_ms) < 0)
        m->is_hurried = true;
}

static void kill_all(struct master *m)
{
    edges_kill(&m->edges);
    each_site(m, site_kill);
}

static bool has_generations(const struct master *m)
{
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next)
        if (!site_is_empty(container_of(n, struct site, node)))
            return true;
    return false;
}

static void over(struct master *m)
{
    m->phase = MASTER_OVER;
    timer_off(m->loop, &m->timer);
    loop_stop(m->loop);
}

void master_step(struct master *m)
{
    if (m->phase == MASTER_DRAINING && edges_running(&m->edges) == 0) {
        m->phase = MASTER_LEAVING;
        set_limit(m, STOP_AGAIN_MS);
        each_site(m, site_leave);
        if (m->is_hurried)
            kill_all(m);
    }
    if (m->phase == MASTER_LEAVING && !has_generations(m)) {
        m->phase = MASTER_CLOSING;
        if (m->exit_status == 0)
            log_info("stopped", "uptime_s=%" PRId64, (sys_now_us() - m->started_us) / 1000000);
        logs_end(&m->logs);
    }
    if (m->phase == MASTER_CLOSING && !child_runs(&m->logs.scribe))
        over(m);
}

void master_stop(struct master *m, bool is_hurried)
{
    m->is_hurried = m->is_hurried || is_hurried;
    terminal_end(&m->terminal);
    if (m->phase == MASTER_SERVING) {
        m->phase = MASTER_DRAINING;
        notify_look(&m->notify);
        each_site(m, site_give_up_next);
        edges_tell(&m->edges, CHANNEL_DRAIN, NULL);
        server_options_leave(m);
        listeners_close(&m->listeners); /* the edges' own ends take what is in the backlog */
        set_limit(m, m->conf->drain_timeout_ms + m->conf->drain_idle_ms + EDGE_SPARE_MS);
    }
    if (m->is_hurried)
        kill_all(m);
    master_step(m);
}

void master_fail(struct master *m, const char *sentence, const char *traceback)
{
    if (!m->last_words) {
        m->last_words = sys_strdup(sentence);
        m->traceback = sys_strdup(traceback);
    }
    m->exit_status = 1;
    master_stop(m, true);
}

static void time_up(struct timer *t)
{
    struct master *m = container_of(t, struct master, timer);
    if (m->phase == MASTER_DRAINING) {
        log_warn("edges did not finish in time", "drain_timeout_ms=%" PRId64,
                 m->conf->drain_timeout_ms);
        edges_kill(&m->edges);
    } else if (m->is_hurried) {
        kill_all(m);
    }
    if (m->phase < MASTER_CLOSING)
        set_limit(m, STOP_AGAIN_MS);
}

/* SIGHUP reloads; but when our terminal was closed nobody is there any more to stop us. */
static void hang_up(struct master *m)
{
    if (logs_lost_terminal(&m->logs)) {
        log_info("stop", "reason=\"the terminal was closed\"");
        master_stop(m, false);
        return;
    }
    if (m->phase != MASTER_SERVING)
        return;
    json_decref(sites_read_again(m, ""));
    for (struct list *n = m->sites.next; n != &m->sites && m->phase == MASTER_SERVING; n = n->next) {
        struct site *s = container_of(n, struct site, node);
        bool has_just_come = s->next && !s->current;
        if (!s->is_gone && !has_just_come)
            site_reload(s, NULL);
    }
}

static void signalled(struct loop *l, void *user, int sig)
{
    struct master *m = user;
    (void)l;
    switch (sig) {
    case SIGCHLD:
        children_reap(&m->children);
        break;
    case SIGTERM: case SIGINT:
        log_info("stop", "signal=%d hurried=%d", sig, m->phase != MASTER_SERVING);
        master_stop(m, m->phase != MASTER_SERVING);
        break;
    case SIGQUIT:
        log_info("stop", "signal=%d hurried=1", sig);
        master_stop(m, true);
        break;
    case SIGHUP:
        hang_up(m);
        break;
    case SIGUSR1:
        logs_reopen(&m->logs);
        break;
    default:                                      /* SIGPIPE: blocked, the write says -EPIPE */
        break;
    }
}

/* ---- starting ---- */

__attribute__((format(printf, 1, 2)))
static void complain(const char *format, ...)
{
    char line[CONF_WHY_BYTES + 64];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (len > 0)
        (void)sys_write(STDERR_FILENO, line,
                        (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

/* A pipe or socket of ours must never become descriptor 0, 1 or 2. */
static int fill_standard_fds(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (sys_fcntl(fd, F_GETFD, 0) >= 0)
            continue;
        int got = sys_open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
        if (got < 0)
            return got;
        if (sys_fcntl(got, F_SETFD, 0) < 0)
            return -EBADF;
    }
    return 0;
}

int master_check_log(const char *option, const char *path, char *why)
{
    if (strcmp(path, "-") == 0 || strcmp(path, "off") == 0 || journal_is_meant(path))
        return 0;
    int fd = log_folder_try(path);
    bool is_wrong = fd < 0 && fd != -ENXIO;          /* ENXIO: a FIFO; who reads it may come later */
    if (is_wrong)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot write the file of --%s, %.300s: %s", option,
                       path, strerror(-fd));
    (void)sys_close(fd);
    return is_wrong ? fd : 0;
}

/* The first large body would find out. */
int master_check_spool(const struct master *m, const char *folder, char *why)
{
    const struct edge_user *user = &m->edge_user;
    int fd = folder[0] ? edge_user_spool(user, folder) : -1;
    if (fd == -EACCES && user->is_other)
        (void)snprintf(why, CONF_WHY_BYTES,
                       "edges cannot write in the folder of --spool-dir, %.300s: give it to their "
                       "user (chown %u), or name another one by --edge-user",
                       folder, (unsigned)user->uid);
    else if (fd < 0 && folder[0])
        (void)snprintf(why, CONF_WHY_BYTES, "cannot write in the folder of --spool-dir, %.300s: %s",
                       folder, strerror(-fd));
    (void)sys_close(fd);
    return fd < 0 && folder[0] ? fd : 0;
}

static int check_sandbox(const struct conf *c, char *why)
{
    const char *lacks = strcmp(c->sandbox, "yes") == 0 ? sandbox_lacks(c) : NULL;
    if (lacks)
        (void)snprintf(why, CONF_WHY_BYTES,
                       "this kernel has no %s, and %.200s wants the whole sandbox: `auto` does without", lacks,
                       conf_origin_text(c, CONF_sandbox));
    return lacks ? -ENOSYS : 0;
}

/* What can be refused before anything is spawned. */
static int prepare(struct master *m, char *why)
{
    const struct project *p = m->start->project;
    int rc = fill_standard_fds();
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot open /dev/null: %s", strerror(-rc));
    if (rc == 0)
        rc = master_check_log("log", m->conf->log, why);
    if (rc == 0)
        rc = master_check_log("access-log", m->conf->access_log, why);
    if (rc == 0)
        rc = check_sandbox(m->conf, why);
    if (rc == 0)
        rc = edge_user_find(m->conf, &m->edge_user, why);
    if (rc == 0)
        rc = master_check_spool(m, m->conf->spool_dir, why);
    if (rc == 0)
        rc = control_server_open(&m->control, m, p->control, why);
    if (rc == 0)
        rc = listeners_open(&m->listeners, m->conf, m->start->envp, why);
    if (rc == 0)
        rc = certificates_open(&m->certificates, m, why);
    return rc;
}

static int open_loop(struct master *m, char *why)
{
    static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGPIPE };
    int rc = sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (rc == 0) {
        m->loop = loop_new();
        rc = m->loop ? loop_signals(m->loop, signals, ARRAY_LEN(signals), signalled, m) : -ENOMEM;
    }
    if (rc == 0)
        rc = control_server_start(&m->control);
    if (rc == 0)
        notify_open(&m->notify, m);
    else
        (void)snprintf(why, CONF_WHY_BYTES, "cannot start: %s", strerror(-rc));
    return rc;
}

static void start_parts(struct master *m)
{
    char sentence[160];
    int rc = logs_start(&m->logs, m);
    if (rc == 0)
        rc = edges_start(&m->edges, m);
    if (rc == 0)
        rc = certificates_start(&m->certificates);
    if (rc == 0 && m->start->is_development)
        m->watcher = watcher_new(m);
    if (rc == 0) {
        sites_start(m);
        return;
    }
    (void)snprintf(sentence, sizeof sentence, "cannot start the processes: %s", strerror(-rc));
    master_fail(m, sentence, "");
}

static int serve(struct master *m)
{
    start_parts(m);
    int rc = m->phase == MASTER_OVER ? 0 : loop_run(m->loop);
    if (rc < 0) {
        m->exit_status = 1;
        complain("slipway: the event loop failed: %s\n", strerror(-rc));
        kill_all(m);
    }
    return rc;
}

static void say_last_words(const struct master *m)
{
    struct span traceback = span_of(m->traceback);
    while (traceback.len > 0) {
        ssize_t sent = sys_write(STDERR_FILENO, traceback.at, traceback.len);
        if (sent <= 0)
            break;
        traceback = span_skip(traceback, (size_t)sent);
    }
    if (m->last_words)
        complain("slipway: %s\n", m->last_words);
}

static void close_down(struct master *m)
{
    if (m->phase == MASTER_OVER && m->control.master)
        each_site(m, site_sweep);
    if (m->control.master)
        control_server_close(&m->control);
    listeners_close(&m->listeners);
    certificates_done(&m->certificates);
    watcher_free(m->watcher);
    notify_done(&m->notify);
    logs_done(&m->logs);
    edges_done(&m->edges);
    if (m->phase == MASTER_OVER)
        control_server_finish(&m->control);
    control_server_done(&m->control);
    server_options_leave(m);
    sites_done(m);
    if (m->conf != m->start->conf)
        conf_free((struct conf *)(uintptr_t)m->conf);
    if (m->loop)
        loop_free(m->loop);
    say_last_words(m);
    sys_free(m->last_words);
    sys_free(m->traceback);
}

static int run(struct master *m)
{
    char why[CONF_WHY_BYTES] = "no memory";
    int rc = sites_open(m, why);
    if (rc == 0)
        rc = prepare(m, why);
    if (rc == 0)
        rc = open_loop(m, why);
    if (rc < 0) {
        m->exit_status = 1;
        complain("slipway: %s\n", why);
    } else {
        (void)serve(m);
    }
    close_down(m);
    return m->exit_status;
}

int master_run(const struct master_start *start)
{
    struct master *m = sys_calloc(1, sizeof *m);
    if (!m) {
        complain("slipway: no memory\n");
        return 1;
    }
    m->start = start;
    m->conf = start->conf;
    m->started_us = sys_now_us();
    list_init(&m->sites);
    terminal_init(&m->terminal, m);
    children_init(&m->children);
    timer_init(&m->timer, time_up);
    sys_process_name("master");
    (void)sys_raise_files();                      /* what it is, is enough for a few workers */
    log_set(log_level_of(start->conf->log_level), "master");
    int status = run(m);
    sys_free(m);
    return status;
}
