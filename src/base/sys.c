/* sys.c - one function a call: retry EINTR, turn errno into a result, and fail on demand.
 *
 * The failing is the -Dfaults=true build only: sys_fails_now() counts every call and says yes once.
 * Each function names the error that this call gives in real life when the machine is short of
 * something, so a walk over all N tests paths that exist.
 */
#include "base/sys_private.h"
#include <sched.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/futex.h>

enum { NAME_BYTES = 32, US_PER_S = 1000000, DAY_MS = 86400000, FAULTS_FD = 900 };

static char process_name[NAME_BYTES];

#ifdef SLIPWAY_FAULTS
static unsigned long calls;          /* in this process, atomically */
static unsigned long failing_call;   /* 0: none */
static const char *failing_process;  /* NULL: any */
static int count_fd = -1;            /* -1: not asked for */
static int once_fd = -1;             /* -1: in every such process */

/* At once: later this process may have no right to.  Far above what spawn.c puts in place. */
static int open_early(const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FAULTS_FD);
    if (fd >= 0)
        (void)close(fd);
    return high;
}

__attribute__((constructor)) static void read_faults(void)
{
    const char *number = getenv("SLIPWAY_FAULT");
    failing_call = number ? strtoul(number, NULL, 10) : 0;
    failing_process = getenv("SLIPWAY_FAULT_IN");
    count_fd = open_early(getenv("SLIPWAY_FAULT_COUNT"));
    once_fd = open_early(getenv("SLIPWAY_FAULT_ONCE"));
}

static const char *fault_name(void)
{
    return process_name[0] != '\0' ? process_name : "slipway";
}

__attribute__((destructor)) static void write_count(void)
{
    char line[NAME_BYTES + 32];
    int len = snprintf(line, sizeof line, "%s %lu\n", fault_name(), calls);
    if (count_fd >= 0 && write(count_fd, line, (size_t)len) < 0)
        (void)fprintf(stderr, "cannot write the number of calls\n");
}

static bool is_failing_process(void)
{
    const char *name = fault_name();
    size_t len = failing_process ? strlen(failing_process) : 0;
    return !failing_process || (strncmp(name, failing_process, len) == 0 &&
                                (name[len] == '\0' || name[len] == ' '));
}

/* Whoever writes the first byte. */
static bool is_first(void)
{
    struct stat st;
    return once_fd < 0 || (write(once_fd, "x", 1) == 1 && fstat(once_fd, &st) == 0 && st.st_size == 1);
}

bool sys_fails_now(void)
{
    unsigned long call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    return call == failing_call && is_failing_process() && is_first();
}

static void count_from_one(void)
{
    __atomic_store_n(&calls, 0, __ATOMIC_RELAXED);
}
#else
static inline void count_from_one(void) { }
static inline void write_count(void) { }
#endif

static int result(int rc)
{
    return rc < 0 ? -errno : rc;
}

static ssize_t result_bytes(ssize_t rc)
{
    return rc < 0 ? -errno : rc;
}

void sys_process_name(const char *name)
{
    char title[16];                                   /* what the kernel keeps: 15 and NUL */
    if (process_name[0] != '\0' && strcmp(process_name, name) != 0)
        count_from_one();                             /* a fork with another task */
    (void)snprintf(process_name, sizeof process_name, "%s", name);
    (void)snprintf(title, sizeof title, "slipway: %.6s", name);
    (void)prctl(PR_SET_NAME, (unsigned long)title);
}

/* ---- heap and clocks ---- */

void *sys_malloc(size_t bytes)
{
    return sys_fails_now() ? NULL : malloc(bytes);
}

void *sys_calloc(size_t count, size_t bytes)
{
    return sys_fails_now() ? NULL : calloc(count, bytes);
}

void *sys_realloc(void *old, size_t bytes)
{
    return sys_fails_now() ? NULL : realloc(old, bytes);
}

char *sys_strdup(const char *text)
{
    return sys_fails_now() ? NULL : strdup(text);
}

