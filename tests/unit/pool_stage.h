/* pool_stage.h - a site for the tests of the pool: the master's messages, workers' ends and
 * clients, all in one thread.  Include it in one test program's only file.
 *
 * The workers are the real frame_worker functions over real pipes, eventfds and sockets, made as
 * the master makes them.  turn() is one turn's end of the loop without waiting, so that tests say
 * what happens when; await() runs the loop until something is true, within unit_deadline_ms.
 * The process's clock runs within await() only; else clock_ahead_us moves it.  So what a test says
 * of time is so on a busy machine, too, and who tests a time limit need not wait for it.
 */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "unit.h"
#include "no_memory.h"
#include "base/log.h"
#include "link/pool_private.h"
#include "wire/uwsgi.h"

enum { STAGE_EDGES = 2, STAGE_WORKERS = 4, STAGE_THREADS = 4, STAGE_GENERATIONS = 2 };

static _Atomic int64_t clock_ahead_us, clock_ran_us;
static _Atomic int64_t clock_since_us;                     /* 0 while it stands */

static inline int64_t real_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t sys_now_us(void)
{
    int64_t since_us = clock_since_us, run_us = since_us == 0 ? 0 : real_now_us() - since_us;
    return 1000 * 1000 * 1000 + clock_ran_us + run_us + clock_ahead_us;
}

static inline void clock_runs(bool runs)
{
    if (runs) {
        clock_since_us = real_now_us();
        return;
    }
    int64_t ran_us = real_now_us() - clock_since_us;
    clock_since_us = 0;
    clock_ran_us += ran_us;
}

/* ---- clients: what serve would be ---- */

struct client {
    struct call call;
    struct request request;
    struct pool *pool;
    unsigned readings;                /* how often it was told that its body is read */
    unsigned status, heads, ends;     /* ends: how often it was told that it is over */
    bool is_complete, is_failed, is_whole;
    int64_t body_bytes;               /* as the head said */
    char head[256];
    char *body;                       /* grows */
    size_t body_len;
    enum call_failure why;
    int file_fd;                      /* -1: none came */
    uint64_t file_at, file_bytes;
    size_t room;                      /* how many bytes body() still takes */
    int refuses_head;                 /* head() answers so */
    bool is_gone;                     /* body() answers so */
    void (*in_head)(struct client *), (*in_body)(struct client *), (*at_end)(struct client *);
    struct client *other;             /* for these */
};

static inline struct client *client_of(struct call *c)
{
    return container_of(c, struct client, call);
}

static inline int on_head(struct call *call, unsigned status, struct span head, bool is_complete,
                   int64_t body_bytes)
{
    struct client *c = client_of(call);
    assert_int_equal(c->ends, 0);
    c->heads++;
    c->status = status;
    c->is_complete = is_complete;
    c->body_bytes = body_bytes;
    snprintf(c->head, sizeof c->head, "%.*s", (int)head.len, head.at);
    if (c->in_head)
        c->in_head(c);
    c->ends += c->refuses_head < 0;
    return c->refuses_head;
}

static inline void keep(struct client *c, struct span run, size_t *left)
{
    size_t n = run.len < *left ? run.len : *left;
    c->body = realloc(c->body, c->body_len + n + 1);
    if (n > 0)
        memcpy(c->body + c->body_len, run.at, n);
    c->body_len += n;
    *left -= n;
}

static inline ssize_t on_body(struct call *call, const struct span runs[2], bool is_last)
{
    struct client *c = client_of(call);
    size_t all = runs[0].len + runs[1].len, left = all < c->room ? all : c->room, took = left;
    assert_int_equal(c->ends, 0);
    assert_int_equal(c->heads, 1);
    if (c->is_gone) {
        c->ends++;
        return -EPIPE;
    }
    keep(c, runs[0], &left);
    keep(c, runs[1], &left);
    c->room -= took;
    if (c->in_body)
        c->in_body(c);
    if (is_last && took == all) {
        c->is_whole = true;
        c->ends++;
        if (c->at_end)
            c->at_end(c);
    }
    return (ssize_t)took;
}

static inline void on_file(struct call *call, int fd, uint64_t at, uint64_t bytes)
{
    struct client *c = client_of(call);
    assert_int_equal(c->ends++, 0);
    c->file_fd = fd;
    c->file_at = at;
    c->file_bytes = bytes;
    if (c->at_end)
        c->at_end(c);
}

static inline void on_fail(struct call *call, enum call_failure why)
{
    struct client *c = client_of(call);
    assert_int_equal(c->ends++, 0);
    c->is_failed = true;
    c->why = why;
    if (c->at_end)
        c->at_end(c);
}

static inline void on_reads_body(struct call *call)
{
    client_of(call)->readings++;
}

