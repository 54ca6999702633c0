/* sys.c - heap, clocks, descriptors, files and memory: one function a call.  Retries EINTR, turns errno
 * into a result, and fails on demand.
 *
 * Each function names the error that its call gives in real life when the machine is short of
 * something, so a walk over all N faults (sys_faults.c) tests paths that exist.  The same is done for
 * sockets and what wakes in sys_socket.c, for processes in sys_process.c, for rights that are given
 * up in sys_confine.c.
 */
#include "base/sys_private.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    return (int64_t)ts.tv_sec * SYS_US_PER_S + ts.tv_nsec / 1000;
}

int64_t sys_now_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t sys_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
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

ssize_t sys_pread(int fd, void *into, size_t bytes, off_t at)
{
    return sys_fails_now() ? -EIO : result_bytes(TEMP_FAILURE_RETRY(pread(fd, into, bytes, at)));
}

int sys_pread_all(int fd, void *into, size_t bytes, off_t at)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = sys_pread(fd, (char *)into + done, bytes - done, at + (off_t)done);
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        done += (size_t)got;
    }
    return 0;
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
    return result(TEMP_FAILURE_RETRY(openat(dir_fd, path, flags | O_CLOEXEC)));
}

int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };
    if (sys_fails_now())
        return -EMFILE;
    return result(TEMP_FAILURE_RETRY(syscall(SYS_openat2, dir_fd, path, &how, sizeof how)));
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

int sys_memfd_with(const char *name, struct span bytes)
{
    int fd = sys_memfd(name, 0);
    for (off_t at = 0; fd >= 0 && bytes.len > 0;) {
        ssize_t put = sys_pwrite(fd, bytes.at, bytes.len, at);
        if (put <= 0) {
            (void)sys_close(fd);
            return put < 0 ? (int)put : -EIO;
        }
        at += put;
        bytes = span_skip(bytes, (size_t)put);
    }
    return fd;
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

int sys_madvise(void *at, size_t bytes, int advice)
{
    return sys_fails_now() ? -EAGAIN : result(madvise(at, bytes, advice));
}

size_t sys_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}
