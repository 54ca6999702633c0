/* sandbox_calls.c - libseccomp makes a program for the kernel of the lines of calls.def, we load it.
 *
 * What is refused is trapped (SIGSYS) rather than answered by the kernel: so it can be said in our own log
 * which call it was, once a number, however often it is tried.  The kernel's audit log is not where
 * operators look, and in a container not theirs.
 */
#include "edge/sandbox_calls.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>
#include "base/span.h"
#include "base/sys.h"


enum {
    TESTS_MAX = 2,
    PROGRAM_MAX = 4096,                 /* instructions, as many as the kernel takes */
    INSTRUCTION_BYTES = 8,
    NUMBERS = 1024,                     /* of calls: more than any machine has */
    SAID_MAX = 64,                      /* lines in the log, then no more */
    LOG_FD = 2,
    OPEN_READS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_DIRECTORY | O_PATH | O_NOFOLLOW,
};

/* ---- the checks of arguments -------------------------------------------------------------------- */

enum check {
    CHECK_ANY, CHECK_TCP_NODELAY, CHECK_LINGER, CHECK_READING, CHECK_UNLINKED, CHECK_NAMED,
    CHECK_DUPLICATE, CHECK_GET_FLAGS, CHECK_SET_FLAGS, CHECK_GET_SEALS, CHECK_PIPE_SIZE, CHECK_NO_EXEC, CHECK_ABORT,
    CHECK_OURSELVES, CHECK_UNSENT, CHECKS
};

/* (argument & mask) == value.  These arguments have 32 bits: what stands above them the kernel does not see. */
struct test {
    unsigned argument;
    uint32_t mask, value;
};

static const struct {
    unsigned count;
    struct test tests[TESTS_MAX];
} checks[] = {
    [CHECK_ANY] = { .count = 0 },
    [CHECK_TCP_NODELAY] = { 2, { { 1, UINT32_MAX, IPPROTO_TCP }, { 2, UINT32_MAX, TCP_NODELAY } } },
    [CHECK_LINGER] = { 2, { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_LINGER } } },
    [CHECK_READING] = { 1, { { 2, ~(uint32_t)OPEN_READS, 0 } } },
    [CHECK_UNLINKED] = { 1, { { 2, UINT32_MAX, O_TMPFILE | O_RDWR | O_CLOEXEC } } },
    [CHECK_NAMED] = { 1, { { 2, UINT32_MAX, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC } } },
    [CHECK_DUPLICATE] = { 1, { { 1, UINT32_MAX, F_DUPFD_CLOEXEC } } },
    [CHECK_GET_FLAGS] = { 1, { { 1, UINT32_MAX, F_GETFL } } },
    [CHECK_SET_FLAGS] = { 1, { { 1, UINT32_MAX, F_SETFL } } },
    [CHECK_GET_SEALS] = { 1, { { 1, UINT32_MAX, F_GET_SEALS } } },
    [CHECK_PIPE_SIZE] = { 1, { { 1, UINT32_MAX, F_SETPIPE_SZ } } },
    [CHECK_NO_EXEC] = { 1, { { 2, PROT_EXEC, 0 } } },
    [CHECK_ABORT] = { 1, { { 0, UINT32_MAX, SIGABRT } } },
    [CHECK_UNSENT] = { 1, { { 1, UINT32_MAX, SIOCOUTQ } } },
    [CHECK_OURSELVES] = { 1, { { 0, UINT32_MAX, 0 } } },        /* the value is our pid */
};
_Static_assert(ARRAY_LEN(checks) == CHECKS, "a check without a row");

static const struct call {
    int number;                         /* negative: this machine has no such call */
    enum check check;
} calls[] = {
#define CALL(name, check, why) { SCMP_SYS(name), CHECK_##check },
#include "edge/calls.def"
};

/* Where files of the spool must have a name for a moment. */
static const struct call named_calls[] = {
    { SCMP_SYS(openat), CHECK_NAMED }, { SCMP_SYS(unlink), CHECK_ANY }, { SCMP_SYS(unlinkat), CHECK_ANY },
};

static int allow(scmp_filter_ctx filter, const struct call *call)
{
    struct scmp_arg_cmp compares[TESTS_MAX];
    unsigned count = checks[call->check].count;
    for (unsigned i = 0; i < count; i++) {
        const struct test *t = &checks[call->check].tests[i];
        uint32_t value = call->check == CHECK_OURSELVES ? (uint32_t)getpid() : t->value;
        compares[i] = (struct scmp_arg_cmp){ t->argument, SCMP_CMP_MASKED_EQ, t->mask, value };
    }
    return call->number < 0 ? 0 : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->number, count, compares);
}

static int allow_all(scmp_filter_ctx filter, const struct call *all, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = allow(filter, &all[i]);
    return rc;
}

size_t sandbox_calls_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)     /* lines of one call stand together */
        count += calls[i].number >= 0 && (i == 0 || calls[i].number != calls[i - 1].number);
    return count;
}

/* ---- a call that is refused ---------------------------------------------------------------------- */

static struct {
    uint64_t said[NUMBERS / 64];        /* a bit a number; atomic */
    unsigned lines;
    bool kills;
} refused;

static bool is_said(unsigned number)
{
    uint64_t bit = 1ull << number % 64;
    return (__atomic_fetch_or(&refused.said[number / 64], bit, __ATOMIC_RELAXED) & bit) != 0 ||
           __atomic_fetch_add(&refused.lines, 1, __ATOMIC_RELAXED) >= SAID_MAX;
}

/* Inside a signal handler, perhaps with a lock of malloc's held: nothing but system calls. */
static void say(unsigned number)
{
    char line[96] = "warn edge: a system call was refused: call=", digits[12], *end = line + strlen(line);
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *end++ = digits[--count];
    *end++ = '\n';
    struct pollfd out = { .fd = LOG_FD, .events = POLLOUT };
    if (sys_poll(&out, 1, 0) == 1)
        (void)sys_write(LOG_FD, line, (size_t)(end - line));
}

static void refuse(int number)
{
    unsigned index = (unsigned)number < NUMBERS ? (unsigned)number : NUMBERS - 1;
    if (!is_said(index))
        say((unsigned)number);
    if (refused.kills)
        sys_exit(SANDBOX_KILLED);
}

/* ---- the filter ---------------------------------------------------------------------------------- */

static int load_from(int fd)
{
    static char program[PROGRAM_MAX * INSTRUCTION_BYTES];
    ssize_t bytes = sys_pread(fd, program, sizeof program, 0);
    if (bytes < 0)
        return (int)bytes;
    int rc = sys_trap_refused_calls(refuse);
    return rc < 0 ? rc : sys_limit_calls(program, (size_t)bytes / INSTRUCTION_BYTES);
}

static int load(scmp_filter_ctx filter)
{
    int fd = sys_memfd("slipway-calls", 0);
    int rc = fd < 0 ? fd : seccomp_export_bpf(filter, fd);
    if (rc == 0)
        rc = load_from(fd);
    (void)sys_close(fd);
    return rc;
}

int sandbox_calls_limit(bool makes_names, bool kills)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    if (!filter)
        return -ENOMEM;
    /* A binary tree of numbers, for kernels that have no bitmap; with one hardly any call gets here. */
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    refused.kills = kills;
    if (rc == 0)
        rc = allow_all(filter, calls, ARRAY_LEN(calls));
    if (rc == 0 && makes_names)
        rc = allow_all(filter, named_calls, ARRAY_LEN(named_calls));
    if (rc == 0)
        rc = load(filter);
    seccomp_release(filter);
    return rc;
}
