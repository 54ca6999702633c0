/* h2_stream.c - one request on a connection of many: its life, and how its body comes in.
 *
 *     HEADERS > serve_begin > (body > serve_run) > answer (h2_answer.c) > closed by nghttp2
 *     DATA --> body, if it was asked for and has room; else early, until it is or has
 *     (A body that is streamed goes on to the worker, while its answer may be on the way already.)
 *
 * The client's window is given back only for bytes that found their place, so what waits in `early`
 * is bounded by the window (RFC 9113, section 5.2).
 * Woken  by nghttp2 (h2_session.c), by marks (h2_stream_run) and by its deadline.
 * Lives  from HEADERS until nghttp2 closes the stream, or the connection ends.
 */
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/h2.h"
#include "edge/peer.h"

enum { EXCHANGE_ARENA_BYTES = 2 * 1024 * 1024, LATE_BYTES_MAX = 16 * 1024 };
enum { STATUS_CLIENT_GONE = 499 };         /* in the access log only, as nginx writes it */

/* ---- life ------------------------------------------------------------------------------------ */

static struct h2_stream *take_spare(struct h2_shared *s)
{
    struct h2_stream *st;
    if (list_empty(&s->spare)) {
        st = sys_calloc(1, sizeof *st);
        if (st)
            arena_init(&st->x.arena, EXCHANGE_ARENA_BYTES);
        return st;
    }
    st = container_of(s->spare.next, struct h2_stream, node);
    list_remove(&st->node);
    s->spare_count--;
    struct arena arena = st->x.arena;
    struct buf memory = st->store.memory;
    memset(st, 0, sizeof *st);
    st->x.arena = arena;
    st->store.memory = memory;
    return st;
}

struct h2_stream *h2_stream_new(struct h2_conn *c, int32_t id)
{
    struct edge *e = h2_edge(c);
    struct h2_stream *st = take_spare(e->h2);
    if (!st)
        return NULL;
    st->conn = c;
    st->id = id;
    st->store.fd = -1;
    st->x.out = &h2_answer_out;
    st->x.serve = &e->serve;
    st->x.conf = e->conf;
    st->x.body = (struct call_body){ .fd = -1, .bytes = -1 };
    list_init(&st->mark);
    list_add_before(&c->streams, &st->node);
    c->streams_count++;
    return st;
}

static void free_stream(struct h2_stream *st)
{
    arena_done(&st->x.arena);
    buf_done(&st->store.memory);
    sys_free(st);
}

/* Nobody wants it; the connection's window is not the worse for it. */
static void drop_early(struct h2_stream *st)
{
    size_t bytes = buf_len(&st->early);
    buf_done(&st->early);
    if (bytes == 0)
        return;
    (void)nghttp2_session_consume_connection(st->conn->session, bytes);
    h2_due(st->conn);
}

static void give(struct h2_stream *st)
{
    struct edge *e = h2_edge(st->conn);
    serve_leave(&st->x);
    body_done(&st->body, !st->x.is_body_lent);
    store_done(&st->store, st->x.serve->files);
    drop_early(st);
    list_remove(&st->mark);
    list_remove(&st->node);
    if (e->h2->spare_count == EDGE_EXCHANGES_KEPT) {
        free_stream(st);
        return;
    }
    arena_reset(&st->x.arena);
    list_add_after(&e->h2->spare, &st->node);
    e->h2->spare_count++;
}

void h2_spare_free(struct h2_shared *s)
{
    while (!list_empty(&s->spare)) {
        struct h2_stream *st = container_of(s->spare.next, struct h2_stream, node);
        list_remove(&st->node);
        free_stream(st);
    }
}

static void log_unfinished(struct h2_stream *st)
{
    struct exchange *x = &st->x;
    uint64_t unsent_bytes = store_bytes(&st->store);
    if (!x->has_head)
        x->response.status = STATUS_CLIENT_GONE;
    if (!x->failure)
        x->failure = "the client left";
    x->sent_body_bytes -= unsent_bytes < x->sent_body_bytes ? unsent_bytes : x->sent_body_bytes;
    serve_log(x);
}

