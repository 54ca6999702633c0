/* h1_conn.c - one HTTP/1 connection, from accept to close.
 *
 *     socket --bytes--> wire/h1 --head, body--> serve
 *     socket <--bytes-- h1_answer <--head, body-- serve
 *
 * Woken  by loop (socket ready, time up, a mark left by h1_answer), always at conn_run().
 * Owns   the bytes of a head that is not whole, the exchange under way.
 * Lives  until a step says NEXT_CLOSE; freed at the end of that loop turn, never inside a step.
 * Not    the socket (conn.c), how a request comes (h1_request.c), what it means (http), who answers it
 *        (serve), how the answer's bytes leave (h1_answer.c).
 * Start  with the table of phases: it is the whole life of a connection.
 */
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/h1_steps.h"

/* Counted from the last step, or from when the phase began. */
enum limit_kind { LIMIT_EACH_WAIT, LIMIT_WHOLE_PHASE };
enum { NO_LIMIT_MS = 86400000, LINGER_BYTES = 1024 * 1024 };
enum { LEFT_TO_KERNEL_BYTES = 64 * 1024 };      /* of a response, when its connection is closed */
enum { STEPS_A_TURN = 64 };       /* some 30 pipelined requests; then the others have their turn */
enum { STATUS_CLIENT_GONE = 499 };         /* in the access log only, as nginx writes it */

static enum next step_answer(struct h1_conn *c);
static enum next step_linger(struct h1_conn *c);
static enum next late_idle(struct h1_conn *c);
static enum next late_send(struct h1_conn *c);
static enum next late_linger(struct h1_conn *c);

#define LIMIT(field) offsetof(struct conf, field)
static const struct phase_row {
    const char *name;
    enum next (*step)(struct h1_conn *c);       /* NEXT_STEP: the phase moved on */
    enum next (*late)(struct h1_conn *c);       /* the limit passed */
    size_t limit_option;                        /* an offset in struct conf; 0: none */
    enum limit_kind kind;
} phases[] = {
    [PHASE_PROXY] = { "proxy", h1_step_proxy, h1_late_proxy, LIMIT(head_timeout_ms), LIMIT_WHOLE_PHASE },
    [PHASE_HANDSHAKE] = { "handshake", h1_step_handshake, late_idle, LIMIT(handshake_timeout_ms), LIMIT_WHOLE_PHASE },
    [PHASE_IDLE] = { "idle", h1_step_head, late_idle, LIMIT(idle_timeout_ms), LIMIT_EACH_WAIT },
    [PHASE_HEAD] = { "head", h1_step_head, h1_late_request, LIMIT(head_timeout_ms), LIMIT_WHOLE_PHASE },
    [PHASE_BODY] = { "body", h1_step_body, h1_late_body, LIMIT(body_timeout_ms), LIMIT_EACH_WAIT },        /* pace_in */
    [PHASE_STREAM] = { "stream", h1_step_stream, h1_late_stream, 0, LIMIT_EACH_WAIT },       /* both ways, each at its pace */
    [PHASE_ANSWER] = { "answer", step_answer, late_idle, 0, LIMIT_EACH_WAIT },   /* bounded by the pool */
    [PHASE_SEND] = { "send", step_answer, late_send, LIMIT(send_timeout_ms), LIMIT_WHOLE_PHASE },  /* pace_out */
    [PHASE_LINGER] = { "linger", step_linger, late_linger, LIMIT(drain_idle_ms), LIMIT_WHOLE_PHASE },
};
_Static_assert(ARRAY_LEN(phases) == PHASE_COUNT, "a phase without a row");

/* The client has sent nothing of his own yet. */
static bool is_silent(const struct h1_conn *c)
{
    return c->phase == PHASE_IDLE || c->phase == PHASE_HANDSHAKE || c->phase == PHASE_PROXY;
}

void h1_enter(struct h1_conn *c, enum phase phase)
{
    if (phase == c->phase)
        return;
    c->phase = phase;
    if (phases[phase].kind != LIMIT_EACH_WAIT)
        timer_off(c->base.edge->loop, &c->base.timer);
}

