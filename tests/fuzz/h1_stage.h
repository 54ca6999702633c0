/* h1_stage.h - an edge whose kernel, clock, helpers and pool are here: one connection runs without a
 * system call (but for large bodies) and does the same each time.  Include it in one fuzz target's
 * only file.
 *
 *   client bytes -- socket_give() --> sys_recv --> edge, serve --> pool_submit: noted in stage.seen
 *   stage.out <-- sys_send, as far as socket_room() allows <-- edge, serve <-- app_go_on()
 *
 * Loop, timers, connection, stages, bodies and spill are the real ones.  How the application
 * answers follows from the request alone, so that two runs can be compared.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>
#include "edge/h1.h"
#include "fuzz.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sys.h"
#include "loop/helpers.h"
#include "wire/uwsgi.h"

enum { SOCKET = 100000, LIMIT_BYTES = 64 << 20, VARIABLES_BYTES = 64 * 1024, CALLS_MAX = 64 };

static const char text[200000];

static struct {
    struct edge *edge;
    struct listener listener;
    struct loop_hook hook;
    unsigned turns_left;
    int64_t now_us;
    /* the socket */
    struct watch *watch;               /* NULL: not watched */
    uint32_t events;                   /* that epoll has not said yet */
    struct span to_read;               /* what the client has sent */
    size_t room_bytes;                 /* what the client takes */
    bool is_client_done, is_client_gone, is_open;
    struct buf out, seen;
    /* the application */
    struct call *call;                 /* NULL: no request is with it */
    struct call *queue[CALLS_MAX];     /* of HTTP/2: those that wait for it */
    size_t queued;
    bool has_head, is_full;
    uint64_t body_bytes, done_bytes;   /* of its answer */
    unsigned plan;
    struct helper_job *jobs;           /* worked, and done() is due */
} stage;

/* ---- the kernel ------------------------------------------------------------------------------ */

int64_t sys_now_us(void) { return stage.now_us; }
int64_t sys_wall_us(void) { return 1700000000000000; }

int sys_random(void *into, size_t bytes)
{
    memset(into, 0x5a, bytes);
    return 0;
}

/* Only the log writes, and nobody reads it: but every line is put together. */
ssize_t sys_write(int fd, const void *from, size_t bytes)
{
    must(fd == STDERR_FILENO && from != NULL);
    return (ssize_t)bytes;
}

int sys_epoll_create(void) { return SOCKET + 1; }

int sys_epoll_ctl(int ep, int operation, int fd, struct epoll_event *event)
{
    must(ep == SOCKET + 1 && fd == SOCKET);
    stage.watch = operation == EPOLL_CTL_DEL ? NULL : event->data.ptr;
    return 0;
}

int sys_epoll_wait(int ep, struct epoll_event *events, int count, int64_t timeout_us)
{
    must(ep == SOCKET + 1 && count > 0 && timeout_us == 0);
    if (!stage.watch || stage.events == 0)
        return 0;
    events[0] = (struct epoll_event){ .events = stage.events, .data.ptr = stage.watch };
    stage.events = 0;
    return 1;
}

ssize_t sys_recv(int fd, void *into, size_t bytes, int flags)
{
    must(fd == SOCKET && stage.is_open && bytes > 0);
    if (stage.is_client_gone)
        return -ECONNRESET;
    size_t n = bytes < stage.to_read.len ? bytes : stage.to_read.len;
    if (n == 0)
        return stage.is_client_done ? 0 : -EAGAIN;
    memcpy(into, stage.to_read.at, n);
    if (!(flags & MSG_PEEK))
        stage.to_read = span_skip(stage.to_read, n);
    return (ssize_t)n;
}

ssize_t sys_send(int fd, const void *from, size_t bytes, int flags)
{
    (void)flags;
    must(fd == SOCKET && stage.is_open && bytes > 0);
    if (stage.is_client_gone)
        return -EPIPE;
    size_t n = bytes < stage.room_bytes ? bytes : stage.room_bytes;
    if (n == 0)
        return -EAGAIN;
    must(buf_add(&stage.out, (struct span){ from, n }) == 0);
    stage.room_bytes -= n;
    return (ssize_t)n;
}

ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    ssize_t sent = 0;
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        if (msg->msg_iov[i].iov_len == 0)
            continue;
        ssize_t n = sys_send(fd, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len, flags);
        if (n < 0)
            return sent > 0 ? sent : n;
        sent += n;
        if ((size_t)n < msg->msg_iov[i].iov_len)
            break;
    }
    return sent;
}

ssize_t sys_sendfile(int out_fd, int in_fd, off_t *at, size_t bytes)
{
    static char block[65536];
    ssize_t n = pread(in_fd, block, bytes < sizeof block ? bytes : sizeof block, *at);
    must(n >= 0);
    return n == 0 ? 0 : sys_send(out_fd, block, (size_t)n, 0);
}

int sys_shutdown(int fd, int how) { return fd == SOCKET && how == SHUT_WR ? 0 : -EBADF; }