void h2_stream_close(struct h2_stream *st)
{
    struct h2_conn *c = st->conn;
    (void)nghttp2_session_set_stream_user_data(c->session, st->id, NULL);
    if (!st->is_out && st->x.began_us != 0)
        log_unfinished(st);
    give(st);
    if (--c->streams_count == 0)
        h2_is_idle(c);
}

/* ---- the request ----------------------------------------------------------------------------- */

static void served(struct h2_stream *st, enum served what);

/* A refusal before or instead of serve: what still comes of the body is dropped. */
static void refuse(struct h2_stream *st, unsigned status)
{
    st->is_body_complete = true;
    st->body_deadline_ms = 0;
    st->x.is_logged = true;
    drop_early(st);
    serve_refuse(&st->x, status);
}

void h2_stream_begin(struct h2_stream *st)
{
    struct h2_conn *c = st->conn;
    struct edge *e = h2_edge(c);
    st->x.began_us = loop_now_us(e->loop);
    c->requests++;
    e->requests++;
    if (e->conf->requests_limit > 0 && c->requests >= (uint64_t)e->conf->requests_limit)
        h2_go_away(c);
    st->x.request.from = peer_from(&c->base);
    int rc = h2_request_end(st);
    if (rc < 0) {
        refuse(st, (unsigned)-rc);
        return;
    }
    st->is_body_complete = st->x.request.body_bytes == 0;
    served(st, serve_begin(edge_serve_of(&st->conn->base, st->x.request.host), &st->x));
}

/* The answer is whole and the client still sends: it need not go on (RFC 9113, section 8.1).  A little
 * may come before it is told: what is under way may end the request, or show that it was malformed. */
static void stop_input(struct h2_stream *st)
{
    (void)nghttp2_submit_rst_stream(st->conn->session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_NO_ERROR);
    h2_due(st->conn);
}

/* ---- the body -------------------------------------------------------------------------------- */

static unsigned status_of(int error)
{
    return error == -ENOSPC || error == -EDQUOT ? 507 : error == -EMSGSIZE ? 413 : 503;
}

static void refuse_body(struct h2_stream *st, int error)
{
    unsigned status = status_of(error);
    if (status != 413)
        log_warn("no place for a request body", "bytes=%lld folder=%s error=\"%s\"",
                 (long long)st->body.bytes, h2_edge(st->conn)->bodies.folder, strerror(-error));
    refuse(st, status);
}

static void body_woke(struct spill *s)
{
    struct body *b = container_of(s, struct body, spill);
    h2_mark(container_of(b, struct h2_stream, body));
}

static void feed_woke(struct feed *f)
{
    struct body *b = container_of(f, struct body, feed);
    h2_mark(container_of(b, struct h2_stream, body));
}

/* How many of `bytes` found a place, or the error. */
static ssize_t put(struct h2_stream *st, struct span bytes)
{
    if ((int64_t)bytes.len > st->x.conf->body_limit_bytes - st->body.bytes)
        return -EMSGSIZE;
    return body_put(&st->body, bytes);
}

static void await_body(struct h2_stream *st)
{
    const struct conf *conf = st->x.conf;
    const struct pace_limit limit = { conf->body_timeout_ms, conf->body_rate_bytes };
    uint64_t came_bytes = (uint64_t)st->body.bytes + buf_len(&st->early);
    int64_t now_us = loop_now_us(h2_edge(st->conn)->loop);
    st->body_deadline_ms = h2_now_ms(st->conn) + pace_in(&st->body_pace, &limit, came_bytes, now_us);
    h2_look_by(st->conn, st->body_deadline_ms);
}

static void consume(struct h2_stream *st, size_t bytes)
{
    if (bytes == 0)
        return;
    (void)nghttp2_session_consume(st->conn->session, st->id, bytes);
    h2_due(st->conn);
}

/* What goes to the worker as it comes: over, for this reason. */
static void stop_stream(struct h2_stream *st, enum frame_body_end how)
{
    serve_body_end(&st->x, how);
    feed_end(&st->body.feed);
    st->is_body_complete = true;
    st->body_deadline_ms = 0;
    drop_early(st);
}

/* It will not become whole.  The application is told; the client, too, unless the answer is on its way. */
static void fail_stream(struct h2_stream *st, enum frame_body_end how, unsigned status)
{
    stop_stream(st, how);
    if (st->x.has_head)
        return;
    serve_call_off(&st->x);
    refuse(st, status);
}

