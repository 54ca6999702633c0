/* h1_request.c - a request comes: PROXY header, handshake, head, body; and is given to serve.
 *
 * A read lands in the edge's scratch memory; a whole head moves into its exchange's arena, so a connection
 * between two requests holds no buffer at all.
 * Not    how a head is taken out of its bytes (h1_head.c), where a body goes (h1_body.c).
 */
#include <errno.h>
#include "base/log.h"
#include "edge/h1_steps.h"
#include "edge/h2_conn.h"
#include "tls/tls.h"

enum { IN_RESERVE_BYTES = 4096 };

/* ---- idle and head --------------------------------------------------------------------------- */

/* A refusal before or instead of serve: answered, then the connection closes.  page: "" is the usual one. */
static enum next refuse_saying(struct h1_conn *c, unsigned status, struct span page)
{
    struct h1_exchange *hx = c->hx;
    hx->x.request.keeps_alive = false;
    hx->is_body_complete = false;
    hx->x.is_logged = true;
    if (page.len > 0)
        serve_refuse_saying(&hx->x, status, page);
    else
        serve_refuse(&hx->x, status);
    h1_enter(c, PHASE_ANSWER);
    return NEXT_STEP;
}

static enum next refuse(struct h1_conn *c, unsigned status)
{
    return refuse_saying(c, status, SPAN(""));
}

static enum next begin(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    struct exchange *x = &hx->x;
    c->requests++;
    c->base.edge->requests++;
    int rc = peer_understand(&c->base, &x->request, &x->arena);
    if (rc < 0)
        return refuse(c, (unsigned)-rc);
    hx->is_body_complete = x->request.body_bytes == 0;
    return h1_served(c, serve_begin(edge_serve_of(&c->base, x->request.host), x));
}

static enum next not_taken(struct h1_conn *c, struct span data, int error)
{
    if (error == -EPROTO)
        return h2_conn_take(&c->base, data, h1_free_conn) < 0 ? NEXT_CLOSE : NEXT_WAIT;
    return error == -EPROTONOSUPPORT || error == -ENOMEM ? NEXT_CLOSE : refuse(c, (unsigned)-error);
}

static int keep(struct h1_conn *c, struct span rest)
{
    return rest.len > 0 ? buf_add(&c->in, rest) : 0;
}

static enum next wait_for_head(struct h1_conn *c)
{
    if (buf_len(&c->in) == 0) {
        buf_shrink(&c->in);
        h1_enter(c, PHASE_IDLE);
    } else {
        h1_enter(c, PHASE_HEAD);
    }
    return NEXT_WAIT;
}

/* Nothing kept: the read goes to scratch, and with luck the head is whole and never copied into `in`. */
static enum next read_to_scratch(struct h1_conn *c)
{
    char *scratch = c->base.edge->scratch;
    ssize_t got = conn_recv(&c->base, scratch, EDGE_SCRATCH_BYTES);
    if (got < 0)
        return NEXT_CLOSE;
    if (got == 0)
        return wait_for_head(c);
    struct span data = { scratch, (size_t)got };
    ssize_t taken = h1_take_head(c, data);
    if (taken < 0)
        return not_taken(c, data, (int)taken);
    if (keep(c, span_skip(data, (size_t)taken)) < 0)
        return NEXT_CLOSE;
    if (taken == 0) {
        h1_enter(c, PHASE_HEAD);
        return NEXT_STEP;
    }
    return begin(c);
}

static enum next read_more(struct h1_conn *c)
{
    if (buf_reserve(&c->in, IN_RESERVE_BYTES) < 0)
        return NEXT_CLOSE;
    ssize_t got = conn_recv(&c->base, buf_tail(&c->in), buf_room(&c->in));
    if (got < 0)
        return NEXT_CLOSE;
    if (got == 0)
        return wait_for_head(c);
    buf_added(&c->in, (size_t)got);
    c->is_scanned = false;
    return NEXT_STEP;
}

