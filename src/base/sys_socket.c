/* sys_socket.c - sockets, pipes, and what wakes: events, epoll, futexes.  As sys.c does it. */
#include "base/sys_private.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DAY_MS = 86400000 };

/* ---- sockets and pipes ---- */

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

static ssize_t receive(int fd, struct msghdr *msg, int flags)
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

/* ---- descriptors beside a message ---- */

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
    ssize_t got = receive(fd, &msg, flags);
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

/* ---- what wakes ---- */

static struct timespec timespec_of(int64_t us)
{
    return (struct timespec){ .tv_sec = us / SYS_US_PER_S, .tv_nsec = us % SYS_US_PER_S * 1000 };
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

int sys_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_us)
{
    struct timespec limit = timespec_of(timeout_us < 0 ? 0 : timeout_us);
    if (sys_fails_now())
        return -EINTR;
    return result(syscall(SYS_futex, word, FUTEX_WAIT, expected,
                               timeout_us < 0 ? NULL : &limit, NULL, 0));
}

int sys_futex_wake(uint32_t *word, int count)
{
    /* A wake that is lost is what bells must survive: 0 woken, and no error to see. */
    return sys_fails_now() ? 0 : result(syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0));
}