void sys_free(void *block)
{
    free(block);
}

static int64_t now_us(clockid_t clock)
{
    struct timespec ts = { 0 };
    (void)clock_gettime(clock, &ts);                  /* fails only for a clock that is not there */
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t sys_now_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t sys_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

static struct timespec timespec_of(int64_t us)
{
    return (struct timespec){ .tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000 };
}

int sys_random(void *into, size_t bytes)
{
    if (sys_fails_now())
        return -ENOSYS;
    for (size_t done = 0; done < bytes;) {
        ssize_t got = TEMP_FAILURE_RETRY(getrandom((char *)into + done, bytes - done, 0));
        if (got < 0)
            return -errno;
        done += (size_t)got;
    }
    return 0;
}

/* ---- descriptors ---- */

ssize_t sys_read(int fd, void *into, size_t bytes)
{
    return sys_fails_now() ? -EIO : result_bytes(TEMP_FAILURE_RETRY(read(fd, into, bytes)));
}

ssize_t sys_read_once(int fd, void *into, size_t bytes)
{
    return sys_fails_now() ? -EINTR : result_bytes(read(fd, into, bytes));
}

ssize_t sys_write(int fd, const void *from, size_t bytes)
{
    return sys_fails_now() ? -ENOSPC : result_bytes(TEMP_FAILURE_RETRY(write(fd, from, bytes)));
}

ssize_t sys_writev(int fd, const struct iovec *iov, int count)
{
    return sys_fails_now() ? -ENOSPC : result_bytes(TEMP_FAILURE_RETRY(writev(fd, iov, count)));
}

ssize_t sys_pread(int fd, void *into, size_t bytes, off_t at)
{
    return sys_fails_now() ? -EIO : result_bytes(TEMP_FAILURE_RETRY(pread(fd, into, bytes, at)));
}

ssize_t sys_pwrite(int fd, const void *from, size_t bytes, off_t at)
{
    return sys_fails_now() ? -ENOSPC : result_bytes(TEMP_FAILURE_RETRY(pwrite(fd, from, bytes, at)));
}

int sys_close(int fd)
{
    /* after EINTR the descriptor is gone: Linux */
    if (fd < 0 || close(fd) == 0 || errno == EINTR)
        return 0;
    return -errno;
}

int sys_fcntl(int fd, int command, long argument)
{
    return sys_fails_now() ? -EINVAL : result(TEMP_FAILURE_RETRY(fcntl(fd, command, argument)));
}

int sys_set_nonblocking(int fd)
{
    if (sys_fails_now())
        return -EBADF;
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : result(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

int sys_dup_cloexec(int fd)
{
    return sys_fails_now() ? -EMFILE : result(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int sys_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    return sys_fails_now() ? -EINTR : result(poll(fds, count, timeout_ms));
}

/* ---- files ---- */

int sys_open(const char *path, int flags, mode_t mode)
{
    return sys_fails_now() ? -EMFILE : result(TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC, mode)));
}

int sys_openat(int dir_fd, const char *path, int flags)
{
    if (sys_fails_now())
        return -EMFILE;
    return result((int)TEMP_FAILURE_RETRY(openat(dir_fd, path, flags | O_CLOEXEC)));
}

int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };
    if (sys_fails_now())
        return -EMFILE;
    return result((int)TEMP_FAILURE_RETRY(syscall(SYS_openat2, dir_fd, path, &how, sizeof how)));
}

static int open_and_unlink(const char *folder)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/slipway-XXXXXX", folder);
    if (len < 0 || (size_t)len >= sizeof path)
        return -ENAMETOOLONG;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)unlink(path);
    return fd;
}

int sys_open_unlinked(const char *folder)
{
    if (sys_fails_now())
        return -EMFILE;
    int fd = TEMP_FAILURE_RETRY(open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd >= 0)
        return fd;
    /* A file system without O_TMPFILE, and a kernel that does not know it. */
    return errno == EOPNOTSUPP || errno == EISDIR ? open_and_unlink(folder) : -errno;
}

