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
#include "scribe/confined.h"
#include "scribe/log_folder.h"
#include "scribe/rotated.h"

enum { PIECE_BYTES = 4096, FILE_PIECE_BYTES = 256 * 1024, LOOK_EVERY_US = 1000000, STAMP_BYTES = 32,
       STAMP_LINE_BYTES = 25, DROPPED_BYTES = 256 };

/* A file that ends within a line: whoever wrote it was ended there, or had no room. */
static bool ends_in_line(const struct log_folder *f, int64_t bytes)
{
    char last = '\n';
    int fd = sys_openat(f->fd, f->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | (f->follows ? 0 : O_NOFOLLOW));
    if (fd >= 0)
        (void)sys_pread(fd, &last, 1, bytes - 1);
    (void)sys_close(fd);
    return last != '\n';
}

static int64_t period_of(const struct sink *s, int64_t wall_ms)
{
    return s->rotation.every_ms > 0 ? wall_ms / s->rotation.every_ms : 0;
}

static void know_file(struct sink *s)
{
    struct stat st;
    bool is_known = sys_fstat(s->fd, &st) == 0;
    int64_t now_ms = sys_wall_us() / 1000;
    s->is_regular = is_known && S_ISREG(st.st_mode);
    s->file_bytes = s->is_regular ? st.st_size : 0;
    s->period = period_of(s, s->file_bytes > 0 ? (int64_t)st.st_mtim.tv_sec * 1000 : now_ms);
}

static int open_file(struct sink *s)
{
    struct log_folder f;
    int fd = log_folder_open(&f, s->path);
    if (fd == 0 && confined_misses(s->confined, &f.st))
        fd = -EACCES;
    if (fd == 0)
        fd = log_folder_open_log(&f);
    if (fd >= 0) {                                /* else the old one, if any, is better than none */
        (void)sys_close(s->fd);
        s->fd = fd;
        know_file(s);
        if (s->file_bytes > 0 && ends_in_line(&f, s->file_bytes) && sys_write(s->fd, "\n", 1) == 1)
            s->file_bytes++;
    }
    log_folder_close(&f);
    return fd < 0 ? fd : 0;
}

void sink_init(struct sink *s, const char *where, int lent_fd, bool has_stamps, struct confined *confined)
{
    *s = (struct sink){ .fd = -1, .confined = confined, .out = { .limit_bytes = SINK_BYTES_MAX } };
    if (strcmp(where, "off") == 0) {
        s->is_off = true;
    } else if (strcmp(where, "-") == 0) {
        s->fd = lent_fd;
    } else {
        s->path = where;
        s->has_stamps = has_stamps;
        (void)open_file(s);
    }
}

void sink_rotate(struct sink *s, const struct sink_rotation *how)
{
    if (!s->path || (how->size_bytes == 0 && how->every_ms == 0))
        return;
    s->rotation = *how;
    attic_init(&s->attic, s->path, how->keep, how->packs);
    if (s->fd >= 0)
        know_file(s);
    attic_wake(&s->attic);
}

static bool rotates(const struct sink *s)
{
    return s->rotation.size_bytes > 0 || s->rotation.every_ms > 0;
}

void sink_done(struct sink *s)
{
    if (rotates(s))
        attic_done(&s->attic);
    if (s->path)
        (void)sys_close(s->fd);
    s->fd = -1;
    buf_done(&s->out);
}

void sink_reopen(struct sink *s)
{
    sink_flush(s);                                /* what was said before belongs to the old file */
    if (s->path)
        (void)open_file(s);
}

/* Another file, or none, has our name: it was moved away.  *is_gone: no name leads to ours. */
static bool was_moved(struct sink *s, bool *is_gone)
{
    struct stat mine, named;
    *is_gone = false;
    if (s->fd < 0)
        return true;
    if (sys_fstat(s->fd, &mine) < 0)
        return false;
    if (s->is_regular)
        s->file_bytes = mine.st_size;             /* it may have been cut (copytruncate) */
    *is_gone = s->is_regular && mine.st_nlink == 0;
    int rc = sys_stat(s->path, &named);
    return rc == -ENOENT || rc == -ENOTDIR ||
           (rc == 0 && (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev));
}

