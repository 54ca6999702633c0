/* h1_steps.h - what a connection's life (h1_conn.c) and its requests (h1_request.c) are to each other.
 */
#pragma once
#include "edge/h1.h"

enum next {                       /* what a step says */
    NEXT_STEP,                    /* the phase moved on */
    NEXT_WAIT,                    /* for the socket, a helper, serve, or the limit */
    NEXT_CLOSE,
};

/* h1_conn.c */
void h1_enter(struct h1_conn *c, enum phase phase);
enum next h1_answer_some(struct h1_conn *c);         /* a share of the answer, beside the request's body, too */
void h1_free_conn(struct loop_garbage *g);           /* ... of a connection that HTTP/2 took over */

/* h1_request.c: the steps of its phases, and what their limits do */
enum next h1_step_proxy(struct h1_conn *c);
enum next h1_step_handshake(struct h1_conn *c);
enum next h1_step_head(struct h1_conn *c);
enum next h1_step_body(struct h1_conn *c);
enum next h1_step_stream(struct h1_conn *c);
enum next h1_late_proxy(struct h1_conn *c);
enum next h1_late_request(struct h1_conn *c);
enum next h1_late_body(struct h1_conn *c);
enum next h1_late_stream(struct h1_conn *c);
enum next h1_served(struct h1_conn *c, enum served what);       /* what serve_begin() or serve_run() said */

/* Is it the client who has to send, of a body that is streamed? */
static inline bool h1_is_body_awaited(const struct h1_exchange *hx)
{
    return !hx->body.feed.is_full && !hx->is_continue_due;
}

static inline struct pace_limit h1_send_limit(const struct conf *conf)
{
    return (struct pace_limit){ conf->send_timeout_ms, conf->send_rate_bytes };
}
