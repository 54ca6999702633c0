/* listeners.c - parse, resolve, bind, listen; every failure is a sentence that says what to do.
 */
#include "master/listeners.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include "base/sys.h"
#include "master/port_owner.h"

union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
    struct sockaddr_storage room;
};

__attribute__((format(printf, 3, 4)))
static int say(char *why, int rc, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, CONF_WHY_BYTES, format, arguments);
    va_end(arguments);
    return rc;
}

/* ---- spelling ---- */

static int parse_unix(const char *text, struct listener_address *a, char *why)
{
    const char *path = text + strlen("unix:");
    size_t len = strlen(path);
    if (len == 0)
        return say(why, -EINVAL, "--listen %s: the path of the socket is missing", text);
    if (len >= sizeof a->path)
        return say(why, -EINVAL, "--listen %s: the path of a socket has at most %zu bytes", text,
                   sizeof a->path - 1);
    a->is_unix = true;
    memcpy(a->path, path, len + 1);
    return 0;
}

static int parse_port(const char *text, struct span port, struct listener_address *a, char *why)
{
    uint64_t value;
    if (span_to_u64(port, &value) < 0 || value > UINT16_MAX)
        return say(why, -EINVAL,
                   "--listen %s: the port is a number from 0 to 65535, as in 127.0.0.1:8000", text);
    a->port = (uint16_t)value;
    return 0;
}

static int parse_host(const char *text, struct span host, struct listener_address *a, char *why)
{
    if (host.len == 0)
        host = SPAN("0.0.0.0");
    if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
        host = (struct span){ host.at + 1, host.len - 2 };
        a->is_ipv6 = true;
    } else if (span_find(host, ':') < host.len) {
        return say(why, -EINVAL,
                   "--listen %s: an IPv6 address is written in brackets, as in [::1]:8000", text);
    }
    if (host.len == 0 || host.len >= sizeof a->host)
        return say(why, -EINVAL, "--listen %s: no address of a machine", text);
    memcpy(a->host, host.at, host.len);
    a->host[host.len] = '\0';
    struct in6_addr six;
    if (a->is_ipv6 && inet_pton(AF_INET6, a->host, &six) != 1)
        return say(why, -EINVAL, "--listen %s: %s is no IPv6 address", text, a->host);
    return 0;
}

int listener_parse(const char *text, struct listener_address *a, char *why)
{
    struct span s = span_of(text);
    memset(a, 0, sizeof *a);
    if (span_starts(s, SPAN("unix:")))
        return parse_unix(text, a, why);
    const char *colon = strrchr(text, ':');
    if (!colon || strchr(colon, ']')) {                     /* "8000", or "[::1]" without a port */
        int rc = parse_port(text, s, a, why);
        return rc < 0 ? rc : parse_host(text, SPAN("127.0.0.1"), a, why);
    }
    size_t host_bytes = (size_t)(colon - text);
    int rc = parse_port(text, span_skip(s, host_bytes + 1), a, why);
    return rc < 0 ? rc : parse_host(text, (struct span){ text, host_bytes }, a, why);
}

/* ---- resolving ---- */

static int resolve_name(const struct listener_address *a, union address *to, char *why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL, *best = NULL;
    int rc = getaddrinfo(a->host, NULL, &hints, &found);
    for (struct addrinfo *i = rc == 0 ? found : NULL; i; i = i->ai_next)
        if ((i->ai_family == AF_INET || i->ai_family == AF_INET6) &&
            (!best || (i->ai_family == AF_INET && best->ai_family != AF_INET)))
            best = i;
    if (best)
        memcpy(to, best->ai_addr, best->ai_addrlen);
    if (rc == 0)
        freeaddrinfo(found);
    return best ? 0
                : say(why, -EADDRNOTAVAIL,
                      "cannot listen on %s:%u: no machine of that name is known", a->host, a->port);
}

static int resolve(const struct listener_address *a, union address *to, socklen_t *len, char *why)
{
    memset(to, 0, sizeof *to);
    if (a->is_ipv6) {
        to->ipv6.sin6_family = AF_INET6;
        (void)inet_pton(AF_INET6, a->host, &to->ipv6.sin6_addr);
    } else if (inet_pton(AF_INET, a->host, &to->ipv4.sin_addr) == 1) {
        to->ipv4.sin_family = AF_INET;
    } else {
        int rc = resolve_name(a, to, why);
        if (rc < 0)
            return rc;
    }
    bool is_ipv6 = to->any.sa_family == AF_INET6;
    *len = is_ipv6 ? sizeof to->ipv6 : sizeof to->ipv4;
    if (is_ipv6)
        to->ipv6.sin6_port = htons(a->port);
    else
        to->ipv4.sin_port = htons(a->port);
    return 0;
}

/* ---- opening ---- */

static int explain_inet(const char *text, int rc, uint16_t port, char *why)
{
    char owner[96] = "";
    switch (-rc) {
    case EADDRINUSE:
        port_owner(port, owner, sizeof owner);
        return say(why, rc, "cannot listen on %s: the address is in use%s%s; stop that one or "
                   "choose another with --listen ADDR:PORT", text, owner[0] ? " by " : "", owner);
    case EACCES:
        return say(why, rc, "cannot listen on %s: ports below 1024 need root or the capability "
                   "CAP_NET_BIND_SERVICE; choose a higher one with --listen ADDR:PORT", text);
    case EADDRNOTAVAIL:
        return say(why, rc, "cannot listen on %s: no interface of this machine has that address",
                   text);
    default:
        return say(why, rc, "cannot listen on %s: %s", text, strerror(-rc));
    }
}