int sys_stat(const char *path, struct stat *st)
{
    return sys_fails_now() ? -EIO : result(stat(path, st));
}

int sys_lstat(const char *path, struct stat *st)
{
    return sys_fails_now() ? -EIO : result(lstat(path, st));
}

int sys_fstat(int fd, struct stat *st)
{
    return sys_fails_now() ? -EIO : result(fstat(fd, st));
}

int sys_unlink(const char *path)
{
    return sys_fails_now() ? -EIO : result(unlink(path));
}

int sys_rmdir(const char *path)
{
    return sys_fails_now() ? -EIO : result(rmdir(path));
}

int sys_mkdir(const char *path, mode_t mode)
{
    return sys_fails_now() ? -ENOSPC : result(mkdir(path, mode));
}

int sys_chmod(const char *path, mode_t mode)
{
    return sys_fails_now() ? -EROFS : result(chmod(path, mode));
}

off_t sys_seek(int fd, off_t at, int from)
{
    off_t got = sys_fails_now() ? -1 : lseek(fd, at, from);
    return got < 0 ? -ESPIPE : got;
}

int sys_fsync(int fd)
{
    return sys_fails_now() ? -EIO : result(TEMP_FAILURE_RETRY(fsync(fd)));
}

int sys_fchmod(int fd, mode_t mode)
{
    return sys_fails_now() ? -EPERM : result(fchmod(fd, mode));
}

int sys_set_times(int fd, const struct timespec times[2])
{
    return sys_fails_now() ? -EPERM : result(futimens(fd, times));
}

int sys_lchown(const char *path, uid_t owner, gid_t group)
{
    return sys_fails_now() ? -EPERM : result(lchown(path, owner, group));
}

mode_t sys_umask(mode_t mask)
{
    return umask(mask);
}

int sys_flock(int fd, int operation)
{
    return sys_fails_now() ? -ENOLCK : result(TEMP_FAILURE_RETRY(flock(fd, operation)));
}

int sys_rename(const char *from, const char *to)
{
    return sys_fails_now() ? -ENOSPC : result(rename(from, to));
}

int sys_ftruncate(int fd, off_t bytes)
{
    return sys_fails_now() ? -ENOSPC : result(TEMP_FAILURE_RETRY(ftruncate(fd, bytes)));
}

int sys_fallocate_punch(int fd, off_t at, off_t bytes)
{
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return sys_fails_now() ? -EOPNOTSUPP : result(TEMP_FAILURE_RETRY(fallocate(fd, mode, at, bytes)));
}

ssize_t sys_sendfile(int out_fd, int in_fd, off_t *at, size_t bytes)
{
    if (sys_fails_now())
        return -EIO;
    return result_bytes(TEMP_FAILURE_RETRY(sendfile(out_fd, in_fd, at, bytes)));
}

ssize_t sys_readlink(const char *path, char *into, size_t bytes)
{
    if (sys_fails_now())
        return -EIO;
    ssize_t len = readlink(path, into, bytes);
    if (len < 0)
        return -errno;
    if ((size_t)len >= bytes)                         /* cut, or no room for the NUL */
        return -ENAMETOOLONG;
    into[len] = '\0';
    return len;
}

_Static_assert(PATH_MAX == 4096, "sys_realpath's room");

int sys_realpath(const char *path, char into[4096])
{
    return sys_fails_now() ? -EIO : realpath(path, into) ? 0 : -errno;
}

int sys_getcwd(char *into, size_t bytes)
{
    return sys_fails_now() ? -EIO : getcwd(into, bytes) ? 0 : -errno;
}

ssize_t sys_getdents(int fd, void *into, size_t bytes)
{
    ssize_t len = sys_fails_now() ? (errno = EIO, -1) : getdents64(fd, into, bytes);
    return len < 0 ? -errno : len;
}

/* ---- memory ---- */

int sys_memfd(const char *name, unsigned flags)
{
    return sys_fails_now() ? -EMFILE : result(memfd_create(name, flags | MFD_CLOEXEC));
}

