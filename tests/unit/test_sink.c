#include "unit.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sys.h"
#include "scribe/rotated.h"
#include "scribe/sink.h"

static char folder[64], path[128], moved[128];

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/slipway-sink-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/log", folder);
    (void)snprintf(moved, sizeof moved, "%s/log.1", folder);
}

static void remove_folder(void)
{
    (void)unlink(path);
    (void)unlink(moved);
    (void)rmdir(folder);
}

static const char *content(const char *name)
{
    static char text[4096];
    int fd = open(name, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

UNIT_TEST(lines_are_appended_to_a_file)
{
    struct sink s;
    make_folder();
    for (int i = 0; i < 2; i++) {
        sink_init(&s, path, -1, false, NULL);
        sink_line(&s, SPAN("one"));
        sink_line(&s, SPAN(""));
        sink_flush(&s);
        assert_false(sink_is_pending(&s));
        sink_done(&s);
    }
    assert_string_equal(content(path), "one\n\none\n\n");
    remove_folder();
}

UNIT_TEST(a_stamp_stands_in_front)
{
    struct sink s;
    int year, ms;
    make_folder();
    sink_init(&s, path, -1, true, NULL);
    sink_line(&s, SPAN("text"));
    sink_flush(&s);
    sink_done(&s);
    const char *line = content(path);
    assert_int_equal(sscanf(line, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%3dZ text", &year, &ms), 2);
    assert_int_equal(strlen(line), strlen("2026-01-01T00:00:00.000Z text\n"));
    remove_folder();
}

UNIT_TEST(reopening_follows_the_name_and_loses_nothing)
{
    struct sink s;
    make_folder();
    sink_init(&s, path, -1, false, NULL);
    sink_line(&s, SPAN("old"));
    assert_int_equal(rename(path, moved), 0);
    sink_reopen(&s);
    sink_line(&s, SPAN("new"));
    sink_flush(&s);
    sink_done(&s);
    assert_string_equal(content(moved), "old\n");
    assert_string_equal(content(path), "new\n");
    remove_folder();
}

UNIT_TEST(a_file_that_was_moved_away_is_noticed)
{
    struct sink s;
    make_folder();
    sink_init(&s, path, -1, false, NULL);
    assert_int_equal(rename(path, moved), 0);
    s.looked_us = 0;                              /* as if the last look were long ago */
    sink_line(&s, SPAN("new"));
    sink_flush(&s);
    sink_done(&s);
    assert_string_equal(content(path), "new\n");
    remove_folder();
}

UNIT_TEST(a_full_place_drops_and_counts_and_says_so)
{
    enum { LINES = 30000 };
    char line[100], *all = malloc(4 * SINK_BYTES_MAX);
    struct sink s;
    size_t at = 0;
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    memset(line, 'x', sizeof line);
    sink_init(&s, "-", fds[1], false, NULL);
    for (int i = 0; i < LINES; i++)
        sink_line(&s, (struct span){ line, sizeof line });
    uint64_t dropped = s.dropped;
    assert_true(dropped > 0 && buf_len(&s.out) <= SINK_BYTES_MAX);
    for (ssize_t got = 1; got > 0 || sink_is_pending(&s);) {
        sink_flush(&s);
        got = read(fds[0], all + at, 4 * SINK_BYTES_MAX - at);
        at += got > 0 ? (size_t)got : 0;
    }
    assert_int_equal(at, (LINES - dropped) * (sizeof line + 1));
    sink_line(&s, SPAN("later"));
    sink_flush(&s);
    ssize_t got = read(fds[0], all, 4096);
    (void)snprintf(line, sizeof line, "warn scribe: lines were dropped: log=\"\" count=%llu\nlater\n",
                   (unsigned long long)dropped);
    assert_true(got > 0);
    assert_span_equal(((struct span){ all, (size_t)got }), span_of(line));
    sink_done(&s);
    (void)close(fds[0]);
    (void)close(fds[1]);
    free(all);
}

UNIT_TEST(a_place_without_a_reader_is_given_up)
{
    struct sink s;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    (void)close(fds[0]);
    (void)signal(SIGPIPE, SIG_IGN);
    sink_init(&s, "-", fds[1], false, NULL);
    sink_line(&s, SPAN("text"));
    sink_flush(&s);
    assert_true(s.is_off);
    assert_false(sink_is_pending(&s));
    sink_done(&s);
    (void)close(fds[1]);
}

UNIT_TEST(off_keeps_nothing)
{
    struct sink s;
    sink_init(&s, "off", 1, false, NULL);
    sink_line(&s, SPAN("text"));
    assert_false(sink_is_pending(&s));
    sink_done(&s);
}

static char rotated[2][160];

/* Of the test's folder; the program's end closes it. */
static int folder_fd(void)
{
    return open(folder, O_PATH | O_DIRECTORY);
}

/* The rotated files of `path`, oldest first. */
static int find_rotated(void)
{
    struct span *names = NULL;
    int count = rotated_list(folder_fd(), strrchr(path, '/') + 1, &names);
    for (int i = 0; i < count && i < 2; i++)
        (void)snprintf(rotated[i], sizeof rotated[i], "%s/%s", folder, names[i].at);
    sys_free(names);
    return count;
}

static void remove_rotated(void)
{
    (void)unlink(rotated[0]);
    (void)unlink(rotated[1]);
    remove_folder();
}

UNIT_TEST(a_file_is_rotated_before_it_is_too_long)
{
    struct sink s;
    make_folder();
    sink_init(&s, path, -1, false, NULL);
    sink_rotate(&s, &(struct sink_rotation){ .size_bytes = 10 });
    sink_line(&s, SPAN("1234"));
    sink_line(&s, SPAN("5678"));                  /* 10 bytes: not too long */
    assert_int_equal(find_rotated(), 0);
    sink_line(&s, SPAN("longer than all of it"));
    sink_line(&s, SPAN("9"));
    sink_flush(&s);
    sink_done(&s);
    assert_int_equal(s.rotated, 2);
    assert_int_equal(find_rotated(), 2);
    assert_string_equal(content(rotated[0]), "1234\n5678\n");
    assert_string_equal(content(rotated[1]), "longer than all of it\n");
    assert_string_equal(content(path), "9\n");
    remove_rotated();
}

UNIT_TEST(lines_of_an_earlier_period_are_rotated)
{
    const struct timespec then[2] = { { 1763968699, 0 }, { 1763968699, 0 } };     /* 07:18:19 */
    struct sink s;
    make_folder();
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "old\n", 4), 4);
    assert_int_equal(futimens(fd, then), 0);
    (void)close(fd);
    sink_init(&s, path, -1, false, NULL);
    sink_rotate(&s, &(struct sink_rotation){ .every_ms = 86400000 });
    sink_line(&s, SPAN("new"));
    sink_line(&s, SPAN("newer"));
    sink_flush(&s);
    sink_done(&s);
    assert_int_equal(find_rotated(), 1);
    assert_string_equal(rotated[0] + strlen(path), "-20251124T071819Z");
    assert_string_equal(content(rotated[0]), "old\n");
    assert_string_equal(content(path), "new\nnewer\n");
    remove_rotated();
}

UNIT_TEST(a_file_that_ends_within_a_line_gets_its_end)
{
    struct sink s;
    make_folder();
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "ha", 2), 2);
    (void)close(fd);
    sink_init(&s, path, -1, false, NULL);
    sink_line(&s, SPAN("whole"));
    sink_flush(&s);
    sink_done(&s);
    assert_string_equal(content(path), "ha\nwhole\n");
    remove_folder();
}

