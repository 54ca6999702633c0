/* edge.c - the process between the clients and the workers: start, listeners, the master's word, the end.
 *
 *     clients --accept--> h1_conn > serve > pool > worker
 *     master  --struct channel_msg--> here > pool, serve
 *
 * Woken  by loop: a listener, the master's channel, the accept pause.
 * Ends   when the master says CHANNEL_DRAIN or is gone, and the last connection closed.
 */
#include "edge/edge.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sys.h"
#include "conf/listen.h"
#include "edge/edge_private.h"
#include "edge/h1.h"
#include "edge/h2_conn.h"
#include "serve/files.h"
#include "serve/maintenance.h"
#include "tls/tls.h"

enum { HELPER_JOBS_MAX = 256, ACCEPT_PAUSE_MS = 100, ACCEPT_WARN_AGAIN_MS = 10000 };

/* ---- accepting ------------------------------------------------------------------------------- */

static bool is_idle(const struct edge *e)
{
    for (const struct list *n = e->sites.next; n != &e->sites; n = n->next)
        if (!pool_is_idle(container_of(n, struct serve, node)->pool))
            return false;
    return e->conns_count == 0;
}

static void maybe_end(struct edge *e)
{
    if (e->is_draining && is_idle(e))
        loop_stop(e->loop);
}

static void end_with(struct edge *e, int error)
{
    e->error = error;
    loop_stop(e->loop);
}

static void pause_accepting(struct edge *e, int error)
{
    if (loop_may_tell(e->loop, &e->accept_warned_ms, ACCEPT_WARN_AGAIN_MS))
        log_warn("accepting pauses", "error=\"%s\" connections=%llu limit=%lld for_ms=%d",
                 error == -EUSERS ? "as many connections as --connections allows" : strerror(-error),
                 (unsigned long long)e->conns_count, (long long)e->conf->connections, ACCEPT_PAUSE_MS);
    for (size_t i = 0; i < e->listeners_count; i++)
        (void)loop_pause(&e->listeners[i].watch, true);
    (void)timer_set(e->loop, &e->accept_pause, ACCEPT_PAUSE_MS);
}

static void accept_again(struct timer *t)
{
    struct edge *e = container_of(t, struct edge, accept_pause);
    int rc = 0;
    for (size_t i = 0; i < e->listeners_count; i++) {
        int error = e->listeners[i].watch.fd >= 0 ? loop_pause(&e->listeners[i].watch, false) : 0;
        if (error < 0 && error != -EEXIST)      /* it was not paused: tried before, with success */
            rc = error;
    }
    if (rc < 0)                     /* one of them is deaf: try again */
        (void)timer_set(e->loop, &e->accept_pause, ACCEPT_PAUSE_MS);
}

static bool is_passing(int error)
{
    return error == -ECONNABORTED || error == -EPROTO || error == -ENETDOWN || error == -EHOSTUNREACH;
}

/* 1: one connection more, 0: none waits, negative: not now. */
static int accept_one(struct listener *l)
{
    struct sockaddr_storage peer = { 0 };
    socklen_t len = sizeof peer;
    struct edge *e = l->edge;
    if (e->conns_count >= (uint64_t)e->conf->connections)
        return -EUSERS;
    int fd = sys_accept(l->watch.fd, (struct sockaddr *)&peer, &len);
    if (fd < 0)
        return fd == -EAGAIN ? 0 : is_passing(fd) ? 1 : fd;
    int rc = h1_conn_new(l, fd, (struct sockaddr *)&peer);
    if (rc < 0)
        (void)sys_close(fd);
    return rc < 0 ? rc : 1;
}

static void accept_ready(struct watch *w)
{
    struct listener *l = container_of(w, struct listener, watch);
    int rc = 1;
    for (int budget = EDGE_ACCEPTS_A_TURN; budget > 0 && rc > 0; budget--)
        rc = accept_one(l);
    if (rc < 0)
        pause_accepting(l->edge, rc);
}

