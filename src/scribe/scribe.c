/* scribe.c - reads the two pipes, writes the two logs.
 *
 *     edges --access pipe--> lines --> sink (access log)
 *     edges, zygotes, workers, master --output pipe--> lines --> sink (log)
 *
 * Woken  by poll(): a pipe has bytes, the master says something, a place that was full takes more.
 * Ends   when the master's channel has ended and so have both pipes: nobody is left who could say
 *        something.  The master, stopping in order, ends us when a stranger keeps a pipe open.
 */
#include "scribe/scribe.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/sys.h"
#include "conf/conf.h"
#include "link/channel.h"
#include "scribe/confined.h"
#include "scribe/lines.h"
#include "scribe/log_record.h"
#include "scribe/short.h"
#include "scribe/site_logs.h"
#include "scribe/will.h"

enum {
    READ_BYTES = 64 * 1024, READS_A_TURN = 16, CONF_BYTES_MAX = 1024 * 1024,
    LOOK_MS = 1000,               /* a file that refused (disk full) is tried again */
    LAST_WORDS_MS = 2000,         /* at the end, for a place that takes nothing */
    REPORT_BYTES = 256, POLLED_MOST = 6,
};

struct stream {
    int fd;                       /* -1 once it ended */
    struct lines lines;
    struct place place;
};

struct scribe {
    struct conf *conf;
    struct confined confined;
    int channel_fd;               /* -1 once it ended */
    struct stream access, output;
    struct buf line;              /* of the log, under way */
    bool is_json;                 /* the log is */
    struct site_logs sites;       /* access logs whose place is not that of `access` */
    bool is_development;          /* `run`: access lines that are pleasant to read */
    bool has_colour;              /* ... in colours */
    int64_t ended_us;             /* when nobody was left; 0 before */
    bool is_leaving;              /* another scribe takes over */
    uint64_t counted, reported;   /* what the master is to know has changed so often; has been told */
    int64_t reported_us;
};

/* Of the log.  Under `run` the terminal is somebody's who sees one request at a time. */
static void take_output(void *user, struct span line)
{
    struct scribe *s = user;
    struct log_record r = log_record_read(line);
    char time_text[SINK_STAMP_BYTES];
    struct span stamp = { time_text, sink_stamp(time_text) };
    int rc = 0;
    if (place_is_journal(&s->output.place)) {
        journal_log(&s->output.place.journal, &r);
        return;
    }
    buf_take(&s->line, buf_len(&s->line));
    if (s->is_json)
        rc = log_record_json(&r, stamp, &s->line);
    else if (r.shown.at != line.at && !s->is_development)
        rc = buf_addf(&s->line, "[%.*s] %.*s", (int)r.id.len, r.id.at, (int)r.shown.len, r.shown.at);
    bool is_made = rc == 0 && buf_len(&s->line) > 0;
    sink_line(&s->output.place.sink, is_made ? buf_span(&s->line) : r.shown);
}

/* What a sink says of itself, perhaps while s->line is being written. */
static void tell_log(void *user, struct span line)
{
    struct scribe *s = user;
    struct buf under_way = s->line;
    s->line = (struct buf){ 0 };
    take_output(s, line);
    buf_done(&s->line);
    s->line = under_way;
}

/* For people, unless it goes to a file. */
static void take_access(void *user, struct span line)
{
    struct scribe *s = user;
    char text[SHORT_BYTES], clock[16] = "";
    time_t now_s = (time_t)(sys_wall_us() / 1000000);
    struct tm local;
    struct span site;
    struct place *own = site_logs_find(&s->sites, &line, &site), *place = own ? own : &s->access.place;
    bool is_short = s->is_development && !place->sink.path && !place_is_journal(place);
    if (is_short && localtime_r(&now_s, &local)) {
        (void)strftime(clock, sizeof clock, "%H:%M:%S", &local);
        struct short_style style = { .clock = clock, .has_colour = s->has_colour,
                                     .columns = sys_terminal_columns(place->sink.fd) };
        size_t len = short_line(line, &style, text);
        line = len > 0 ? (struct span){ text, len } : line;
    }
    place_access(place, line, site);
}

