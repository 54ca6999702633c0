/* site.h - one project: which generation serves, which is to follow, who asked for it.
 */
#pragma once
#include "conf/conf.h"
#include "loop/loop.h"
#include "master/annexes.h"
#include "master/backoff.h"
#include "master/generation.h"
#include "master/maintenance.h"
#include "master/master.h"

struct master;
struct control_client;

struct site {
    struct list node;               /* in master.sites */
    struct master *master;
    uint32_t id;                    /* by which edges know it */
    const struct master_start *start;
    const struct conf *conf;
    const struct project *project;
    struct list generations;        /* all that still have a process, oldest first */
    struct generation *current;     /* serves; NULL before the first */
    struct generation *next;        /* STARTING to SWITCHING; NULL while there is none */
    struct list waiting;            /* control_client.waiting: who asked for `next` */
    struct list waiting_again;      /* who asked while `next` was under way: for the one after it */
    struct reread *first;           /* owns *start: of one of several sites; else NULL */
    char *file;                     /* ... its file; heap */
    unsigned attempts;              /* generations begun so far */
    bool is_broken;                 /* its file, or what that names, is wrong: a stand-in until it is mended */
    char fault[CONF_WHY_BYTES];     /* why it cannot be served, or its last reload was refused; "": neither */
    bool is_gone;                   /* its file is: it ends */
    struct loop_garbage garbage;
    bool wants_another;
    struct annexes annexes;         /* files that its options name */
    struct maintenance maintenance;
    struct timer timer;             /* before a renewal is tried again */
    struct backoff backoff;
};

/* It has a name and maybe hosts, which get 503; before each try its file is read again (sites_mend). */
void site_break(struct site *s, const char *sentence);
bool site_has_hosts(const struct site *s);   /* a broken one of which nobody knows any is no edge's business */
void site_init(struct site *s, struct master *m, const struct master_start *start);
const struct conf *site_conf(const struct site *s);     /* by which it serves now */
bool site_is_down(const struct site *s);     /* it could not be started, and is not tried just now */
/* It is to be served no more: requests under way end, then its processes. */
void site_go(struct site *s);
/* The client is answered when it serves, or cannot: at once, when nothing is under way. */
void site_await(struct site *s, struct control_client *client);
void site_start(struct site *s);
/* A new generation; client NULL: nobody waits for the answer.  One that comes while another is
 * under way is made after it, once for all that asked. */
void site_reload(struct site *s, struct control_client *client);
/* `run`: something was saved.  An import under way is given up: what it read is old. */
void site_reload_now(struct site *s);
void site_leave(struct site *s);                 /* all generations end */
void site_give_up_next(struct site *s);          /* stopping: what is not serving yet ends */
void site_kill(struct site *s);
void site_sweep(struct site *s);                 /* no process is left: nor is what they left */
void site_done(struct site *s);
bool site_is_empty(const struct site *s);

/* From its generations. */
void site_serves(struct site *s, struct generation *g);
void site_failed(struct site *s, struct generation *g, const char *sentence, const char *traceback);
void site_needs_workers(struct site *s);         /* the zygote that could fork them is gone */