static void fail_body(struct h2_stream *st, int error)
{
    if (st->body.feed.is_open)
        fail_stream(st, error == -EMSGSIZE ? FRAME_END_LARGE : FRAME_END_CUT, status_of(error));
    else
        refuse_body(st, error);
}

/* Whose turn is it?  The client's time runs only while it is his. */
static void settle_stream(struct h2_stream *st)
{
    bool is_awaited = !st->body.feed.is_full && !st->is_continue_due;
    serve_body_awaits(&st->x, is_awaited);
    if (is_awaited) {
        await_body(st);
        return;
    }
    st->body_deadline_ms = 0;
    st->body_pace.due_us = 0;
}

/* All that came has its place, and nothing more comes. */
static void end_body(struct h2_stream *st)
{
    if (st->body.feed.is_open) {
        stop_stream(st, FRAME_END_WHOLE);
        return;
    }
    int rc = body_end(&st->body, &st->x.body);
    if (rc == -EAGAIN)
        return;
    if (rc < 0) {
        refuse_body(st, rc);
        return;
    }
    st->is_body_complete = true;
    st->body_deadline_ms = 0;
    st->x.request.body_bytes = st->body.bytes;
    served(st, serve_run(&st->x));
}

/* What came early and has room now. */
static void drain_early(struct h2_stream *st)
{
    ssize_t done = buf_len(&st->early) > 0 ? put(st, buf_span(&st->early)) : 0;
    if (done < 0) {
        fail_body(st, (int)done);
        return;
    }
    buf_take(&st->early, (size_t)done);
    consume(st, (size_t)done);
    if (buf_len(&st->early) == 0 && st->has_input_ended)
        end_body(st);
    else if (st->body.feed.is_open)
        settle_stream(st);
}

static void begin_stream(struct h2_stream *st)
{
    int rc = body_begin_stream(&st->body, &h2_edge(st->conn)->bodies, st->x.conf, &st->x.request, feed_woke,
                               &st->x.body);
    if (rc < 0) {
        refuse_body(st, rc);
        return;
    }
    st->wants_body = true;
    st->is_continue_due = st->x.body.asks = st->x.request.expects_continue && buf_len(&st->early) == 0;
    (void)serve_run(&st->x);
    if (st->x.is_with_pool)
        drain_early(st);
    else
        stop_stream(st, FRAME_END_CUT);
}

void h2_stream_read(struct h2_stream *st)
{
    if (!st->is_continue_due)
        return;
    st->is_continue_due = false;
    if (!st->x.has_head && st->body.bytes == 0)
        h2_say_continue(st);
    if (st->body.feed.is_open)
        settle_stream(st);
}

static void begin_body(struct h2_stream *st)
{
    struct edge *e = h2_edge(st->conn);
    struct request *r = &st->x.request;
    if (r->body_bytes > st->x.conf->body_limit_bytes) {
        refuse(st, 413);
        return;
    }
    if (!st->has_input_ended && body_is_streamed(st->x.conf, r, buf_len(&st->early))) {
        begin_stream(st);
        return;
    }
    int rc = body_begin(&st->body, &e->bodies, &st->x.arena, r->body_bytes, body_woke);
    if (rc < 0) {
        refuse_body(st, rc);
        return;
    }
    st->wants_body = true;
    if (r->expects_continue && buf_len(&st->early) == 0 && !st->has_input_ended)
        h2_say_continue(st);
    await_body(st);
    drain_early(st);
}

void h2_stream_data(struct h2_stream *st, struct span data)
{
    if (st->body.feed.is_open && !st->x.is_with_pool)       /* answered without it */
        stop_stream(st, FRAME_END_CUT);
    if (st->is_out || st->is_body_complete) {
        (void)nghttp2_session_consume_connection(st->conn->session, data.len);
        h2_due(st->conn);
        if (st->is_out && data.len > LATE_BYTES_MAX - st->late_bytes)
            stop_input(st);
        else if (st->is_out)
            st->late_bytes += (uint32_t)data.len;
        return;
    }
    ssize_t done = 0;
    if (st->wants_body) {
        st->is_continue_due = false;
        await_body(st);
        done = buf_len(&st->early) == 0 ? put(st, data) : 0;
    }
    if (done >= 0) {
        consume(st, (size_t)done);
        data = span_skip(data, (size_t)done);
        done = data.len > 0 ? buf_add(&st->early, data) : 0;
    }
    if (done < 0) {                   /* the stream's window is of no use any more */
        (void)nghttp2_session_consume_connection(st->conn->session, data.len);
        h2_due(st->conn);
        fail_body(st, (int)done);
    } else if (st->body.feed.is_open) {
        settle_stream(st);
    }
}