int sys_mmap(int fd, size_t bytes, int protection, int flags, void **at)
{
    if (sys_fails_now())
        return -ENOMEM;
    void *place = mmap(NULL, bytes, protection, flags, fd, 0);
    if (place == MAP_FAILED)
        return -errno;
    *at = place;
    return 0;
}

int sys_munmap(void *at, size_t bytes)
{
    return result(munmap(at, bytes));
}

/* ---- sockets, pipes, events ---- */

int sys_socket(int family, int type, int protocol)
{
    return sys_fails_now() ? -EMFILE : result(socket(family, type | SOCK_CLOEXEC, protocol));
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return sys_fails_now() ? -EADDRINUSE : result(bind(fd, addr, len));
}

int sys_listen(int fd, int backlog)
{
    return sys_fails_now() ? -EADDRINUSE : result(listen(fd, backlog));
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return sys_fails_now() ? -ECONNREFUSED : result(TEMP_FAILURE_RETRY(connect(fd, addr, len)));
}

int sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    if (sys_fails_now())
        return -EMFILE;
    return result(TEMP_FAILURE_RETRY(accept4(fd, addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return sys_fails_now() ? -ENOBUFS : result(setsockopt(fd, level, name, value, len));
}

int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return sys_fails_now() ? -ENOBUFS : result(getsockopt(fd, level, name, value, len));
}

int sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return sys_fails_now() ? -ENOBUFS : result(getsockname(fd, addr, len));
}

int sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return sys_fails_now() ? -ENOTCONN : result(getpeername(fd, addr, len));
}

int sys_shutdown(int fd, int how)
{
    return sys_fails_now() ? -ENOTCONN : result(shutdown(fd, how));
}

int sys_unsent(int fd)
{
    int bytes = 0;
    int rc = sys_fails_now() ? -EINVAL : result(ioctl(fd, SIOCOUTQ, &bytes));
    return rc < 0 ? rc : bytes;
}

ssize_t sys_recv(int fd, void *into, size_t bytes, int flags)
{
    if (sys_fails_now())
        return -ECONNRESET;
    return result_bytes(TEMP_FAILURE_RETRY(recv(fd, into, bytes, flags)));
}

ssize_t sys_send(int fd, const void *from, size_t bytes, int flags)
{
    if (sys_fails_now())
        return -EPIPE;
    return result_bytes(TEMP_FAILURE_RETRY(send(fd, from, bytes, flags | MSG_NOSIGNAL)));
}

ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
    if (sys_fails_now())
        return -ECONNRESET;
    return result_bytes(TEMP_FAILURE_RETRY(recvmsg(fd, msg, flags | MSG_CMSG_CLOEXEC)));
}

ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (sys_fails_now())
        return -EPIPE;
    return result_bytes(TEMP_FAILURE_RETRY(sendmsg(fd, msg, flags | MSG_NOSIGNAL)));
}

int sys_socketpair(int type, int fds[2])
{
    return sys_fails_now() ? -EMFILE : result(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds));
}

int sys_pipe(int fds[2], int flags)
{
    return sys_fails_now() ? -EMFILE : result(pipe2(fds, flags | O_CLOEXEC));
}

int sys_eventfd(unsigned initial, int flags)
{
    return sys_fails_now() ? -EMFILE : result(eventfd(initial, flags | EFD_CLOEXEC));
}

int sys_signalfd(int fd, const sigset_t *mask)
{
    return sys_fails_now() ? -EMFILE : result(signalfd(fd, mask, SFD_CLOEXEC | SFD_NONBLOCK));
}

