/* unix_listener.c - Unix sockets: by a file or by an abstract name.
 *
 * Two slipways that start at once would both find a stale file dead, and the second would remove what
 * the first has just bound; so looking, removing and binding happen under a lock on the folder.  Who
 * connects before listen() is refused, so nobody meets the file before it has its owner and group;
 * its mode is there from the start, by the umask.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include "base/sys.h"
#include "conf/folder.h"
#include "master/account.h"
#include "master/listeners_private.h"

/* ---- who is there ---- */

/* Whether somebody answers at this socket file: 1 and who, 0 nobody, or -errno. */
static int is_answered(const union socket_address *to, socklen_t len, pid_t *live_pid)
{
    struct ucred peer = { 0 };
    socklen_t peer_len = sizeof peer;
    int fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    int rc = sys_connect(fd, &to->any, len);
    if (rc == 0 && sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) == 0)
        *live_pid = peer.pid;
    (void)sys_close(fd);
    if (rc == 0 || rc == -EAGAIN)                           /* EAGAIN: its backlog is full */
        return 1;
    if (rc == -EACCES)                                      /* alive or not: not ours to remove */
        return -EPERM;
    return rc == -ECONNREFUSED || rc == -ENOENT ? 0 : rc;
}

/* ---- opening ---- */

/* Bound: from here on there is a file, which is ours as long as it is this one. */
static int listen_at_file(struct listener *l)
{
    struct stat st;
    int rc = 0;
    if (l->has_mode && (l->owner != (uid_t)-1 || l->group != (gid_t)-1))
        rc = sys_lchown(l->path, l->owner, l->group);
    if (rc == 0)
        rc = sys_listen(l->fd, INT_MAX); /* the kernel bounds it: net.core.somaxconn */
    if (rc == 0)
        rc = sys_lstat(l->path, &st);
    if (rc < 0) {
        (void)sys_unlink(l->path);
        return rc == -EPERM ? -EACCES : rc;
    }
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

static int bind_file(struct listener *l, const union socket_address *to)
{
    mode_t before = l->has_mode ? sys_umask(0777 & ~l->mode) : 0;
    int rc = sys_bind(l->fd, &to->any, sizeof to->local);
    if (l->has_mode)
        (void)sys_umask(before);
    return rc < 0 ? rc : listen_at_file(l);
}

static int replace_stale(const struct listener *l, const union socket_address *to, pid_t *live_pid)
{
    struct stat st;
    if (sys_lstat(l->path, &st) < 0)
        return 0;                                           /* bind() says what is wrong */
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    int rc = is_answered(to, sizeof to->local, live_pid);
    if (rc != 0)
        return rc < 0 ? rc : -EADDRINUSE;
    (void)sys_unlink(l->path);
    return 0;
}

static int open_file(struct listener *l, pid_t *live_pid)
{
    char folder[FOLDER_BYTES];
    union socket_address to = { .local = { .sun_family = AF_UNIX } };
    (void)snprintf(to.local.sun_path, sizeof to.local.sun_path, "%s", l->path);
    /* A folder that cannot be opened is not locked: a wish, not a condition. */
    int lock = folder_parent(folder, l->path) == 0 ? sys_open(folder, O_RDONLY | O_DIRECTORY, 0) : -1;
    if (lock >= 0)
        (void)sys_flock(lock, LOCK_EX);
    int rc = replace_stale(l, &to, live_pid);
    if (rc == 0)
        rc = bind_file(l, &to);
    (void)sys_close(lock < 0 ? -1 : lock);
    return rc;
}

static int open_abstract(struct listener *l)
{
    union socket_address to = { .local = { .sun_family = AF_UNIX } };
    size_t len = strlen(l->abstract);
    memcpy(to.local.sun_path + 1, l->abstract, len);
    int rc = sys_bind(l->fd, &to.any, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len));
    return rc < 0 ? rc : sys_listen(l->fd, INT_MAX);
}

int listener_open_unix(struct listener *l, pid_t *live_pid)
{
    *live_pid = 0;
    l->fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return l->fd;
    int rc = l->abstract[0] ? open_abstract(l) : open_file(l, live_pid);
    if (rc < 0) {
        (void)sys_close(l->fd);
        l->fd = -1;
    }
    return rc;
}

/* ---- of an item of `listen` ---- */

static int find_accounts(struct listener *l, const struct listen_spec *s, char *why)
{
    struct account owner = { .uid = (uid_t)-1 };
    l->group = (gid_t)-1;
    if (s->owner[0] && !account_find(s->owner, &owner))
        return listener_say(why, -ENOENT, "cannot listen on unix:%s: there is no user '%s'", s->path,
                            s->owner);
    if (s->group[0] && !account_find_group(s->group, &l->group))
        return listener_say(why, -ENOENT, "cannot listen on unix:%s: there is no group '%s'", s->path,
                            s->group);
    l->owner = owner.uid;
    return 0;
}

static int explain(const struct listener *l, const struct listen_spec *s, int rc, pid_t live_pid,
                   char *why)
{
    const char *name = l->url;
    switch (-rc) {
    case EADDRINUSE:
        if (live_pid > 0)
            return listener_say(why, rc, "cannot listen on %s: process %d answers there already", name,
                                live_pid);
        return listener_say(why, rc, "cannot listen on %s: another process answers there already",
                            name);
    case EEXIST:
        return listener_say(why, rc, "cannot listen on %s: a file that is no socket has that name",
                            name);
    case ENOENT:
        return listener_say(why, rc, "cannot listen on %s: its folder does not exist", name);
    case EPERM:
        return listener_say(why, rc, "cannot listen on %s: a socket of another user has that name",
                            name);
    case EACCES:
        if (s->owner[0] || s->group[0])
            return listener_say(why, rc, "cannot listen on %s: no permission to write in its folder, or "
                                "to give the socket to %s%s%s", name, s->owner,
                                s->owner[0] && s->group[0] ? ":" : "", s->group);
        return listener_say(why, rc, "cannot listen on %s: no permission to write in its folder", name);
    default:
        return listener_say(why, rc, "cannot listen on %s: %s", name, strerror(-rc));
    }
}

int listener_open_local(struct listener *l, const struct listen_spec *s, char *why)
{
    pid_t live_pid;
    bool is_abstract = s->kind == LISTEN_ABSTRACT;
    memcpy(is_abstract ? l->abstract : l->path, s->path, sizeof s->path);
    (void)snprintf(l->url, sizeof l->url, "unix:%s%s", is_abstract ? "@" : "", s->path);
    l->has_mode = !is_abstract;
    l->mode = s->mode;
    int rc = find_accounts(l, s, why);
    if (rc < 0)
        return rc;
    rc = listener_open_unix(l, &live_pid);
    return rc < 0 ? explain(l, s, rc, live_pid, why) : 0;
}