static void end_stream(struct stream *s, lines_fn take, void *user)
{
    lines_end(&s->lines, take, user);
    (void)sys_close(s->fd);
    s->fd = -1;
}

static void read_stream(struct stream *s, lines_fn take, void *user)
{
    char bytes[READ_BYTES];
    for (unsigned i = 0; i < READS_A_TURN && s->fd >= 0; i++) {
        ssize_t got = sys_read(s->fd, bytes, sizeof bytes);
        if (got == -EAGAIN)
            return;
        if (got <= 0)
            end_stream(s, take, user);
        else
            lines_feed(&s->lines, (struct span){ bytes, (size_t)got }, take, user);
    }
}

/* Each place once, until `act` returns true: whether it did. */
static bool any_place(struct scribe *s, bool (*act)(struct place *, void *), void *user)
{
    return act(&s->output.place, user) || act(&s->access.place, user) || site_logs_any(&s->sites, act, user);
}

static bool hold_one(struct place *p, void *holds)
{
    sink_hold(&p->sink, *(const bool *)holds);
    return false;
}

static bool reopen_one(struct place *p, void *user)
{
    (void)user;
    sink_reopen(&p->sink);
    return false;
}

/* NO_COLOR (any value), and terminals that say that they know none, are obeyed. */
static bool wants_colour(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return sys_terminal_columns(fd) > 0 && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}

/* ---- the scribe before us --------------------------------------------------------------------- */

static struct place *place_of(struct scribe *s, const struct will_item *item)
{
    return item->kind == WILL_ACCESS ? &s->access.place
           : item->kind == WILL_LOG ? &s->output.place
           : item->kind == WILL_SITE ? site_logs_at(&s->sites, item->where) : NULL;
}

static void inherit_one(struct scribe *s, const struct will_item *item)
{
    struct place *place = place_of(s, item);
    if (item->kind == WILL_ACCESS_PART)
        lines_feed(&s->access.lines, item->bytes, take_access, s);
    else if (item->kind == WILL_LOG_PART)
        lines_feed(&s->output.lines, item->bytes, take_output, s);
    else if (place)
        sink_put_back(&place->sink, item->bytes);
}

static void inherit(struct scribe *s, int fd)
{
    struct buf will = { 0 };
    struct will_item item;
    if (will_read(fd, &will) == 0)
        for (struct span text = buf_span(&will); will_next(&text, &item) > 0;)
            inherit_one(s, &item);
    buf_done(&will);
}

/* ---- the master's word ------------------------------------------------------------------------ */

/* A stranger's code, in a build with -Dhooks=true (tests/site/edge_hook.c). */
void scribe_hook(void) __attribute__((weak));

static void obey(struct scribe *s, char word, struct span text)
{
    bool holds;
    switch (word) {
    case CHANNEL_SCRIBE_REOPEN:
        (void)any_place(s, reopen_one, NULL);
        if (scribe_hook)
            scribe_hook();
        break;
    case CHANNEL_SCRIBE_SITE:
        (void)site_logs_add(&s->sites, text);       /* else its lines go to the log of all */
        break;
    case CHANNEL_SCRIBE_SITE_GONE:
        site_logs_remove(&s->sites, text);
        break;
    case CHANNEL_SCRIBE_DEVELOPMENT:
        s->is_development = true;
        s->has_colour = wants_colour(STDOUT_FILENO);
        break;
    case CHANNEL_SCRIBE_HOLD:
    case CHANNEL_SCRIBE_GO_ON:
        holds = word == CHANNEL_SCRIBE_HOLD;
        (void)any_place(s, hold_one, &holds);
        break;
    default:
        break;
    }
}

