/* logs.c - `slipway logs`: lines of the running site's access log, its rotated files first, and with -f
 * what is added to it.
 *
 *     rotated .gz > gzip > lines > filter > standard output
 *     the file itself    > lines > filter > standard output, and again when it has grown
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/sys.h"
#include "cli/verbs.h"
#include "scribe/access_record.h"
#include "scribe/lines.h"
#include "scribe/rotated.h"
#include "serve/gzip.h"

enum { READ_BYTES = 64 * 1024, LOOK_MS = 250, TAIL_BYTES = 16 * 1024, UNPACKED_BYTES_MAX = 64 * 1024 * 1024 };

struct filter {
    const char *status, *path, *site;     /* NULL: any */
    int64_t slow_us;                      /* -1: any */
    bool is_json;
    bool skips;                           /* the line under way: its beginning was not read */
    bool is_over;                         /* nobody reads what we print */
};

/* ---- which lines ----------------------------------------------------------------------------- */

/* "404", "5xx", "4xx,502" */
static bool is_status(const char *spec)
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

static bool matches(const struct filter *f, const struct access_record *r)
{
    return (!f->status || has_status(f->status, r->status)) &&
           (!f->path || span_starts(r->target, span_of(f->path))) &&
           (!f->site || span_eq(r->site, span_of(f->site))) &&
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
    struct filter *f = user;
    struct access_record r;
    bool skips = f->skips;
    f->skips = false;
    if (skips || f->is_over || access_record_read(line, &r) < 0)
        return;
    if (matches(f, &r)) {
        if (f->is_json && !r.json)
            print_record(&r, line);
        else
            (void)printf("%.*s\n", (int)line.len, line.at);
    }
    access_record_done(&r);
}

/* ---- which files ----------------------------------------------------------------------------- */

static int read_packed(int fd, struct filter *f)
{
    char bytes[READ_BYTES];
    struct lines lines = { 0 };
    struct buf out = { .limit_bytes = UNPACKED_BYTES_MAX };
    struct gzip *g = gzip_unpacker();
    int rc = g ? 0 : -ENOMEM;
    ssize_t got = 1;
    while (rc == 0 && got > 0 && !f->is_over) {
        got = sys_read(fd, bytes, sizeof bytes);
        rc = got < 0 ? (int)got : gzip_put(g, (struct span){ bytes, (size_t)got }, got == 0, &out);
        lines_feed(&lines, buf_span(&out), take_line, f);
        buf_take(&out, buf_len(&out));
        f->is_over = fflush(stdout) != 0;
    }
    lines_end(&lines, take_line, f);
    gzip_free(g);
    buf_done(&out);
    return rc;
}

/* What is there now. */
static int read_plain(int fd, struct lines *lines, struct filter *f)
{
    char bytes[READ_BYTES];
    ssize_t got = 1;
    while (got > 0 && !f->is_over) {
        got = sys_read(fd, bytes, sizeof bytes);
        if (got > 0)
            lines_feed(lines, (struct span){ bytes, (size_t)got }, take_line, f);
        f->is_over = fflush(stdout) != 0;
    }
    return got < 0 ? (int)got : 0;
}