/* ---- life and death -------------------------------------------------------------------------- */

void h1_free_conn(struct loop_garbage *g)
{
    struct h1_conn *c = container_of(g, struct h1_conn, base.garbage);
    buf_done(&c->in);
    sys_free(c);
}

static void drop_exchange(struct h1_conn *c)
{
    if (!c->hx)
        return;
    h1_exchange_give(c->base.edge, c->hx);
    c->hx = NULL;
}

static void log_unfinished(struct h1_exchange *hx)
{
    struct exchange *x = &hx->x;
    uint64_t unsent_bytes = h1_unsent_bytes(hx);
    if (!x->has_head)
        x->response.status = STATUS_CLIENT_GONE;
    if (!x->failure)
        x->failure = hx->conn->is_too_slow ? "the client was too slow" : "the client left";
    x->sent_body_bytes -= unsent_bytes < x->sent_body_bytes ? unsent_bytes : x->sent_body_bytes;
    serve_log(x);
}

static void close_conn(struct h1_conn *c)
{
    /* The end of the connection is the end of such a body: only a reset shows that it is not whole. */
    bool is_reset = c->is_too_slow || (c->hx && c->hx->spelled.body == H1_BODY_CLOSE);
    if (c->hx)                  /* else its response went out whole, or it never had one */
        log_unfinished(c->hx);
    drop_exchange(c);
    conn_close(&c->base, is_reset, h1_free_conn);
}

static struct pace_limit body_limit(const struct conf *conf)
{
    return (struct pace_limit){ conf->body_timeout_ms, conf->body_rate_bytes };
}

/* A client that never asked for anything has no claim to be kept. */
static int64_t first_limit_ms(const struct conf *conf)
{
    return conf->idle_timeout_ms < conf->head_timeout_ms ? conf->idle_timeout_ms : conf->head_timeout_ms;
}

/* Of a streamed body and the answer that may come beside it, whichever is due first. */
static int64_t stream_limit_ms(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    const struct edge *e = c->base.edge;
    const struct pace_limit body = body_limit(hx->x.conf), send = h1_send_limit(e->conf);
    int64_t ms = NO_LIMIT_MS, now_ms = loop_now_ms(e->loop);
    if (h1_is_body_awaited(hx))
        ms = pace_in(&hx->body_pace, &body, (uint64_t)hx->body.bytes, loop_now_us(e->loop));
    else
        hx->body_pace.due_us = 0;           /* his time begins anew */
    if (!h1_has_unsent(hx)) {
        hx->send_due_ms = 0;
        return ms;
    }
    if (hx->send_due_ms == 0) {
        hx->send_pace = (struct pace_out){ 0 };
        (void)pace_out(&hx->send_pace, &send, conn_taken_bytes(&c->base));
        hx->send_due_ms = now_ms + pace_out_wait_ms(&send);
    }
    int64_t left_ms = hx->send_due_ms > now_ms ? hx->send_due_ms - now_ms : 1;
    return left_ms < ms ? left_ms : ms;
}

/* Of the wait that begins now. */
static int64_t limit_ms(struct h1_conn *c)
{
    const struct conf *conf = c->base.edge->conf;
    struct pace_limit body = body_limit(c->hx ? c->hx->x.conf : conf), send = h1_send_limit(conf);
    int64_t ms = NO_LIMIT_MS;
    if (phases[c->phase].limit_option > 0)
        memcpy(&ms, (const char *)conf + phases[c->phase].limit_option, sizeof ms);
    if (is_silent(c) && c->base.edge->is_draining)
        return conf->drain_idle_ms;
    if (c->phase == PHASE_IDLE && c->requests == 0)
        return first_limit_ms(conf);
    if (c->phase == PHASE_BODY)
        return pace_in(&c->hx->body_pace, &body, (uint64_t)c->hx->body.bytes,
                       loop_now_us(c->base.edge->loop));
    if (c->phase == PHASE_STREAM)
        return stream_limit_ms(c);
    if (c->phase == PHASE_LINGER && c->lingering_bytes > 0)
        return conf->send_timeout_ms;
    return c->phase == PHASE_SEND ? pace_out_wait_ms(&send) : ms;
}

