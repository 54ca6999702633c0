/* inherited.c - sockets that somebody else opened: systemd's socket activation, a parent that leaves
 * a descriptor open.
 *
 * Whoever opened them owns them: their files are never removed, and what they are set to (backlog,
 * IPV6_V6ONLY, options) stays.  Only O_NONBLOCK and close-on-exec are ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/sys.h"
#include "conf/env_file.h"
#include "master/listeners_private.h"

/* ---- LISTEN_FDS ---- */

static int read_number(const char *name, const char *text, uint64_t *number, char *why)
{
    if (span_to_u64(span_of(text), number) == 0)
        return 0;
    return listener_say(why, -EBADMSG, "%s is no number: '%.20s'", name, text);
}

static void read_names(struct inherited *in, struct span names)
{
    for (size_t i = 0; i < in->count && names.len > 0; i++) {
        size_t end = span_find(names, ':');
        in->names[i] = (struct span){ names.at, end };
        names = span_skip(names, end < names.len ? end + 1 : end);
    }
}

int inherited_read(struct inherited *in, char *const *envp, char *why)
{
    const char *pid_text = env_value(envp, "LISTEN_PID"), *fds_text = env_value(envp, "LISTEN_FDS");
    uint64_t pid, fds;
    *in = (struct inherited){ 0 };
    if (!pid_text || !fds_text)
        return 0;
    int rc = read_number("LISTEN_PID", pid_text, &pid, why);
    if (rc == 0)
        rc = read_number("LISTEN_FDS", fds_text, &fds, why);
    if (rc < 0 || pid != (uint64_t)getpid())           /* they were passed to a process before us */
        return rc;
    if (fds > CONF_LIST_MAX)
        return listener_say(why, -E2BIG, "LISTEN_FDS passes %.20s sockets; at most %d are taken",
                            fds_text, CONF_LIST_MAX);
    in->count = (size_t)fds;
    read_names(in, span_of(env_value(envp, "LISTEN_FDNAMES")));
    for (int i = 0; i < (int)in->count; i++)           /* one that is not open is refused when taken */
        (void)sys_fcntl(INHERITED_FIRST_FD + i, F_SETFD, FD_CLOEXEC);
    return 0;
}

/* ---- one socket ---- */

static int name_url(struct listener *l, const union socket_address *at, socklen_t len)
{
    const char *scheme = l->is_tls ? "https" : "http";
    char host[INET6_ADDRSTRLEN] = "";
    size_t path_bytes = len - offsetof(struct sockaddr_un, sun_path);
    switch (at->any.sa_family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &at->ipv4.sin_addr, host, sizeof host);
        (void)snprintf(l->url, sizeof l->url, "%s://%s:%u", scheme, host,
                       ntohs(at->ipv4.sin_port));
        return 0;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &at->ipv6.sin6_addr, host, sizeof host);
        (void)snprintf(l->url, sizeof l->url, "%s://[%s]:%u", scheme, host,
                       ntohs(at->ipv6.sin6_port));
        return 0;
    case AF_UNIX:
        if (at->local.sun_path[0] == '\0' && path_bytes > 1 && path_bytes <= sizeof at->local.sun_path)
            (void)snprintf(l->url, sizeof l->url, "unix:@%.*s", (int)path_bytes - 1,
                           at->local.sun_path + 1);
        else
            (void)snprintf(l->url, sizeof l->url, "unix:%.*s", (int)sizeof at->local.sun_path,
                           at->local.sun_path);
        return 0;
    default:
        return -EAFNOSUPPORT;
    }
}

static int look_at(struct listener *l, int fd)
{
    union socket_address at = { 0 };
    int type = 0, is_listening = 0;
    socklen_t len = sizeof at, type_len = sizeof type, is_listening_len = sizeof is_listening;
    int rc = sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len);
    if (rc == 0)
        rc = sys_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &is_listening_len);
    if (rc == 0)
        rc = sys_getsockname(fd, &at.any, &len);
    if (rc == 0)
        rc = name_url(l, &at, len);
    return rc == 0 && (type != SOCK_STREAM || !is_listening) ? -EPROTOTYPE : rc;
}

int inherited_open(struct listener *l, int fd, struct span shown, char *why)
{
    int rc = look_at(l, fd);
    if (rc == 0)
        rc = sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (rc == 0)
        rc = sys_set_nonblocking(fd);
    if (rc == 0) {
        l->fd = fd;
        return 0;
    }
    const char *reason = rc == -EBADF ? "nobody left it open" :
                         rc == -ENOTSOCK || rc == -EPROTOTYPE || rc == -EAFNOSUPPORT
                             ? "it is no stream socket that listens" : strerror(-rc);
    return listener_say(why, rc, "cannot listen on %.*s: descriptor %d: %s", (int)shown.len, shown.at,
                        fd, reason);
}
