/* supervise.h - the master as its parts see it: what they share, and where they report to.
 *
 *   master ── logs ── scribe
 *        ├── edges
 *        ├── sites ── generations ── zygote, workers
 *        └── control server
 *
 * Phases  SERVING > DRAINING (edges finish) > LEAVING (workers and zygotes end) > CLOSING (the
 *         scribe ends) > over.  A phase ends when nobody is left in it; its limit kills who is.
 */
#pragma once
#include "loop/loop.h"
#include "master/certificates.h"
#include "master/child.h"
#include "master/control_server.h"
#include "master/edge_user.h"
#include "master/edges.h"
#include "master/listeners.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/server_options.h"
#include "master/terminal.h"

struct watcher;

enum master_phase { MASTER_SERVING, MASTER_DRAINING, MASTER_LEAVING, MASTER_CLOSING, MASTER_OVER };

struct master {
    const struct master_start *start;
    const struct conf *conf;         /* start->conf, or what a reload made of it (server_options.h) */
    struct server_change *change;    /* read, not taken yet; NULL: none */
    char change_waits[WAITING_BYTES];       /* options that take effect at the next start; "": none */
    struct loop *loop;
    enum master_phase phase;
    int exit_status;
    bool is_announced;               /* the ready line was said */
    bool is_hurried;                 /* stop now: kill, do not wait */
    int64_t started_us;
    struct children children;
    struct listeners listeners;
    struct certificates certificates;
    struct logs logs;
    struct edge_user edge_user;      /* whom they become */
    struct edges edges;
    struct list sites;               /* struct site */
    char **site_envp;                /* environment of each of several sites; heap */
    struct control_server control;
    struct notify notify;            /* of the service manager */
    struct terminal terminal;        /* who has it: breakpoint() */
    struct watcher *watcher;         /* `run` only, else NULL */
    struct timer timer;              /* limit of the phase */
    uint32_t generations, site_ids;  /* numbers given so far; the first is 1 */
    uint64_t restarts, reloads;
    char *last_words, *traceback;    /* heap; why the start failed, NULL while it did not */
};

struct generation;

/* The ready line, once: g serves now, or (NULL) one of several sites cannot. */
void master_announce(struct master *m, const struct generation *g);
void master_stop(struct master *m, bool is_hurried);
/* The first generation failed, or something without which there is no serving: exit status 1. */
void master_fail(struct master *m, const char *sentence, const char *traceback);
void master_step(struct master *m);              /* somebody ended: maybe the phase did */
int master_conf_fd(const struct master *m);      /* a fresh memfd with the options, or -errno */
int master_site_fd(const struct conf *c);        /* ... with those of a site */
/* 0, or -errno with a sentence: the file of this option cannot be written. */
int master_check_log(const char *option, const char *path, char *why);
int master_check_spool(const struct master *m, const char *folder, char *why);
struct generation *master_generation(const struct master *m, uint32_t number);     /* or NULL */
