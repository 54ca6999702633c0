/* log_folder.c - walks a path by hand, folder by folder, so that each step is taken with the right rights.
 */
#include "scribe/log_folder.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/sys.h"
#include "scribe/rotated.h"

enum {
    LINKS_MOST = 16, GROUPS_MOST = 64,
    NO_GROUP = 65534,             /* nogroup: whoever it is, it has no rights of its own */
    LOG_MODE = 0640,
    WRITES = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY,
};

struct walk {
    struct log_folder *f;
    bool is_root;
    unsigned links;
};

/* Without the right to become others (some containers) we stay who we are. */
static void take_rights(struct log_folder *f, uid_t user)
{
    if (user != f->user && sys_files_as(user, user == 0 ? getegid() : NO_GROUP) == 0)
        f->user = user;
}

static void give_back(struct log_folder *f)
{
    for (int tries = 0; tries < 2 && f->user != 0; tries++)      /* one of them can be made to fail, in a test */
        take_rights(f, 0);
}

/* Takes over a folder, or its error. */
static int enter(const struct walk *w, int fd)
{
    struct log_folder *f = w->f;
    (void)sys_close(f->fd);
    f->fd = fd < 0 ? -1 : fd;
    int rc = fd < 0 ? fd : sys_fstat(fd, &f->st);
    if (rc == 0 && w->is_root)
        take_rights(f, f->st.st_uid);
    return rc;
}

/* Nobody but root can make a link in it, or put another folder in its place. */
static bool is_roots(const struct walk *w, const struct stat *link)
{
    const struct stat *st = &w->f->st;
    return !w->is_root || (st->st_uid == 0 && (link->st_uid == 0 || (st->st_mode & 022) == 0));
}

/* What `name` links to stands in its place before the rest. */
static int go_by_link(const struct walk *w, const char *name, const char *rest)
{
    char target[LOG_FOLDER_PATH_BYTES], whole[2 * LOG_FOLDER_PATH_BYTES];
    struct log_folder *f = w->f;
    ssize_t got = sys_readlink_at(f->fd, name, target, sizeof target);
    if (got < 0)
        return (int)got;
    int len = snprintf(whole, sizeof whole, "%s%s%s", target, rest[0] ? "/" : "", rest);
    if (len < 0 || (size_t)len >= sizeof f->path)
        return -ENAMETOOLONG;
    (void)memcpy(f->path, whole, (size_t)len + 1);
    f->name = f->path;
    return target[0] == '/' ? enter(w, sys_open("/", O_PATH | O_DIRECTORY, 0)) : 0;
}

/* The kernel goes the rest of the way, with the rights that we have now; `name` begins it. */
static int go_on_as(const struct walk *w, char *name, uid_t user)
{
    struct log_folder *f = w->f;
    if (w->is_root)
        take_rights(f, user);
    f->follows = true;
    char *slash = strrchr(name, '/');
    f->name = slash ? slash + 1 : name;
    if (!slash)
        return 0;
    *slash = '\0';
    int fd = sys_openat(f->fd, name, O_PATH | O_DIRECTORY);
    (void)sys_close(f->fd);
    f->fd = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : sys_fstat(fd, &f->st);
}

static bool is_proc(const struct walk *w, const char *name, size_t len)
{
    struct stat root;
    return len == 4 && memcmp(name, "proc", 4) == 0 && sys_stat("/", &root) == 0 &&
           root.st_ino == w->f->st.st_ino && root.st_dev == w->f->st.st_dev;
}