enum next h1_step_head(struct h1_conn *c)
{
    if (buf_len(&c->in) == 0)
        return read_to_scratch(c);
    if (!c->is_scanned) {
        ssize_t taken = h1_take_head(c, buf_span(&c->in));
        if (taken < 0)
            return not_taken(c, buf_span(&c->in), (int)taken);
        if (taken > 0) {
            buf_take(&c->in, (size_t)taken);
            return begin(c);
        }
    }
    h1_enter(c, PHASE_HEAD);
    return read_more(c);
}

/* Answered although no request could be read. */
static enum next refuse_unread(struct h1_conn *c, unsigned status, struct span page)
{
    if (!c->hx) {
        struct h1_exchange *hx = h1_exchange_take(c->base.edge);
        if (!hx)
            return NEXT_CLOSE;
        hx->x.request.version = 11;
        h1_adopt(c, hx);
    }
    return refuse_saying(c, status, page);
}

enum next h1_late_request(struct h1_conn *c)
{
    return refuse_unread(c, 408, SPAN(""));
}

/* ---- who is there, and handshake ------------------------------------------------------------- */

enum next h1_step_proxy(struct h1_conn *c)
{
    int rc = peer_read_proxy(&c->base);
    if (rc < 0)
        return rc == -EAGAIN ? NEXT_WAIT : NEXT_CLOSE;
    h1_enter(c, c->base.listener->is_tls ? PHASE_HANDSHAKE : PHASE_IDLE);
    return NEXT_STEP;
}

enum next h1_late_proxy(struct h1_conn *c)
{
    peer_without_proxy(&c->base);
    return NEXT_CLOSE;
}

enum next h1_step_handshake(struct h1_conn *c)
{
    int rc = conn_handshake(&c->base);
    if (rc == -EAGAIN)
        return NEXT_WAIT;
    if (rc == -EPROTONOSUPPORT)
        return refuse_unread(c, 400, SPAN("This port speaks HTTPS: use https:// in the address.\n"));
    if (rc < 0)
        return NEXT_CLOSE;
    if (c->base.tls && tls_protocol(c->base.tls) == TLS_HTTP2)
        return h2_conn_take(&c->base, SPAN(""), h1_free_conn) < 0 ? NEXT_CLOSE : NEXT_WAIT;
    h1_enter(c, PHASE_IDLE);
    return NEXT_STEP;
}

/* ---- body ------------------------------------------------------------------------------------ */

/* Unless it was our own disk that was slow: then the client's time begins anew. */
enum next h1_late_body(struct h1_conn *c)
{
    if (!c->hx->is_body_ours)
        return h1_late_request(c);
    c->hx->body_pace.due_us = 0;
    return NEXT_WAIT;
}

static unsigned status_of(int error)
{
    return error == -ENOSPC || error == -EDQUOT ? 507 : error == -EMSGSIZE ? 413 : 503;
}

static enum next refuse_body(struct h1_conn *c, int error)
{
    unsigned status = status_of(error);
    if (status != 413)
        log_warn("no place for a request body", "bytes=%lld folder=%s error=\"%s\"",
                 (long long)c->hx->body.bytes, c->base.edge->bodies.folder, strerror(-error));
    return refuse(c, status);
}

static enum next begin_stream(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    int rc = h1_body_begin_stream(c);
    if (rc < 0)
        return refuse_body(c, rc);
    hx->is_continue_due = hx->x.body.asks = hx->x.request.expects_continue && buf_len(&c->in) == 0;
    (void)serve_run(&hx->x);
    h1_enter(c, PHASE_STREAM);
    return NEXT_STEP;
}

