/* h2_conn.c - one HTTP/2 connection: the socket's bytes in and out, its limits, its end.
 *
 *     socket --> guard --> nghttp2 --> h2_session.c --> streams
 *     socket <-- out <-- nghttp2, when the turn ends <-- streams
 *
 * Woken  by loop (socket ready, time up, a mark of a stream) at run and late; by the turn's end at
 *        h2_flush, where the frames of all streams go out in one send.
 * Owns   the session and its streams.
 * Lives  until the client is gone, or GOAWAY was sent and no stream is left; then it lingers, for a
 *        close with unread bytes would destroy what is under way to the client.
 * Time   one timer, which looks at everything (look_at_clock) at or before the first deadline.
 * Sleep  a connection without streams lets its session sleep after http2-sleep (base/cell.h); whoever
 *        touches the session first says h2_wake().
 */
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/h2.h"
#include "edge/h2_conn.h"

enum { OUT_BYTES = 64 * 1024, READS_A_TURN = 4, SENDS_A_TURN = 8, LINGER_READS = 16 };
enum { HEARTBEAT_MS = 60000 };        /* the longest that the clock is not looked at */

static struct h2_conn *of(struct conn *base)
{
    return container_of(base, struct h2_conn, base);
}

int64_t h2_now_ms(const struct h2_conn *c)
{
    return loop_now_ms(h2_edge(c)->loop);
}

struct h2_guard_limits h2_limits(const struct h2_conn *c)
{
    const struct conf *conf = h2_edge(c)->conf;
    return (struct h2_guard_limits){
        .block_bytes = 2 * (uint32_t)conf->head_limit_bytes,       /* what is a little over it gets a 431 */
        .idle_frames_per_s = (uint32_t)conf->h2_idle_frames,
        .resets_per_s = (uint32_t)conf->h2_resets,
    };
}

struct pace_limit h2_send_limit(const struct h2_conn *c)
{
    const struct conf *conf = h2_edge(c)->conf;
    return (struct pace_limit){ conf->send_timeout_ms, conf->send_rate_bytes };
}

