/* generation.h - one import of the project: a zygote, its workers, their yard.
 *
 *   STARTING > FORKING > SWITCHING > SERVING > RETIRING > LEAVING > freed
 *   From any state to LEAVING: it failed, or everything stops.
 */
#pragma once
#include "base/json.h"
#include "link/frame.h"
#include "loop/loop.h"
#include "master/child.h"
#include "master/worker_user.h"

struct master;
struct reread;
struct site;
struct worker;
struct zygote_excuse;

enum generation_state {
    GENERATION_STARTING,      /* the zygote imports */
    GENERATION_FORKING,       /* edges know it, workers come up */
    GENERATION_SWITCHING,     /* edges were told to send requests here */
    GENERATION_SERVING,
    GENERATION_RETIRING,      /* another one serves; edges finish what is here */
    GENERATION_LEAVING,       /* its processes end */
    GENERATION_STATES
};

struct generation {
    struct list node;              /* in site.generations, oldest first */
    struct site *site;
    int annex_fd;                  /* memfd of conf/annex.h: files that its options name, and from
                                    * FORKING on its pages for errors; -1: none */
    uint64_t annex_stamp;          /* of those files */
    struct reread *options;        /* read for it; NULL: those of the start */
    uint32_t number;
    struct worker_user user;       /* whom its processes run as */
    enum generation_state state;
    struct child zygote;
    int zygote_fd;                 /* -1 while there is none */
    struct watch zygote_watch;
    struct timer timer;            /* limit of the state */
    struct yard yard;              /* .at NULL before FORKING */
    int yard_fd;
    int bells[YARD_EDGES_MAX];     /* eventfd an edge, -1 before FORKING */
    json_t *report;                /* of the zygote, NULL before FORKING */
    char *text;                    /* of CHANNEL_FILES; heap */
    unsigned workers_wanted, threads;
    unsigned workers_count;        /* 0 before FORKING */
    struct worker *workers;
    uint32_t known, switched, drained;     /* a bit an edge: was told of it; answered */
    int64_t started_us;
    bool is_looking, looks_again;
    uint64_t looks;                /* it has obeyed (`run`): templates or files changed */
    bool is_excuse;                /* shows an error instead of the project (`run` only) */
    struct loop_garbage garbage;
};

/* Starts it.  NULL with a sentence (CONF_WHY_BYTES).  excuse (or NULL): it does not import the
 * project but shows in the browser why that is not possible. */
struct generation *generation_new(struct site *site, const struct zygote_excuse *excuse, char *why);
void generation_retire(struct generation *g);
void generation_leave(struct generation *g);           /* FORGET; its processes end */
void generation_kill(struct generation *g);            /* SIGKILL to all of them */

/* What edges say, and what a worker's change may mean. */
void generation_switched(struct generation *g, unsigned edge);
void generation_drained(struct generation *g, unsigned edge);
void generation_look(struct generation *g);
void generations_lost_edge(struct master *m, unsigned edge);
void generation_look_again(struct generation *g);      /* `run`: templates changed */

static inline bool generation_is_live(const struct generation *g)       /* an edge is to know it */
{
    return g->state >= GENERATION_FORKING && g->state <= GENERATION_SERVING;
}
static inline bool generation_is_wanted(const struct generation *g) /* requests are to go there */
{
    return g->state == GENERATION_SWITCHING || g->state == GENERATION_SERVING;
}
static inline bool generation_is_known(const struct generation *g, unsigned edge)   /* it was told of it */
{
    return (g->known >> edge & 1) != 0;
}
/* What its report means for people goes to the log.  note: of routes_text(). */
void generation_log_import(const struct generation *g, const char *note);
/* Why each of its workers imports the project by itself, a sentence without its full stop; "" when
 * they are forked from one import, or the option preload says how it is. */
const char *generation_why_alone(const struct generation *g);
const struct master_start *generation_start(const struct generation *g);   /* what it was made of */
struct worker *generation_worker(const struct generation *g, uint32_t index);      /* or NULL */
const char *generation_state_name(enum generation_state state);
