/* logs.c - pipes, scribe, and the change of the master's own standard error.
 */
#include "master/logs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/json.h"
#include "base/log.h"
#include "base/sys.h"
#include "link/channel.h"
#include "master/site.h"
#include "master/spawn.h"
#include "master/supervise.h"

enum {
    PIPE_BYTES = 1024 * 1024,
    END_LIMIT_MS = 2000,
    PIECE_BYTES = 4096, /* PIPE_BUF: a pipe that poll() calls writable takes that much at once */
    SAY_BYTES = 8192,
    REPORT_BYTES = 1024,
    ERROR_FD = 2,
    OUTPUT_MODE = 0622, /* a project that runs as another user opens /dev/stdout, which is his own */
};

static int try_scribe(struct logs *l);
static void start_scribe(struct logs *l);

static void close_pair(int fds[2])
{
    (void)sys_close(fds[0]);
    (void)sys_close(fds[1]);
    fds[0] = fds[1] = -1;
}

struct log_counts logs_counts(const struct logs *l)
{
    return (struct log_counts){ l->before.access_dropped + l->counts.access_dropped,
                                l->before.log_dropped + l->counts.log_dropped,
                                l->before.rotated + l->counts.rotated };
}

static void take_report(struct logs *l, struct span text)
{
    char why[160];
    json_t *report = json_read(text, why);
    if (json_is_object(report))
        l->counts = (struct log_counts){ json_int(report, "access_dropped", 0),
                                         json_int(report, "log_dropped", 0), json_int(report, "rotated", 0) };
    json_decref(report);
}

static void drop_will(struct logs *l)
{
    (void)sys_close(l->will_fd);
    l->will_fd = -1;
}

static void read_reports(struct logs *l)
{
    char text[REPORT_BYTES];
    int fds[SYS_FDS_MAX];
    size_t count = 0;
    ssize_t got = 1;
    while (l->channel_fd >= 0 && got > 0) {
        got = sys_recv_fds(l->channel_fd, text, sizeof text, fds, &count, MSG_DONTWAIT);
        bool is_will = got == 1 && text[0] == CHANNEL_SCRIBE_WILL && count == 1;
        if (is_will) {
            drop_will(l);
            l->will_fd = fds[0];
        }
        for (size_t i = is_will; got > 0 && i < count; i++)
            (void)sys_close(fds[i]);
        if (got > 0 && !is_will)
            take_report(l, (struct span){ text, (size_t)got });
    }
}

static void scribe_speaks(struct watch *w)
{
    struct logs *l = container_of(w, struct logs, watch);
    w->ready &= ~(unsigned)LOOP_READ;
    read_reports(l);
}

static void close_channel(struct logs *l)
{
    loop_unwatch(&l->watch);
    (void)sys_close(l->channel_fd);
    l->channel_fd = -1;
}

static void scribe_ended(struct child *c, pid_t pid, int status, int64_t peak_kib)
{
    struct logs *l = container_of(c, struct logs, scribe);
    char text[CHILD_STATUS_BYTES];
    (void)peak_kib;
    read_reports(l);
    close_channel(l);
    l->before = logs_counts(l);
    l->counts = (struct log_counts){ 0 };
    if (l->is_ending) {
        timer_off(l->master->loop, &l->timer);
        master_step(l->master);
        return;
    }
    bool has_left = WIFEXITED(status) && WEXITSTATUS(status) == CHANNEL_SCRIBE_LEFT;
    if (!has_left) {
        log_warn("scribe died", "pid=%d %s", (int)pid, child_status_text(status, text));
        l->master->restarts++;
    }
    int64_t lived_ms = (sys_now_us() - c->started_us) / 1000;
    if (timer_set(l->master->loop, &l->timer,
                  backoff_next(&l->backoff, lived_ms, BACKOFF_MOST_MS)) < 0)
        (void)try_scribe(l);
}