/* True: there was something. */
static bool read_channel(struct scribe *s)
{
    char text[CHANNEL_SCRIBE_TEXT_MAX];
    int fds[SYS_FDS_MAX];
    size_t count = 0;
    ssize_t got = sys_recv_fds(s->channel_fd, text, sizeof text, fds, &count, MSG_DONTWAIT);
    if (got == -EAGAIN)
        return false;
    if (got <= 0) {
        (void)sys_close(s->channel_fd);
        s->channel_fd = -1;
        obey(s, CHANNEL_SCRIBE_GO_ON, SPAN(""));
        return true;
    }
    if (text[0] == CHANNEL_SCRIBE_WILL && count > 0)
        inherit(s, fds[0]);
    else
        obey(s, text[0], (struct span){ text + 1, (size_t)got - 1 });
    for (size_t i = 0; i < count; i++)
        (void)sys_close(fds[i]);
    return true;
}

/* ---- what the master is told ----------------------------------------------------------------- */

/* At most once a second, for `slipway status`. */
static void report(struct scribe *s)
{
    char text[REPORT_BYTES];
    uint64_t access = place_dropped(&s->access.place) + site_logs_dropped(&s->sites);
    uint64_t log = place_dropped(&s->output.place);
    uint64_t rotated = s->access.place.sink.rotated + s->output.place.sink.rotated + site_logs_rotated(&s->sites);
    int64_t now_us = sys_now_us();
    s->counted = access + log + rotated;
    if (s->counted == s->reported || s->channel_fd < 0 || now_us - s->reported_us < LOOK_MS * 1000)
        return;
    int len = snprintf(text, sizeof text,
                       "{\"access_dropped\":%" PRIu64 ",\"log_dropped\":%" PRIu64 ",\"rotated\":%" PRIu64 "}",
                       access, log, rotated);
    s->reported_us = now_us;
    if (sys_send(s->channel_fd, text, (size_t)len, MSG_DONTWAIT) == len)
        s->reported = s->counted;
}

/* ---- the scribe after us -------------------------------------------------------------------- */

struct leaving {
    struct scribe *s;
    struct buf will;
    int rc;
};

static bool leave_place(struct place *p, void *user)
{
    struct leaving *l = user;
    struct scribe *s = l->s;
    struct will_item item = { p == &s->access.place   ? WILL_ACCESS
                              : p == &s->output.place ? WILL_LOG : WILL_SITE,
                              SPAN(""), buf_span(&p->sink.out) };
    if (item.kind == WILL_SITE)                      /* shared by its name, which is where it leads */
        item.where = span_of(p->sink.path ? p->sink.path : "-");
    l->rc = will_add(&l->will, &item);
    return l->rc < 0;
}

static bool own_up(struct place *p, void *user)
{
    (void)user;
    sink_own_up(&p->sink);
    return false;
}

static bool forget_lines(struct place *p, void *user)
{
    (void)user;
    buf_done(&p->sink.out);
    return false;
}

/* What was not written is another's. */
static void forget(struct scribe *s)
{
    (void)any_place(s, forget_lines, NULL);
    buf_done(&s->access.lines.part);
    buf_done(&s->output.lines.part);
}

/* A log lies in a folder that is closed to us: the master starts another scribe, with what we have not
 * written.  Until it has our word we go on. */
