#include "unit.h"
#include "base/sys.h"
#include <fcntl.h>

/* The program starts itself anew with faults in the environment; the child makes six calls, and its
 * exit status has a bit for each that failed.  Without -Dfaults=true no bit may be set. */
static int six_calls(const char *name)
{
    int failed = 0;
    if (strcmp(name, "-") != 0)
        sys_process_name(name);
    for (int i = 0; i < 3; i++) {
        void *block = sys_malloc(10);
        failed |= (block == NULL) << i;
        sys_free(block);                        /* not counted */
    }
    for (int i = 3; i < 6; i++) {
        int fd = sys_dup_cloexec(0);
        failed |= (fd == -EMFILE) << i;
        (void)sys_close(fd);
    }
    return failed;
}

static const char *once_file = "";

static int run(const char *fault, const char *only_in, const char *count_file, const char *name)
{
    int status;
    char n[64], in[64], file[300], once[300], self[] = "/proc/self/exe", process[32];
    char *arguments[] = { self, process, NULL }, *environment[] = { n, in, file, once, NULL };
    (void)snprintf(n, sizeof n, "SLIPWAY_FAULT%s", fault);
    (void)snprintf(in, sizeof in, "%s=%s", *only_in ? "SLIPWAY_FAULT_IN" : "NOTHING", only_in);
    (void)snprintf(file, sizeof file, "%s=%s", *count_file ? "SLIPWAY_FAULT_COUNT" : "NEITHER",
                   count_file);
    (void)snprintf(once, sizeof once, "%s=%s", *once_file ? "SLIPWAY_FAULT_ONCE" : "NOR",
                   once_file);
    (void)snprintf(process, sizeof process, "%s", name);
    pid_t pid = sys_fork();
    if (pid == 0) {
        (void)sys_execve(self, arguments, environment);
        sys_exit(255);
    }
    assert_int_equal(sys_waitpid(pid, &status, 0, NULL), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#ifdef SLIPWAY_FAULTS
enum { FAULTS = 1 };
#else
enum { FAULTS = 0 };
#endif

UNIT_TEST(the_nth_call_fails_and_no_other)
{
    for (int n = 1; n <= 6; n++) {
        char fault[8];
        (void)snprintf(fault, sizeof fault, "=%d", n);
        assert_int_equal(run(fault, "", "", "edge 1"), FAULTS << (n - 1));
    }
    assert_int_equal(run("=7", "", "", "edge 1"), 0);
    assert_int_equal(run("=0", "", "", "edge 1"), 0);
    assert_int_equal(run("_NOT=1", "", "", "edge 1"), 0);
}

UNIT_TEST(only_in_the_process_that_was_named)
{
    assert_int_equal(run("=2", "edge", "", "edge 1"), FAULTS << 1);
    assert_int_equal(run("=2", "edge", "", "edge"), FAULTS << 1);
    assert_int_equal(run("=2", "edge 1", "", "edge 1"), FAULTS << 1);
    assert_int_equal(run("=2", "edge 2", "", "edge 1"), 0);
    assert_int_equal(run("=2", "ed", "", "edge 1"), 0);
    assert_int_equal(run("=2", "master", "", "edge 1"), 0);
    assert_int_equal(run("=2", "slipway", "", "-"), FAULTS << 1);
}

UNIT_TEST(once_is_for_all_processes)
{
    char path[] = "/tmp/slipway-once-XXXXXX";
    int fd = mkstemp(path);
    (void)sys_close(fd);
    assert_int_equal(sys_unlink(path), 0);
    once_file = path;
    assert_int_equal(run("=2", "edge", "", "edge"), FAULTS << 1);
    assert_int_equal(run("=2", "edge", "", "edge"), 0);
    once_file = "";
    assert_int_equal(run("=2", "edge", "", "edge"), FAULTS << 1);
    (void)sys_unlink(path);
}

UNIT_TEST(the_calls_are_counted_in_a_file)
{
    char path[] = "/tmp/slipway-count-XXXXXX", text[64];
    int fd = mkstemp(path);
    assert_int_equal(run("=0", "", path, "edge 1"), 0);
    assert_int_equal(run("=0", "", path, "-"), 0);
    ssize_t len = sys_read(fd, text, sizeof text - 1);
    assert_true(len >= 0);
    text[len] = '\0';
    assert_string_equal(text, FAULTS ? "edge 1 6\nslipway 6\n" : "");
    assert_int_equal(sys_close(fd) + sys_unlink(path), 0);
}

static int all_tests(void)
{
    const struct CMUnitTest tests[] = {
        the_nth_call_fails_and_no_other, only_in_the_process_that_was_named, once_is_for_all_processes,
        the_calls_are_counted_in_a_file,
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return count > 1 ? six_calls(arguments[1]) : all_tests();
}
