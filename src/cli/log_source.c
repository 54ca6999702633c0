/* log_source.c - see log_source.h. */
#include "cli/log_source.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/json.h"
#include "base/sys.h"
#include "scribe/access_record.h"
#include "scribe/rotated.h"
#include "serve/gzip.h"

enum { READ_BYTES = 64 * 1024, LOOK_MS = 250, TAIL_BYTES = 16 * 1024, UNPACKED_BYTES_MAX = 64 * 1024 * 1024,
       PATH_BYTES = 4096 + 256 };

/* ---- which lines ----------------------------------------------------------------------------- */

bool log_filter_is_status(const char *spec)
{
    size_t digits = 0;
    for (; *spec != '\0'; spec++) {
        bool is_digit = (*spec >= '0' && *spec <= '9') || (*spec == 'x' && digits > 0);
        if (*spec == ',' ? digits != 3 : !is_digit || digits == 3)
            return false;
        digits = *spec == ',' ? 0 : digits + 1;
    }
    return digits == 3;
}

static bool has_status(const char *spec, uint64_t status)
{
    const char digits[3] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                             (char)('0' + status % 10) };
    for (;; spec += 4) {
        bool is_it = true;
        for (size_t i = 0; i < 3; i++)
            is_it = is_it && (spec[i] == 'x' || spec[i] == digits[i]);
        if (is_it || spec[3] == '\0')
            return is_it;
    }
}

static bool matches(const struct log_source *s, const struct access_record *r)
{
    const struct log_filter *f = s->filter;
    return (!f->status || has_status(f->status, r->status)) &&
           (!f->path || span_starts(r->target, span_of(f->path))) &&
           (!s->site || span_eq(r->site, span_of(s->site))) &&
           (f->slow_us < 0 || (r->took_us >= 0 && r->took_us >= f->slow_us));
}

static void print_record(const struct access_record *r, struct span line)
{
    json_t *object = json_pack("{s:s%, s:s%, s:I, s:I}", "method", r->method.at ? r->method.at : "",
                               r->method.len, "target", r->target.at ? r->target.at : "", r->target.len,
                               "status", (json_int_t)r->status, "bytes", (json_int_t)r->bytes);
    if (r->took_us >= 0)
        (void)json_object_set_new(object, "ms", json_real((double)r->took_us / 1000));
    (void)json_object_set_new(object, "line", json_stringn(line.at, line.len));
    char *text = object ? json_line(object) : NULL;
    if (text)
        (void)fputs(text, stdout);
    sys_free(text);
    json_decref(object);
}

static void take_line(void *user, struct span line)
{
    struct log_source *s = user;
    struct access_record r;
    bool skips = s->skips;
    s->skips = false;
    if (skips || s->filter->is_over || access_record_read(line, &r) < 0)
        return;
    if (matches(s, &r)) {
        if (s->filter->is_json && !r.json)
            print_record(&r, line);
        else
            (void)printf("%.*s\n", (int)line.len, line.at);
    }
    access_record_done(&r);
}

/* ---- what is there --------------------------------------------------------------------------- */

static int read_packed(int fd, struct log_source *s)
{
    char bytes[READ_BYTES];
    struct buf out = { .limit_bytes = UNPACKED_BYTES_MAX };
    struct gzip *g = gzip_unpacker();
    int rc = g ? 0 : -ENOMEM;
    ssize_t got = 1;
    while (rc == 0 && got > 0 && !s->filter->is_over) {
        got = sys_read(fd, bytes, sizeof bytes);
        rc = got < 0 ? (int)got : gzip_put(g, (struct span){ bytes, (size_t)got }, got == 0, &out);
        lines_feed(&s->lines, buf_span(&out), take_line, s);
        buf_take(&out, buf_len(&out));
        s->filter->is_over = fflush(stdout) != 0;
    }
    gzip_free(g);
    buf_done(&out);
    return rc;
}

static int read_plain(int fd, struct log_source *s)
{
    char bytes[READ_BYTES];
    ssize_t got = 1;
    while (got > 0 && !s->filter->is_over) {
        got = sys_read(fd, bytes, sizeof bytes);
        if (got > 0)
            lines_feed(&s->lines, (struct span){ bytes, (size_t)got }, take_line, s);
        s->filter->is_over = fflush(stdout) != 0;
    }
    return got < 0 ? (int)got : 0;
}

