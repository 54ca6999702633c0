/* edge_stage.h - an edge without a master for the tests of its connections: the real loop, conn,
 * answer and stages over a socket pair; the application is what a test says.  Include it in one
 * test program's only file.
 *
 * `stage_app` replaces serve/app.c: it keeps the exchange in stage.waiting (the test then answers
 * by x->out), or answers at once when stage.answer is set.  settle() runs turns of the loop until
 * nothing moves; clock_ahead_us moves the process's clock, so nobody waits for a time limit.
 */
#pragma once
#include <fcntl.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "unit.h"
#include "no_memory.h"
#include "base/log.h"
#include "edge/h1.h"
#include "serve/files.h"
#include "serve/stage.h"

static int64_t clock_ahead_us;
static size_t send_most = SIZE_MAX;                           /* a call moves no more than this */
static int pwrite_error;                                      /* of spool files; 0: they work */

int64_t sys_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000 + clock_ahead_us;
}

ssize_t sys_send(int fd, const void *from, size_t bytes, int flags)
{
    if (send_most == 0)
        return -EAGAIN;
    ssize_t n = send(fd, from, bytes < send_most ? bytes : send_most, flags | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

ssize_t sys_pwrite(int fd, const void *from, size_t bytes, off_t at)
{
    if (pwrite_error < 0)
        return pwrite_error;
    ssize_t n = pwrite(fd, from, bytes, at);
    return n < 0 ? -errno : n;
}

static struct stage_of_test {
    struct edge *edge;
    struct listener listener;
    struct loop_hook hook;
    unsigned turns_left;
    int64_t wait_us;                  /* at most, in a turn: for helpers; 0: only looks */
    int log[2];                       /* the access log's pipe */
    struct exchange *waiting;         /* NULL: no request is with the application */
    void (*answer)(struct exchange *x);
    unsigned asked;                   /* requests the application saw */
    unsigned reset_closes;            /* sockets that were closed with a reset */
} stage;

int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    (void)fd, (void)value, (void)len;
    stage.reset_closes += level == SOL_SOCKET && name == SO_LINGER;
    return 0;
}

enum stage_says stage_app(struct exchange *x)
{
    if (x->request.body_bytes != 0 && x->body.bytes < 0)
        return STAGE_WANTS_BODY;
    stage.asked++;
    if (stage.answer) {
        stage.answer(x);
        return STAGE_ANSWERED;
    }
    stage.waiting = x;
    return STAGE_WAITS;
}

static int64_t count_turn(struct loop_hook *h)
{
    (void)h;
    if (stage.turns_left-- == 0)
        loop_stop(stage.edge->loop);
    return stage.wait_us;
}

static inline void turns(unsigned count)
{
    stage.turns_left = count - 1;
    assert_int_equal(loop_run(stage.edge->loop), 0);
}

static inline void settle(void) { turns(12); }

static inline void stage_open(void)
{
    struct edge *e = sys_calloc(1, sizeof *e);
    log_set(LOG_ERROR, "test");
    stage = (struct stage_of_test){ .edge = e };
    e->conf = conf_new();
    e->conf->spool_dir = "/tmp";
    list_init(&e->conns);
    list_init(&e->spare);
    e->loop = loop_new();
    e->helpers = helpers_new(e->loop, 1, 8);
    struct pool *pool = pool_new(e->loop, e->conf, 0, 1, -1);
    body_pool_init(&e->bodies, e->loop, e->conf, e->helpers);
    assert_int_equal(pipe2(stage.log, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(serve_init(&e->serve, e->loop, routes_lent(e->conf), pool, e->helpers, stage.log[1]), 0);
    e->serve.has_site = true;
    assert_int_equal(peers_init(e), 0);
    stage.listener = (struct listener){ .edge = e, .address = "127.0.0.1", .port = "80" };
    stage.listener.is_unix = true;
    stage.hook.turn_end = count_turn;
    list_init(&stage.hook.node);
    loop_hook_add(e->loop, &stage.hook);
}

static inline struct h1_conn *client_open(int *peer)
{
    int fds[2];
    struct sockaddr_un from = { .sun_family = AF_UNIX };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(h1_conn_new(&stage.listener, fds[0], (struct sockaddr *)&from), 0);
    *peer = fds[1];
    return container_of(stage.edge->conns.prev, struct h1_conn, base.node);
}

/* What the access log says so far, since the last call. */
static inline const char *logged(void)
{
    static char text[8192];
    serve_flush_log(&stage.edge->serve);
    ssize_t n = read(stage.log[0], text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static inline void stage_close(void)
{
    struct edge *e = stage.edge;
    clock_ahead_us = 0;
    send_most = SIZE_MAX;
    pwrite_error = 0;
    settle();
    assert_int_equal(e->conns_count, 0);
    while (!list_empty(&e->spare)) {
        struct h1_exchange *hx = container_of(e->spare.next, struct h1_exchange, spare);
        list_remove(&hx->spare);
        arena_done(&hx->x.arena);
        buf_done(&hx->out);
        sys_free(hx);
    }
    helpers_free(e->helpers);
    pool_free(e->serve.pool);
    serve_done(&e->serve);
    body_pool_done(&e->bodies);
    peers_done(e);
    loop_hook_remove(&stage.hook);
    loop_free(e->loop);
    conf_free(e->conf);
    sys_free(e);
    close(stage.log[0]);
    close(stage.log[1]);
}

static inline void say(int peer, const char *text)
{
    assert_int_equal(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

/* What came; "" for nothing.  *is_over: and then the end. */
static inline const char *hear(int peer, bool *is_over)
{
    static char text[1 << 20];
    size_t got = 0;
    ssize_t n;
    while ((n = read(peer, text + got, sizeof text - 1 - got)) > 0)
        got += (size_t)n;
    text[got] = '\0';
    if (is_over)
        *is_over = n == 0 || (n < 0 && errno != EAGAIN);
    return text;
}

/* The next bytes, waited for within unit_deadline_ms: a helper may have to write them first. */
static inline ssize_t hear_some(int peer, char *into, size_t bytes)
{
    ssize_t n = -1;
    for (int ms = 0; ms < unit_deadline_ms && n <= 0; ms++) {
        n = read(peer, into, bytes);
        if (n <= 0) {
            stage.wait_us = 1000;
            turns(2);                     /* the last turn never waits */
            stage.wait_us = 0;
        }
    }
    return n;
}

static inline void answer_ok(struct exchange *x)
{
    answer_small(x, 200, SPAN("text/plain"), NULL, 0, SPAN("ok\n"));
}
