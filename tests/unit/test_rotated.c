#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sys.h"
#include "scribe/attic.h"
#include "scribe/rotated.h"
#include "serve/gzip.h"

static const struct { const char *name; bool is_one, is_packed; } cases[] = {
    { "a.log-20261124T071819Z",       true,  false },
    { "a.log-20261124T071819Z.gz",    true,  true },
    { "a.log-20261124T071819Z.01",    true,  false },
    { "a.log-20261124T071819Z.99.gz", true,  true },
    { "a.log",                        false, false },
    { "a.log-20261124",               false, false },
    { "a.log-20261124T071819",        false, false },
    { "a.log-20261124T071819Z.1",     false, false },
    { "a.log-20261124T071819Z.001",   false, false },
    { "a.log-20261124T071819Z.gz.gz", false, true },
    { "a.log-20261124T071819Z.gz.part", false, false },
    { "a.log-2026112xT071819Z",       false, false },
    { "b.log-20261124T071819Z",       false, false },
    { "a.log.1.gz",                   false, true },
    { "",                             false, false },
};

UNIT_TEST(which_names_are_ours)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span name = span_of(cases[i].name);
        if (rotated_is_name(name, SPAN("a.log")) != cases[i].is_one ||
            rotated_is_packed(name) != cases[i].is_packed)
            fail_msg("%s", cases[i].name);
        assert_false(rotated_is_name(name, SPAN("")));
    }
}

UNIT_TEST(order_is_time)
{
    static const char *const names[] = {
        "a-20251231T235959Z.gz", "a-20260101T000000Z", "a-20260101T000000Z.01.gz",
        "a-20260101T000000Z.02", "a-20260101T000000Z.10.gz", "a-20260101T000001Z.gz",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            int order = rotated_compare(span_of(names[i]), span_of(names[n]));
            assert_int_equal(order < 0 ? -1 : order > 0, i < n ? -1 : i > n);
        }
    assert_int_equal(rotated_compare(SPAN("a-20260101T000000Z"), SPAN("a-20260101T000000Z.gz")), 0);
}

static char folder[64], path[96];

static void begin(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/slipway-rotated-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/a.log", folder);
}

static void end(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void write_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

/* Of the test's folder; the program's end closes it. */
static int folder_fd(void)
{
    return open(folder, O_PATH | O_DIRECTORY);
}

static int list(char *into)
{
    struct span *names = NULL;
    int count = rotated_list(folder_fd(), strrchr(path, '/') + 1, &names);
    into[0] = '\0';
    for (int i = 0; i < count; i++)
        (void)strcat(strcat(into, names[i].at), " ");
    sys_free(names);
    return count;
}

UNIT_TEST(files_of_one_second_have_numbers)
{
    char names[512], moved[160];
    begin();
    assert_int_equal(list(names), 0);
    for (int i = 0; i < 3; i++) {
        write_file(path, "x\n");
        assert_int_equal(rotated_rename(folder_fd(), strrchr(path, '/') + 1, 1795504699), 0);
    }
    assert_int_equal(list(names), 3);
    assert_string_equal(names, "a.log-20261124T071819Z a.log-20261124T071819Z.01 a.log-20261124T071819Z.02 ");
    assert_int_equal(rotated_rename(folder_fd(), strrchr(path, '/') + 1, 1), -ENOENT);
    (void)snprintf(moved, sizeof moved, "%s-20261124T071819Z", path);
    assert_int_equal(unlink(moved), 0);
    write_file(path, "x\n");
    assert_int_equal(rotated_rename(folder_fd(), strrchr(path, '/') + 1, 1795504699), 0);
    assert_int_equal(list(names), 3);              /* not in the gap */
    assert_string_equal(names, "a.log-20261124T071819Z.01 a.log-20261124T071819Z.02 a.log-20261124T071819Z.03 ");
    end();
}

UNIT_TEST(a_taken_name_is_never_written_over)
{
    char packed[160], names[512];
    begin();
    (void)snprintf(packed, sizeof packed, "%s-20261124T071819Z.gz", path);
    write_file(packed, "old");
    write_file(path, "x\n");
    assert_int_equal(rotated_rename(folder_fd(), strrchr(path, '/') + 1, 1795504699), 0);
    assert_int_equal(list(names), 2);
    assert_string_equal(names, "a.log-20261124T071819Z.gz a.log-20261124T071819Z.01 ");
    end();
}

UNIT_TEST(the_attic_packs_and_deletes)
{
    struct attic a;
    char names[512];
    begin();
    for (int i = 0; i < 4; i++) {
        write_file(path, "some line\n");
        assert_int_equal(rotated_rename(folder_fd(), strrchr(path, '/') + 1, 1795504699 + i), 0);
    }
    char other[160];
    (void)snprintf(other, sizeof other, "%s-20261124T071821Z.gz.part", path);
    write_file(other, "half");                     /* of one that was ended midway */
    (void)snprintf(other, sizeof other, "%s-20261124T071822Z.gz", path);
    write_file(other, "whole");                    /* ... between rename and unlink */
    attic_init(&a, path, 3, true);
    assert_int_equal(attic_tidy(&a), 0);
    assert_int_equal(list(names), 2);
    assert_string_equal(names, "a.log-20261124T071821Z.gz a.log-20261124T071822Z.gz ");
    attic_init(&a, path, 1, false);
    assert_int_equal(attic_tidy(&a), 0);
    assert_int_equal(list(names), 1);
    end();
}

UNIT_MAIN(which_names_are_ours, order_is_time, files_of_one_second_have_numbers, a_taken_name_is_never_written_over,
          the_attic_packs_and_deletes)
