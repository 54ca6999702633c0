/* h1_head.c - a request's head, from the bytes of a connection into an exchange of its own.
 *
 * The bytes are copied once, into the exchange's arena; the spans move with them.
 */
#include <errno.h>
#include "edge/h1.h"
#include "wire/h2_preface.h"

static void shift(struct span *s, ptrdiff_t by)
{
    if (s->at)
        s->at += by;
}

/* The spans of a head move with it. */
static void move_head(struct request *r, const char *from, const char *to)
{
    ptrdiff_t by = to - from;
    shift(&r->method_name, by);
    shift(&r->target, by);
    for (size_t i = 0; i < r->fields_count; i++) {
        shift(&r->fields[i].name, by);
        shift(&r->fields[i].value, by);
    }
}

void h1_adopt(struct h1_conn *c, struct h1_exchange *hx)
{
    c->hx = hx;
    c->scanned_bytes = 0;
    c->is_scanned = false;
    hx->conn = c;
    hx->x.began_us = loop_now_us(c->base.edge->loop);
    hx->x.request.from = peer_from(&c->base);
}

ssize_t h1_take_head(struct h1_conn *c, struct span data)
{
    bool is_first = c->requests == 0 && !c->base.tls;
    if (is_first && c->base.edge->conf->http2 && h2_preface_begins(data)) {
        c->is_scanned = true;
        return data.len < h2_preface.len ? 0 : -EPROTO;
    }
    const struct conf *conf = c->base.edge->conf;
    struct h1_limits limits = { (size_t)conf->head_limit_bytes, (size_t)conf->fields_limit };
    struct h1_exchange *hx = h1_exchange_take(c->base.edge);
    if (!hx)
        return -ENOMEM;
    struct request *r = &hx->x.request;
    ssize_t taken = h1_read_head(r, data, &c->scanned_bytes, &limits, &hx->x.arena);
    if (taken == 0) {
        c->is_scanned = true;
        h1_exchange_give(c->base.edge, hx);
        return 0;
    }
    if (taken == -400 && is_first && h2_preface_is_no_http(data)) {
        h1_exchange_give(c->base.edge, hx);
        return -EPROTONOSUPPORT;
    }
    struct span copy = { 0 };
    if (taken > 0)
        copy = arena_copy(&hx->x.arena, (struct span){ data.at, (size_t)taken });
    if (copy.at)
        move_head(r, data.at, copy.at);
    else
        *r = (struct request){ .version = 11 };          /* its spans point to what is not kept */
    h1_adopt(c, hx);
    return taken > 0 && !copy.at ? -503 : taken;
}
