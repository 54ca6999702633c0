/* listeners.c - resolve, bind, listen; every failure is a sentence that says what to do.
 *
 * Unix sockets: unix_listener.c; those that somebody else opened: inherited.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/address.h"
#include "base/log.h"
#include "base/sys.h"
#include "master/listeners_private.h"
#include "master/port_owner.h"

int listener_say(char *why, int rc, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, CONF_WHY_BYTES, format, arguments);
    va_end(arguments);
    return rc;
}

/* ---- resolving ---- */

static int resolve_name(const struct listen_spec *a, union socket_address *to, char *why)
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
                : listener_say(why, -EADDRNOTAVAIL,
                      "cannot listen on %s:%u: no machine of that name is known", a->host, a->port);
}

static int resolve(const struct listen_spec *a, union socket_address *to, socklen_t *len, char *why)
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

static int explain_inet(const struct listen_spec *a, int rc, char *why)
{
    char owner[96] = "", text[320];
    (void)snprintf(text, sizeof text, "%.*s", (int)a->address.len, a->address.at);
    switch (-rc) {
    case EADDRINUSE:
        port_owner(a->port, owner, sizeof owner);
        return listener_say(why, rc, "cannot listen on %s: the address is in use%s%s; stop that one or "
                            "choose another with --listen ADDR:PORT", text, owner[0] ? " by " : "",
                            owner);
    case EACCES:
        return listener_say(why, rc, "cannot listen on %s: ports below 1024 need root or the capability "
                            "CAP_NET_BIND_SERVICE; choose a higher one with --listen ADDR:PORT", text);
    case EADDRNOTAVAIL:
        return listener_say(why, rc,
                            "cannot listen on %s: no interface of this machine has that address", text);
    default:
        return listener_say(why, rc, "cannot listen on %s: %s", text, strerror(-rc));
    }
}

static int set_url(struct listener *l, const char *host)
{
    union socket_address at = { 0 };
    socklen_t len = sizeof at;
    unsigned port = 0;
    int rc = sys_getsockname(l->fd, &at.any, &len);
    if (rc == 0)
        port = ntohs(at.any.sa_family == AF_INET6 ? at.ipv6.sin6_port : at.ipv4.sin_port);
    bool has_colon = strchr(host, ':') != NULL;
    (void)snprintf(l->url, sizeof l->url, "%s://%s%s%s:%u", l->is_tls ? "https" : "http",
                   has_colon ? "[" : "", host, has_colon ? "]" : "", port);
    return rc;
}

/* Between two programs of one machine there is no network whose speed is to be found out, and the pace that
 * BBR keeps there costs a timer a response.  Connections have what their listener has; reno is in every
 * kernel and allowed to everybody, and where it is not the machine's choice stays. */
static void spare_pace(int fd, const union socket_address *to)
{
    static const char plain[] = "reno";
    struct address at;
    if (address_of_peer(&to->any, &at, NULL) && address_is_loopback(&at))
        (void)sys_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof plain - 1);
}

