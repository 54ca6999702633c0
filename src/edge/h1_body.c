/* h1_body.c - how a request's body comes in: from the socket to where it stays, or through the chunked coding.
 *
 *     socket --Content-Length--> body
 *     socket --> in --chunked--> body
 *
 * Not    where the bytes stay (body.c), what becomes of a bad body (h1_conn.c).
 */
#include <errno.h>
#include "edge/edge_private.h"

enum { CHUNKED_RESERVE_BYTES = 16 * 1024 };

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

/* Takes bytes that are already here into the body: how many, -EAGAIN, or an error. */
static ssize_t put_into_body(struct h1_exchange *hx, struct span bytes)
{
    size_t put = 0, room_bytes;
    int error;
    while (put < bytes.len) {
        char *room = body_room(&hx->body, &room_bytes, &error);
        if (!room)
            return error == -EAGAIN && put > 0 ? (ssize_t)put : error;
        size_t n = bytes.len - put < room_bytes ? bytes.len - put : room_bytes;
        memcpy(room, bytes.at + put, n);
        body_added(&hx->body, n);
        put += n;
    }
    return (ssize_t)put;
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
    return c->hx->x.request.is_chunked ? read_chunked(c) : read_length(c);
}