static void time_up(struct timer *t)
{
    struct logs *l = container_of(t, struct logs, timer);
    if (l->is_ending)
        child_signal(&l->scribe, SIGKILL);       /* somebody we do not know still holds a pipe */
    else
        start_scribe(l);
}

static int spawn_scribe(struct logs *l, int conf_fd, int channel_fd)
{
    struct spawn s = {
        .envp = l->master->start->envp, .output_fd = 1, .error_fd = l->terminal_fd,
        .fds = { conf_fd, channel_fd, l->access_fds[0], l->output_fds[0] }, .fds_count = 4,
    };
    pid_t pid = spawn_verb(&s, "scribe");
    if (pid < 0)
        return pid;
    child_add(&l->master->children, &l->scribe, pid);
    return 0;
}

static void say_to_scribe(int fd, char word)
{
    if (fd >= 0)
        (void)sys_send(fd, &word, 1, MSG_DONTWAIT);
}

/* A channel that is full would cost the site its place: its lines go to the log of all. */
static void say_site(const struct logs *l, int fd, const struct site *s)
{
    char text[CHANNEL_SCRIBE_TEXT_MAX];
    const char *where = s->conf->access_log;
    if (fd < 0 || strcmp(where, "off") == 0 || strcmp(where, l->master->conf->access_log) == 0)
        return;
    int len = snprintf(text, sizeof text, "%c%u %s\n%.64s", CHANNEL_SCRIBE_SITE, s->id, where, s->project->name);
    if (sys_send(fd, text, (size_t)len, MSG_DONTWAIT) != len)
        log_warn("the scribe cannot be told of a log", "site=%s log=%s", s->project->name, where);
}

void logs_site(struct logs *l, const struct site *s)
{
    say_site(l, l->channel_fd, s);
}

void logs_site_gone(struct logs *l, const struct site *s)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%c%u", CHANNEL_SCRIBE_SITE_GONE, s->id);
    if (l->channel_fd >= 0)
        (void)sys_send(l->channel_fd, text, (size_t)len, MSG_DONTWAIT);
}

/* Before it runs, so that it knows this before its first line. */
static void greet_scribe(const struct logs *l, int fd)
{
    static const char will = CHANNEL_SCRIBE_WILL;
    if (l->master->start->is_development)
        say_to_scribe(fd, CHANNEL_SCRIBE_DEVELOPMENT);
    if (l->is_held)
        say_to_scribe(fd, CHANNEL_SCRIBE_HOLD);
    for (const struct list *n = l->master->sites.next; n != &l->master->sites; n = n->next)
        say_site(l, fd, container_of(n, struct site, node));
    if (l->will_fd >= 0)             /* last: for places that it knows by then */
        (void)sys_send_fds(fd, &will, 1, &l->will_fd, 1, MSG_DONTWAIT);
}

static int try_scribe(struct logs *l)
{
    int pair[2], conf_fd = master_conf_fd(l->master);
    if (conf_fd < 0)
        return conf_fd;
    int rc = sys_socketpair(SOCK_SEQPACKET, pair);
    if (rc == 0) {
        greet_scribe(l, pair[0]);
        rc = spawn_scribe(l, conf_fd, pair[1]);
        (void)sys_close(pair[1]);
        if (rc == 0) {
            drop_will(l);
            l->channel_fd = pair[0];
            if (sys_set_nonblocking(pair[0]) == 0)     /* without, nobody is told what was dropped */
                (void)loop_watch(l->master->loop, &l->watch, pair[0], scribe_speaks);
        }
        else
            (void)sys_close(pair[0]);
    }
    (void)sys_close(conf_fd);
    return rc;
}

static void start_scribe(struct logs *l)
{
    if (try_scribe(l) < 0)
        (void)timer_set(l->master->loop, &l->timer, backoff_next(&l->backoff, 0, BACKOFF_MOST_MS));
}

