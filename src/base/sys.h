/* sys.h - the one thin place where this program meets the kernel and the heap.
 *
 * Every system call and every allocation of ours goes through these functions, so that a test build
 * (-Dfaults=true) can count them and make the n-th one fail, and a unit test can link another sys.c
 * that simulates sockets and clock.
 *
 * Results   like the call of the same name, but an error is -errno, never -1 with errno.
 *           EINTR is retried inside, except where said.
 * Flags     every descriptor is made close-on-exec.
 * Faults    with -Dfaults=true the environment says what fails:
 *             SLIPWAY_FAULT=N        the N-th call in this process fails (1 is the first)
 *             SLIPWAY_FAULT_IN=edge  only in processes of that name: "edge" and "edge 1";
 *                                    "slipway" is one that has no name yet
 *             SLIPWAY_FAULT_ONCE=F   only in the first process that gets there: file F is
 *                                    for that
 *             SLIPWAY_FAULT_COUNT=F  at exit the number of calls is appended to file F,
 *                                    as "name count\n"
 *           A fork that takes a new name counts from 1 again.  Not counted, because they never
 *           fail: sys_free, sys_close, sys_munmap, sys_exit, sys_umask, the clocks.
 */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include "base/span.h"

/* Names this process for fault injection and for its short title in ps and top
 * ("slipway: edge"). */
void sys_process_name(const char *name);

/* heap: NULL when there is none.  sys_free takes NULL. */
void *sys_malloc(size_t bytes);
void *sys_calloc(size_t count, size_t bytes);
void *sys_realloc(void *old, size_t bytes);
char *sys_strdup(const char *text);
void sys_free(void *block);

/* clocks, without a system call where the vDSO serves */
int64_t sys_now_us(void);              /* monotonic */
int64_t sys_wall_us(void);             /* since 1970, UTC */

int sys_random(void *into, size_t bytes);       /* from the kernel, all of it or -errno */

/* descriptors */
ssize_t sys_read(int fd, void *into, size_t bytes);
ssize_t sys_read_once(int fd, void *into, size_t bytes);             /* EINTR is returned */
ssize_t sys_write(int fd, const void *from, size_t bytes);
ssize_t sys_pread(int fd, void *into, size_t bytes, off_t at);
int sys_pread_all(int fd, void *into, size_t bytes, off_t at);       /* 0, -EIO: it has not so many */
ssize_t sys_pwrite(int fd, const void *from, size_t bytes, off_t at);
int sys_close(int fd);                 /* takes -1 as nothing to do */
int sys_fcntl(int fd, int command, long argument);
int sys_set_nonblocking(int fd);
int sys_dup_cloexec(int fd);
int sys_poll(struct pollfd *fds, nfds_t count, int timeout_ms);      /* EINTR is returned */

/* files */
int sys_open(const char *path, int flags, mode_t mode);
int sys_openat(int dir_fd, const char *path, int flags);
int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_unlinked(const char *folder);      /* O_TMPFILE, else mkstemp and unlink; 0600 */
int sys_stat(const char *path, struct stat *st);
int sys_lstat(const char *path, struct stat *st);
int sys_fstat(int fd, struct stat *st);
int sys_unlink(const char *path);
int sys_mkdir(const char *path, mode_t mode);
int sys_rmdir(const char *path);
int sys_chmod(const char *path, mode_t mode);
int sys_fchmod(int fd, mode_t mode);
int sys_fsync(int fd);
off_t sys_seek(int fd, off_t at, int from);
int sys_set_times(int fd, const struct timespec times[2]);           /* of access, modification */
int sys_lchown(const char *path, uid_t owner, gid_t group);          /* -1: as it is */
mode_t sys_umask(mode_t mask);                                       /* the one before */
int sys_flock(int fd, int operation);                                /* may block */
int sys_rename(const char *from, const char *to);
int sys_create_at(int dir_fd, const char *path, int flags, mode_t mode);     /* O_CREAT is added */
int sys_lstat_at(int dir_fd, const char *path, struct stat *st);
ssize_t sys_readlink_at(int dir_fd, const char *path, char *into, size_t bytes);     /* as sys_readlink */
int sys_rename_at(int dir_fd, const char *from, const char *to);     /* both in that folder */
int sys_unlink_at(int dir_fd, const char *path);
int sys_fchown(int fd, uid_t owner, gid_t group);                    /* -1: as it is */
int sys_ftruncate(int fd, off_t bytes);
int sys_fallocate_punch(int fd, off_t at, off_t bytes);              /* gives pages back */
ssize_t sys_sendfile(int out_fd, int in_fd, off_t *at, size_t bytes);
ssize_t sys_readlink(const char *path, char *into, size_t bytes);    /* NUL-ended, -ENAMETOOLONG */
int sys_realpath(const char *path, char into[4096]);                 /* absolute, without links */
int sys_getcwd(char *into, size_t bytes);                            /* NUL-ended, -ERANGE */
/* struct dirent64 records of an open folder: their bytes, 0 after the last one. */
ssize_t sys_getdents(int fd, void *into, size_t bytes);

/* memory */
int sys_memfd(const char *name, unsigned flags);                     /* MFD_CLOEXEC is added */
int sys_memfd_with(const char *name, struct span bytes);             /* ... that has them, or -errno */
int sys_mmap(int fd, size_t bytes, int protection, int flags, void **at);
int sys_munmap(void *at, size_t bytes);
int sys_madvise(void *at, size_t bytes, int advice);
size_t sys_page_bytes(void);

