/* listeners.h - the sockets that clients connect to: opened once by the master, before anything is
 * spawned, and shared by all edges.
 *
 * How an item of `listen` is spelled: conf/listen.h.  A NAME is resolved once, at start; IPv4 first.
 * An IPv6 socket of ours takes IPv6 only, so that [::]:80 stands beside 0.0.0.0:80.
 * Errors are one sentence in `why` (CONF_WHY_BYTES).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "conf/conf.h"

struct listener {
    int fd;
    bool is_tls;            /* the word tls */
    char url[300];          /* "http://127.0.0.1:8000" (https with tls) with the real port, "unix:/run/x.sock" */
    char path[108];         /* of a socket file that is ours, "" for others */
    char abstract[108];     /* the name of an abstract socket, else "" */
    bool has_mode;          /* the file gets exactly `mode`, else what the umask leaves */
    mode_t mode;
    uid_t owner;            /* of the file; (uid_t)-1: as it is */
    gid_t group;
    dev_t dev;              /* of the socket file, so that only our own is removed */
    ino_t ino;
    const char *text;       /* the item of conf->listen that it came from */
};
struct listeners {
    size_t count;
    struct listener all[CONF_LIST_MAX];
};

/* All of conf->listen, in its order, or none; where nothing names a listener, the sockets of
 * LISTEN_FDS in envp when there are any.  `fd:NAME` and `systemd` can be several. */
int listeners_open(struct listeners *l, const struct conf *conf, char *const *envp, char *why);
void listeners_close(struct listeners *l);       /* and removes our socket files; idempotent */
/* As `conf` has them, into *more: sockets of addresses that are here stay what they are, with the words of their new
 * item.  0, or -errno with a sentence and nothing opened.  Then one of the two: */
int listeners_open_more(const struct listeners *l, const struct conf *conf, struct listeners *more, char *why);
void listeners_take(struct listeners *l, const struct listeners *more, const struct conf *conf);
void listeners_leave(const struct listeners *l, struct listeners *more);
/* One item a socket, in their order: what an edge is told as its `listen`. */
void listeners_items(const struct listeners *l, struct conf_list *items);

/* A Unix stream socket that listens at l->path (or l->abstract), with l's mode, owner and group.  A
 * socket file that nobody answers is replaced; *live_pid is the one that does answer (0: unknown)
 * when -EADDRINUSE comes back.  -EPERM: the socket there belongs to another user.  No sentence. */
int listener_open_unix(struct listener *l, pid_t *live_pid);
void listener_close(struct listener *l);     /* removes the file if it is ours; idempotent */