static int read_file(const char *path, struct log_source *s)
{
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    int rc = rotated_is_packed(span_of(path)) ? read_packed(fd, s) : read_plain(fd, s);
    lines_end(&s->lines, take_line, s);
    (void)sys_close(fd);
    return rc;
}

/* One that is just being compressed is there under its other name. */
static int list(const char *path, struct span **names)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = sys_open(folder, O_PATH | O_DIRECTORY, 0);
    int count = fd < 0 ? fd : rotated_list(fd, slash ? slash + 1 : path, names);
    (void)sys_close(fd);
    return count;
}

static int read_rotated(struct log_source *s)
{
    char name[PATH_BYTES];
    const char *slash = strrchr(s->path, '/');
    struct span *names = NULL;
    int count = list(s->path, &names), rc = count < 0 ? count : 0;
    for (int i = 0; i < count && rc == 0 && !s->filter->is_over; i++) {
        bool is_double = i > 0 && rotated_compare(names[i - 1], names[i]) == 0;
        if (is_double)
            continue;
        (void)snprintf(name, sizeof name - 3, "%.*s%s", slash ? (int)(slash - s->path) + 1 : 0, s->path, names[i].at);
        rc = read_file(name, s);
        if (rc == -ENOENT && !rotated_is_packed(names[i])) {
            (void)strcat(name, ".gz");
            rc = read_file(name, s);
        }
        rc = rc == -ENOENT ? 0 : rc;                 /* log-keep had its turn */
    }
    sys_free(names);
    return rc;
}

int log_source_show(struct log_source *s)
{
    int rc = s->is_bare ? 0 : read_rotated(s);
    return rc == 0 ? read_file(s->path, s) : rc;
}

/* ---- what comes ------------------------------------------------------------------------------ */

static bool is_replaced(int fd, const char *path)
{
    struct stat mine, named;
    return sys_fstat(fd, &mine) == 0 && sys_stat(path, &named) == 0 &&
           (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev);
}

static bool is_cut(int fd)
{
    struct stat st;
    off_t at = sys_seek(fd, 0, SEEK_CUR);
    return at >= 0 && sys_fstat(fd, &st) == 0 && st.st_size < at;
}

/* Opened anew, from its beginning; -1 while it is not there. */
static int open_again(struct log_source *s)
{
    int fd = sys_open(s->path, O_RDONLY | O_NONBLOCK, 0);
    s->fd = fd < 0 ? -1 : fd;
    return fd == -ENOENT || fd == -ENOTDIR ? 0 : fd < 0 ? fd : 0;
}

static int begin(struct log_source *s)
{
    int rc = open_again(s);
    s->skips = s->fd >= 0 && sys_seek(s->fd, -TAIL_BYTES, SEEK_END) >= 0;
    return rc;
}

/* What it has more since the last time.  *again: there may be more at once. */
static int look(struct log_source *s, bool *again)
{
    bool ends = s->fd >= 0 && is_replaced(s->fd, s->path);     /* before the last look into it */
    int rc = s->fd >= 0 ? read_plain(s->fd, s) : 0;
    if (rc == 0 && (ends || s->fd < 0)) {
        lines_end(&s->lines, take_line, s);
        (void)sys_close(s->fd);
        rc = open_again(s);
        *again = *again || ends;
    } else if (s->fd >= 0 && is_cut(s->fd)) {
        (void)sys_seek(s->fd, 0, SEEK_SET);
    }
    return rc;
}

/* Nothing new to print shows nobody that the pipe's reader has gone: poll() does. */
static void wait_a_little(struct log_filter *f)
{
    struct pollfd out = { .fd = STDOUT_FILENO };
    if (sys_poll(&out, 1, LOOK_MS) == 1 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)))
        f->is_over = true;
}

int log_sources_follow(struct log_source *all, size_t count, size_t *which)
{
    struct log_filter *f = all[0].filter;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = begin(&all[*which = i]);
    while (rc == 0 && !f->is_over) {
        bool again = false;
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = look(&all[*which = i], &again);
        if (rc == 0 && !again && !f->is_over)
            wait_a_little(f);
    }
    for (size_t i = 0; i < count; i++) {
        lines_end(&all[i].lines, take_line, &all[i]);
        (void)sys_close(all[i].fd);
        all[i].fd = -1;
    }
    return rc;
}