static const struct reply_to on_reply = { on_head, on_body, on_file, on_fail, on_reads_body };

static inline void client_init(struct client *c, struct pool *p, const char *method,
                               const char *path)
{
    *c = (struct client){ .pool = p, .file_fd = -1, .room = SIZE_MAX };
    c->request = (struct request){
        .method_name = span_of(method), .method = method_of(span_of(method)),
        .target = span_of(path), .path = span_of(path), .host = SPAN("site"), .version = 11,
        .keeps_alive = true,
        .from = { SPAN("192.0.2.1"), SPAN("1234"), SPAN("192.0.2.2"), SPAN("80"), .is_tls = false },
    };
    c->call = (struct call){ .to = &on_reply, .request = &c->request, .body.fd = -1,
                             .harakiri_ms = p->conf->harakiri_ms, .may_retry = p->conf->retry };
}

/* GET path */
static inline void ask(struct client *c, struct pool *p, const char *path)
{
    client_init(c, p, "GET", path);
    pool_submit(p, &c->call);
    assert_int_equal(c->ends, 0);
}

static inline void client_done(struct client *c)
{
    free(c->body);
    if (c->file_fd >= 0)
        (void)sys_close(c->file_fd);
    c->body = NULL;
    c->file_fd = -1;
}

/* ---- the site: what the master would be ---- */

struct stage_worker {
    struct frame_worker frame;
    struct frame_thread threads[STAGE_THREADS];
    int32_t pid;
    bool is_up;
};

struct stage_generation {
    struct yard yard;
    int yard_fd, bells[STAGE_EDGES];
    uint32_t number;
    struct stage_worker workers[STAGE_WORKERS];
};