static int open_socket(const union socket_address *to, socklen_t len)
{
    const int yes = 1;
    int fd = sys_socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    spare_pace(fd, to);
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

static int open_inet(struct listener *l, const struct listen_spec *a, char *why)
{
    union socket_address to;
    socklen_t len;
    int rc = resolve(a, &to, &len, why);
    if (rc < 0)
        return rc;
    l->fd = open_socket(&to, len);
    if (l->fd < 0)
        return explain_inet(a, l->fd, why);
    rc = set_url(l, a->host);
    return rc < 0 ? explain_inet(a, rc, why) : 0;
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

/* ---- all of them ---- */

struct opening {
    struct listeners *all;
    const struct conf *conf;
    struct inherited inherited;
    char *why;
};

/* The next place, for a socket of this item; NULL: there are too many. */
static struct listener *next(struct opening *o, const char *text, const struct listen_spec *s)
{
    struct listeners *all = o->all;
    if (all->count == CONF_LIST_MAX) {
        (void)listener_say(o->why, -E2BIG, "at most %d sockets can be listened on", CONF_LIST_MAX);
        return NULL;
    }
    struct listener *l = &all->all[all->count];
    *l = (struct listener){ .fd = -1, .text = text, .is_tls = s->is_tls };
    return l;
}

static int added(struct opening *o, struct listener *l, int rc)
{
    if (rc < 0)
        listener_close(l);
    o->all->count += rc == 0;
    return rc;
}

static int open_number(struct opening *o, struct listener *l, const struct listen_spec *s)
{
    size_t i = (size_t)s->fd - INHERITED_FIRST_FD;
    if (i < o->inherited.count)
        o->inherited.is_taken[i] = true;
    return added(o, l, inherited_open(l, s->fd, s->address, o->why));
}

static int refuse_name(struct opening *o, const char *text)
{
    if (o->inherited.count == 0)
        return listener_say(o->why, -ENOENT, "cannot listen on %s: no socket was passed (LISTEN_FDS and "
                            "LISTEN_PID); a systemd .socket unit passes them", text);
    return listener_say(o->why, -ENOENT, "cannot listen on %s: none of the %zu sockets that were passed "
                        "has that name (FileDescriptorName= of the .socket unit)", text,
                        o->inherited.count);
}

/* Those of LISTEN_FDS that have the name, or all. */
static int open_named(struct opening *o, const char *text, const struct listen_spec *s)
{
    struct inherited *in = &o->inherited;
    size_t found = 0;
    for (size_t i = 0; i < in->count; i++) {
        if (s->kind == LISTEN_NAMED && !span_eq(in->names[i], span_of(s->path)))
            continue;
        struct listener *l = next(o, text, s);
        int rc = !l ? -E2BIG
                    : added(o, l, inherited_open(l, INHERITED_FIRST_FD + (int)i, s->address, o->why));
        if (rc < 0)
            return rc;
        in->is_taken[i] = true;
        found++;
    }
    return found > 0 ? 0 : refuse_name(o, text);
}

static int open_item(struct opening *o, const char *text)
{
    struct listen_spec s;
    const char *takes = listen_parse(span_of(text), &s);
    if (takes)
        return listener_say(o->why, -EINVAL, "listen takes %s, not '%s'", takes, text);
    if (s.has_proxy && o->conf->trusted_peers.count == 0)
        return listener_say(o->why, -EINVAL, "cannot listen on %s: a PROXY header is believed of "
                            "trusted-peers only, and there are none; say from where the proxy connects",
                            text);
    if (s.kind == LISTEN_NAMED || s.kind == LISTEN_SYSTEMD)
        return open_named(o, text, &s);
    struct listener *l = next(o, text, &s);
    if (!l)
        return -E2BIG;
    if (s.kind == LISTEN_FD)
        return open_number(o, l, &s);
    return added(o, l, s.kind == LISTEN_INET ? open_inet(l, &s, o->why)
                                             : listener_open_local(l, &s, o->why));
}

/* A socket that nobody accepts from lets its clients wait for ever. */
static void warn_of_others(const struct inherited *in)
{
    for (size_t i = 0; i < in->count; i++)
        if (!in->is_taken[i])
            log_warn("no `listen` takes a socket that was passed",
                     "descriptor=%d name=%.*s hint=\"listen = systemd\"", INHERITED_FIRST_FD + (int)i,
                     (int)in->names[i].len, in->names[i].len > 0 ? in->names[i].at : "");
}

int listeners_open(struct listeners *l, const struct conf *conf, char *const *envp, char *why)
{
    struct opening o = { .all = l, .conf = conf, .why = why };
    l->count = 0;
    int rc = inherited_read(&o.inherited, envp, why);
    bool is_given = conf->origin[CONF_listen].source > CONF_BUILT_IN || o.inherited.count == 0;
    if (rc == 0 && !is_given)
        rc = open_item(&o, "systemd");
    for (size_t i = 0; i < conf->listen.count && is_given && rc == 0; i++)
        rc = open_item(&o, conf->listen.items[i]);
    if (rc < 0)
        listeners_close(l);
    else
        warn_of_others(&o.inherited);
    return rc;
}

/* ---- others at a reload ---- */

static const struct listener *of_fd(const struct listeners *all, int fd)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->all[i].fd == fd)
            return &all->all[i];
    return NULL;
}