/* 0, or -ENOMEM: nothing would ever end this wait. */
static int set_limit(struct h1_conn *c)
{
    const struct phase_row *p = &phases[c->phase];
    if (p->kind == LIMIT_WHOLE_PHASE && c->base.timer.due_ms > 0)
        return 0;
    int rc = timer_set(c->base.edge->loop, &c->base.timer, limit_ms(c));
    if (rc < 0)
        log_warn("no memory for a timer", "phase=%s", p->name);
    return rc;
}

static void run(struct h1_conn *c, enum next next)
{
    c->is_running = true;
    for (int budget = STEPS_A_TURN; next == NEXT_STEP && budget > 0; budget--)
        next = phases[c->phase].step(c);
    c->is_running = false;
    if (c->base.is_closing)                 /* HTTP/2 took the socket over */
        return;
    if (next == NEXT_STEP)
        loop_again(&c->base.watch);
    if (next == NEXT_CLOSE || set_limit(c) < 0)
        close_conn(c);
}

static void conn_run(struct conn *base)
{
    if (!base->is_closing)
        run(container_of(base, struct h1_conn, base), NEXT_STEP);
}

static void conn_late(struct conn *base)
{
    struct h1_conn *c = container_of(base, struct h1_conn, base);
    if (base->is_closing)
        return;
    c->is_running = true;
    enum next next = phases[c->phase].late(c);
    run(c, next);
}

static void conn_drain(struct conn *base)
{
    struct h1_conn *c = container_of(base, struct h1_conn, base);
    if (c->phase == PHASE_LINGER)
        (void)timer_set(base->edge->loop, &base->timer, base->edge->conf->drain_idle_ms);
    if (!is_silent(c))
        return;
    if (c->phase != PHASE_IDLE)
        timer_off(base->edge->loop, &base->timer);
    (void)set_limit(c);                 /* it is on and only moves */
}

static void conn_end(struct conn *base)
{
    if (!base->is_closing)
        close_conn(container_of(base, struct h1_conn, base));
}

static const struct conn_wire h1_wire = { conn_run, conn_late, conn_drain, conn_end };

int h1_conn_new(struct listener *l, int fd, const struct sockaddr *peer)
{
    const struct conf *conf = l->edge->conf;
    struct h1_conn *c = sys_calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->in.limit_bytes = (size_t)conf->head_limit_bytes + EDGE_SCRATCH_BYTES;
    /* The first bytes are usually there, but epoll says so at no cost; only the limit starts here. */
    c->phase = l->has_proxy ? PHASE_PROXY : l->is_tls ? PHASE_HANDSHAKE : PHASE_IDLE;
    c->base.edge = l->edge;
    int rc = conn_open(&c->base, &h1_wire, l, fd, peer, limit_ms(c));
    if (rc < 0)
        sys_free(c);
    else if (l->has_proxy)
        loop_again(&c->base.watch);     /* a stranger is told at once */
    return rc;
}

/* When the edge stops, the kernel gets it all. */
static bool is_much_left(const struct h1_conn *c)
{
    return !c->base.edge->is_draining && conn_unsent_bytes(&c->base) > LEFT_TO_KERNEL_BYTES;
}

/* ---- answer ---------------------------------------------------------------------------------- */

/* The response is out.  On to the next request, or towards the end. */
static enum next finish(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    bool goes_on = hx->spelled.keeps_alive && !hx->is_cut;
    bool has_unread = !hx->is_body_complete || buf_len(&c->in) > 0 || conn_has_unread(&c->base);
    if (hx->is_cut)
        return NEXT_CLOSE;
    serve_log(&hx->x);
    drop_exchange(c);
    if (goes_on) {
        h1_enter(c, PHASE_IDLE);
        return NEXT_STEP;
    }
    /* Closing with unread bytes would reset the connection and could destroy the answer on its way. */
    if ((!has_unread || c->base.is_half_closed) && !is_much_left(c))
        return NEXT_CLOSE;
    conn_shutdown(&c->base);
    h1_enter(c, PHASE_LINGER);
    return NEXT_STEP;
}