void h2_due(struct h2_conn *c)
{
    if (list_empty(&c->due))
        list_add_before(&h2_edge(c)->h2->due, &c->due);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void free_session(struct h2_conn *c)
{
    h2_wake(c);
    nghttp2_session_del(c->session);
    cell_close(&h2_edge(c)->h2->cells, &c->cell);
}

static void free_conn(struct loop_garbage *g)
{
    struct h2_conn *c = container_of(g, struct h2_conn, base.garbage);
    free_session(c);
    buf_done(&c->out);
    sys_free(c);
}

static void drop_streams(struct h2_conn *c)
{
    for (struct list *n = c->streams.next, *next; n != &c->streams; n = next) {
        next = n->next;
        h2_stream_close(container_of(n, struct h2_stream, node));
    }
}

/* By a reset the kernel does not keep what it still holds for a client. */
static void close_by(struct h2_conn *c, bool is_reset)
{
    drop_streams(c);
    list_remove(&c->due);
    conn_close(&c->base, is_reset, free_conn);
}

static void close_conn(struct h2_conn *c)
{
    close_by(c, false);
}

void h2_terminate(struct h2_conn *c, enum h2_error error, const char *why)
{
    log_info("HTTP/2 connection ended", "address=%s code=%d reason=\"%s\"", c->base.address, (int)error,
             why);
    c->is_refused = true;
    h2_wake(c);
    (void)nghttp2_session_terminate_session(c->session, (uint32_t)error);
    h2_due(c);
}

/* Two steps, so that no request is lost that is under way when the first GOAWAY is (RFC 9113, section
 * 6.8): all may still come; and when the client answered our PING, or in time, nothing more. */
static void give_notice(struct h2_conn *c)
{
    if (c->ending != H2_GOES_ON)
        return;
    c->ending = H2_NOTICE;
    c->ending_since_ms = h2_now_ms(c);
    h2_wake(c);
    (void)nghttp2_submit_shutdown_notice(c->session);
    (void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
    h2_look_by(c, c->ending_since_ms + h2_edge(c)->conf->drain_idle_ms);
    h2_due(c);
}

void h2_go_away(struct h2_conn *c)
{
    if (c->ending >= H2_LAST)
        return;
    c->ending = H2_LAST;
    h2_wake(c);
    (void)nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR,
                                NULL, 0);
    h2_due(c);
}

static void begin_pace(struct h2_conn *c)
{
    const struct pace_limit limit = h2_send_limit(c);
    c->pace = (struct pace_out){ 0 };
    (void)pace_out(&c->pace, &limit, conn_taken_bytes(&c->base));
    c->pace_due_ms = h2_now_ms(c) + pace_out_wait_ms(&limit);
    h2_look_by(c, c->pace_due_ms);
}

static void begin_linger(struct h2_conn *c)
{
    drop_streams(c);
    if (c->base.is_half_closed) {
        close_conn(c);
        return;
    }
    c->ending = H2_LINGER;
    c->ending_since_ms = h2_now_ms(c);
    conn_shutdown(&c->base);
    begin_pace(c);
    h2_look_by(c, c->ending_since_ms + h2_edge(c)->conf->drain_idle_ms);
    loop_again(&c->base.watch);
}

/* 0, or negative: it can be closed. */
static int linger(struct h2_conn *c)
{
    for (int budget = LINGER_READS; budget > 0; budget--) {
        ssize_t got = conn_recv(&c->base, h2_edge(c)->scratch, EDGE_SCRATCH_BYTES);
        if (got <= 0)
            return (int)got;
    }
    loop_again(&c->base.watch);
    return 0;
}

/* ---- bytes in -------------------------------------------------------------------------------- */

static int failed(struct h2_conn *c, ssize_t error)
{
    if (error == NGHTTP2_ERR_NOMEM)
        return -ENOMEM;
    if (error == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        h2_terminate(c, H2_PROTOCOL_ERROR, "not the preface of HTTP/2");
    else
        h2_terminate(c, H2_ENHANCE_YOUR_CALM, c->guard.why ? c->guard.why
                                                           : nghttp2_strerror((int)error));
    return 0;
}

/* 0, or negative: close at once. */
static int feed(struct h2_conn *c, struct span came)
{
    struct h2_guard_limits limits = h2_limits(c);
    enum h2_error error;
    size_t bytes = h2_guard_read(&c->guard, &limits, came, h2_now_ms(c), &error);
    ssize_t took = bytes > 0 ? nghttp2_session_mem_recv(c->session, (const uint8_t *)came.at, bytes) : 0;
    if (took < 0)
        return failed(c, took);
    if (error != H2_NO_ERROR)
        h2_terminate(c, error, c->guard.why);
    if (!h2_guard_is_amid(&c->guard)) {
        c->amid_since_ms = 0;
    } else if (c->amid_since_ms == 0 || c->amid_in != c->guard.begun) {
        c->amid_since_ms = h2_now_ms(c);
        c->amid_in = c->guard.begun;
        h2_look_by(c, c->amid_since_ms + h2_edge(c)->conf->head_timeout_ms);
    }
    return 0;
}

/* Nothing is read while the client does not read: what it asks for would pile up here. */
static int read_some(struct h2_conn *c)
{
    for (int budget = READS_A_TURN; budget > 0; budget--) {
        if (c->is_refused || buf_len(&c->out) >= OUT_BYTES)
            return 0;
        ssize_t got = conn_recv(&c->base, h2_edge(c)->scratch, EDGE_SCRATCH_BYTES);
        if (got <= 0)
            return (int)got;
        int rc = feed(c, (struct span){ h2_edge(c)->scratch, (size_t)got });
        if (rc < 0)
            return rc;
    }
    loop_again(&c->base.watch);
    return 0;
}

static void run_marked(struct h2_conn *c)
{
    while (!list_empty(&c->marked)) {
        struct h2_stream *st = container_of(c->marked.next, struct h2_stream, mark);
        list_remove(&st->mark);
        h2_stream_run(st);
    }
}

static void conn_run(struct conn *base)
{
    struct h2_conn *c = of(base);
    if (base->is_closing)
        return;
    c->is_running = true;
    h2_wake(c);
    run_marked(c);
    int rc = c->ending == H2_LINGER ? linger(c) : read_some(c);
    run_marked(c);
    c->is_running = false;
    if (rc < 0)
        close_conn(c);
    else if (c->ending != H2_LINGER)
        h2_due(c);
}

/* ---- bytes out ------------------------------------------------------------------------------- */

/* Frames from nghttp2 into `out`; DATA comes there by itself (h2_send_data). */
static int take_frames(struct h2_conn *c)
{
    while (buf_len(&c->out) < OUT_BYTES) {
        const uint8_t *at;
        ssize_t bytes = nghttp2_session_mem_send(c->session, &at);
        if (bytes < 0)
            return -ENOMEM;
        if (bytes == 0)
            return 0;
        int rc = buf_add(&c->out, (struct span){ (const char *)at, (size_t)bytes });
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* 0, or negative: the client is gone. */
static int send_frames(struct h2_conn *c)
{
    for (int budget = SENDS_A_TURN; budget > 0; budget--) {
        int rc = take_frames(c);
        if (rc < 0)
            return rc;
        struct span bytes = buf_span(&c->out);
        if (bytes.len == 0 || !(c->base.watch.ready & LOOP_WRITE))
            return 0;
        const struct iovec iov = { (char *)bytes.at, bytes.len };
        ssize_t sent = conn_sendv(&c->base, &iov, 1, false);
        if (sent < 0)
            return (int)sent;
        buf_take(&c->out, (size_t)sent);
    }
    loop_again(&c->base.watch);
    return 0;
}

/* nghttp2 1.52 counts a stream that PRIORITY_UPDATE named before it was opened twice, so it would read
 * on for ever after GOAWAY: our own count decides. */
static bool is_over(struct h2_conn *c)
{
    bool is_last = c->ending == H2_LAST && c->streams_count == 0;
    return buf_len(&c->out) == 0 && !nghttp2_session_want_write(c->session) &&
           (is_last || !nghttp2_session_want_read(c->session));
}

/* Without memory for that it stays awake. */
static void rest(struct h2_conn *c)
{
    buf_shrink(&c->out);
    if (c->may_sleep && c->ending == H2_GOES_ON && !c->is_refused)
        (void)cell_sleep(&h2_edge(c)->h2->cells, &c->cell);
    c->may_sleep = false;
}

static void flush(struct h2_conn *c)
{
    h2_wake(c);
    int rc = send_frames(c);
    if (rc < 0) {
        close_conn(c);
        return;
    }
    if (buf_len(&c->out) == 0)
        c->pace_due_ms = 0;
    else if (c->pace_due_ms == 0)
        begin_pace(c);
    if (is_over(c))
        begin_linger(c);
    else if (buf_len(&c->out) == 0 && conn_has_unread(&c->base) && !c->is_refused)
        loop_again(&c->base.watch);          /* reading may have waited for that */
    if (buf_len(&c->out) == 0 && c->streams_count == 0)
        rest(c);
}

void h2_flush(struct edge *e)
{
    while (!list_empty(&e->h2->due)) {
        struct h2_conn *c = container_of(e->h2->due.next, struct h2_conn, due);
        list_remove(&c->due);
        flush(c);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

void h2_look_by(struct h2_conn *c, int64_t deadline_ms)
{
    struct timer *t = &c->base.timer;
    if (deadline_ms == 0 || (t->due_ms > 0 && t->due_ms <= deadline_ms))
        return;
    if (timer_set(h2_edge(c)->loop, t, deadline_ms - h2_now_ms(c)) < 0)
        log_warn("no memory for a timer", "address=%s", c->base.address);
}

/* True when `since` is set and its limit passed; else the timer comes back by then. */
static bool is_late(struct h2_conn *c, int64_t since_ms, int64_t limit_ms)
{
    if (since_ms == 0)
        return false;
    if (h2_now_ms(c) - since_ms >= limit_ms)
        return true;
    h2_look_by(c, since_ms + limit_ms);
    return false;
}

static void look_at_streams(struct h2_conn *c)
{
    for (struct list *n = c->streams.next; n != &c->streams; n = n->next) {
        struct h2_stream *st = container_of(n, struct h2_stream, node);
        if (is_late(c, st->deadline_ms, 0))
            h2_stream_late(st);
        if (is_late(c, st->body_deadline_ms, 0))
            h2_stream_body_late(st);
    }
}

/* A client that never asked for anything has no claim to be kept. */
static int64_t idle_limit_ms(const struct h2_conn *c)
{
    const struct conf *conf = h2_edge(c)->conf;
    bool is_new = c->requests == 0 && conf->head_timeout_ms < conf->idle_timeout_ms;
    return is_new ? conf->head_timeout_ms : conf->idle_timeout_ms;
}

void h2_is_idle(struct h2_conn *c)
{
    int64_t limit_ms = idle_limit_ms(c), sleep_ms = h2_edge(c)->conf->h2_sleep_ms;
    c->idle_since_ms = h2_now_ms(c);
    h2_look_by(c, c->idle_since_ms + (limit_ms < sleep_ms ? limit_ms : sleep_ms));
}

static void look_at_clock(struct h2_conn *c)
{
    const struct conf *conf = h2_edge(c)->conf;
    bool is_idle = c->streams_count == 0;
    if (c->ending == H2_NOTICE && is_late(c, c->ending_since_ms, conf->drain_idle_ms))
        h2_go_away(c);
    if (is_late(c, c->amid_since_ms, conf->head_timeout_ms)) {
        c->amid_since_ms = 0;
        h2_terminate(c, H2_NO_ERROR, "a head did not come whole within head-timeout");
    }
    c->may_sleep = is_idle && is_late(c, c->idle_since_ms, conf->h2_sleep_ms);
    if (is_idle && is_late(c, c->idle_since_ms, idle_limit_ms(c)))
        h2_go_away(c);
    look_at_streams(c);
}

/* The socket takes too little of what waits for it.  (What the kernel holds is paced, too.) */
static bool is_too_slow(struct h2_conn *c)
{
    const struct pace_limit limit = h2_send_limit(c);
    if (!is_late(c, c->pace_due_ms, 0))
        return false;
    c->pace_due_ms = h2_now_ms(c) + pace_out_wait_ms(&limit);
    h2_look_by(c, c->pace_due_ms);
    return conn_unsent_bytes(&c->base) > 0 && !pace_out(&c->pace, &limit, conn_taken_bytes(&c->base));
}

static bool has_lingered(struct h2_conn *c)
{
    return is_late(c, c->ending_since_ms, h2_edge(c)->conf->drain_idle_ms) &&
           conn_unsent_bytes(&c->base) == 0;
}

static void conn_late(struct conn *base)
{
    struct h2_conn *c = of(base);
    if (base->is_closing)
        return;
    h2_look_by(c, h2_now_ms(c) + HEARTBEAT_MS);
    if (is_too_slow(c)) {
        log_debug("client takes too little", "address=%s", base->address);
        close_by(c, true);
    } else if (c->ending != H2_LINGER) {
        look_at_clock(c);
        if (!cell_sleeps(&c->cell))
            h2_due(c);
    } else if (has_lingered(c)) {
        close_conn(c);
    }
}

/* ---- the beginning --------------------------------------------------------------------------- */

static void conn_drain(struct conn *base)
{
    if (!base->is_closing)
        give_notice(of(base));
}

static void conn_end(struct conn *base)
{
    if (!base->is_closing)
        close_conn(of(base));
}

static const struct conn_wire h2_wire = { conn_run, conn_late, conn_drain, conn_end };

int h2_conn_take(struct conn *from, struct span came, void (*free_fn)(struct loop_garbage *g))
{
    struct h2_conn *c = sys_calloc(1, sizeof *c);
    struct edge *e = from->edge;
    if (!c)
        return -ENOMEM;
    c->base.edge = e;
    list_init(&c->streams);
    list_init(&c->marked);
    list_init(&c->due);
    h2_guard_init(&c->guard);
    (void)cell_open(&e->h2->cells, &c->cell);       /* without one all is on the heap, and stays awake */
    int rc = h2_session_new(c);
    if (rc == 0)
        rc = conn_move(&c->base, from, &h2_wire, free_fn);
    if (rc < 0) {
        free_session(c);
        sys_free(c);
        return rc;
    }
    h2_is_idle(c);
    if (feed(c, came) < 0) {
        close_conn(c);
        return 0;
    }
    if (e->is_draining)
        give_notice(c);
    loop_again(&c->base.watch);
    h2_due(c);
    return 0;
}
