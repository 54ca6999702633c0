/* serve.h - who answers: the stages, in one table in the order they run, then the application.
 *
 *     edge --serve_begin--> health > host > gate > maintenance > opening > rate > redirect > wall >
 *                           login > files > application --pool--> worker
 *     edge <--answer_out--- head, body, file, cut
 *
 * A stage passes, answers or waits (serve_run again when what it waited for is there).  Stages run
 * on the head; the body is read by the edge only when a stage asks for it.
 */
#pragma once
#include "link/board.h"
#include "loop/helpers.h"
#include "serve/exchange.h"
#include "serve/hosts.h"
#include "serve/identity.h"
#include "serve/routes.h"

enum served {
    SERVE_ANSWERED,      /* answer_out was told the end, or will be without anybody waiting */
    SERVE_WAITS,         /* answer_out will be called later */
    SERVE_WANTS_BODY,    /* x->body shall be the whole body, or a stream; then serve_run() */
};

enum { SITE_NAME_BYTES = 64 };

/* A site, as one edge serves it; or the lobby, where requests are whose site nobody knows. */
struct serve {
    struct list node;             /* among all of the edge */
    struct loop *loop;
    const struct conf *conf;      /* of routes->site */
    struct routes *routes;
    struct routes *next;          /* with `next_generation` its options are these; NULL: none are due */
    uint32_t next_generation;
    const struct board *board;    /* NULL: nothing counts */
    uint64_t exchanges;           /* begun and not left */
    const struct list *lobby_of;  /* of the lobby: all sites, struct serve; else NULL */
    struct pool *pool;            /* NULL in the lobby */
    struct helpers *helpers;
    struct files *files;              /* static roots and open files */
    struct rate *rate;                /* NULL: no rate limits */
    struct wall *wall;                /* NULL: everybody may come in */
    struct logins *logins;            /* NULL until somebody logs in */
    struct hosts allowed;             /* ALLOWED_HOSTS: the application takes them */
    struct maintenance *maintenance;  /* told by the master: it is on; NULL: it is not */
    struct headers *headers;          /* what Django's middleware would add; NULL: nothing */
    bool is_behind_front;             /* a trusted peer heeds X-Accel-Redirect itself (option protected) */
    bool has_site;                    /* the site's description came: files and wall are known */
    bool is_down;                     /* ... and is not to be waited for */
    struct list opening_waits;           /* struct opening_wait */
    struct timer opening_timer;
    uint64_t limited;                 /* requests that were answered 429 */
    struct access_plan *plan;         /* how a line of the access log is made */
    struct buf access;                /* lines of this turn */
    int access_fd;                    /* -1: no access log */
    uint32_t log_number;              /* its lines bear this mark (scribe/site_logs.h); 0: none */
    uint64_t access_dropped;          /* lines the scribe was too slow for */
    bool is_draining;
    bool is_replaced;                 /* ... because another edge has taken over: the site serves on */
    bool has_started;                 /* a generation was ready once */
    struct identity_random random;
    char date[32];                    /* IMF-fixdate of date_s */
    int64_t date_s;
    const char *server_name;          /* for the header Server */
    char name[SITE_NAME_BYTES];       /* of the site; "" until the master told */
    uint64_t underscored;             /* fields dropped for their names since the log said so */
    int64_t underscored_told_ms;      /* 0: never */
    /* `run --live`: what is served now, and the pages that wait for something newer */
    uint32_t changed_generation;
    uint64_t changed_count;
    struct list change_waits;         /* struct change_wait */
};

/* The routes are the callee's, also when it fails (NULL: then it does).  0 or -ENOMEM: serve_done(). */
int serve_init(struct serve *s, struct loop *loop, struct routes *routes, struct pool *pool,
               struct helpers *helpers, int access_fd);
/* Its options from generation's switch on (0: at once); they are the callee's. */
void serve_options(struct serve *s, struct routes *routes, uint32_t generation);
void serve_switched(struct serve *s, uint32_t generation);      /* conf is another one now, if options were due */
/* Can requests be answered now?  Of the lobby: by every site but those that could not be started. */
bool serve_is_ready(const struct serve *s);
void serve_down(struct serve *s);     /* its description will not come soon: who waits for it gets 503 */
/* The rules of rate-limit count in this board, which must outlive *s; not called: none counts.  0
 * or -ENOMEM. */
int serve_limits(struct serve *s, const struct board *board);
void serve_done(struct serve *s);
/* What the master said of the site (JSON text of CHANNEL_FILES): static roots, wall; fds are taken
 * over.  0 or -errno: what it says of the wall cannot be obeyed, so nobody is let in. */
int serve_site(struct serve *s, struct span json, const int *fds, size_t fds_count);

/* The head is complete, request_understand() done. */
enum served serve_begin(struct serve *s, struct exchange *x);
/* The body is complete, or a wait is over. */
enum served serve_run(struct exchange *x);
/* answer_out.body has room again; it may be called, also with the end, before this returns. */
void serve_resume(struct exchange *x);
/* Of a body that is streamed, as pool_body_end and pool_body_awaits; nothing when no worker has to do with it. */
void serve_body_end(struct exchange *x, enum frame_body_end how);
void serve_body_awaits(struct exchange *x, bool awaits);
void serve_call_off(struct exchange *x);      /* what the application answers is not wanted: the edge will */
void serve_leave(struct exchange *x);         /* the client is gone, or the exchange is over: let go
                                               * of everything */

/* `run --live`: pages made before this are to be loaded again. */
void serve_changed(struct serve *s, uint32_t generation, uint64_t count);
void serve_look_at_changes(struct serve *s);  /* is_draining was set */

/* An answer of our own: the status and its small page. For refusals before serve_begin too. */
void serve_refuse(struct exchange *x, unsigned status);
/* ... with words of its own. */
void serve_refuse_saying(struct exchange *x, unsigned status, struct span page);
void serve_log(struct exchange *x);           /* one access line; once, when the response ended */
void serve_flush_log(struct serve *s);        /* at turn end */
struct span serve_date(struct serve *s);      /* 29 bytes, now */

/* May a request that waits be forgotten when its client half-closed?  Only while no worker has
 * it. */
bool serve_is_waiting(const struct exchange *x);