int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    (void)level, (void)name, (void)value, (void)len;
    return fd == SOCKET ? 0 : -EBADF;
}

int sys_close(int fd)
{
    if (fd == SOCKET) {
        must(stage.is_open && !stage.watch);
        stage.is_open = false;
        return 0;
    }
    return fd < 0 ? 0 : close(fd);
}

int sys_open_unlinked(const char *folder)
{
    (void)folder;
    return memfd_create("spool", MFD_CLOEXEC);
}

/* ---- helpers: the work is done at once, the loop hears of it at the end of the turn ------------ */

int helpers_submit(struct helpers *h, struct helper_job *job)
{
    (void)h;
    job->work(job);
    job->next = stage.jobs;
    stage.jobs = job;
    return 0;
}

static void finish_jobs(void)
{
    struct helper_job *job = stage.jobs, *next;
    stage.jobs = NULL;
    for (; job; job = next) {
        next = job->next;
        job->done(job);
    }
}

/* ---- the client ------------------------------------------------------------------------------ */

static inline void socket_give(size_t bytes)
{
    stage.to_read.len += bytes;
    stage.events |= bytes > 0 ? EPOLLIN : 0;
}

static inline void socket_room(size_t bytes)
{
    stage.room_bytes += bytes;
    stage.events |= bytes > 0 ? EPOLLOUT : 0;
}

static inline void socket_half_close(void)
{
    stage.is_client_done = true;
    stage.events |= EPOLLIN | EPOLLRDHUP;
}

static inline void socket_reset(void)
{
    stage.is_client_gone = true;
    stage.events |= EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
}

/* ---- the pool and the application -------------------------------------------------------------- */

enum { PLAN_STREAM, PLAN_LENGTH, PLAN_OWN_LENGTH, PLAN_EMPTY, PLAN_CUT, PLAN_REFUSED, PLAN_FILE, PLAN_BAD,
       PLAN_TOO_LONG, PLANS };

static void note(struct span s) { must(buf_add(&stage.seen, s) == 0); }

static void note_body(const struct call_body *body)
{
    static char block[65536];
    uint64_t at = 0, bytes = body->bytes > 0 ? (uint64_t)body->bytes : 0;
    if (body->memory.at || bytes == 0) {
        must(body->memory.len == bytes);
        note(body->memory);
        return;
    }
    while (at < bytes) {
        size_t want = bytes - at < sizeof block ? (size_t)(bytes - at) : sizeof block;
        ssize_t n = pread(body->fd, block, want, (off_t)at);
        must(n > 0);
        note((struct span){ block, (size_t)n });
        at += (size_t)n;
    }
}

static void begin_call(struct call *c)
{
    static const uint64_t lengths[] = { 0, 1, 6000, 150000 };
    size_t sum = 0;
    for (size_t i = 0; i < c->request->path.len; i++)
        sum += (unsigned char)c->request->path.at[i];
    stage.call = c;
    stage.has_head = stage.is_full = false;
    stage.plan = (unsigned)(sum % PLANS);
    stage.body_bytes = lengths[sum / PLANS % ARRAY_LEN(lengths)];
    stage.done_bytes = 0;
}

/* All that the application would see; its answer follows from the path's bytes. */
void pool_submit(struct pool *p, struct call *c)
{
    static char variables[VARIABLES_BYTES];
    const struct request *r = c->request;
    (void)p;
    must(!stage.call || r->version >= 20);
    ssize_t used = uwsgi_put_request(variables, sizeof variables, r, c->mount, c->body.bytes);
    must(used > 0);
    note((struct span){ variables, (size_t)used });
    note_body(&c->body);
    note(SPAN("\n--\n"));
    must(stage.queued < CALLS_MAX);
    if (stage.call)
        stage.queue[stage.queued++] = c;
    else
        begin_call(c);
}

static void leave_queue(size_t place)
{
    stage.queued--;
    memmove(&stage.queue[place], &stage.queue[place + 1], (stage.queued - place) * sizeof stage.queue[0]);
}

void pool_cancel(struct pool *p, struct call *c)
{
    (void)p;
    if (stage.call == c)
        stage.call = NULL;
    for (size_t i = stage.queued; i-- > 0;)
        if (stage.queue[i] == c)
            leave_queue(i);
}

void pool_resume(struct pool *p, struct call *c)
{
    (void)p;
    if (stage.call == c)
        stage.is_full = false;
}

bool pool_is_waiting(const struct call *c) { return stage.call != c || !stage.has_head; }
bool pool_is_ready(const struct pool *p) { (void)p; return true; }

static void fail(enum call_failure why)
{
    struct call *c = stage.call;
    stage.call = NULL;
    c->to->fail(c, why);
}

