/* control_server.c - accept, split lines, dispatch, write what fits.
 *
 * A client waits for one answer at a time; lines behind it stay in its buffer.  Only our own user
 * and root are heard.
 */
#include "master/control_server.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "master/site.h"
#include "master/sites.h"
#include "master/status.h"
#include "master/supervise.h"

enum {
    LINE_BYTES_MAX = 64 * 1024, OUT_BYTES_MAX = 16 * 1024 * 1024, CLIENTS_MAX = 64,
    ACCEPTS_A_TURN = 8, READ_BYTES = 4096, STATUS_WAIT_MS = 200,
};

static void client_free(struct loop_garbage *garbage)
{
    struct control_client *c = container_of(garbage, struct control_client, garbage);
    buf_done(&c->in);
    buf_done(&c->out);
    sys_free(c);
}

static void hang_up(struct control_client *c)
{
    if (c->fd < 0)
        return;
    loop_unwatch(&c->watch);
    (void)sys_close(c->fd);
    c->fd = -1;
    list_remove(&c->node);
    list_remove(&c->waiting);
    c->server->clients_count--;
    loop_free_later(c->server->master->loop, &c->garbage, client_free);
}

static void send_out(struct control_client *c)
{
    while (buf_len(&c->out) > 0) {
        struct span out = buf_span(&c->out);
        ssize_t sent = sys_send(c->fd, out.at, out.len, MSG_DONTWAIT);
        if (sent == -EAGAIN) {
            c->watch.ready &= ~(unsigned)LOOP_WRITE;
            return;
        }
        if (sent <= 0) {
            hang_up(c);
            return;
        }
        buf_take(&c->out, (size_t)sent);
    }
}

void control_answer(struct control_client *c, const json_t *reply)
{
    char *line = reply ? json_line(reply) : NULL;
    struct span text = line ? span_of(line) : SPAN("{\"ok\":false,\"error\":\"no memory\"}\n");
    c->under_way = CONTROL_NONE;
    int rc = buf_add(&c->out, text);
    sys_free(line);
    if (rc < 0) {
        hang_up(c);
        return;
    }
    send_out(c);
    if (c->fd >= 0 && (buf_len(&c->in) > 0 || c->has_ended))
        loop_again(&c->watch);                    /* its next line may be here already */
}

static void refuse(struct control_client *c, const char *sentence)
{
    json_t *reply = json_pack("{s:b, s:s}", "ok", 0, "error", sentence);
    control_answer(c, reply);
    json_decref(reply);
}

/* ---- verbs ---- */

static void do_status(struct control_client *c, struct site *site)
{
    struct control_server *s = c->server;
    (void)site;
    list_add_before(&s->asking, &c->waiting);
    edges_ask(&s->master->edges);
    if (s->timer.due_ms == 0 && timer_set(s->master->loop, &s->timer, STATUS_WAIT_MS) < 0)
        refuse(c, "no memory");
    else
        control_server_step(s);
}

static void do_reload(struct control_client *c, struct site *site)
{
    if (c->server->master->phase != MASTER_SERVING)
        refuse(c, "slipway is stopping");
    else
        site_reload(site, c);
}

static void do_stop(struct control_client *c, struct site *site)
{
    (void)site;
    list_add_before(&c->server->stopping, &c->waiting);
    log_info("stop", "reason=\"the control socket\"");
    master_stop(c->server->master, false);
}

/* Answered as status is: what the edges then say, they say behind the order. */
static void do_maintenance(struct control_client *c, struct site *site, const json_t *request)
{
    bool is_named = json_text(request, "site", "")[0] || !c->server->master->conf->sites[0];
    const char *wrong = is_named ? maintenance_order(&site->maintenance, request)
                                 : "several sites are served: say which one by --site NAME";
    if (wrong)
        refuse(c, wrong);
    else
        do_status(c, site);
}

/* Files came and went.  Who asked reloads what is there, one after the other. */
static void do_sites(struct control_client *c, const char *only)
{
    json_t *reply = sites_read_again(c->server->master, only);
    control_answer(c, reply);
    json_decref(reply);
}