static void enter_send(struct h1_conn *c)
{
    const struct pace_limit limit = h1_send_limit(c->base.edge->conf);
    if (c->phase == PHASE_SEND)
        return;
    c->hx->send_pace = (struct pace_out){ 0 };
    (void)pace_out(&c->hx->send_pace, &limit, conn_taken_bytes(&c->base));
    h1_enter(c, PHASE_SEND);
}

enum next h1_answer_some(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    if (h1_is_gone(c))
        return NEXT_CLOSE;
    if (hx->is_woken) {
        hx->is_woken = false;
        return h1_served(c, serve_run(&hx->x));
    }
    int rc = h1_send(c);
    if (rc < 0) {
        h1_log_failure(hx, rc);
        return NEXT_CLOSE;
    }
    if (rc == 1 && hx->is_ended)
        return finish(c);
    if (hx->is_full && h1_takes_more(hx)) {
        hx->is_full = false;
        serve_resume(&hx->x);
        return NEXT_STEP;               /* it may have added bytes, or the end */
    }
    return NEXT_WAIT;
}

static enum next step_answer(struct h1_conn *c)
{
    enum next next = h1_answer_some(c);
    if (next == NEXT_WAIT && h1_has_unsent(c->hx))
        enter_send(c);
    else if (next == NEXT_WAIT)
        h1_enter(c, PHASE_ANSWER);
    return next;
}

/* A client that takes too little: what is on its way to it is not worth the kernel's memory either. */
static enum next late_send(struct h1_conn *c)
{
    const struct pace_limit limit = h1_send_limit(c->base.edge->conf);
    if (pace_out(&c->hx->send_pace, &limit, conn_taken_bytes(&c->base)))
        return NEXT_WAIT;
    log_debug("client takes too little", "address=%s", c->base.address);
    c->is_too_slow = true;
    return NEXT_CLOSE;
}

/* ---- linger ---------------------------------------------------------------------------------- */

static enum next late_idle(struct h1_conn *c)
{
    if (c->phase != PHASE_IDLE || !is_much_left(c))
        return NEXT_CLOSE;
    h1_enter(c, PHASE_LINGER);
    conn_shutdown(&c->base);
    return NEXT_STEP;
}

/* Once more a window: what the kernel holds for a client may be megabytes, and it would hold them for as long as the
 * client takes a byte now and then. */
static enum next late_linger(struct h1_conn *c)
{
    const struct conf *conf = c->base.edge->conf;
    uint64_t left_bytes = conn_unsent_bytes(&c->base), before_bytes = c->lingering_bytes;
    uint64_t least_bytes = (uint64_t)(conf->send_rate_bytes * conf->send_timeout_ms) / 1000 + 1;    /* both are bounded */
    if (!is_much_left(c))
        return NEXT_CLOSE;
    c->is_too_slow = before_bytes > 0 && left_bytes + least_bytes > before_bytes;
    c->lingering_bytes = left_bytes < UINT32_MAX ? (uint32_t)left_bytes : UINT32_MAX;
    return c->is_too_slow ? NEXT_CLOSE : NEXT_WAIT;
}

static enum next step_linger(struct h1_conn *c)
{
    for (int budget = LINGER_BYTES / EDGE_SCRATCH_BYTES; budget > 0; budget--) {
        ssize_t got = conn_recv(&c->base, c->base.edge->scratch, EDGE_SCRATCH_BYTES);
        if (got < 0)
            return NEXT_CLOSE;
        if (got == 0)
            return NEXT_WAIT;
    }
    loop_again(&c->base.watch);
    return NEXT_WAIT;
}