static void say_head(struct call *c)
{
    char own[80];
    snprintf(own, sizeof own, "Good\r\nX-App: 1\r\nContent-Length: %llu\r\n", (unsigned long long)stage.body_bytes);
    struct span head = stage.plan == PLAN_BAD ? SPAN("Good\r\nX App: 1\r\n") :
                       stage.plan == PLAN_OWN_LENGTH || stage.plan == PLAN_TOO_LONG ? span_of(own) :
                       SPAN("Good\r\nX-App: 1\r\n");
    bool is_complete = stage.plan == PLAN_LENGTH;
    stage.has_head = true;
    if (c->to->head(c, stage.plan == PLAN_EMPTY ? 204 : 200, head, is_complete,
                    is_complete ? (int64_t)stage.body_bytes : -1) < 0)
        stage.call = NULL;
}

/* Two runs, as from a ring; what the client does not take comes again. */
static void say_body(struct call *c, uint64_t most)
{
    uint64_t end = stage.plan == PLAN_TOO_LONG ? stage.body_bytes + 1 : stage.body_bytes;
    uint64_t left = end - stage.done_bytes;
    if (stage.plan == PLAN_TOO_LONG)
        most = left;                   /* in one piece, for the first byte too many ends it all */
    size_t offered = (size_t)(left < most ? left : most);
    const struct span runs[2] = { { text, offered - offered / 3 }, { text, offered / 3 } };
    bool is_last = offered == left && stage.plan != PLAN_CUT;
    ssize_t took = c->to->body(c, runs, is_last);
    must(took <= (ssize_t)offered);
    if (took < 0 || (is_last && (size_t)took == offered)) {
        stage.call = NULL;
        return;
    }
    stage.done_bytes += (size_t)took;
    stage.is_full = (size_t)took < offered;
}

/* One move of the application, of at most so many bytes. */
static inline void app_go_on(uint64_t most)
{
    if (!stage.call && stage.queued > 0) {
        begin_call(stage.queue[0]);
        leave_queue(0);
    }
    struct call *c = stage.call;
    if (!c || stage.is_full)
        return;
    if (!stage.has_head && stage.plan == PLAN_REFUSED) {
        fail(CALL_OVERLOADED);
    } else if (!stage.has_head) {
        say_head(c);
    } else if (stage.plan == PLAN_CUT && stage.done_bytes == stage.body_bytes) {
        fail(CALL_CUT);
    } else if (stage.plan == PLAN_FILE) {
        stage.call = NULL;
        c->to->file(c, open("/proc/self/exe", O_RDONLY | O_CLOEXEC), 0, stage.body_bytes);
    } else {
        say_body(c, most);
    }
}

/* ---- the edge -------------------------------------------------------------------------------- */

static int64_t count_turn(struct loop_hook *h)
{
    (void)h;
    finish_jobs();
    if (stage.turns_left-- == 0)
        loop_stop(stage.edge->loop);
    return 0;
}

static inline void turns(unsigned count)
{
    stage.turns_left = count;
    must(loop_run(stage.edge->loop) == 0);
}

static void set_up(void)
{
    struct edge *e = sys_calloc(1, sizeof *e);
    log_set(LOG_DEBUG, "fuzz");
    stage.edge = e;
    stage.now_us = 1000000000;
    e->conf = conf_new();
    e->conf->spool_dir = "/tmp";
    e->conf->head_limit_bytes = 2048;
    e->conf->fields_limit = 20;
    e->conf->body_memory_bytes = e->conf->response_memory_bytes = 65536;
    e->conf->body_limit_bytes = 300000;
    e->conf->response_spool_bytes = 1 << 20;
    list_init(&e->conns);
    list_init(&e->spare);
    e->loop = loop_new();
    body_pool_init(&e->bodies, e->loop, e->conf, NULL);
    must(peers_init(e) == 0);
    must(serve_init(&e->serve, e->loop, routes_lent(e->conf), NULL, NULL, SOCKET + 2) == 0);
    e->serve.has_site = true;
    stage.listener = (struct listener){ .edge = e, .address = "127.0.0.1", .port = "80" };
    stage.hook.turn_end = count_turn;
    list_init(&stage.hook.node);
    loop_hook_add(e->loop, &stage.hook);
    stage.out.limit_bytes = stage.seen.limit_bytes = LIMIT_BYTES;
}

static inline void empty(struct buf *b) { buf_take(b, buf_len(b)); }

/* A new connection of a client whose bytes lie at `stream`. */
static inline void connect_client(struct span stream, size_t room_bytes)
{
    struct sockaddr_un from = { .sun_family = AF_UNIX };
    if (!stage.edge)
        set_up();
    stage.to_read = (struct span){ stream.at, 0 };
    stage.room_bytes = room_bytes;
    stage.events = EPOLLOUT;
    stage.is_client_done = stage.is_client_gone = stage.edge->is_draining = false;
    stage.is_open = true;
    empty(&stage.out);
    empty(&stage.seen);
    empty(&stage.edge->serve.access);
    must(h1_conn_new(&stage.listener, SOCKET, (struct sockaddr *)&from) == 0);
    turns(1);
}