static int open_pipe(int fds[2])
{
    int rc = sys_pipe(fds, 0);
    if (rc < 0)
        fds[0] = fds[1] = -1;
    else
        (void)sys_fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one only drops earlier */
    return rc;
}

static int take_over_error(struct logs *l)
{
    (void)sys_close(ERROR_FD);
    int got = sys_fcntl(l->output_fds[1], F_DUPFD, ERROR_FD);
    return got == ERROR_FD ? 0 : got < 0 ? got : -EBADF;
}

int logs_start(struct logs *l, struct master *m)
{
    *l = (struct logs){ .master = m,
                        .access_fds = { -1, -1 },
                        .output_fds = { -1, -1 },
                        .terminal_fd = -1,
                        .channel_fd = -1,
                        .will_fd = -1 };
    child_init(&l->scribe, scribe_ended);
    timer_init(&l->timer, time_up);
    int rc = open_pipe(l->access_fds);
    if (rc == 0)
        rc = sys_set_nonblocking(l->access_fds[1]); /* an edge drops and counts, it never waits */
    if (rc == 0)
        rc = open_pipe(l->output_fds);
    if (rc == 0)
        (void)sys_fchmod(l->output_fds[1], OUTPUT_MODE);
    if (rc == 0) {
        rc = sys_dup_cloexec(ERROR_FD);
        l->terminal_fd = rc < 0 ? -1 : rc;
        l->had_terminal = isatty(ERROR_FD) == 1;
    }
    if (l->terminal_fd >= 0)
        rc = try_scribe(l);
    return rc < 0 ? rc : take_over_error(l);
}

bool logs_lost_terminal(const struct logs *l)
{
    struct pollfd terminal = { .fd = l->terminal_fd };
    return l->had_terminal && sys_poll(&terminal, 1, 0) == 1 && (terminal.revents & POLLHUP);
}

void logs_reopen(struct logs *l)
{
    say_to_scribe(l->channel_fd, CHANNEL_SCRIBE_REOPEN);
}

void logs_hold(struct logs *l, bool holds)
{
    l->is_held = holds;
    say_to_scribe(l->channel_fd, holds ? CHANNEL_SCRIBE_HOLD : CHANNEL_SCRIBE_GO_ON);
}

static void restore_error(struct logs *l)
{
    if (l->terminal_fd < 0)
        return;
    (void)sys_close(ERROR_FD);
    (void)sys_fcntl(l->terminal_fd, F_DUPFD, ERROR_FD);
}

void logs_end(struct logs *l)
{
    l->is_ending = true;
    restore_error(l);
    close_pair(l->access_fds);
    close_pair(l->output_fds);
    close_channel(l);
    timer_off(l->master->loop, &l->timer);
    if (child_runs(&l->scribe))
        (void)timer_set(l->master->loop, &l->timer, END_LIMIT_MS);
}

void logs_done(struct logs *l)
{
    if (!l->master)
        return;
    if (l->output_fds[0] >= 0)
        logs_end(l);
    timer_off(l->master->loop, &l->timer);
    drop_will(l);
    (void)sys_close(l->terminal_fd);
    l->terminal_fd = -1;
}

static bool put(int fd, struct span text)
{
    while (text.len > 0) {
        struct pollfd out = { .fd = fd, .events = POLLOUT };
        size_t piece = text.len < PIECE_BYTES ? text.len : PIECE_BYTES;
        if (sys_poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
            return false;
        ssize_t sent = sys_write(fd, text.at, piece);
        if (sent <= 0)
            return false;
        text = span_skip(text, (size_t)sent);
    }
    return true;
}

void logs_say(const struct logs *l, const char *format, ...)
{
    char text[SAY_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len > 0)
        (void)put(l->terminal_fd >= 0 ? l->terminal_fd : ERROR_FD,
                  (struct span){ text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1 });
}

void logs_write(const struct logs *l, struct span text)
{
    (void)l;
    if (!put(ERROR_FD, text))
        log_warn("log lines were dropped", "bytes=%zu", text.len);
}