/* Lines for a file that nobody will ever find wait for another; those that find no room are counted. */
static void look_now(struct sink *s)
{
    bool is_gone;
    s->looked_us = sys_now_us();
    if (!was_moved(s, &is_gone) || open_file(s) == 0 || !is_gone)
        return;
    (void)sys_close(s->fd);
    s->fd = -1;
}

static void look(struct sink *s)
{
    if (s->path && sys_now_us() - s->looked_us >= LOOK_EVERY_US)
        look_now(s);
}

static bool is_deleted(const struct sink *s)
{
    struct stat st;
    return s->is_regular && sys_fstat(s->fd, &st) == 0 && st.st_nlink == 0;
}

/* ---- rotation -------------------------------------------------------------------------------- */

static bool is_due(const struct sink *s, size_t line_bytes)
{
    int64_t bytes = s->file_bytes + (int64_t)buf_len(&s->out);
    if (!rotates(s) || !s->is_regular || s->fd < 0 || bytes == 0)
        return false;
    if (s->rotation.size_bytes > 0 && bytes > s->rotation.size_bytes - (int64_t)line_bytes)
        return true;
    return s->rotation.every_ms > 0 && s->period != period_of(s, sys_wall_us() / 1000);
}

static int rename_old(const struct sink *s, int64_t last_s)
{
    struct log_folder f;
    int rc = log_folder_open(&f, s->path);
    if (rc == 0)
        rc = rotated_rename(f.fd, f.name, last_s);
    log_folder_close(&f);
    return rc;
}

/* Between two lines.  What cannot be renamed goes on growing, and is tried again with the next line
 * a second later. */
static void rotate(struct sink *s)
{
    struct stat st;
    bool is_gone;
    int64_t now_us = sys_now_us();
    sink_flush(s);
    if (sink_is_pending(s) || (s->rotate_failed_us > 0 && now_us - s->rotate_failed_us < LOOK_EVERY_US))
        return;
    bool is_others = was_moved(s, &is_gone);
    int rc = is_others ? 0 : sys_fstat(s->fd, &st);
    if (!is_others && rc == 0)
        rc = rename_old(s, st.st_mtim.tv_sec);
    if (rc == 0)
        rc = open_file(s);
    s->rotate_failed_us = rc == 0 ? 0 : now_us;
    if (rc < 0 || is_others)
        return;
    s->rotated++;
    attic_wake(&s->attic);
}

/* ---- lines ----------------------------------------------------------------------------------- */

