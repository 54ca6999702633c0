/* sys_process.c - processes, signals, the terminal and limits.  As sys.c does it. */
#include "base/sys_private.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void sys_process_name(const char *name)
{
    char title[16];                                   /* what the kernel keeps: 15 and NUL */
    sys_faults_of(name);
    (void)snprintf(title, sizeof title, "slipway: %.6s", name);
    (void)prctl(PR_SET_NAME, (unsigned long)title);
}

pid_t sys_fork(void)
{
    return sys_fails_now() ? -EAGAIN : result(fork());
}

int sys_execve(const char *path, char *const argv[], char *const envp[])
{
    return sys_fails_now() ? -ENOMEM : result(execve(path, argv, envp));
}

int sys_pidfd_open(pid_t pid)
{
    return sys_fails_now() ? -EMFILE : result(syscall(SYS_pidfd_open, pid, 0));
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
    return sys_fails_now() ? -ESRCH : result(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

int sys_kill(pid_t pid, int sig)
{
    return sys_fails_now() ? -ESRCH : result(kill(pid, sig));
}

pid_t sys_waitpid(pid_t pid, int *status, int flags, int64_t *peak_kib)
{
    struct rusage used = { 0 };
    if (sys_fails_now())
        return -ECHILD;
    pid_t got = TEMP_FAILURE_RETRY(wait4(pid, status, flags, &used));
    if (got < 0)
        return -errno;
    if (peak_kib)
        *peak_kib = used.ru_maxrss;
    return got;
}

int sys_sigmask(int how, const sigset_t *set)
{
    return sys_fails_now() ? -EINVAL : -pthread_sigmask(how, set, NULL);
}

int sys_cpus_allowed(void)
{
    cpu_set_t cpus[8];                               /* 8192: what the kernel can be built for */
    int rc = sys_fails_now() ? -EIO : result(sched_getaffinity(0, sizeof(cpus), cpus));
    return rc < 0 ? rc : CPU_COUNT_S(sizeof(cpus), cpus);
}

int sys_sched_batch(void)
{
    const struct sched_param none = { 0 };
    return sys_fails_now() ? -EPERM : result(sched_setscheduler(0, SCHED_BATCH, &none));
}

int sys_prctl(int option, unsigned long argument)
{
    return sys_fails_now() ? -EINVAL : result(prctl(option, argument, 0UL, 0UL, 0UL));
}

int sys_chdir(const char *path)
{
    return sys_fails_now() ? -ENOENT : result(chdir(path));
}

int sys_setpgid(pid_t pid, pid_t group)
{
    return sys_fails_now() ? -EPERM : result(setpgid(pid, group));
}

/* ---- the terminal ---- */

pid_t sys_terminal_group(int fd)
{
    return sys_fails_now() ? -ENOTTY : result(tcgetpgrp(fd));
}

static void block_output_stop(sigset_t *before)
{
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTTOU);
    (void)pthread_sigmask(SIG_BLOCK, &stop, before);
}

int sys_terminal_give(int fd, pid_t group)
{
    sigset_t before;
    if (sys_fails_now())
        return -EPERM;
    block_output_stop(&before);
    int rc = result(tcsetpgrp(fd, group));
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int sys_terminal_modes(int fd, struct termios *modes)
{
    return sys_fails_now() ? -ENOTTY : result(tcgetattr(fd, modes));
}

int sys_terminal_set_modes(int fd, const struct termios *modes)
{
    sigset_t before;
    if (sys_fails_now())
        return -EIO;
    block_output_stop(&before);
    int rc = result(TEMP_FAILURE_RETRY(tcsetattr(fd, TCSANOW, modes)));
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

unsigned sys_terminal_columns(int fd)
{
    struct winsize size = { 0 };
    if (sys_fails_now() || ioctl(fd, TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col > 0 ? size.ws_col : 80;
}

/* ---- limits, and the end ---- */

int sys_raise_files(void)
{
    struct rlimit limit;
    if (sys_fails_now())
        return -EPERM;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    limit.rlim_cur = limit.rlim_max;
    return result(setrlimit(RLIMIT_NOFILE, &limit));
}

int64_t sys_files_most(void)
{
    struct rlimit limit;
    if (sys_fails_now())
        return -EPERM;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    return limit.rlim_max > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_max;
}

_Noreturn void sys_exit(int status)
{
    sys_faults_end();                                 /* _exit() runs no destructor */
    _exit(status);
}
