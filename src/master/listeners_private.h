/* listeners_private.h - what the files behind listeners.h share. */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "conf/listen.h"
#include "master/listeners.h"

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
    struct sockaddr_storage room;
};

/* The sentence into `why`; returns rc. */
__attribute__((format(printf, 3, 4))) int listener_say(char *why, int rc, const char *format, ...);

/* unix_listener.c: LISTEN_UNIX and LISTEN_ABSTRACT. */
int listener_open_local(struct listener *l, const struct listen_spec *s, char *why);

/* The sockets that whoever started us opened (sd_listen_fds(3)). */
enum { INHERITED_FIRST_FD = 3 };
struct inherited {
    size_t count;
    struct span names[CONF_LIST_MAX];        /* LISTEN_FDNAMES; "" where it says none */
    bool is_taken[CONF_LIST_MAX];            /* some item of `listen` took it */
};
/* Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; none when they are meant for another process.
 * Their descriptors are closed on exec from then on.  0, -EBADMSG or -E2BIG. */
int inherited_read(struct inherited *in, char *const *envp, char *why);
/* `fd` as a listener, whoever opened it: a stream socket that listens. */
int inherited_open(struct listener *l, int fd, struct span shown, char *why);