size_t sink_stamp(char into[SINK_STAMP_BYTES])
{
    int64_t now_us = sys_wall_us();
    time_t now_s = (time_t)(now_us / 1000000);
    struct tm utc;
    if (!gmtime_r(&now_s, &utc))
        return 0;
    size_t len = strftime(into, SINK_STAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    return len +
           (size_t)snprintf(into + len, SINK_STAMP_BYTES - len, ".%03dZ", (int)(now_us / 1000 % 1000));
}

static int add(struct sink *s, struct span line)
{
    char time_text[STAMP_BYTES];
    size_t stamp_bytes = s->has_stamps ? sink_stamp(time_text) : 0;
    if (stamp_bytes > 0)
        time_text[stamp_bytes++] = ' ';
    int rc = buf_reserve(&s->out, stamp_bytes + line.len + 1);
    if (rc < 0)
        return rc;
    (void)buf_add(&s->out, (struct span){ time_text, stamp_bytes });     /* reserved above */
    (void)buf_add(&s->out, line);
    return buf_add(&s->out, SPAN("\n"));
}

static void tell(struct sink *s, struct span line)
{
    if (s->tell)
        s->tell(s->tell_user, line);
    else
        (void)add(s, line);
}

/* There is room for it. */
void sink_say_dropped(struct sink *s, uint64_t count)
{
    char line[DROPPED_BYTES];
    int len = snprintf(line, sizeof line, "warn scribe: lines were dropped: log=\"%.180s\" count=%" PRIu64,
                       s->name ? s->name : "", count);
    tell(s, (struct span){ line, (size_t)len });
}

void sink_own_up(struct sink *s)
{
    uint64_t count = s->dropped;
    s->dropped = 0;
    if (count > 0)
        sink_say_dropped(s, count);
}

void sink_look(struct sink *s)
{
    char line[DROPPED_BYTES];
    int rc = rotates(s) ? attic_look(&s->attic) : 0;
    if (rc == 0)
        return;
    int len = snprintf(line, sizeof line, "warn scribe: rotated files are left as they are: log=\"%s\" error=\"%s\"",
                       s->name ? s->name : "", strerror(-rc));
    tell(s, (struct span){ line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1 });
}

void sink_line(struct sink *s, struct span line)
{
    if (s->is_off)
        return;
    if (!sink_is_pending(s))
        look(s); /* what is pending was said before, to the old file */
    if (is_due(s, line.len + 1 + (s->has_stamps ? STAMP_LINE_BYTES : 0)))
        rotate(s);
    if (s->dropped > 0 && buf_reserve(&s->out, DROPPED_BYTES + STAMP_BYTES + line.len + 1) == 0)
        sink_own_up(s);
    if (s->dropped == 0 && add(s, line) == 0)
        return;
    s->dropped++;
    s->dropped_ever++;
}

/* Whole lines; a longer one than the piece goes alone. */
static size_t lines_bytes(struct span out, size_t most)
{
    if (out.len <= most)
        return out.len;
    const char *cut = memrchr(out.at, '\n', most);
    return cut ? (size_t)(cut - out.at) + 1 : span_find(out, '\n') + 1;
}

/* What went in of a batch that did not fit: the part of a line at its end is taken back. */
static size_t take_back(struct sink *s, struct span out, size_t sent)
{
    struct stat st;
    const char *end = memrchr(out.at, '\n', sent);
    size_t whole = end ? (size_t)(end - out.at) + 1 : 0;
    bool is_back = s->is_regular && sys_fstat(s->fd, &st) == 0 &&
                   sys_ftruncate(s->fd, st.st_size - (off_t)(sent - whole)) == 0;
    return is_back ? whole : sent;
}

static ssize_t write_file(struct sink *s, struct span out)
{
    out.len = lines_bytes(out, FILE_PIECE_BYTES);
    ssize_t sent = sys_write(s->fd, out.at, out.len);
    if (sent > 0 && (size_t)sent < out.len)
        sent = (ssize_t)take_back(s, out, (size_t)sent);
    if (sent > 0)
        s->file_bytes += sent;
    return sent;
}

static ssize_t write_some(struct sink *s, struct span out)
{
    struct pollfd place = { .fd = s->fd, .events = POLLOUT };
    if (s->path)
        return write_file(s, out);
    if (sys_poll(&place, 1, 0) != 1)
        return -EAGAIN;
    if (!(place.revents & POLLOUT))
        return -EPIPE;
    return sys_write(s->fd, out.at, out.len < PIECE_BYTES ? out.len : PIECE_BYTES);
}

/* Nobody reads at the other end of the pipe, and nobody will: but one with a name (a FIFO) may find a reader
 * again. */
static void lose_place(struct sink *s)
{
    if (s->path) {
        (void)sys_close(s->fd);
        s->fd = -1;
        return;
    }
    s->is_off = true;
    buf_done(&s->out);
}

void sink_put_back(struct sink *s, struct span lines)
{
    if (!s->is_off && buf_add(&s->out, lines) < 0) {
        s->dropped++;
        s->dropped_ever++;
    }
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
    if (sink_is_pending(s) && (s->fd < 0 || is_deleted(s))) {
        look_now(s);
        s->was_refused = s->fd < 0;
    }
    while (sink_is_pending(s) && s->fd >= 0) {
        ssize_t sent = write_some(s, buf_span(&s->out));
        if (sent <= 0) {
            s->was_refused = true;
            if (sent == -EPIPE && !s->is_regular)
                lose_place(s);
            return;
        }
        buf_take(&s->out, (size_t)sent);
    }
    buf_shrink(&s->out);
}
