/* h1_body.c - how a request's body comes in: from the socket to where it stays, or through the chunked coding.
 *
 *     socket --Content-Length--> body
 *     socket --> in --chunked--> body
 *     socket --> scratch > body  while it is streamed to the worker; what does not fit waits in `in`
 *
 * Not    where the bytes stay (body.c), what becomes of a bad body (h1_conn.c).
 */
#include <errno.h>
#include "edge/h1.h"

enum { CHUNKED_RESERVE_BYTES = 16 * 1024, READS_A_TURN = 16 };

static void body_woke(struct spill *s)
{
    struct body *b = container_of(s, struct body, spill);
    struct h1_exchange *hx = container_of(b, struct h1_exchange, body);
    loop_again(&hx->conn->base.watch);
}

int h1_body_begin(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    return body_begin(&hx->body, &c->base.edge->bodies, &hx->x.arena, hx->x.request.body_bytes, body_woke);
}

static void feed_woke(struct feed *f)
{
    struct body *b = container_of(f, struct body, feed);
    struct h1_exchange *hx = container_of(b, struct h1_exchange, body);
    loop_again(&hx->conn->base.watch);
}

int h1_body_begin_stream(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    return body_begin_stream(&hx->body, &c->base.edge->bodies, hx->x.conf, &hx->x.request, feed_woke, &hx->x.body);
}

/* Takes bytes that are already here into the body: how many, -EAGAIN, or an error. */
static ssize_t put_into_body(struct h1_exchange *hx, struct span bytes)
{
    ssize_t put = body_put(&hx->body, bytes);
    return put == 0 && bytes.len > 0 ? -EAGAIN : put;
}

/* Would the body with these bytes pass the limit, or with all that its chunk says will come? */
static bool is_too_large(const struct h1_exchange *hx, size_t bytes, int64_t limit_bytes)
{
    bool is_size_known = hx->chunked.state == CHUNKED_DATA;
    uint64_t to_come = is_size_known ? hx->chunked.left_bytes : 0;
    return bytes + to_come > (uint64_t)(limit_bytes - hx->body.bytes);
}

/* Decodes what is in `in`; 1 the body is whole, 0 more must come, -EAGAIN a helper writes, or an error. */
static int take_chunked(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    while (buf_len(&c->in) > 0 && hx->chunked.state != CHUNKED_DONE) {
        struct chunked before = hx->chunked;
        struct span data, in = buf_span(&c->in);
        ssize_t taken = chunked_read(&hx->chunked, in, &data);
        if (taken < 0)
            return (int)taken;
        if (is_too_large(hx, data.len, hx->x.conf->body_limit_bytes))
            return -EMSGSIZE;
        ssize_t put = put_into_body(hx, data);
        if (put < 0 || (size_t)put < data.len) {
            /* Not all of this run had room: decode it again from where it stopped. */
            if (put < 0 && put != -EAGAIN)
                return (int)put;
            size_t framing_bytes = (size_t)taken - data.len, done = put > 0 ? (size_t)put : 0;
            struct span again;
            hx->chunked = before;
            ssize_t kept = chunked_read(&hx->chunked, (struct span){ in.at, framing_bytes + done }, &again);
            buf_take(&c->in, kept > 0 ? (size_t)kept : 0);
            return -EAGAIN;
        }
        buf_take(&c->in, (size_t)taken);
    }
    return hx->chunked.state == CHUNKED_DONE;
}

static int read_chunked(struct h1_conn *c)
{
    int rc = take_chunked(c);
    if (rc != 0)
        return rc;
    int error = buf_reserve(&c->in, CHUNKED_RESERVE_BYTES);
    if (error < 0)
        return error;
    ssize_t got = conn_recv(&c->base, buf_tail(&c->in), buf_room(&c->in));
    if (got <= 0)
        return got < 0 ? -EPIPE : -EINPROGRESS;
    buf_added(&c->in, (size_t)got);
    return take_chunked(c);
}

/* The pipe has room, but nobody knows how much. */
static int read_to_feed(struct h1_conn *c, int64_t left_bytes)
{
    struct h1_exchange *hx = c->hx;
    struct span came = { c->base.edge->scratch, EDGE_SCRATCH_BYTES };
    if (hx->body.feed.is_full)
        return -EAGAIN;
    if ((int64_t)came.len > left_bytes)
        came.len = (size_t)left_bytes;
    ssize_t got = conn_recv(&c->base, c->base.edge->scratch, came.len);
    if (got <= 0)
        return got < 0 ? -EPIPE : -EINPROGRESS;
    came.len = (size_t)got;
    ssize_t put = body_put(&hx->body, came);
    if (put < 0)
        return (int)put;
    if (put < got && buf_add(&c->in, span_skip(came, (size_t)put)) < 0)
        return -ENOMEM;
    return hx->body.bytes == hx->x.request.body_bytes;
}

/* A body with a length is received to where it stays. */
static int read_length(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    int64_t left_bytes = hx->x.request.body_bytes - hx->body.bytes;
    size_t room_bytes;
    int error;
    if (left_bytes == 0)
        return 1;
    if (buf_len(&c->in) > 0) {
        struct span kept = buf_span(&c->in);
        kept.len = (int64_t)kept.len > left_bytes ? (size_t)left_bytes : kept.len;
        ssize_t put = put_into_body(hx, kept);
        if (put < 0)
            return (int)put;
        buf_take(&c->in, (size_t)put);
        return hx->body.bytes == hx->x.request.body_bytes;
    }
    if (hx->body.feed.is_open)
        return read_to_feed(c, left_bytes);
    char *room = body_room(&hx->body, &room_bytes, &error);
    if (!room)
        return error;
    room_bytes = (int64_t)room_bytes > left_bytes ? (size_t)left_bytes : room_bytes;
    ssize_t got = conn_recv(&c->base, room, room_bytes);
    if (got <= 0)
        return got < 0 ? -EPIPE : -EINPROGRESS;
    body_added(&hx->body, (size_t)got);
    return hx->body.bytes == hx->x.request.body_bytes;
}

int h1_body_read(struct h1_conn *c)
{
    bool is_chunked = c->hx->x.request.is_chunked;
    int rc = 0;
    for (int budget = READS_A_TURN; rc == 0 && budget > 0; budget--)
        rc = is_chunked ? read_chunked(c) : read_length(c);
    if (rc == 0)
        loop_again(&c->base.watch);
    return rc;
}

void h1_body_stop(struct h1_exchange *hx, enum frame_body_end how)
{
    serve_body_end(&hx->x, how);
    feed_end(&hx->body.feed);
    hx->is_body_complete = how == FRAME_END_WHOLE;
}

int h1_body_carry(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    if (!hx->x.is_with_pool) {              /* answered without it: what is left is for nobody */
        h1_body_stop(hx, FRAME_END_CUT);
        return 1;
    }
    int rc = h1_body_read(c);
    if (rc == 1)
        h1_body_stop(hx, FRAME_END_WHOLE);
    if (rc != -EAGAIN && rc != -EINPROGRESS)
        return rc;
    serve_body_awaits(&hx->x, rc == -EINPROGRESS && !hx->is_continue_due);
    return 0;
}