static void name_listener(struct listener *l, int fd)
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof own;
    if (sys_getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return;
    if (own.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&own;
        inet_ntop(AF_INET, &in->sin_addr, l->address, sizeof l->address);
        snprintf(l->port, sizeof l->port, "%u", ntohs(in->sin_port));
    } else if (own.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&own;
        inet_ntop(AF_INET6, &in6->sin6_addr, l->address, sizeof l->address);
        snprintf(l->port, sizeof l->port, "%u", ntohs(in6->sin6_port));
    } else {
        l->is_unix = true;
        snprintf(l->address, sizeof l->address, "localhost");
        snprintf(l->port, sizeof l->port, "80");
    }
}

static int open_listeners(struct edge *e)
{
    for (size_t i = 0; i < e->conf->listen.count; i++) {
        struct listener *l = &e->listeners[i];
        struct listen_spec spec;
        int fd = CHANNEL_LISTEN_FD + (int)i;
        l->edge = e;
        if (listen_parse(span_of(e->conf->listen.items[i]), &spec))
            return -EINVAL;
        l->is_tls = spec.is_tls;
        l->has_proxy = spec.has_proxy;
        if (l->is_tls && !e->tls)
            return -ENOKEY;
        name_listener(l, fd);
        int rc = loop_watch_listener(e->loop, &l->watch, fd, accept_ready);
        if (rc < 0)
            return rc;
        e->listeners_count++;
    }
    return 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Accept what is in the backlog, close the listeners, let every connection finish. */
static void drain(struct edge *e)
{
    if (e->is_draining)
        return;
    e->is_draining = true;
    e->serve.is_draining = true;
    for (struct list *n = e->sites.next; n != &e->sites; n = n->next) {
        struct serve *s = container_of(n, struct serve, node);
        s->is_draining = true;
        serve_look_at_changes(s);
        serve_down(s);
    }
    for (size_t i = 0; i < e->listeners_count; i++) {
        struct listener *l = &e->listeners[i];
        int fd = l->watch.fd;
        while (accept_one(l) > 0)
            continue;
        loop_unwatch(&l->watch);
        (void)sys_close(fd);
    }
    timer_off(e->loop, &e->accept_pause);
    for (struct list *n = e->conns.next, *next; n != &e->conns; n = next) {
        next = n->next;
        struct conn *c = container_of(n, struct conn, node);
        c->wire->drain(c);
    }
    maybe_end(e);
}

/* ---- the master's word ----------------------------------------------------------------------- */

/* Of builds with -Dhooks=true, in which a test runs code in the edge; no other has it. */
void edge_hook(json_t *stats) __attribute__((weak));

static void add(uint64_t *sum, const struct serve *serve)
{
    struct pool_stats s = pool_stats(serve->pool);
    const uint64_t all[] = { s.queued, s.in_hand, s.served, s.retried, s.failed, s.refused, s.withdrawn, s.lost_bells };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sum[i] += all[i];
}

/* Of all sites together. */
static struct pool_stats sum_of_pools(const struct edge *e, uint64_t *limited, uint64_t *dropped)
{
    uint64_t sum[8] = { 0 };
    *limited = e->serve.limited;
    *dropped = e->serve.access_dropped;
    for (const struct list *n = e->sites.next; n != &e->sites; n = n->next) {
        const struct serve *serve = container_of(n, struct serve, node);
        add(sum, serve);
        *limited += serve->limited;
        *dropped += serve->access_dropped;
    }
    return (struct pool_stats){ .queued = sum[0], .in_hand = sum[1], .served = sum[2], .retried = sum[3], .failed = sum[4],
                                .refused = sum[5], .withdrawn = sum[6], .lost_bells = sum[7] };
}

static uint64_t memory_of_files(const struct edge *e)
{
    uint64_t bytes = 0;
    for (const struct list *n = e->sites.next; n != &e->sites; n = n->next)
        bytes += files_memory_bytes(container_of(n, struct serve, node)->files);
    return bytes;
}

static void report(struct edge *e)
{
    uint64_t limited, dropped;
    struct pool_stats s = sum_of_pools(e, &limited, &dropped);
    json_t *stats = json_pack("{sI sI sI sI sI sI sI sI sI sI sI sI sI}", "connections", (json_int_t)e->conns_count,
                              "accepted", (json_int_t)e->accepted, "requests", (json_int_t)e->requests,
                              "queued", (json_int_t)s.queued, "in_hand", (json_int_t)s.in_hand,
                              "served", (json_int_t)s.served, "retried", (json_int_t)s.retried,
                              "failed", (json_int_t)s.failed, "refused", (json_int_t)s.refused,
                              "withdrawn", (json_int_t)s.withdrawn, "lost_bells", (json_int_t)s.lost_bells,
                              "limited", (json_int_t)limited, "access_dropped", (json_int_t)dropped);
    (void)json_object_set_new(stats, "handshakes", json_integer((json_int_t)e->handshakes));
    (void)json_object_set_new(stats, "handshakes_resumed", json_integer((json_int_t)e->handshakes_resumed));
    (void)json_object_set_new(stats, "handshakes_failed", json_integer((json_int_t)e->handshakes_failed));
    (void)json_object_set_new(stats, "static_memory_bytes", json_integer((json_int_t)memory_of_files(e)));
    if (edge_hook && stats)
        edge_hook(stats);
    char *text = stats ? json_line(stats) : NULL;
    const struct channel_msg msg = { .kind = CHANNEL_STATS };
    if (text && channel_send(e->master.fd, &msg, span_of(text), NULL, 0) < 0)
        log_warn("statistics not sent", "bytes=%zu", strlen(text));
    sys_free(text);
    json_decref(stats);
}

/* What comes too late for the sandbox: another edge shall take over. */
static void ask_for_renewal(struct edge *e)
{
    const struct channel_msg msg = { .kind = CHANNEL_RENEW };
    int rc = e->asked_for_renewal ? 0 : channel_send(e->master.fd, &msg, SPAN(""), NULL, 0);
    if (rc < 0)
        log_warn("new folders cannot be opened", "error=\"%s\"", strerror(-rc));
    e->asked_for_renewal = rc == 0;
}

/* When every site has said what its files are, or that it will not soon, nothing else is read. */
static int limit_files(struct edge *e)
{
    for (const struct list *n = e->sites.next; n != &e->sites; n = n->next) {
        const struct serve *s = container_of(n, struct serve, node);
        if (!s->has_site && !s->is_down)
            return 0;
    }
    return sandbox_limit(&e->sandbox, e->helpers);
}

static int obey_files(struct edge *e, struct serve *serve, const struct channel_msg *msg, struct span text, const int *fds,
                      size_t fds_count)
{
    int rc = sandbox_files(&e->sandbox, fds, fds_count, msg->a);
    if (rc < 0)
        return rc;
    if (rc > 0) {                       /* until then this one serves the files that it knows */
        ask_for_renewal(e);
        for (size_t i = 0; i < fds_count; i++)
            (void)sys_close(fds[i]);
        return 0;
    }
    rc = serve_site(serve, text, fds, fds_count);
    if (rc < 0)
        log_error("site description not understood", "bytes=%zu", text.len);
    /* Without it nobody is served, and it is not sent again: another edge shall be told. */
    return rc == -EBADMSG ? -EPROTO : rc < 0 ? rc : limit_files(e);
}

/* What is said of one site. */
static int obey_for(struct edge *e, struct edge_site *site, const struct channel_msg *msg, struct span text, const int *fds,
                    size_t fds_count)
{
    struct serve *serve = &site->serve;
    int rc;
    switch ((enum channel_kind)msg->kind) {
    case CHANNEL_FILES:
        return obey_files(e, serve, msg, text, fds, fds_count);
    case CHANNEL_SWITCH:
        rc = edge_site_switched(e, site, msg->generation);
        if (rc < 0)
            return rc;
        serve_changed(serve, msg->generation, 0);
        break;
    case CHANNEL_RETIRE:
        return edge_site_retires(site, msg);
    case CHANNEL_MAINTENANCE:
        return maintenance_told(serve, text);
    case CHANNEL_CHANGED:
        serve_changed(serve, msg->generation, msg->a);
        return 0;
    default:
        break;
    }
    return pool_message(serve->pool, msg, text, fds, fds_count);
}

static int obey(struct edge *e, const struct channel_msg *msg, struct span text, const int *fds, size_t fds_count)
{
    struct edge_site *site = edge_site(e, msg->site);
    switch ((enum channel_kind)msg->kind) {
    case CHANNEL_SITE:
        return edge_site_message(e, msg, fds, fds_count, false);
    case CHANNEL_SITE_GONE:
        return edge_site_gone(e, msg->site);
    case CHANNEL_SITE_DOWN:
        if (site)
            serve_down(&site->serve);
        return limit_files(e);
    case CHANNEL_FILES: case CHANNEL_SWITCH: case CHANNEL_CHANGED: case CHANNEL_MAINTENANCE:
    case CHANNEL_GENERATION: case CHANNEL_WORKER: case CHANNEL_WORKER_REST: case CHANNEL_WORKER_DEAD:
    case CHANNEL_RETIRE: case CHANNEL_FORGET:
        if (site)
            return obey_for(e, site, msg, text, fds, fds_count);
        for (size_t i = 0; i < fds_count; i++)
            (void)sys_close(fds[i]);
        return 0;               /* it is gone */
    case CHANNEL_DRAIN:
        e->serve.is_replaced = msg->a == 1;
        for (struct list *n = e->sites.next; n != &e->sites; n = n->next)
            container_of(n, struct serve, node)->is_replaced = msg->a == 1;
        drain(e);
        return 0;
    case CHANNEL_REPORT:
        report(e);
        return 0;
    case CHANNEL_CERTIFICATES:
        if (fds_count != 1)
            return -EBADMSG;
        edge_certificates(e, fds[0]);
        return 0;
    case CHANNEL_WELCOME:       /* only as the first message: edge_main */
    case CHANNEL_SWITCHED: case CHANNEL_DRAINED: case CHANNEL_RENEW: case CHANNEL_LATE: case CHANNEL_BROKE:
    case CHANNEL_STATS: case CHANNEL_KINDS:
        break;
    }
    return -EBADMSG;
}

static void master_ready(struct watch *w)
{
    struct edge *e = container_of(w, struct edge, master);
    struct channel_msg msg;
    char text[CHANNEL_TEXT_MAX];
    int fds[SYS_FDS_MAX], rc, obeyed = e->reading ? 1 : 0;
    size_t fds_count = 0;
    while (obeyed != 1 && (rc = channel_recv(w->fd, &msg, text, fds, &fds_count)) > 0) {
        obeyed = obey(e, &msg, (struct span){ text, msg.text_bytes }, fds, fds_count);
        if (obeyed == -EBADMSG) {
            log_error("message from the master not understood", "kind=%u", msg.kind);
        } else if (obeyed < 0) {        /* half a picture is worse than none: the next edge is told everything */
            end_with(e, obeyed);
            return;
        }
    }
    if (obeyed == 1)                    /* edge_hear_on() */
        return;
    if (rc == -EAGAIN) {
        w->ready &= ~(unsigned)LOOP_READ;
        return;
    }
    if (!e->is_draining)
        log_warn("the master is gone", "the edge finishes what it has");
    loop_unwatch(w);
    drain(e);
}

void edge_hear_on(struct edge *e, int obeyed)
{
    if (obeyed < 0)
        end_with(e, obeyed);
    else if (e->master.fd >= 0)
        loop_again(&e->master);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* What was refused because it was put in the place of what was there at the start. */
static void look_at_refusals(struct edge *e, struct serve *serve)
{
    const struct sandbox_files *limits = &e->sandbox.files;
    struct file_refusal *manifest = files_refusal(serve->files);
    if (manifest->is_set && sandbox_files_misses(limits, manifest->device, manifest->inode))
        ask_for_renewal(e);
    manifest->is_set = false;
}

static int64_t turn_end(struct loop_hook *h)
{
    struct edge *e = container_of(h, struct edge, turn);
    e->handshakes_left = EDGE_HANDSHAKES_A_TURN;
    h2_flush(e);
    if (buf_len(&e->serve.access) > 0)
        serve_flush_log(&e->serve);
    for (struct list *n = e->sites.next; n != &e->sites; n = n->next) {
        struct serve *serve = container_of(n, struct serve, node);
        if (buf_len(&serve->access) > 0)
            serve_flush_log(serve);
        look_at_refusals(e, serve);
    }
    if (e->bodies.is_refused && sandbox_files_moved(&e->sandbox.files, e->bodies.folder))
        ask_for_renewal(e);
    e->bodies.is_refused = false;
    if (e->has_gone_sites)
        edge_sites_sweep(e);
    maybe_end(e);
    return -1;
}

static int hear_first(struct channel_msg *msg, int *fds, size_t *fds_count)
{
    char text[CHANNEL_TEXT_MAX];
    struct pollfd wait = { CHANNEL_MASTER_FD, POLLIN, 0 };
    while (sys_poll(&wait, 1, -1) == -EINTR)
        continue;
    int rc = channel_recv(CHANNEL_MASTER_FD, msg, text, fds, fds_count);
    return rc == 1 ? 0 : rc < 0 ? rc : -EPIPE;
}

/* The master's first message says who we are, and brings the board, and certificates (else
 * *certificates_fd is -1). */
static int welcome(struct channel_msg *msg, struct board *board, int *certificates_fd)
{
    int fds[SYS_FDS_MAX];
    size_t fds_count = 0;
    int rc = hear_first(msg, fds, &fds_count);
    if (rc < 0 || msg->kind != CHANNEL_WELCOME)
        return rc < 0 ? rc : -EPIPE;
    rc = fds_count == 1 || fds_count == 2 ? board_map(board, fds[0]) : -EBADMSG;
    *certificates_fd = rc == 0 && fds_count == 2 ? fds[--fds_count] : -1;
    for (size_t i = 0; i < fds_count; i++)
        (void)sys_close(fds[i]);
    return rc;
}

/* Before anybody is let in, so that whoever comes finds his site. */
static int first_sites(struct edge *e, uint32_t count)
{
    struct channel_msg msg;
    int fds[SYS_FDS_MAX], rc = 0;
    for (; count > 0 && rc == 0; count--) {
        size_t fds_count = 0;
        rc = hear_first(&msg, fds, &fds_count);
        if (rc == 0)
            rc = msg.kind == CHANNEL_SITE ? edge_site_message(e, &msg, fds, fds_count, true) : -EPROTO;
    }
    return rc;
}

static int set_up(struct edge *e, const struct channel_msg *who)
{
    timer_init(&e->accept_pause, accept_again);
    e->loop = loop_new();
    if (!e->loop)
        return -ENOMEM;
    e->helpers = helpers_new(e->loop, (unsigned)e->conf->helpers, HELPER_JOBS_MAX);
    e->index = who->edge;
    e->count = (unsigned)who->a;
    if (!e->helpers)
        return -ENOMEM;
    body_pool_init(&e->bodies, e->loop, e->conf, e->helpers);
    int rc = h2_set_up(e);
    if (rc < 0)
        return rc;
    int access_fd = strcmp(e->conf->access_log, "off") == 0 ? -1 : CHANNEL_ACCESS_FD;
    rc = serve_init(&e->serve, e->loop, routes_lent(e->conf), NULL, e->helpers, access_fd);
    if (rc == 0)
        rc = serve_limits(&e->serve, &e->board);
    if (rc == 0)
        rc = peers_init(e);
    if (rc < 0)
        return rc;
    (void)sys_set_nonblocking(CHANNEL_ACCESS_FD);
    e->serve.lobby_of = &e->sites;
    e->turn = (struct loop_hook){ .turn_end = turn_end };
    loop_hook_add(e->loop, &e->turn);
    rc = first_sites(e, who->site);
    if (rc == 0)
        rc = sys_set_nonblocking(CHANNEL_MASTER_FD);
    if (rc == 0)
        rc = loop_watch(e->loop, &e->master, CHANNEL_MASTER_FD, master_ready);
    return rc < 0 ? rc : open_listeners(e);
}

static void tear_down(struct edge *e)
{
    while (!list_empty(&e->conns)) {
        struct conn *c = container_of(e->conns.next, struct conn, node);
        c->wire->end(c);
    }
    while (!list_empty(&e->spare)) {
        struct h1_exchange *hx = container_of(e->spare.next, struct h1_exchange, spare);
        list_remove(&hx->spare);
        arena_done(&hx->x.arena);
        buf_done(&hx->out);
        sys_free(hx);
    }
    helpers_free(e->helpers);         /* what was under way is over: for sites, too */
    edge_sites_done(e);
    tls_server_drop(e->tls);
    serve_done(&e->serve);
    board_done(&e->board);
    body_pool_done(&e->bodies);
    peers_done(e);
    sandbox_done(&e->sandbox);
    loop_free(e->loop);
    h2_tear_down(e);
}

/* Intakes and the access log are pipes: a dead reader is -EPIPE, not the end of all connections.  A signal to
 * all processes of a service (systemd's KillMode=control-group, Ctrl-C) is for the master, which then says what
 * to do. */
static void block_signals(void)
{
    static const int signals[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 };
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        (void)sigaddset(&set, signals[i]);
    (void)sys_sigmask(SIG_BLOCK, &set);
}

/* Until it is to end: 0 or -errno. */
static int live(struct edge *e)
{
    struct channel_msg who;
    int certificates_fd = -1;
    int rc = welcome(&who, &e->board, &certificates_fd);
    if (rc == 0)
        rc = sandbox_begin(&e->sandbox, e->conf, who.b);
    if (rc == 0 && certificates_fd >= 0)
        rc = edge_certificates_first(e, certificates_fd);
    if (rc == 0)
        rc = set_up(e, &who);
    if (rc == 0)
        rc = sandbox_close(&e->sandbox);
    if (rc == 0)
        rc = loop_run(e->loop);
    return rc == 0 ? e->error : rc;
}

int edge_main(void)
{
    char why[CONF_WHY_BYTES] = "";
    sys_process_name("edge");
    log_set(LOG_INFO, "edge");
    block_signals();
    hash_seed();
    tzset();                            /* the access log's local time: no file is read for it later */
    struct edge *e = sys_calloc(1, sizeof *e);
    struct conf *conf = edge_read_conf(CHANNEL_CONF_FD, why);
    if (!e || !conf) {
        log_error("edge did not start", "%s", why[0] ? why : "no memory or no options");
        sys_free(e);
        conf_free(conf);
        return 1;
    }
    e->conf = conf;
    list_init(&e->conns);
    list_init(&e->spare);
    list_init(&e->sites);
    log_set(log_level_of(conf->log_level), "edge");
    if (conf->edge_batch)
        (void)sys_sched_batch();        /* a wish: what the kernel refuses is only slower */
    int rc = live(e);
    if (rc < 0)
        log_error("edge ended", "error=%d reason=\"%s\"", -rc, strerror(-rc));
    tear_down(e);
    conf_free(conf);
    sys_free(e);
    return rc < 0;
}