/* sockets, pipes, events */
int sys_socket(int family, int type, int protocol);
int sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int sys_listen(int fd, int backlog);
int sys_connect(int fd, const struct sockaddr *addr, socklen_t len);
int sys_accept(int fd, struct sockaddr *addr, socklen_t *len);       /* non-blocking child */
int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int sys_shutdown(int fd, int how);
int sys_unsent(int fd);                /* bytes the peer has not acknowledged yet (SIOCOUTQ) */
ssize_t sys_recv(int fd, void *into, size_t bytes, int flags);
ssize_t sys_send(int fd, const void *from, size_t bytes, int flags); /* MSG_NOSIGNAL is added */
ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags);    /* MSG_NOSIGNAL is added */
int sys_socketpair(int type, int fds[2]);                            /* AF_UNIX */
int sys_pipe(int fds[2], int flags);
int sys_eventfd(unsigned initial, int flags);
int sys_signalfd(int fd, const sigset_t *mask);
int sys_inotify_init(void);                                          /* non-blocking */
int sys_inotify_add(int fd, const char *path, uint32_t mask);        /* the watch's number */
int sys_inotify_remove(int fd, int number);
int sys_epoll_create(void);
int sys_epoll_ctl(int ep, int operation, int fd, struct epoll_event *event);
/* timeout_us: -1 is for ever, 0 looks only; EINTR is returned. */
int sys_epoll_wait(int ep, struct epoll_event *events, int count, int64_t timeout_us);

/* One message with up to SYS_FDS_MAX descriptors beside it.  recv: `fds` has room for SYS_FDS_MAX;
 * those that came are the caller's (close-on-exec), *fds_count says how many; a message without
 * bytes is the end (0); one that was cut is -EMSGSIZE and its descriptors are closed. */
enum { SYS_FDS_MAX = 64 };
ssize_t sys_send_fds(int fd, const void *from, size_t bytes, const int *fds, size_t fds_count,
                     int flags);
ssize_t sys_recv_fds(int fd, void *into, size_t bytes, int *fds, size_t *fds_count, int flags);

/* Shared futexes (no PRIVATE flag): the word may live in memory of several processes. */
/* timeout_us: -1 is for ever.  0 (woken), -EAGAIN (not `expected`), -ETIMEDOUT, -EINTR. */
int sys_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_us);
int sys_futex_wake(uint32_t *word, int count);

/* processes */
pid_t sys_fork(void);
int sys_execve(const char *path, char *const argv[], char *const envp[]);
int sys_pidfd_open(pid_t pid);
int sys_pidfd_send_signal(int pidfd, int sig);
int sys_kill(pid_t pid, int sig);
/* wait4; peak_kib may be NULL */
pid_t sys_waitpid(pid_t pid, int *status, int flags, int64_t *peak_kib);
int sys_sigmask(int how, const sigset_t *set);               /* of this thread; SIG_BLOCK, ... */
int sys_cpus_allowed(void);                /* how many CPUs the scheduler may put us on */
int sys_sched_batch(void);                 /* SCHED_BATCH for this process */
int sys_prctl(int option, unsigned long argument);
/* For good: real, effective and saved ids and supplementary groups of every thread.  -EPERM and
 * -EINVAL (a user namespace without such an id): not here; anything else: not now. */
int sys_become_user(uid_t uid, gid_t gid, const gid_t *groups, size_t count);
int sys_files_as(uid_t uid, gid_t gid);    /* files are opened with their rights; back: (0, 0) */
int sys_groups(gid_t *into, size_t most);  /* supplementary ones: how many */
int sys_set_groups(const gid_t *groups, size_t count);
int sys_can(const char *path, int mode);   /* access(2) with the rights of sys_files_as */
int sys_drop_capabilities(void);           /* all of this thread's; what exec would give stays */
int sys_keep_capabilities(uint64_t kept);  /* all but these (bits by the kernel's numbers), as far as we have them */
int sys_chdir(const char *path);
int sys_setpgid(pid_t pid, pid_t group);
/* The terminal of fd: its foreground process group, also given away from the background (then the
 * kernel would stop us: SIGTTOU); and its modes. */
pid_t sys_terminal_group(int fd);
int sys_terminal_give(int fd, pid_t group);
int sys_terminal_modes(int fd, struct termios *modes);
int sys_terminal_set_modes(int fd, const struct termios *modes);
unsigned sys_terminal_columns(int fd); /* 0: no terminal; one that does not say has 80 */
int sys_raise_files(void);             /* the limit of descriptors, up to the hard one */
int64_t sys_files_most(void);          /* the hard one, INT64_MAX for none */
/* seccomp: `program` are `count` instructions of BPF, for every thread and for good.  A call that they
 * trap is not made but gives -EPERM after refused(), which runs inside it: it may do nothing but system
 * calls.  -ENOSYS: not on this machine. */
int sys_trap_refused_calls(void (*refused)(int number));
int sys_limit_calls(const void *program, size_t count);
bool sys_can_limit_calls(void);
/* Landlock: a ruleset says which kinds of access (bits of the kernel's LANDLOCK_ACCESS_...) are refused
 * but beneath the folders that were allowed, and to the files that were, for the calling thread and what it
 * starts.  Several add up: each refuses more.  net and scoped: 0 where the version does not know them. */
int sys_landlock_version(void);        /* 1 and more, or -errno: there is none */
int sys_landlock_new(uint64_t files, uint64_t net, uint64_t scoped);     /* a descriptor */
int sys_landlock_allow(int ruleset_fd, int folder_fd, uint64_t access);
int sys_landlock_enter(int ruleset_fd);
bool sys_makes_unlinked(const char *folder);   /* its file system has O_TMPFILE, as far as can be seen */
bool sys_is_sanitized(void);           /* built with the address sanitizer */
_Noreturn void sys_exit(int status);        /* _exit: no atexit handlers, no flushing */