static void do_await(struct control_client *c, struct site *site)
{
    site_await(site, c);
}

static const struct verb {
    const char *name;
    enum control_verb verb;
    void (*act)(struct control_client *c, struct site *site);
} verbs[] = {
    { "status", CONTROL_STATUS, do_status },
    { "reload", CONTROL_RELOAD, do_reload },
    { "stop", CONTROL_STOP, do_stop },
    { "sites", CONTROL_SITES, NULL },
    { "maintenance", CONTROL_MAINTENANCE, NULL },
    { "await", CONTROL_AWAIT, do_await },
};

static void act_on(struct control_client *c, const json_t *request)
{
    char sentence[200], name[80];
    const char *wanted = json_text(request, "verb", "");
    const char *site_name = json_text(request, "site", "");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, wanted) != 0)
            continue;
        struct site *site = sites_find(c->server->master, site_name);
        if (!site && verbs[i].verb != CONTROL_SITES) {
            (void)snprintf(sentence, sizeof sentence, "no site is called %s",
                           log_escape(name, sizeof name, span_of(site_name)));
            refuse(c, sentence);
            return;
        }
        c->under_way = verbs[i].verb;
        if (verbs[i].act)
            verbs[i].act(c, site);
        else if (verbs[i].verb == CONTROL_MAINTENANCE)
            do_maintenance(c, site, request);
        else
            do_sites(c, site_name);
        return;
    }
    (void)snprintf(sentence, sizeof sentence, "no verb is called \"%s\"",
                   log_escape(name, sizeof name, span_of(wanted)));
    refuse(c, sentence);
}

static void take_line(struct control_client *c, struct span line)
{
    char why[160];
    json_t *request = json_read(line, why);
    if (json_is_object(request))
        act_on(c, request);
    else
        refuse(c, "a request is one JSON object on one line");
    json_decref(request);
}

/* ---- reading ---- */

static void take_lines(struct control_client *c)
{
    while (c->fd >= 0 && c->under_way == CONTROL_NONE) {
        struct span in = buf_span(&c->in);
        size_t len = span_find(in, '\n');
        if (len == in.len) {
            if (in.len >= LINE_BYTES_MAX)
                hang_up(c);
            return;
        }
        char *line = sys_malloc(len + 1);         /* acting on it may change the buffer */
        if (!line) {
            hang_up(c);
            return;
        }
        memcpy(line, in.at, len);
        buf_take(&c->in, len + 1);
        take_line(c, (struct span){ line, len });
        sys_free(line);
    }
}

static void read_in(struct control_client *c)
{
    while (c->fd >= 0 && !c->has_ended && (c->watch.ready & LOOP_READ) &&
           buf_len(&c->in) < LINE_BYTES_MAX) {
        if (buf_reserve(&c->in, READ_BYTES) < 0) {
            hang_up(c);
            return;
        }
        ssize_t got = sys_recv(c->fd, buf_tail(&c->in), READ_BYTES, MSG_DONTWAIT);
        if (got == -EAGAIN) {
            c->watch.ready &= ~(unsigned)LOOP_READ;
            return;
        }
        if (got < 0) {
            hang_up(c);
            return;
        }
        c->has_ended = got == 0;                  /* it may still wait for its answer */
        buf_added(&c->in, (size_t)got);
    }
}

static void run_client(struct watch *watch)
{
    struct control_client *c = container_of(watch, struct control_client, watch);
    if (watch->ready & LOOP_WRITE)
        send_out(c);
    if (c->fd >= 0)
        read_in(c);
    if (c->fd >= 0)
        take_lines(c);
    if (c->has_ended && c->under_way == CONTROL_NONE && buf_len(&c->out) == 0)
        hang_up(c);
}

/* ---- clients ---- */