/* One name further.  1: that was it. */
static int step(struct walk *w)
{
    struct log_folder *f = w->f;
    struct stat st;
    char *name = (char *)(uintptr_t)f->name + strspn(f->name, "/");
    size_t len = strcspn(name, "/");
    char *rest = name + len + strspn(name + len, "/");
    if (len == 0)
        return -EISDIR;
    if (is_proc(w, name, len) && *rest) {           /* links in it are none: /proc/self/fd/1 */
        int rc = go_on_as(w, name, f->user);
        return rc < 0 ? rc : 1;
    }
    char end = name[len];
    name[len] = '\0';
    int rc = sys_lstat_at(f->fd, name, &st);
    if (rc == 0 && S_ISLNK(st.st_mode) && is_roots(w, &st))
        return ++w->links > LINKS_MOST ? -ELOOP : go_by_link(w, name, rest);
    if (rc == 0 && S_ISLNK(st.st_mode)) {
        name[len] = end;
        rc = go_on_as(w, name, f->st.st_uid != 0 ? f->st.st_uid : st.st_uid);
        return rc < 0 ? rc : 1;
    }
    f->name = *rest ? rest : name;
    if (!*rest)
        return rc == 0 || rc == -ENOENT ? 1 : rc;
    return rc < 0 ? rc : enter(w, sys_openat(f->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
}

int log_folder_open(struct log_folder *f, const char *path)
{
    size_t len = strlen(path);
    *f = (struct log_folder){ .fd = -1 };
    struct walk w = { f, geteuid() == 0, 0 };
    if (len >= sizeof f->path)
        return -ENAMETOOLONG;
    (void)memcpy(f->path, path, len + 1);
    f->name = f->path;
    int rc = enter(&w, sys_open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY, 0));
    while (rc == 0)
        rc = step(&w);
    if (rc < 0)
        log_folder_close(f);
    return rc < 0 ? rc : 0;
}

void log_folder_close(struct log_folder *f)
{
    give_back(f);
    (void)sys_close(f->fd);
    f->fd = -1;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* For a group that is not his its maker has no right. */
int log_folder_give(const struct log_folder *f, int fd, uid_t owner, gid_t group)
{
    int rc = f->user != 0 ? sys_files_as(0, getegid()) : 0;
    if (rc == 0)
        (void)sys_fchown(fd, f->user != 0 ? (uid_t)-1 : owner, group);
    return rc == 0 && f->user != 0 ? sys_files_as(f->user, NO_GROUP) : rc;
}

/* A new file in somebody's folder gets its group.  fd, or -errno: it is closed. */
static int give_group(const struct log_folder *f, int fd)
{
    int rc = f->user != 0 ? log_folder_give(f, fd, (uid_t)-1, f->st.st_gid) : 0;
    if (rc < 0)
        (void)sys_close(fd);
    return rc < 0 ? rc : fd;
}

static int open_once(const struct log_folder *f)
{
    int links = f->follows ? 0 : O_NOFOLLOW;
    int fd = sys_openat(f->fd, f->name, WRITES | links);
    if (fd != -ENOENT)
        return fd;
    fd = sys_create_at(f->fd, f->name, WRITES | O_EXCL, LOG_MODE);
    if (fd == -EEXIST)                               /* a link that leads to nothing, or somebody was quicker */
        fd = f->follows ? sys_create_at(f->fd, f->name, WRITES, LOG_MODE) : sys_openat(f->fd, f->name, WRITES | links);
    return fd >= 0 ? give_group(f, fd) : fd;
}

int log_folder_open_log(const struct log_folder *f)
{
    struct stat st;
    int fd = open_once(f);
    if (fd != -EACCES || f->user == 0 || sys_lstat_at(f->fd, f->name, &st) < 0 || st.st_uid == f->user)
        return fd;
    int rc = rotated_rename(f->fd, f->name, st.st_mtim.tv_sec);
    return rc < 0 ? fd : open_once(f);
}

int log_folder_try(const char *path)
{
    struct log_folder f;
    gid_t groups[GROUPS_MOST];
    bool is_root = geteuid() == 0;
    int count = is_root ? sys_groups(groups, GROUPS_MOST) : 0;
    if (is_root && (count < 0 || sys_set_groups(NULL, 0) < 0))
        count = 0;                                   /* no right to: they stay, and so do all our rights */
    int rc = log_folder_open(&f, path);
    if (rc == 0)
        rc = log_folder_open_log(&f);
    log_folder_close(&f);
    for (int tries = 0; count > 0 && tries < 2 && sys_set_groups(groups, (size_t)count) < 0; tries++)
        continue;
    return rc;
}
