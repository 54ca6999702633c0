/* sink.c - a descriptor that was lent (a terminal, the shell's pipe) stays in the mode it came in:
 * others share it.  So before each write poll() is asked, and a pipe that it calls writable takes
 * PIPE_BUF bytes without waiting.
 */
#include "scribe/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/sys.h"

enum { PIECE_BYTES = 4096, FILE_PIECE_BYTES = 256 * 1024, LOOK_EVERY_US = 1000000, STAMP_BYTES = 32,
       DROPPED_BYTES = 128 };

static void open_file(struct sink *s)
{
    int fd = sys_open(s->path, O_WRONLY | O_APPEND | O_CREAT, 0640);
    if (fd < 0)
        return;                                   /* the old one, if any, is better than none */
    (void)sys_close(s->fd);
    s->fd = fd;
}

void sink_init(struct sink *s, const char *where, int lent_fd, bool has_stamps)
{
    *s = (struct sink){ .fd = -1, .out = { .limit_bytes = SINK_BYTES_MAX } };
    if (strcmp(where, "off") == 0) {
        s->is_off = true;
    } else if (strcmp(where, "-") == 0) {
        s->fd = lent_fd;
    } else {
        s->path = where;
        s->has_stamps = has_stamps;
        open_file(s);
    }
}

void sink_done(struct sink *s)
{
    if (s->path)
        (void)sys_close(s->fd);
    s->fd = -1;
    buf_done(&s->out);
}

void sink_reopen(struct sink *s)
{
    sink_flush(s);                                /* what was said before belongs to the old file */
    if (s->path)
        open_file(s);
}

/* Another file, or none, has our name: it was moved away. */
static bool was_moved(const struct sink *s)
{
    struct stat mine, named;
    if (s->fd < 0)
        return true;
    if (sys_fstat(s->fd, &mine) < 0)
        return false;
    int rc = sys_stat(s->path, &named);
    return rc == -ENOENT ||
           (rc == 0 && (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev));
}

static void look(struct sink *s)
{
    int64_t now_us = sys_now_us();
    if (!s->path || now_us - s->looked_us < LOOK_EVERY_US)
        return;
    s->looked_us = now_us;
    if (was_moved(s))
        open_file(s);
}

static size_t stamp(char into[STAMP_BYTES])
{
    int64_t now_us = sys_wall_us();
    time_t now_s = (time_t)(now_us / 1000000);
    struct tm utc;
    if (!gmtime_r(&now_s, &utc))
        return 0;
    size_t len = strftime(into, STAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    return len +
           (size_t)snprintf(into + len, STAMP_BYTES - len, ".%03dZ ", (int)(now_us / 1000 % 1000));
}

static int add(struct sink *s, struct span line)
{
    char time_text[STAMP_BYTES];
    size_t stamp_bytes = s->has_stamps ? stamp(time_text) : 0;
    int rc = buf_reserve(&s->out, stamp_bytes + line.len + 1);
    if (rc < 0)
        return rc;
    (void)buf_add(&s->out, (struct span){ time_text, stamp_bytes });     /* reserved above */
    (void)buf_add(&s->out, line);
    return buf_add(&s->out, SPAN("\n"));
}

static void say_dropped(struct sink *s)
{
    char line[DROPPED_BYTES - STAMP_BYTES];
    int len = snprintf(line, sizeof line, "warn scribe: lines were dropped: count=%" PRIu64,
                       s->dropped);
    if (add(s, (struct span){ line, (size_t)len }) == 0)
        s->dropped = 0;
}

void sink_line(struct sink *s, struct span line)
{
    if (s->is_off)
        return;
    if (!sink_is_pending(s))
        look(s); /* what is pending was said before, to the old file */
    if (s->dropped > 0 && buf_reserve(&s->out, DROPPED_BYTES + STAMP_BYTES + line.len + 1) == 0)
        say_dropped(s);
    if (s->dropped > 0 || add(s, line) < 0)
        s->dropped++;
}

static ssize_t write_some(const struct sink *s, struct span out)
{
    struct pollfd place = { .fd = s->fd, .events = POLLOUT };
    if (s->path)
        return sys_write(s->fd, out.at, out.len < FILE_PIECE_BYTES ? out.len : FILE_PIECE_BYTES);
    if (sys_poll(&place, 1, 0) != 1)
        return -EAGAIN;
    if (!(place.revents & POLLOUT))
        return -EPIPE;
    return sys_write(s->fd, out.at, out.len < PIECE_BYTES ? out.len : PIECE_BYTES);
}

/* Nobody reads at the other end of the pipe, and nobody will. */
static void lose_place(struct sink *s)
{
    s->is_off = true;
    buf_done(&s->out);
}

void sink_hold(struct sink *s, bool holds)
{
    s->is_held = holds && !s->path;
}

void sink_flush(struct sink *s)
{
    s->was_refused = false;
    if (s->is_held)
        return;
    while (sink_is_pending(s) && s->fd >= 0) {
        ssize_t sent = write_some(s, buf_span(&s->out));
        if (sent <= 0) {
            s->was_refused = true;
            if (sent == -EPIPE)
                lose_place(s);
            return;
        }
        buf_take(&s->out, (size_t)sent);
    }
    buf_shrink(&s->out);
}