static int send_continue(struct h1_conn *c)
{
    int rc = buf_add(&c->hx->out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
    return rc < 0 ? rc : h1_send(c);
}

static enum next begin_body(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    struct request *r = &hx->x.request;
    if (r->body_bytes > hx->x.conf->body_limit_bytes)
        return refuse(c, 413);
    if (body_is_streamed(hx->x.conf, r, buf_len(&c->in)))
        return begin_stream(c);
    int rc = h1_body_begin(c);
    if (rc < 0)
        return refuse_body(c, rc);
    if (r->expects_continue && buf_len(&c->in) == 0 && send_continue(c) < 0)
        return NEXT_CLOSE;
    h1_enter(c, PHASE_BODY);
    return NEXT_STEP;
}

static enum next end_body(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    int rc = body_end(&hx->body, &hx->x.body);
    hx->is_body_ours = rc == -EAGAIN;
    if (rc == -EAGAIN)
        return NEXT_WAIT;
    if (rc < 0)
        return refuse_body(c, rc);
    hx->is_body_complete = true;
    hx->x.request.body_bytes = hx->body.bytes;
    if (buf_len(&c->in) == 0)
        buf_shrink(&c->in);
    return h1_served(c, serve_run(&hx->x));
}

enum next h1_step_body(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    if (buf_len(&hx->out) > 0 && h1_send(c) < 0)        /* what is left of "100 Continue" */
        return NEXT_CLOSE;
    int rc = h1_body_read(c);
    hx->is_body_ours = rc == -EAGAIN;
    if (rc == 1)
        return end_body(c);
    if (rc == 0 || rc == -EAGAIN || rc == -EINPROGRESS)        /* the next turn, a helper or the client comes back */
        return NEXT_WAIT;
    if (rc == -EPIPE || rc == -ECONNRESET)
        return NEXT_CLOSE;                              /* cut short: nobody sees it */
    return rc == -EBADMSG ? refuse(c, 400) : refuse_body(c, rc);
}

/* ---- a body on its way to the worker --------------------------------------------------------- */

/* It will not become whole.  The application is told; the client, too, unless the answer is on its way. */
static enum next end_stream(struct h1_conn *c, enum frame_body_end how, unsigned status)
{
    struct h1_exchange *hx = c->hx;
    h1_body_stop(hx, how);
    if (hx->x.has_head) {
        h1_enter(c, PHASE_ANSWER);
        return NEXT_STEP;
    }
    serve_call_off(&hx->x);
    return refuse(c, status);
}

/* The application wants it and nothing of it came: now the client is told to send it. */
static int say_continue(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    if (!hx->is_continue_due || (!hx->is_body_read && hx->body.bytes == 0))
        return 0;
    hx->is_continue_due = false;
    if (hx->x.has_head || hx->body.bytes > 0)
        return 0;
    return send_continue(c);
}

enum next h1_step_stream(struct h1_conn *c)
{
    if (say_continue(c) < 0)
        return NEXT_CLOSE;
    int rc = h1_body_carry(c);
    if (rc == -EPIPE || rc == -ECONNRESET)
        return NEXT_CLOSE;                          /* cut short: the application's read fails */
    if (rc == -EMSGSIZE)
        return end_stream(c, FRAME_END_LARGE, 413);
    if (rc < 0)
        return end_stream(c, FRAME_END_CUT, rc == -EBADMSG ? 400 : status_of(rc));
    if (rc == 1) {
        h1_enter(c, PHASE_ANSWER);
        return NEXT_STEP;
    }
    return h1_answer_some(c);
}

enum next h1_late_stream(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    const struct pace_limit limit = h1_send_limit(c->base.edge->conf);
    int64_t now_ms = loop_now_ms(c->base.edge->loop);
    if (hx->send_due_ms > 0 && hx->send_due_ms <= now_ms) {
        c->is_too_slow = !pace_out(&hx->send_pace, &limit, conn_taken_bytes(&c->base));
        hx->send_due_ms = now_ms + pace_out_wait_ms(&limit);
        return c->is_too_slow ? NEXT_CLOSE : NEXT_WAIT;
    }
    bool is_late = h1_is_body_awaited(hx) && hx->body_pace.due_us > 0 &&
                   hx->body_pace.due_us <= loop_now_us(c->base.edge->loop);
    return is_late ? end_stream(c, FRAME_END_LATE, 408) : NEXT_WAIT;
}

/* ---- what serve says ------------------------------------------------------------------------- */

enum next h1_served(struct h1_conn *c, enum served what)
{
    switch (what) {
    case SERVE_WANTS_BODY:
        return begin_body(c);
    case SERVE_ANSWERED:
    case SERVE_WAITS:
        break;
    }
    h1_enter(c, PHASE_ANSWER);
    return NEXT_STEP;
}