static inline unsigned count_open_fds(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

struct stage {
    unsigned open_fds;                /* before it began: as many are left when it ended */
    struct conf conf;
    struct loop *loop;
    unsigned edges;
    struct pool *pools[STAGE_EDGES];  /* [0] is also `pool` */
    struct pool *pool;
    int masters[STAGE_EDGES][2];      /* [0] the pool's end, [1] ours */
    struct stage_generation generations[STAGE_GENERATIONS];
    struct stage_generation *first;   /* &generations[0] */
    struct loop_hook hook;            /* of await() */
    bool (*is_true)(void *);
    void *of;
    struct timer deadline;
    const char *awaited;
};

static inline int send_to(struct stage *s, unsigned edge, struct channel_msg msg, const int *fds,
                   size_t fds_count)
{
    return pool_message(s->pools[edge], &msg, SPAN(""), fds, fds_count);
}

static inline void say(struct stage *s, enum channel_kind kind, const struct stage_generation *g,
                unsigned worker)
{
    const struct channel_msg msg = { .kind = kind, .generation = g->number, .worker = worker,
                                     .pid = g->workers[worker].pid };
    for (unsigned e = 0; e < s->edges; e++)
        assert_int_equal(send_to(s, e, msg, NULL, 0), 0);
}

/* The next message of edge 0 to the master: its kind, or -1. */
static inline int heard(struct stage *s, struct channel_msg *msg, char *text)
{
    static char whole[CHANNEL_TEXT_MAX];
    int fds[SYS_FDS_MAX];
    size_t count = 0;
    int rc = channel_recv(s->masters[0][1], msg, whole, fds, &count);
    if (rc == -EAGAIN)
        return -1;
    assert_int_equal(rc, 1);
    if (text)
        snprintf(text, 256, "%.*s", (int)msg->text_bytes, whole);
    return (int)msg->kind;
}

static inline int heard_kind(struct stage *s)
{
    struct channel_msg msg;
    return heard(s, &msg, NULL);
}

static inline void announce_generation(struct stage *s, struct stage_generation *g, unsigned edge)
{
    int fds[1 + STAGE_EDGES] = { sys_dup_cloexec(g->yard_fd) };
    for (unsigned e = 0; e < s->edges; e++)
        fds[1 + e] = sys_dup_cloexec(g->bells[e]);
    const struct channel_msg msg = { .kind = CHANNEL_GENERATION, .generation = g->number };
    assert_int_equal(send_to(s, edge, msg, fds, 1 + s->edges), 0);
}

static inline void stage_generation(struct stage *s, unsigned i, unsigned threads)
{
    struct stage_generation *g = &s->generations[i];
    struct yard_shape shape = yard_shape_for(s->edges, STAGE_WORKERS, threads);
    *g = (struct stage_generation){ .number = 10 + i };
    assert_int_equal(yard_make(&g->yard, &shape, g->number, &g->yard_fd), 0);
    for (unsigned e = 0; e < s->edges; e++) {
        g->bells[e] = sys_eventfd(0, EFD_NONBLOCK);
        assert_true(g->bells[e] >= 0);
    }
    for (unsigned e = 0; e < s->edges; e++)
        announce_generation(s, g, e);
}

static inline int announce_worker(struct stage *s, const struct stage_generation *g,
                                  unsigned worker, unsigned edge, int intake_fd, int passing_fd)
{
    const struct channel_msg msg = { .kind = CHANNEL_WORKER, .generation = g->number,
                                     .worker = worker, .pid = g->workers[worker].pid };
    int fds[2] = { intake_fd, passing_fd };
    return send_to(s, edge, msg, fds, 2);
}

/* Made by the master for that fork: the worker's ends go to the frame_worker, the others to the
 * edges. */
static inline void stage_worker(struct stage *s, unsigned generation, unsigned worker)
{
    static int32_t pids = 1000;
    struct stage_generation *g = &s->generations[generation];
    struct stage_worker *w = &g->workers[worker];
    int intake[2], bells[STAGE_EDGES], theirs[STAGE_EDGES], ours[STAGE_EDGES];
    assert_int_equal(sys_pipe(intake, 0), 0);
    for (unsigned e = 0; e < s->edges; e++) {
        int pair[2];
        assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
        theirs[e] = pair[0];
        ours[e] = pair[1];
        bells[e] = sys_dup_cloexec(g->bells[e]);
    }
    assert_int_equal(frame_worker_init(&w->frame, g->yard_fd, worker, intake[0], bells, theirs,
                                       s->edges), 0);
    for (unsigned t = 0; t < g->yard.shape.threads; t++)
        frame_thread_init(&w->threads[t], &w->frame, t);
    w->pid = ++pids;
    w->is_up = true;
    for (unsigned e = 0; e < s->edges; e++)
        assert_int_equal(announce_worker(s, g, worker, e, sys_dup_cloexec(intake[1]), ours[e]), 0);
    (void)sys_close(intake[1]);
}

/* As after kill -9: its ends close, then the master says so. */
static inline void worker_ends(struct stage *s, unsigned generation, unsigned worker)
{
    struct stage_worker *w = &s->generations[generation].workers[worker];
    frame_worker_done(&w->frame);
    w->is_up = false;
    say(s, CHANNEL_WORKER_DEAD, &s->generations[generation], worker);
}

static inline int64_t check_awaited(struct loop_hook *h)
{
    struct stage *s = container_of(h, struct stage, hook);
    if (!s->is_true || !s->is_true(s->of))
        return -1;
    loop_stop(s->loop);
    return 0;
}

static inline void too_late(struct timer *t)
{
    fail_msg("%s: not within %d ms", container_of(t, struct stage, deadline)->awaited,
             unit_deadline_ms);
}

static inline void new_pool(struct stage *s, unsigned edge)
{
    assert_int_equal(sys_socketpair(SOCK_SEQPACKET | SOCK_NONBLOCK, s->masters[edge]), 0);
    s->pools[edge] = pool_new(s->loop, &s->conf, edge, s->edges, s->masters[edge][0]);
    assert_non_null(s->pools[edge]);
    s->pool = s->pools[0];
}

static inline void drop_pool(struct stage *s, unsigned edge)
{
    pool_free(s->pools[edge]);
    (void)sys_close(s->masters[edge][0]);
    (void)sys_close(s->masters[edge][1]);
}

/* One generation that serves, with so many workers. */
static inline void stage_begin(struct stage *s, unsigned edges, unsigned workers, unsigned threads)
{
    clock_ahead_us = clock_ran_us = clock_since_us = 0;
    unsigned open_fds = count_open_fds();
    *s = (struct stage){ .edges = edges, .open_fds = open_fds, .loop = loop_new(),
                         .first = &s->generations[0],
                         .conf = { .queue_timeout_ms = 30000, .harakiri_ms = 60000,
                                   .retry = true } };
    assert_non_null(s->loop);
    (void)signal(SIGPIPE, SIG_IGN);
    timer_init(&s->deadline, too_late);
    for (unsigned e = 0; e < edges; e++)
        new_pool(s, e);
    s->hook = (struct loop_hook){ .turn_end = check_awaited };
    list_init(&s->hook.node);
    loop_hook_add(s->loop, &s->hook);
    stage_generation(s, 0, threads);
    for (unsigned w = 0; w < workers; w++)
        stage_worker(s, 0, w);
    say(s, CHANNEL_SWITCH, s->first, 0);
    assert_int_equal(heard_kind(s), CHANNEL_SWITCHED);
}

static inline void stage_end(struct stage *s)
{
    for (unsigned e = 0; e < s->edges; e++)
        drop_pool(s, e);
    for (unsigned i = 0; i < STAGE_GENERATIONS; i++) {
        struct stage_generation *g = &s->generations[i];
        if (!g->yard.at)
            continue;
        for (unsigned w = 0; w < STAGE_WORKERS; w++)
            if (g->workers[w].is_up)
                frame_worker_done(&g->workers[w].frame);
        for (unsigned e = 0; e < s->edges; e++)
            (void)sys_close(g->bells[e]);
        yard_done(&g->yard);
        (void)sys_close(g->yard_fd);
    }
    timer_off(s->loop, &s->deadline);
    loop_free(s->loop);
    assert_int_equal(count_open_fds(), s->open_fds);
}

/* The end of one turn of the loop, without a wait. */
static inline void turn(struct stage *s)
{
    loop_stop(s->loop);
    assert_int_equal(loop_run(s->loop), 0);
}

/* The same, and how long the pool lets the loop wait, in us; -1: for ever. */
static inline int64_t wait_of_turn(struct stage *s)
{
    return s->pool->hook.turn_end(&s->pool->hook);
}

static inline void await(struct stage *s, const char *what, bool (*is_true)(void *), void *of)
{
    s->is_true = is_true;
    s->of = of;
    s->awaited = what;
    assert_int_equal(timer_set(s->loop, &s->deadline, unit_deadline_ms), 0);
    clock_runs(true);
    assert_int_equal(loop_run(s->loop), 0);
    clock_runs(false);
    timer_off(s->loop, &s->deadline);
    s->is_true = NULL;
}

static inline bool client_is_over(void *of) { return ((struct client *)of)->ends > 0; }

static inline void await_end(struct stage *s, struct client *c)
{
    await(s, "the end of a request", client_is_over, c);
}

/* ---- workers: what the application would be ---- */

static inline struct frame_thread *thread_of(struct stage *s, unsigned worker)
{
    return &s->first->workers[worker].threads[0];
}

/* The value of a variable of the request it has. */
static inline struct span variable(const struct frame_thread *t, const char *wanted)
{
    struct span block = frame_vars(t), name, value;
    while (uwsgi_next_var(&block, &name, &value) > 0)
        if (span_eq(name, span_of(wanted)))
            return value;
    return SPAN("(none)");
}

/* It takes an offer, which is this one; NULL: there is none. */
static inline void takes(struct stage *s, unsigned worker, const char *path)
{
    struct frame_thread *t = thread_of(s, worker);
    int rc = frame_take(t, 0);
    assert_int_equal(rc, path ? 0 : -ETIMEDOUT);
    if (path)
        assert_span_equal(variable(t, "PATH_INFO"), span_of(path));
}

static inline void writes(struct frame_thread *t, struct span bytes)
{
    assert_int_equal(frame_write(t, bytes), bytes.len);
}

static inline void answers(struct stage *s, unsigned worker, const char *body)
{
    struct frame_thread *t = thread_of(s, worker);
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\nX-From: app\r\n")), 0);
    writes(t, span_of(body));
    frame_finish(t, FRAME_OK);
}

static inline void has_answer(struct client *c, const char *body)
{
    assert_int_equal(c->ends, 1);
    assert_false(c->is_failed);
    assert_int_equal(c->status, 200);
    assert_string_equal(c->head, "OK\r\nX-From: app\r\n");
    assert_true(c->is_whole);
    assert_span_equal(((struct span){ c->body, c->body_len }), span_of(body));
    client_done(c);
}

static inline void has_failed(struct client *c, enum call_failure why)
{
    assert_int_equal(c->ends, 1);
    assert_true(c->is_failed);
    assert_int_equal(c->why, why);
    client_done(c);
}

/* Lets the pool learn that requests are short, so that it offers as deep as it may. */
static inline void learn_short_runs(struct stage *s, unsigned worker)
{
    for (unsigned i = 0; i < 3; i++) {
        struct client c;
        ask(&c, s->pool, "/short");
        turn(s);
        takes(s, worker, "/short");
        answers(s, worker, "");
        turn(s);
        has_answer(&c, "");
    }
}

static inline enum slot_state state_of(struct stage *s, uint32_t slot)
{
    return (enum slot_state)slot_unpack(atomic_load(&yard_slot(&s->first->yard, slot)->word)).state;
}

/* Slots of edge 0 that are not FREE. */
static inline unsigned slots_in_use(struct stage *s)
{
    unsigned used = 0;
    for (uint32_t i = 0; i < s->first->yard.shape.slots; i++)
        used += state_of(s, i) != SLOT_FREE;
    return used;
}

static inline unsigned in_hand(struct stage *s, unsigned worker)
{
    return atomic_load(&yard_hand(&s->first->yard, worker, 0)->in_hand);
}

/* A file in memory with this content; the caller closes it. */
static inline int file_of(const char *text)
{
    int fd = sys_memfd("file", 0);
    assert_true(fd >= 0);
    assert_int_equal(sys_write(fd, text, strlen(text)), strlen(text));
    return fd;
}