int sys_inotify_init(void)
{
    return sys_fails_now() ? -EMFILE : result(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

int sys_inotify_add(int fd, const char *path, uint32_t mask)
{
    return sys_fails_now() ? -ENOSPC : result(inotify_add_watch(fd, path, mask));
}

int sys_inotify_remove(int fd, int number)
{
    return result(inotify_rm_watch(fd, number));
}

int sys_epoll_create(void)
{
    return sys_fails_now() ? -EMFILE : result(epoll_create1(EPOLL_CLOEXEC));
}

int sys_epoll_ctl(int ep, int operation, int fd, struct epoll_event *event)
{
    /* Taking out of the set needs nothing that could run short, so it is never made to fail. */
    if (operation != EPOLL_CTL_DEL && sys_fails_now())
        return -ENOSPC;
    return result(epoll_ctl(ep, operation, fd, event));
}

/* Kernels before 5.11 know milliseconds only: rounded up, so that a wait is never too short. */
static int epoll_wait_ms(int ep, struct epoll_event *events, int count, int64_t timeout_us)
{
    int64_t timeout_ms = timeout_us < 0 ? -1 : timeout_us / 1000 + (timeout_us % 1000 > 0);
    return result(epoll_wait(ep, events, count, timeout_ms < DAY_MS ? (int)timeout_ms : DAY_MS));
}

int sys_epoll_wait(int ep, struct epoll_event *events, int count, int64_t timeout_us)
{
    static bool has_no_pwait2;
    struct timespec limit = timespec_of(timeout_us < 0 ? 0 : timeout_us);
    if (sys_fails_now())
        return -EINTR;
    if (has_no_pwait2)
        return epoll_wait_ms(ep, events, count, timeout_us);
    int rc = epoll_pwait2(ep, events, count, timeout_us < 0 ? NULL : &limit, NULL);
    if (rc >= 0 || (errno != ENOSYS && errno != EPERM))    /* EPERM: an old container's seccomp */
        return result(rc);
    has_no_pwait2 = true;
    return epoll_wait_ms(ep, events, count, timeout_us);
}

union fds_control {
    char bytes[CMSG_SPACE(SYS_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

ssize_t sys_send_fds(int fd, const void *from, size_t bytes, const int *fds, size_t fds_count,
                     int flags)
{
    union fds_control control;
    struct iovec iov = { .iov_base = (void *)(uintptr_t)from, .iov_len = bytes };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (fds_count > SYS_FDS_MAX)
        return -EINVAL;
    if (fds_count > 0) {
        memset(&control, 0, sizeof control);
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(fds_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fds_count * sizeof(int));
    }
    return sys_sendmsg(fd, &msg, flags);
}

static size_t take_fds(struct msghdr *msg, int *fds)
{
    size_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds + count, CMSG_DATA(c), here * sizeof(int));
        /* the control buffer holds SYS_FDS_MAX at most */
        count += here;
    }
    return count;
}

ssize_t sys_recv_fds(int fd, void *into, size_t bytes, int *fds, size_t *fds_count, int flags)
{
    union fds_control control;
    struct iovec iov = { .iov_base = into, .iov_len = bytes };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                          .msg_controllen = sizeof control.bytes };
    ssize_t got = sys_recvmsg(fd, &msg, flags);
    if (got < 0)
        return got;
    size_t count = take_fds(&msg, fds);
    if (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) {
        while (count > 0)
            (void)close(fds[--count]);
        return -EMSGSIZE;
    }
    *fds_count = count;
    return got;
}

int sys_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_us)
{
    struct timespec limit = timespec_of(timeout_us < 0 ? 0 : timeout_us);
    if (sys_fails_now())
        return -EINTR;
    return result((int)syscall(SYS_futex, word, FUTEX_WAIT, expected,
                               timeout_us < 0 ? NULL : &limit, NULL, 0));
}

int sys_futex_wake(uint32_t *word, int count)
{
    /* A wake that is lost is what bells must survive: 0 woken, and no error to see. */
    return sys_fails_now() ? 0 : result((int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0));
}

/* ---- processes ---- */

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
    return sys_fails_now() ? -EMFILE : result((int)syscall(SYS_pidfd_open, pid, 0));
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
    return sys_fails_now() ? -ESRCH : result((int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
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
    write_count();
    _exit(status);
}
