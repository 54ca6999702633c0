/* sys_at.c - files by their names in an open folder. */
#include "base/sys_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int sys_create_at(int dir_fd, const char *path, int flags, mode_t mode)
{
    if (sys_fails_now())
        return -EMFILE;
    return result((int)TEMP_FAILURE_RETRY(openat(dir_fd, path, flags | O_CREAT | O_CLOEXEC, mode)));
}

int sys_lstat_at(int dir_fd, const char *path, struct stat *st)
{
    return sys_fails_now() ? -EIO : result(fstatat(dir_fd, path, st, AT_SYMLINK_NOFOLLOW));
}

ssize_t sys_readlink_at(int dir_fd, const char *path, char *into, size_t bytes)
{
    if (sys_fails_now())
        return -EIO;
    ssize_t got = readlinkat(dir_fd, path, into, bytes);
    if (got < 0)
        return -errno;
    if ((size_t)got >= bytes)
        return -ENAMETOOLONG;
    into[got] = '\0';
    return got;
}

int sys_rename_at(int dir_fd, const char *from, const char *to)
{
    return sys_fails_now() ? -ENOSPC : result(renameat(dir_fd, from, dir_fd, to));
}

int sys_unlink_at(int dir_fd, const char *path)
{
    return sys_fails_now() ? -EIO : result(unlinkat(dir_fd, path, 0));
}

int sys_fchown(int fd, uid_t owner, gid_t group)
{
    return sys_fails_now() ? -EPERM : result(fchown(fd, owner, group));
}