static void leave(struct scribe *s)
{
    struct leaving l = { .s = s };
    (void)any_place(s, own_up, NULL);
    s->reported_us = 0;
    report(s);
    (void)any_place(s, leave_place, &l);
    const struct will_item parts[] = {
        { WILL_ACCESS_PART, SPAN(""), buf_span(&s->access.lines.part) },
        { WILL_LOG_PART, SPAN(""), buf_span(&s->output.lines.part) },
    };
    for (size_t i = 0; i < ARRAY_LEN(parts) && l.rc == 0; i++)
        l.rc = will_add(&l.will, &parts[i]);
    int fd = l.rc < 0 ? l.rc : sys_memfd_with("slipway-lines", buf_span(&l.will));
    static const char word = CHANNEL_SCRIBE_WILL;
    s->is_leaving = fd >= 0 && sys_send_fds(s->channel_fd, &word, 1, &fd, 1, MSG_DONTWAIT) == 1;
    if (s->is_leaving)
        forget(s);
    if (fd >= 0)
        (void)sys_close(fd);
    buf_done(&l.will);
    s->confined.is_missed = false;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static bool is_pending(struct place *p, void *user)
{
    (void)user;
    return sink_is_pending(&p->sink);
}

static bool is_over(struct scribe *s)
{
    if (s->is_leaving)
        return true;
    if (s->channel_fd >= 0 || s->access.fd >= 0 || s->output.fd >= 0)
        return false;
    if (s->ended_us == 0)
        s->ended_us = sys_now_us();
    return !any_place(s, is_pending, NULL) || sys_now_us() - s->ended_us > LAST_WORDS_MS * 1000;
}

struct wait {
    struct pollfd fds[POLLED_MOST];
    size_t count;
    bool has_limit;
};

/* Places that were lent are three at most: both of the server, and standard output of sites. */
static bool wait_for_place(struct place *p, void *user)
{
    struct wait *w = user;
    w->has_limit = w->has_limit || place_is_busy(p);
    if (place_waits(p) && w->count < ARRAY_LEN(w->fds))
        w->fds[w->count++] = (struct pollfd){ .fd = p->sink.fd, .events = POLLOUT };
    return false;
}

/* Descriptors below zero are left out by poll() itself. */
static int wait_for_work(struct scribe *s, struct wait *w)
{
    w->fds[0] = (struct pollfd){ .fd = s->channel_fd, .events = POLLIN };
    w->fds[1] = (struct pollfd){ .fd = s->access.fd, .events = POLLIN };
    w->fds[2] = (struct pollfd){ .fd = s->output.fd, .events = POLLIN };
    w->count = 3;
    w->has_limit = s->ended_us > 0 || s->counted != s->reported;
    (void)any_place(s, wait_for_place, w);
    return sys_poll(w->fds, w->count, w->has_limit ? LOOK_MS : -1);
}

static bool look_one(struct place *p, void *user)
{
    (void)user;
    place_look(p);
    return false;
}

static bool flush_one(struct place *p, void *user)
{
    (void)user;
    sink_flush(&p->sink);
    return false;
}

static void turn(struct scribe *s)
{
    struct wait w;
    int rc = wait_for_work(s, &w);
    if (rc < 0)
        return;
    /* A request's traceback was said before its access line: poll() looked in this order, too, so
     * whose line is seen, its traceback is. */
    if (w.fds[2].revents)
        read_stream(&s->output, take_output, s);
    if (w.fds[1].revents)
        read_stream(&s->access, take_access, s);
    if (w.fds[0].revents) /* last: what was said before 'r' goes to the old files */
        (void)read_channel(s);
    (void)any_place(s, look_one, NULL);            /* what it finds is said in the log, so: */
    (void)any_place(s, flush_one, NULL);
    report(s);
    if (s->confined.is_missed && s->channel_fd >= 0)
        leave(s);
}

static int read_conf(struct scribe *s, char *why)
{
    struct buf text = { .limit_bytes = CONF_BYTES_MAX };
    ssize_t got = 1;
    int rc = 0;
    while (rc == 0 && got > 0) {
        rc = buf_reserve(&text, 4096);
        got = rc == 0 ? sys_pread(CHANNEL_CONF_FD, buf_tail(&text), buf_room(&text),
                                  (off_t)buf_len(&text))
                      : 0;
        if (got > 0)
            buf_added(&text, (size_t)got);
    }
    s->conf = rc == 0 && got == 0 ? conf_new() : NULL;
    rc = s->conf ? conf_read_text(s->conf, buf_span(&text), why) : -ENOMEM;
    buf_done(&text);
    (void)sys_close(CHANNEL_CONF_FD);
    return rc;
}

static int block_signals(void)
{
    /* SIGTTOU: in the terminal's background it may write even in the mode `stty tostop`. */
    static const int signals[] = { SIGINT,  SIGTERM, SIGQUIT, SIGHUP,
                                   SIGUSR1, SIGUSR2, SIGPIPE, SIGTTOU };
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        (void)sigaddset(&set, signals[i]);
    return sys_sigmask(SIG_BLOCK, &set);
}

static void open_places(struct scribe *s)
{
    const struct sink_rotation rotation = { s->conf->log_rotate_size_bytes, s->conf->log_rotate_every_ms,
                                            s->conf->log_keep, s->conf->log_compress };
    s->is_json = strcmp(s->conf->log_format, "json") == 0;
    const struct place_kind access = { "access log", STDOUT_FILENO, false, &s->confined },
                            output = { "log", STDERR_FILENO, !s->is_json, &s->confined };
    place_init(&s->access.place, s->conf->access_log, &access);
    place_init(&s->output.place, s->conf->log, &output);
    s->access.place.sink.tell = s->output.place.sink.tell = tell_log;
    s->access.place.sink.tell_user = s->output.place.sink.tell_user = s;
    sink_rotate(&s->access.place.sink, &rotation);
    if (strcmp(s->conf->log, s->conf->access_log) != 0)     /* one file is rotated by one of them */
        sink_rotate(&s->output.place.sink, &rotation);
    s->sites = (struct site_logs){ .rotation = rotation, .lent_fd = STDOUT_FILENO, .confined = &s->confined,
                                   .tell = tell_log, .tell_user = s };
}

static bool allow_one(struct place *p, void *user)
{
    if (p->sink.path)
        confined_allow(user, p->sink.path);
    return false;
}

static int open_all(struct scribe *s, char *why)
{
    int rc = block_signals();
    if (rc == 0)
        rc = read_conf(s, why);
    if (rc == 0)
        rc = confined_begin(&s->confined, s->conf);
    if (rc == 0)
        rc = sys_set_nonblocking(CHANNEL_ACCESS_FD);
    if (rc == 0)
        rc = sys_set_nonblocking(CHANNEL_OUTPUT_FD);
    if (rc < 0)
        return rc;
    s->channel_fd = CHANNEL_MASTER_FD;
    s->access.fd = CHANNEL_ACCESS_FD;
    s->output.fd = CHANNEL_OUTPUT_FD;
    open_places(s);
    while (s->channel_fd >= 0 && read_channel(s)) /* what the first lines must know */
        continue;
    (void)any_place(s, allow_one, &s->confined);
    return confined_close(&s->confined);
}

int scribe_main(void)
{
    char why[CONF_WHY_BYTES] = "", line[CONF_WHY_BYTES + 64];
    struct scribe s = { .access.place.sink.fd = -1, .access.place.journal.fd = -1,
                        .output.place.sink.fd = -1, .output.place.journal.fd = -1 };
    sys_process_name("scribe");
    int rc = open_all(&s, why);
    if (rc < 0) {
        int len = snprintf(line, sizeof line, "slipway: the scribe cannot start: %s %s\n",
                           strerror(-rc), why);
        (void)sys_write(STDERR_FILENO, line, (size_t)len);
    }
    if (rc == 0)
        (void)any_place(&s, flush_one, NULL);      /* what we inherited */
    while (rc == 0 && !is_over(&s))
        turn(&s);
    if (s.is_leaving)
        rc = CHANNEL_SCRIBE_LEFT;
    site_logs_done(&s.sites);
    place_done(&s.access.place);
    place_done(&s.output.place);
    buf_done(&s.line);
    conf_free(s.conf);
    return rc < 0 ? 1 : rc;
}