/* A socket of the same address, whatever words stand behind it, that is not among `more` yet. */
static const struct listener *of_address(const struct listeners *l, const struct listeners *more,
                                         const struct listen_spec *s)
{
    struct listen_spec other;
    for (size_t i = 0; i < l->count; i++)
        if (listen_parse(span_of(l->all[i].text), &other) == NULL && span_eq(other.address, s->address) &&
            !of_fd(more, l->all[i].fd))
            return &l->all[i];
    return NULL;
}

static int take_over(struct opening *o, const struct listener *old, const char *text, const struct listen_spec *s)
{
    struct listener *l = next(o, text, s);
    const char *rest = strstr(old->url, "://");
    if (!l)
        return -E2BIG;
    *l = *old;
    l->text = text;
    l->is_tls = s->is_tls;
    if (rest)
        (void)snprintf(l->url, sizeof l->url, "%s%.280s", s->is_tls ? "https" : "http", rest);
    o->all->count++;
    return 0;
}

/* Sockets that were passed are all of their name's. */
static int take_over_or_open(struct opening *o, const struct listeners *l, const char *text)
{
    struct listen_spec s;
    bool is_known = listen_parse(span_of(text), &s) == NULL;
    bool is_right = is_known && !(s.has_proxy && o->conf->trusted_peers.count == 0);
    const struct listener *old = is_right ? of_address(l, o->all, &s) : NULL;
    if (!old)
        return open_item(o, text);
    bool is_several = s.kind == LISTEN_NAMED || s.kind == LISTEN_SYSTEMD;
    int rc = 0;
    for (; old && rc == 0; old = is_several ? of_address(l, o->all, &s) : NULL)
        rc = take_over(o, old, text, &s);
    return rc;
}

int listeners_open_more(const struct listeners *l, const struct conf *conf, struct listeners *more, char *why)
{
    struct opening o = { .all = more, .conf = conf, .why = why };
    int rc = 0;
    more->count = 0;
    if (conf->origin[CONF_listen].source == CONF_BUILT_IN) {        /* whatever they are, they stay */
        *more = *l;
        return 0;
    }
    for (size_t i = 0; i < conf->listen.count && rc == 0; i++)
        rc = take_over_or_open(&o, l, conf->listen.items[i]);
    if (rc < 0)
        listeners_leave(l, more);
    return rc;
}

void listeners_take(struct listeners *l, const struct listeners *more, const struct conf *conf)
{
    for (size_t i = 0; i < l->count; i++)
        if (!of_fd(more, l->all[i].fd))
            listener_close(&l->all[i]);
    *l = *more;
    for (size_t i = 0; i < l->count; i++)             /* the item of the options that are kept */
        for (size_t k = 0; k < conf->listen.count; k++)
            if (strcmp(l->all[i].text, conf->listen.items[k]) == 0)
                l->all[i].text = conf->listen.items[k];
}

void listeners_leave(const struct listeners *l, struct listeners *more)
{
    for (size_t i = 0; i < more->count; i++)
        if (!of_fd(l, more->all[i].fd))
            listener_close(&more->all[i]);
    more->count = 0;
}

void listeners_items(const struct listeners *l, struct conf_list *items)
{
    items->count = l->count;
    for (size_t i = 0; i < l->count; i++)
        items->items[i] = l->all[i].text;
}

void listeners_close(struct listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        listener_close(&l->all[i]);
    l->count = 0;
}
