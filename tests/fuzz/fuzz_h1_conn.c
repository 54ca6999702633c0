/* fuzz_h1_conn.c - a whole connection: bytes in pieces, answers in pieces, and an end, in any order.
 *
 * The input is a program: a byte says what happens next (bytes come, a turn of the loop, the
 * application goes on, the client reads, closes or half-closes), the bytes after it with what.
 * Loop, stages, answers and bodies are the real ones over a socket pair; the application is here.
 * Must hold: no crash, no leak, and once the client is gone the connection is, too.
 */
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>
#include "edge/edge_private.h"
#include "fuzz.h"
#include "base/log.h"
#include "base/sys.h"
#include "serve/files.h"
#include "serve/stage.h"

enum { TURNS_TO_END = 200 };

static struct {
    struct edge *edge;
    struct listener listener;
    struct loop_hook hook;
    unsigned turns_left;
    struct exchange *waiting;          /* NULL: no request is with the application */
} stage;

static const char text[100000];

/* Of the exchange that waits: it ended or left. */
static void forget(const struct exchange *x)
{
    if (stage.waiting == x)
        stage.waiting = NULL;
}

/* Called by serve_leave() in place of the pool's. */
void pool_cancel(struct pool *p, struct call *c)
{
    (void)p;
    forget(container_of(c, struct exchange, call));
}

void pool_resume(struct pool *p, struct call *c) { (void)p, (void)c; }
bool pool_is_waiting(const struct call *c) { return c->tries == 0; }
bool pool_is_ready(const struct pool *p) { return p != NULL; }

enum stage_says stage_app(struct exchange *x)
{
    if (x->request.body_bytes != 0 && x->body.bytes < 0)
        return STAGE_WANTS_BODY;
    x->is_with_pool = true;
    stage.waiting = x;
    return STAGE_WAITS;
}

static void is_over(struct exchange *x)
{
    x->is_with_pool = false;
    stage.waiting = NULL;
}

/* One move of the application; `how` chooses it. */
static void go_on(struct exchange *x, unsigned how)
{
    struct span runs[2] = { { text, (how & 15u) * 6000u }, { text, how & 3u } };
    size_t offered = runs[0].len + runs[1].len;
    bool is_last = how & 64;
    if (!x->has_head) {
        static const int64_t lengths[] = { -1, 0, 6000, 90000 };
        x->response = (struct response){ .status = how & 32 ? 204 : 200, .body_bytes = lengths[how & 3u] };
        x->has_head = true;
        if (x->out->head(x, &x->response) < 0)
            is_over(x);
    } else if (how & 128) {
        is_over(x);
        if (how & 1u)
            x->out->cut(x);
        else
            x->out->file(x, NULL, open("/proc/self/exe", O_RDONLY | O_CLOEXEC), 0, (how & 15u) * 6000u);
    } else {
        bool is_bare = x->request.method == METHOD_HEAD || status_has_no_body(x->response.status);
        if (is_bare) {
            runs[0] = runs[1] = SPAN("");
            offered = 0;
        }
        if (is_last)
            x->is_with_pool = false;
        ssize_t took = x->out->body(x, runs, is_last);
        if (took < 0 || (is_last && (size_t)took == offered))
            is_over(x);
        else
            x->is_with_pool = true;
    }
}

static int64_t count_turn(struct loop_hook *h)
{
    (void)h;
    if (stage.turns_left-- == 0)
        loop_stop(stage.edge->loop);
    return 0;
}

static void turns(unsigned count)
{
    stage.turns_left = count - 1;
    if (loop_run(stage.edge->loop) < 0)
        abort();
    buf_take(&stage.edge->serve.access, buf_len(&stage.edge->serve.access));
}

static void set_up(void)
{
    struct edge *e = sys_calloc(1, sizeof *e);
    log_set(LOG_ERROR, "fuzz");
    stage.edge = e;
    e->conf = conf_new();
    e->conf->spool_dir = "/tmp";
    e->conf->http2 = false;            /* fuzz_h2_conn.c */
    e->conf->body_memory_bytes = e->conf->response_memory_bytes = 65536;
    e->conf->body_limit_bytes = 300000;
    list_init(&e->conns);
    list_init(&e->spare);
    e->loop = loop_new();
    e->helpers = helpers_new(e->loop, 1, 4);
    body_pool_init(&e->bodies, e->loop, e->conf, e->helpers);
    if (peers_init(e) < 0 || serve_init(&e->serve, e->loop, e->conf, NULL, e->helpers, -1) < 0)
        abort();
    e->serve.access_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    stage.listener = (struct listener){ .edge = e, .is_unix = true };
    stage.hook.turn_end = count_turn;
    list_init(&stage.hook.node);
    loop_hook_add(e->loop, &stage.hook);
}

static void read_all(int peer, size_t most)
{
    static char into[65536];
    while (most > 0 && read(peer, into, most < sizeof into ? most : sizeof into) > 0)
        most -= most < sizeof into ? most : sizeof into;
}

static void play(int peer, const uint8_t *at, size_t left)
{
    while (left > 0) {
        uint8_t what = *at++;
        left--;
        size_t bytes = what & 63u;
        bytes = bytes < left ? bytes : left;
        switch (what >> 6) {
        case 0:                                   /* bytes come */
            if (send(peer, at, bytes, MSG_NOSIGNAL) < 0)
                return;
            at += bytes;
            left -= bytes;
            turns(1);
            break;
        case 1:                                   /* bytes come together with the next ones */
            if (send(peer, at, bytes, MSG_NOSIGNAL) < 0)
                return;
            at += bytes;
            left -= bytes;
            break;
        case 2:
            if (left == 0)
                return;
            if (stage.waiting)
                go_on(stage.waiting, *at);
            at++;
            left--;
            turns(1 + (what & 1u));
            break;
        case 3:
            if ((what & 63) == 63)
                (void)shutdown(peer, SHUT_WR);
            read_all(peer, (size_t)(what & 31u) * 4096);
            turns(1);
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    int fds[2];
    struct sockaddr_un from = { .sun_family = AF_UNIX };
    if (!stage.edge)
        set_up();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0 ||
        h1_conn_new(&stage.listener, fds[0], (struct sockaddr *)&from) < 0)
        abort();
    play(fds[1], data, bytes);
    close(fds[1]);
    for (int i = 0; i < TURNS_TO_END && stage.edge->conns_count > 0; i++)
        turns(2);
    if (stage.edge->conns_count > 0)
        abort();                                  /* nobody is there, and it waits all the same */
    return 0;
}