UNIT_TEST(a_file_that_was_deleted_is_made_anew_at_once)
{
    struct sink s;
    make_folder();
    sink_init(&s, path, -1, false, NULL);
    sink_line(&s, SPAN("old"));
    sink_flush(&s);
    assert_int_equal(unlink(path), 0);
    sink_line(&s, SPAN("new"));
    sink_flush(&s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    sink_line(&s, SPAN("waits"));
    sink_flush(&s);
    assert_true(sink_is_pending(&s) && s.was_refused);
    assert_int_equal(mkdir(folder, 0700), 0);
    sink_flush(&s);
    sink_done(&s);
    assert_string_equal(content(path), "waits\n");
    remove_folder();
}

static void tell_log(void *user, struct span line)
{
    sink_line(user, line);
}

UNIT_TEST(what_an_access_log_lost_is_told_in_the_log)
{
    struct sink access, log;
    int fds[2], log_fds[2];
    char text[4096];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    assert_int_equal(pipe2(log_fds, O_NONBLOCK), 0);
    sink_init(&access, "-", fds[1], false, NULL);
    sink_init(&log, "-", log_fds[1], false, NULL);
    access.tell = tell_log;
    access.tell_user = &log;
    access.name = "access log";
    access.dropped = 3;
    sink_line(&access, SPAN("{}"));
    sink_flush(&access);
    sink_flush(&log);
    ssize_t got = read(fds[0], text, sizeof text);
    assert_span_equal(((struct span){ text, got > 0 ? (size_t)got : 0 }), SPAN("{}\n"));
    got = read(log_fds[0], text, sizeof text);
    assert_span_equal(((struct span){ text, got > 0 ? (size_t)got : 0 }),
                      SPAN("warn scribe: lines were dropped: log=\"access log\" count=3\n"));
    sink_done(&access);
    sink_done(&log);
    for (int i = 0; i < 2; i++) {
        (void)close(fds[i]);
        (void)close(log_fds[i]);
    }
}

UNIT_MAIN(a_file_is_rotated_before_it_is_too_long, lines_of_an_earlier_period_are_rotated,
          a_file_that_ends_within_a_line_gets_its_end, a_file_that_was_deleted_is_made_anew_at_once,
          what_an_access_log_lost_is_told_in_the_log, lines_are_appended_to_a_file, a_stamp_stands_in_front,
          reopening_follows_the_name_and_loses_nothing, a_file_that_was_moved_away_is_noticed,
          a_full_place_drops_and_counts_and_says_so, a_place_without_a_reader_is_given_up,
          off_keeps_nothing)
