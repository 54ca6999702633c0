#include "unit.h"
#include "base/log.h"
#include "base/sys.h"
#include <fcntl.h>
#include <unistd.h>

static int from_log;                     /* the read end of a pipe that is standard error */
static int real_stderr;

static int open_pipe(void **state)
{
    int fds[2];
    (void)state;
    real_stderr = sys_dup_cloexec(2);
    assert_int_equal(sys_pipe(fds, 0), 0);
    assert_int_equal(dup2(fds[1], 2), 2);
    from_log = fds[0];
    return sys_close(fds[1]) + sys_set_nonblocking(from_log);
}

static int close_pipe(void **state)
{
    (void)state;
    log_set(LOG_INFO, NULL);
    assert_int_equal(dup2(real_stderr, 2), 2);
    return sys_close(from_log) + sys_close(real_stderr);
}

static const char *logged(void)          /* all that came since the last call */
{
    static char text[8192];
    ssize_t got = sys_read(from_log, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void a_line_is_level_process_event_values(void **state)
{
    (void)state;
    log_set(LOG_INFO, "edge 1");
    log_warn("worker died", "pid=%d signal=%d", 12, 9);
    assert_string_equal(logged(), "warn edge 1: worker died: pid=12 signal=9\n");
    log_error("no more workers", "%s", "");
    assert_string_equal(logged(), "error edge 1: no more workers\n");
    log_set(LOG_INFO, NULL);
    log_info("ready", "url=%s", "x");
    assert_string_equal(logged(), "info slipway: ready: url=x\n");
}

static void levels_below_the_least_are_silent(void **state)
{
    (void)state;
    log_set(LOG_WARN, "p");
    log_info("a", "n=%d", 1);
    log_debug("b", "n=%d", 1);
    assert_string_equal(logged(), "");
    log_set(LOG_DEBUG, "p");
    log_debug("c", "n=%d", 1);
    assert_string_equal(logged(), "debug p: c: n=1\n");
}

static void a_level_has_a_name(void **state)
{
    (void)state;
    assert_int_equal(log_level_of("error"), LOG_ERROR);
    assert_int_equal(log_level_of("debug"), LOG_DEBUG);
    assert_int_equal(log_level_of("loud"), LOG_INFO);
}

static void an_event_is_one_line(void **state)
{
    (void)state;
    log_error("bad", "text=%s", "a\nerror p: forged\r\x1b[0m\x7f");
    assert_string_equal(logged(), "error slipway: bad: text=a?error p: forged??[0m?\n");
}

static void a_long_line_is_cut_at_4096(void **state)
{
    char text[5000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_error("long", "text=%s", text);
    const char *line = logged();
    assert_int_equal(strlen(line), 4096);
    assert_string_equal(line + 4090, "xx...\n");
    log_error(text, "n=%d", 1);
    line = logged();
    assert_int_equal(strlen(line), 4096);
    assert_string_equal(line + 4092, "...\n");
}

static void a_full_pipe_drops_and_counts(void **state)
{
    char page[4096] = { 0 };
    (void)state;
    uint64_t before = log_dropped();
    assert_int_equal(sys_set_nonblocking(2), 0);
    while (write(2, page, sizeof page) > 0)
        ;
    assert_true(fcntl(2, F_SETFL, O_WRONLY) == 0);       /* blocking: a wait would hang the test */
    log_error("lost", "n=%d", 1);
    log_error("lost", "n=%d", 2);
    assert_int_equal(log_dropped() - before, 2);
    while (*page = 1, sys_read(from_log, page, sizeof page) > 0)
        ;
    log_error("found", "n=%d", 3);
    assert_string_equal(logged(), "error slipway: found: n=3\n");
    assert_int_equal(log_dropped() - before, 2);
}

static void escaped_text_is_printable_and_fits(void **state)
{
    char into[64];
    (void)state;
    static const struct { const char *why, *in; size_t cap_bytes; const char *out; } cases[] = {
        { "plain",                   "GET /a?b=c",  64, "GET /a?b=c" },
        { "quotes and backslash",    "a\"b\\",      64, "a\\x22b\\x5c" },
        { "control and high bytes",  "\n\x7f\xff",  64, "\\x0a\\x7f\\xff" },
        { "fits exactly",            "12345678",    9,  "12345678" },
        { "one too long",            "123456789",   9,  "12345..." },
        { "never half an escape",    "12345\n",     9,  "12345..." },
        { "an escape fits exactly",  "1234\n",      9,  "1234\\x0a" },
        { "room for two dots",       "abcd",        3,  ".." },
        { "room for nothing",        "abcd",        1,  "" },
        { "empty",                   "",            9,  "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(into, '#', sizeof into);
        assert_ptr_equal(log_escape(into, cases[i].cap_bytes, span_of(cases[i].in)), into);
        bool is_overrun = cases[i].cap_bytes < 64 && into[cases[i].cap_bytes] != '#';
        if (strcmp(into, cases[i].out) != 0 || is_overrun)
            fail_msg("%s: %s", cases[i].why, into);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_PIPE(name) cmocka_unit_test_setup_teardown(name, open_pipe, close_pipe)
        WITH_PIPE(a_line_is_level_process_event_values),
        WITH_PIPE(levels_below_the_least_are_silent),
        WITH_PIPE(an_event_is_one_line),
        WITH_PIPE(a_long_line_is_cut_at_4096),
        WITH_PIPE(a_full_pipe_drops_and_counts),
        cmocka_unit_test(a_level_has_a_name),
        cmocka_unit_test(escaped_text_is_printable_and_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