static bool is_friend(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

static void welcome(struct control_server *s, int fd)
{
    bool is_welcome = s->clients_count < CLIENTS_MAX && is_friend(fd);
    struct control_client *c = is_welcome ? sys_calloc(1, sizeof *c) : NULL;
    if (!c) {
        (void)sys_close(fd);
        return;
    }
    c->server = s;
    c->fd = fd;
    c->in.limit_bytes = LINE_BYTES_MAX + READ_BYTES;
    c->out.limit_bytes = OUT_BYTES_MAX;
    c->watch.fd = -1;
    list_init(&c->waiting);
    if (loop_watch(s->master->loop, &c->watch, fd, run_client) < 0) {
        (void)sys_close(fd);
        sys_free(c);
        return;
    }
    list_add_before(&s->clients, &c->node);
    s->clients_count++;
}

static void run_listener(struct watch *watch)
{
    struct control_server *s = container_of(watch, struct control_server, watch);
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = sys_accept(s->listener.fd, NULL, NULL);
        if (fd < 0)
            return;
        welcome(s, fd);
    }
}

/* ---- the server ---- */

static void answer_status(struct control_server *s)
{
    json_t *reply = status_make(s->master);
    timer_off(s->master->loop, &s->timer);
    while (!list_empty(&s->asking)) {
        struct control_client *c = container_of(s->asking.next, struct control_client, waiting);
        list_remove(&c->waiting);
        control_answer(c, reply);
    }
    json_decref(reply);
}

void control_server_step(struct control_server *s)
{
    if (!list_empty(&s->asking) && edges_have_answered(&s->master->edges))
        answer_status(s);
}

static void time_up(struct timer *t)
{
    struct control_server *s = container_of(t, struct control_server, timer);
    if (!list_empty(&s->asking))
        answer_status(s);
}

static int explain(int rc, const char *path, pid_t live_pid, char *why)
{
    if (rc == -EADDRINUSE && live_pid > 0)
        (void)snprintf(why, CONF_WHY_BYTES, "slipway already serves this project (pid %d); "
                       "`slipway reload` and `slipway stop` talk to it", (int)live_pid);
    else if (rc == -EADDRINUSE)
        (void)snprintf(why, CONF_WHY_BYTES, "slipway already serves this project (at %.200s)",
                       path);
    else
        (void)snprintf(why, CONF_WHY_BYTES, "cannot make the control socket %.200s: %s", path,
                       strerror(-rc));
    return rc;
}

int control_server_open(struct control_server *s, struct master *m, const char *path, char *why)
{
    pid_t live_pid;
    *s = (struct control_server){ .master = m, .listener = { .fd = -1 }, .watch = { .fd = -1 } };
    list_init(&s->clients);
    list_init(&s->asking);
    list_init(&s->stopping);
    timer_init(&s->timer, time_up);
    (void)snprintf(s->listener.path, sizeof s->listener.path, "%s", path);
    int rc = listener_open_unix(&s->listener, &live_pid);
    if (rc < 0)
        return explain(rc, path, live_pid, why);
    (void)sys_chmod(path, 0600); /* its folder is closed already; who connects is asked again */
    return 0;
}

int control_server_start(struct control_server *s)
{
    return loop_watch_listener(s->master->loop, &s->watch, s->listener.fd, run_listener);
}

void control_server_close(struct control_server *s)
{
    loop_unwatch(&s->watch);
    listener_close(&s->listener);
}

/* Answers, and leaves the connection open: who waits for its end waits for ours. */
void control_server_finish(struct control_server *s)
{
    json_t *reply = json_pack("{s:b}", "ok", 1);
    while (!list_empty(&s->stopping)) {
        struct control_client *c = container_of(s->stopping.next, struct control_client, waiting);
        list_remove(&c->waiting);
        control_answer(c, reply);
    }
    json_decref(reply);
}

void control_server_done(struct control_server *s)
{
    if (!s->master)
        return;
    control_server_close(s);
    while (!list_empty(&s->clients)) {
        struct control_client *c = container_of(s->clients.next, struct control_client, node);
        loop_unwatch(&c->watch); /* the descriptor is closed by the process's end */
        list_remove(&c->node);
        list_remove(&c->waiting);
        client_free(&c->garbage);
    }
    if (s->master->loop)
        timer_off(s->master->loop, &s->timer);
}