static int read_file(const char *path, struct filter *f)
{
    struct lines lines = { 0 };
    int fd = sys_open(path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    int rc = rotated_is_packed(span_of(path)) ? read_packed(fd, f) : read_plain(fd, &lines, f);
    lines_end(&lines, take_line, f);
    (void)sys_close(fd);
    return rc;
}

/* One that is just being compressed is there under its other name. */
static int read_rotated(const char *path, struct filter *f)
{
    char name[ROTATED_PATH_BYTES + 8];
    const char *slash = strrchr(path, '/');
    struct span *names = NULL;
    int count = rotated_list(path, &names), rc = count < 0 ? count : 0;
    for (int i = 0; i < count && rc == 0 && !f->is_over; i++) {
        bool is_double = i > 0 && rotated_compare(names[i - 1], names[i]) == 0;
        if (is_double)
            continue;
        (void)snprintf(name, sizeof name, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, names[i].at);
        rc = read_file(name, f);
        if (rc == -ENOENT && !rotated_is_packed(names[i])) {
            (void)strcat(name, ".gz");
            rc = read_file(name, f);
        }
        rc = rc == -ENOENT ? 0 : rc;                 /* log-keep had its turn */
    }
    sys_free(names);
    return rc;
}

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

/* For ever, or until nobody reads. */
static int follow(const char *path, struct filter *f)
{
    struct lines lines = { 0 };
    int rc = 0, fd = sys_open(path, O_RDONLY, 0);
    f->skips = fd >= 0 && sys_seek(fd, -TAIL_BYTES, SEEK_END) >= 0;
    while (rc == 0 && !f->is_over) {
        bool ends = fd >= 0 && is_replaced(fd, path);     /* before the last look into it */
        if (fd >= 0)
            rc = read_plain(fd, &lines, f);
        if (ends || fd < 0) {
            lines_end(&lines, take_line, f);
            (void)sys_close(fd);
            fd = sys_open(path, O_RDONLY, 0);
        } else if (is_cut(fd)) {
            (void)sys_seek(fd, 0, SEEK_SET);
        }
        if (!ends)
            (void)sys_poll(NULL, 0, LOOK_MS);
    }
    lines_end(&lines, take_line, f);
    (void)sys_close(fd);
    return rc;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static bool read_slow(const char *text, int64_t *us)
{
    char why[CONF_WHY_BYTES];
    struct conf *c = conf_new();
    bool is_right = c && conf_set(c, SPAN("access-slow"), span_of(text), CONF_ARGUMENT, NULL, why) == 0;
    *us = is_right ? c->access_slow_ms * 1000 : -1;
    conf_free(c);
    return is_right;
}

static int show(const char *path, bool follows, struct filter *f)
{
    int rc = follows ? 0 : read_rotated(path, f);
    if (rc == 0)
        rc = follows ? follow(path, f) : read_file(path, f);
    if (f->is_over || rc == 0)
        return EXIT_DONE;
    return verbs_fail(EXIT_WRONG, "the access log %s cannot be read: %s", path, strerror(-rc));
}

static int show_log_of(const json_t *answer, bool follows, struct filter *f)
{
    const json_t *logs = json_object_get(answer, "logs");
    const char *path = json_text(logs, "access", "-");
    bool has_sites = json_object_get(answer, "sites") != NULL;
    if (f->site && !has_sites) {
        if (strcmp(f->site, json_text(answer, "site", "")) != 0)
            return verbs_fail(EXIT_WRONG, "the site that runs here is %s, not %s", json_text(answer, "site", ""), f->site);
        f->site = NULL;
    }
    if (f->site && strcmp(json_text(logs, "format", ""), "json") != 0)
        return verbs_fail(EXIT_WRONG, "lines of this access log do not name their site: set access-format = json");
    if (strncmp(path, "journald", 8) == 0)
        return verbs_fail(EXIT_WRONG, "the access log goes to the journal: journalctl -t slipway SLIPWAY_METHOD=GET");
    if (path[0] == '/')
        return show(path, follows, f);
    return verbs_fail(EXIT_WRONG, "the access log %s: give it a file with access-log = /PATH",
                      strcmp(path, "off") == 0 ? "is off" : "goes to standard output");
}

int verb_logs(int argc, char **argv)
{
    int status;
    struct filter f = { .status = verbs_take_value(&argc, argv, "--status"),
                        .path = verbs_take_value(&argc, argv, "--path"),
                        .site = verbs_take_value(&argc, argv, "--site"),
                        .is_json = verbs_take_flag(&argc, argv, "--json"), .slow_us = -1 };
    const char *slow = verbs_take_value(&argc, argv, "--slow");
    bool is_short = verbs_take_flag(&argc, argv, "-f"), is_long = verbs_take_flag(&argc, argv, "--follow");
    if (f.status && !is_status(f.status))
        return verbs_fail(EXIT_USAGE, "--status takes statuses such as 404, 5xx or 4xx,502, not '%s'", f.status);
    if (slow && !read_slow(slow, &f.slow_us))
        return verbs_fail(EXIT_USAGE, "--slow takes a time such as 500ms or 2s, not '%s'", slow);
    json_t *answer = verbs_ask(argc, argv, "status", &status);
    if (!answer)
        return status;
    status = json_flag(answer, "ok", false) ? show_log_of(answer, is_short || is_long, &f)
                                            : verbs_refused(answer, "no logs");
    json_decref(answer);
    return status;
}