static int set_url(struct listener *l, const char *host)
{
    union address at = { 0 };
    socklen_t len = sizeof at;
    unsigned port = 0;
    int rc = sys_getsockname(l->fd, &at.any, &len);
    if (rc == 0)
        port = ntohs(at.any.sa_family == AF_INET6 ? at.ipv6.sin6_port : at.ipv4.sin_port);
    bool has_colon = strchr(host, ':') != NULL;
    (void)snprintf(l->url, sizeof l->url, "http://%s%s%s:%u", has_colon ? "[" : "", host,
                   has_colon ? "]" : "", port);
    return rc;
}

static int open_socket(const union address *to, socklen_t len)
{
    const int yes = 1;
    int fd = sys_socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    int rc = sys_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (rc == 0 && to->any.sa_family == AF_INET6)
        rc = sys_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (rc == 0)
        rc = sys_bind(fd, &to->any, len);
    if (rc == 0)
        rc = sys_listen(fd, INT_MAX); /* the kernel bounds it: net.core.somaxconn */
    if (rc < 0)
        (void)sys_close(fd);
    return rc < 0 ? rc : fd;
}

static int open_inet(struct listener *l, const char *text, const struct listener_address *a,
                     char *why)
{
    union address to;
    socklen_t len;
    int rc = resolve(a, &to, &len, why);
    if (rc < 0)
        return rc;
    l->fd = open_socket(&to, len);
    if (l->fd < 0)
        return explain_inet(text, l->fd, a->port, why);
    rc = set_url(l, a->host);
    return rc < 0 ? explain_inet(text, rc, a->port, why) : 0;
}

/* Whether somebody answers at this socket file: 1 and who, 0 nobody, or -errno. */
static int is_answered(const union address *to, socklen_t len, pid_t *live_pid)
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
    return rc == -ECONNREFUSED || rc == -ENOENT ? 0 : rc;
}

/* Bound: from here on there is a file, which is ours as long as it is this one. */
static int listen_unix(struct listener *l)
{
    struct stat st;
    int rc = sys_listen(l->fd, INT_MAX);
    if (rc == 0)
        rc = sys_lstat(l->path, &st);
    if (rc < 0) {
        (void)sys_unlink(l->path);
        return rc;
    }
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

static int bind_unix(struct listener *l, const union address *to)
{
    l->fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return l->fd;
    int rc = sys_bind(l->fd, &to->any, sizeof to->local);
    if (rc == 0)
        rc = listen_unix(l);
    if (rc < 0) {
        (void)sys_close(l->fd);
        l->fd = -1;
    }
    return rc;
}

int listener_open_unix(struct listener *l, pid_t *live_pid)
{
    union address to = { .local = { .sun_family = AF_UNIX } };
    struct stat st;
    *live_pid = 0;
    l->fd = -1;
    (void)snprintf(to.local.sun_path, sizeof to.local.sun_path, "%s", l->path);
    if (sys_lstat(l->path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return -EEXIST;
        int rc = is_answered(&to, sizeof to.local, live_pid);
        if (rc != 0)
            return rc < 0 ? rc : -EADDRINUSE;
        (void)sys_unlink(l->path);
    }
    return bind_unix(l, &to);
}

void listener_close(struct listener *l)
{
    struct stat st;
    if (l->fd < 0)
        return;
    bool is_anothers = sys_lstat(l->path, &st) == 0 && (st.st_dev != l->dev || st.st_ino != l->ino);
    if (l->path[0] && !is_anothers)
        (void)sys_unlink(l->path);
    (void)sys_close(l->fd);
    l->fd = -1;
}

static int explain_unix(const char *path, int rc, pid_t live_pid, char *why)
{
    switch (-rc) {
    case EADDRINUSE:
        if (live_pid > 0)
            return say(why, rc, "cannot listen on unix:%s: process %d answers there already", path,
                       live_pid);
        return say(why, rc, "cannot listen on unix:%s: another process answers there already",
                   path);
    case EEXIST:
        return say(why, rc, "cannot listen on unix:%s: a file that is no socket has that name",
                   path);
    case ENOENT:
        return say(why, rc, "cannot listen on unix:%s: its folder does not exist", path);
    case EACCES:
        return say(why, rc, "cannot listen on unix:%s: no permission to write in its folder", path);
    default:
        return say(why, rc, "cannot listen on unix:%s: %s", path, strerror(-rc));
    }
}

static int open_unix(struct listener *l, const struct listener_address *a, char *why)
{
    pid_t live_pid;
    (void)snprintf(l->path, sizeof l->path, "%s", a->path);
    (void)snprintf(l->url, sizeof l->url, "unix:%s", a->path);
    int rc = listener_open_unix(l, &live_pid);
    return rc < 0 ? explain_unix(a->path, rc, live_pid, why) : 0;
}

static int open_one(struct listener *l, const char *text, char *why)
{
    struct listener_address a;
    int rc = listener_parse(text, &a, why);
    *l = (struct listener){ .fd = -1 };
    if (rc < 0)
        return rc;
    return a.is_unix ? open_unix(l, &a, why) : open_inet(l, text, &a, why);
}

int listeners_open(struct listeners *l, const struct conf *conf, char *why)
{
    l->count = 0;
    for (size_t i = 0; i < conf->listen.count; i++) {
        int rc = open_one(&l->all[i], conf->listen.items[i], why);
        if (rc < 0) {
            listeners_close(l);
            return rc;
        }
        l->count++;
    }
    return 0;
}

void listeners_close(struct listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        listener_close(&l->all[i]);
    l->count = 0;
}
