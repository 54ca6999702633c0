/* calls.c - libseccomp makes a program for the kernel of the rows of a table, we load it.
 *
 * What is refused is trapped (SIGSYS) rather than answered by the kernel: so it can be said in our own log
 * which call it was, once a number, however often it is tried.  The kernel's audit log is not where
 * operators look, and in a container not theirs.
 */
#include "fence/calls.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
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
    LOG_FD = 2, PROCESS_BYTES = 16, KIND_BITS = 0xf, OWN_SIGNALS = 32 /* and 33 */,
    A_THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
    OPEN_READS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_DIRECTORY | O_PATH | O_NOFOLLOW,
};

/* ---- the checks of arguments -------------------------------------------------------------------- */

/* (argument & mask) == value.  These arguments have 32 bits: what stands above them the kernel does not see. */
struct test {
    unsigned argument;
    uint32_t mask, value;
};

static const struct {
    unsigned count;
    struct test tests[TESTS_MAX];
} checks[] = {
    [FENCE_ANY] = { .count = 0 },
    [FENCE_TCP_NODELAY] = { 2, { { 1, UINT32_MAX, IPPROTO_TCP }, { 2, UINT32_MAX, TCP_NODELAY } } },
    [FENCE_LINGER] = { 2, { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_LINGER } } },
    [FENCE_READING] = { 1, { { 2, ~(uint32_t)OPEN_READS, 0 } } },
    [FENCE_UNLINKED] = { 1, { { 2, UINT32_MAX, O_TMPFILE | O_RDWR | O_CLOEXEC } } },
    [FENCE_NAMED] = { 1, { { 2, UINT32_MAX, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC } } },
    [FENCE_DUPLICATE] = { 1, { { 1, UINT32_MAX, F_DUPFD_CLOEXEC } } },
    [FENCE_GET_FLAGS] = { 1, { { 1, UINT32_MAX, F_GETFL } } },
    [FENCE_SET_FLAGS] = { 1, { { 1, UINT32_MAX, F_SETFL } } },
    [FENCE_GET_SEALS] = { 1, { { 1, UINT32_MAX, F_GET_SEALS } } },
    [FENCE_PIPE_SIZE] = { 1, { { 1, UINT32_MAX, F_SETPIPE_SZ } } },
    [FENCE_NO_EXEC] = { 1, { { 2, PROT_EXEC, 0 } } },
    [FENCE_ABORT] = { 1, { { 0, UINT32_MAX, SIGABRT } } },
    [FENCE_OWN_SIGNALS] = { 1, { { 0, UINT32_MAX - 1, OWN_SIGNALS } } },
    [FENCE_UNSENT] = { 1, { { 1, UINT32_MAX, SIOCOUTQ } } },
    [FENCE_UNIX_DGRAM] = { 2, { { 0, UINT32_MAX, AF_UNIX }, { 1, KIND_BITS, SOCK_DGRAM } } },
    [FENCE_SEND_BUFFER] = { 2, { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_SNDBUF } } },
    [FENCE_ADD_SEALS] = { 1, { { 1, UINT32_MAX, F_ADD_SEALS } } },
    [FENCE_WINDOW_SIZE] = { 1, { { 1, UINT32_MAX, TIOCGWINSZ } } },
    [FENCE_THREAD] = { 1, { { 0, A_THREAD, A_THREAD } } },
    [FENCE_UNKNOWN] = { .count = 0 },
    [FENCE_OURSELVES] = { 1, { { 0, UINT32_MAX, 0 } } },        /* the value is our pid */
};
_Static_assert(ARRAY_LEN(checks) == FENCE_CHECKS, "a check without a row");

static int allow(scmp_filter_ctx filter, const struct fence_call *call)
{
    struct scmp_arg_cmp compares[TESTS_MAX];
    int number = seccomp_syscall_resolve_name(call->name);
    unsigned count = checks[call->check].count;
    for (unsigned i = 0; i < count; i++) {
        const struct test *t = &checks[call->check].tests[i];
        uint32_t value = call->check == FENCE_OURSELVES ? (uint32_t)getpid() : t->value;
        compares[i] = (struct scmp_arg_cmp){ t->argument, SCMP_CMP_MASKED_EQ, t->mask, value };
    }
    uint32_t action = call->check == FENCE_UNKNOWN ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW;
    return number < 0 ? 0 : seccomp_rule_add_array(filter, action, number, count, compares);
}

static int allow_all(scmp_filter_ctx filter, const struct fence_table *table)
{
    int rc = 0;
    for (size_t i = 0; i < table->count && rc == 0; i++)
        rc = allow(filter, &table->calls[i]);
    return rc;
}

size_t fence_calls_count(const struct fence_table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        bool is_first = i == 0 || strcmp(table->calls[i].name, table->calls[i - 1].name) != 0;
        count += is_first && seccomp_syscall_resolve_name(table->calls[i].name) >= 0;
    }
    return count;
}

/* ---- a call that is refused ---------------------------------------------------------------------- */

static struct {
    uint64_t said[NUMBERS / 64];        /* a bit a number; atomic */
    unsigned lines;
    bool kills;
    char process[PROCESS_BYTES];
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
    char line[128] = "warn ", digits[12], *end = line + strlen(line);
    end = stpcpy(stpcpy(end, refused.process), ": a system call was refused: call=");
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
        sys_exit(FENCE_KILLED);
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

bool fence_is_missing(int error)
{
    return error == -EPERM || error == -EINVAL || error == -ENOSYS || error == -EOPNOTSUPP;
}

int fence_calls_limit(const struct fence_table *tables, size_t count, const char *process, bool kills)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    if (!filter)
        return -ENOMEM;
    /* A binary tree of numbers, for kernels that have no bitmap; with one hardly any call gets here. */
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    refused.kills = kills;
    (void)snprintf(refused.process, sizeof refused.process, "%s", process);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = allow_all(filter, &tables[i]);
    if (rc == 0)
        rc = load(filter);
    seccomp_release(filter);
    return rc;
}
