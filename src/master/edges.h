/* edges.h - the edge processes: one place each, filled again when its process ends.
 *
 * One place more is spare.  An edge whose sandbox was closed before it was told of a folder cannot open
 * that any more and says RENEW: another edge starts in the spare place, and when that answers, the first one
 * drains and leaves its place spare.  The listening sockets are ours, so no connection is refused meanwhile.
 *
 * A new edge is told everything anew: WELCOME, each live generation with its ready workers, SWITCH.
 * Messages keep their order (master/edge_post.h).
 */
#pragma once
#include "link/channel.h"
#include "link/frame.h"
#include "loop/loop.h"
#include "master/backoff.h"
#include "master/child.h"

struct master;
struct site;
struct generation;
struct worker;

struct edge_place {
    struct master *master;
    unsigned index;
    struct child child;
    int channel_fd;               /* -1 while there is none */
    struct watch watch;
    struct list outbox;           /* what it did not take yet: of edge_post.c */
    size_t posts;                 /* how many those are */
    struct timer timer;           /* no process: before the next; else: a later try to send */
    struct backoff backoff;
    char *stats;                  /* JSON, heap; NULL until it told */
    bool is_asked;                /* REPORT sent, STATS not come */
    bool is_spare;                /* nobody is to be here */
    bool is_leaving;              /* told to drain: another one has taken over */
    bool wants_renewal;           /* ... as soon as there is a spare place */
    struct edge_place *heir_of;   /* the edge that leaves when this one has answered; NULL: none */
    struct timer leave;           /* limit of is_leaving */
};
struct edges {
    unsigned count;
    int board_fd;                 /* link/board.h; valid while count > 0 */
    struct edge_place places[YARD_EDGES_MAX];
};

int edges_start(struct edges *e, struct master *m);      /* all of them: 0 or -errno */
void edges_done(struct edges *e);
uint32_t edges_wanted(const struct edges *e);   /* a bit each edge that is to serve */
unsigned edges_running(const struct edges *e);
void edges_kill(struct edges *e);

void edges_tell_everything(struct edge_place *e);        /* one that was just started */
/* Each one is replaced by one that begins with the options and listeners that are now. */
void edges_renew(struct edges *e);

/* A site that came while they run, and one that is to be served no more. */
void edges_tell_site(struct edges *e, const struct site *s);
void edges_tell_site_down(struct edges *e, const struct site *s);       /* it could not be started */
void edges_tell_site_gone(struct edges *e, const struct site *s);

/* What concerns a generation goes to the edges that were told of it; g NULL: to all. */
void edges_tell(struct edges *e, enum channel_kind kind, const struct generation *g);
void edges_tell_changed(struct edges *e, const struct generation *g);    /* `run --live` */
void edges_tell_generation(struct edges *e, struct generation *g);
void edges_tell_worker(struct edges *e, const struct worker *w);
/* kind: CHANNEL_WORKER_REST, CHANNEL_WORKER_DEAD (status: as waitpid gave it) */
void edges_tell_about(struct edges *e, enum channel_kind kind, const struct worker *w, int status);
void edges_tell_options(struct edges *e, const struct generation *g);     /* its files: at once */
void edges_tell_maintenance(struct edges *e, const struct site *s);      /* as it is now: all edges */
void edges_tell_certificates(struct edges *e);           /* new ones: all edges */
void edges_ask(struct edges *e); /* for figures: control_server_step() when one answers */
bool edges_have_answered(const struct edges *e);
