/* listeners.h - the sockets that clients connect to: opened once by the master, before anything is
 * spawned, and shared by all edges.
 *
 * An address is ADDR:PORT, [IPV6]:PORT, NAME:PORT, :PORT (all IPv4 interfaces), PORT (127.0.0.1) or
 * unix:PATH.  A NAME is resolved once, at start; IPv4 first.
 * Errors are one sentence in `why` (CONF_WHY_BYTES).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "conf/conf.h"

struct listener_address {
    bool is_unix, is_ipv6;
    char host[256];         /* without brackets; "0.0.0.0" for :PORT */
    char path[108];         /* of a unix socket */
    uint16_t port;
};
/* Pure.  0, or -EINVAL. */
int listener_parse(const char *text, struct listener_address *a, char *why);

struct listener {
    int fd;
    char url[300];          /* "http://127.0.0.1:8000" with the real port, "unix:/run/x.sock" */
    char path[108];         /* of a unix socket, "" for others */
    dev_t dev;              /* of the socket file, so that only our own is removed */
    ino_t ino;
};
struct listeners {
    size_t count;
    struct listener all[CONF_LIST_MAX];
};

/* All of conf->listen, in its order, or none. */
int listeners_open(struct listeners *l, const struct conf *conf, char *why);
void listeners_close(struct listeners *l);       /* and removes the socket files; idempotent */

/* A Unix stream socket that listens at l->path.  A socket file that nobody answers is replaced;
 * *live_pid is the one that does answer (0: unknown) when -EADDRINUSE comes back.  No sentence. */
int listener_open_unix(struct listener *l, pid_t *live_pid);
void listener_close(struct listener *l);     /* removes the file if it is ours; idempotent */
