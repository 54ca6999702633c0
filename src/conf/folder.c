/* folder.c - the few questions that finding a project asks of the file system. */
#include "conf/folder.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/sys.h"

static int add_part(char *into, size_t *len, struct span part)
{
    if (part.len == 0 || span_eq(part, SPAN(".")))
        return 0;
    if (part.len + 1 >= FOLDER_BYTES - *len)
        return -ENAMETOOLONG;
    into[(*len)++] = '/';
    memcpy(into + *len, part.at, part.len);
    *len += part.len;
    return 0;
}

static int add_parts(char *into, size_t *len, struct span path)
{
    int rc = 0;
    while (path.len > 0 && rc == 0) {
        size_t end = span_find(path, '/');
        rc = add_part(into, len, (struct span){ path.at, end });
        path = span_skip(path, end < path.len ? end + 1 : end);
    }
    return rc;
}

int folder_join(char into[FOLDER_BYTES], const char *base, const char *path)
{
    size_t len = 0;
    int rc = path[0] == '/' ? 0 : add_parts(into, &len, span_of(base));
    rc = rc < 0 ? rc : add_parts(into, &len, span_of(path));
    if (rc < 0)
        return rc;
    if (len == 0)
        into[len++] = '/';
    into[len] = '\0';
    return 0;
}

int folder_parent(char into[FOLDER_BYTES], const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash[1] == '\0')
        return -ENOENT;
    size_t len = slash == path ? 1 : (size_t)(slash - path);
    if (len >= FOLDER_BYTES)
        return -ENAMETOOLONG;
    memmove(into, path, len);
    into[len] = '\0';
    return 0;
}

const char *folder_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool folder_exists(const char *path)
{
    struct stat st;
    return sys_stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool has(const char *folder, const char *name, mode_t bits)
{
    char path[FOLDER_BYTES];
    struct stat st;
    return folder_join(path, folder, name) == 0 && sys_stat(path, &st) == 0 &&
           S_ISREG(st.st_mode) && (bits == 0 || (st.st_mode & bits));
}

bool folder_has_file(const char *folder, const char *name)
{
    return has(folder, name, 0);
}

bool folder_has_program(const char *folder, const char *name)
{
    return has(folder, name, S_IXUSR | S_IXGRP | S_IXOTH);
}

bool folder_is_public(const char *path)
{
    struct stat st;
    return sys_stat(path, &st) < 0 || (st.st_mode & S_IWOTH);
}

bool folder_is_ours(const char *path)
{
    struct stat st;
    return sys_stat(path, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid());
}

static int each_of(int fd, int (*each)(void *ctx, const char *name), void *ctx)
{
    _Alignas(struct dirent64) char records[8192];
    ssize_t len;
    while ((len = sys_getdents(fd, records, sizeof(records))) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct dirent64 *entry = (const void *)(records + at);
            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            int rc = each(ctx, entry->d_name);
            if (rc != 0)
                return rc;
        }
    }
    return (int)len;
}

int folder_each(const char *path, int (*each)(void *ctx, const char *name), void *ctx)
{
    int fd = sys_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    int rc = each_of(fd, each, ctx);
    sys_close(fd);
    return rc;
}

static int read_all(int fd, size_t limit_bytes, struct buf *into)
{
    size_t total = 0;
    for (;;) {
        int rc = buf_reserve(into, 4096);
        ssize_t len = rc < 0 ? rc : sys_read(fd, buf_tail(into), buf_room(into));
        if (len <= 0)
            return (int)len;
        buf_added(into, (size_t)len);
        total += (size_t)len;
        if (total > limit_bytes)
            return -EFBIG;
    }
}

int folder_read_file(const char *path, size_t limit_bytes, struct buf *into)
{
    struct stat st;
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);       /* a fifo must not hold us up */
    if (fd < 0)
        return fd;
    int rc = sys_fstat(fd, &st);
    if (rc == 0 && !S_ISREG(st.st_mode) &&
        !S_ISCHR(st.st_mode)) /* /dev/null is an empty file to people */
        rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (rc == 0)
        rc = read_all(fd, limit_bytes, into);
    sys_close(fd);
    return rc;
}

uint64_t folder_stamp(uint64_t before, const char *path)
{
    struct stat st = { 0 };
    int rc = sys_stat(path, &st);
    const uint64_t facts[] = { before, (uint64_t)-rc, st.st_dev, st.st_ino, (uint64_t)st.st_size,
                               (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec,
                               (uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec };
    return hash_span((struct span){ (const char *)facts, sizeof facts }) | 1;
}