void h2_stream_input_end(struct h2_stream *st)
{
    st->has_input_ended = true;
    if (st->wants_body && !st->is_body_complete)
        drain_early(st);
}

static void served(struct h2_stream *st, enum served what)
{
    if (what == SERVE_WANTS_BODY)
        begin_body(st);
}

/* ---- marks and time -------------------------------------------------------------------------- */

void h2_mark(struct h2_stream *st)
{
    if (list_empty(&st->mark))
        list_add_before(&st->conn->marked, &st->mark);
    if (!st->conn->is_running)
        loop_again(&st->conn->base.watch);
}

void h2_stream_run(struct h2_stream *st)
{
    if (st->body.feed.is_open && !st->x.is_with_pool)
        stop_stream(st, FRAME_END_CUT);
    if (st->wants_body && !st->is_body_complete)
        drain_early(st);
    if (st->is_woken) {
        st->is_woken = false;
        served(st, serve_run(&st->x));
    }
    if (st->is_full && store_takes_more(&st->store, st->x.conf)) {
        st->is_full = false;
        serve_resume(&st->x);
    }
}

/* Most clients have sent all, or are about to: they are told to stop when they do send more, or in
 * time. */
void h2_stream_out(struct h2_stream *st)
{
    st->is_out = true;
    serve_log(&st->x);
    if (st->has_input_ended)
        return;
    st->deadline_ms = h2_now_ms(st->conn) + h2_edge(st->conn)->conf->drain_idle_ms;
    h2_look_by(st->conn, st->deadline_ms);
}

void h2_stream_awaits(struct h2_stream *st)
{
    struct h2_conn *c = st->conn;
    const struct pace_limit limit = h2_send_limit(c);
    st->pace = st->pace_of_all = (struct pace_out){ 0 };
    (void)pace_out(&st->pace, &limit, st->framed_bytes);
    (void)pace_out(&st->pace_of_all, &limit, c->framed_bytes);
    st->deadline_ms = h2_now_ms(c) + pace_out_wait_ms(&limit);
    h2_look_by(c, st->deadline_ms);
}

/* Its client takes too little of it; not one that takes what is more urgent first. */
static bool is_too_slow(struct h2_stream *st)
{
    const struct pace_limit limit = h2_send_limit(st->conn);
    bool is_enough = pace_out(&st->pace, &limit, st->framed_bytes);
    bool is_enough_of_all = pace_out(&st->pace_of_all, &limit, st->conn->framed_bytes);
    bool is_shut = nghttp2_session_get_stream_remote_window_size(st->conn->session, st->id) <= 0;
    return !is_enough && (is_shut || !is_enough_of_all);
}

void h2_stream_body_late(struct h2_stream *st)
{
    st->body_deadline_ms = 0;
    if (st->is_body_complete || !st->wants_body)
        return;
    if (st->body.feed.is_open)
        fail_stream(st, FRAME_END_LATE, 408);
    else
        refuse(st, 408);
}

void h2_stream_late(struct h2_stream *st)
{
    const struct pace_limit limit = h2_send_limit(st->conn);
    st->deadline_ms = 0;
    if (st->is_out) {
        stop_input(st);
    } else if (!is_too_slow(st)) {
        st->deadline_ms = h2_now_ms(st->conn) + pace_out_wait_ms(&limit);
        h2_look_by(st->conn, st->deadline_ms);
    } else {
        log_debug("client takes too little", "address=%s stream=%d", st->conn->base.address, st->id);
        (void)nghttp2_submit_rst_stream(st->conn->session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_CANCEL);
        h2_due(st->conn);
    }
}
