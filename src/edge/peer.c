/* peer.c - the trust of a connection: found at accept, applied to each request.
 */
#include "edge/peer.h"
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/edge_private.h"

int peers_init(struct edge *e)
{
    const struct conf *conf = e->conf;
    struct forwarded_rules *rules = sys_calloc(1, sizeof *rules);
    if (!rules)
        return -ENOMEM;
    e->forwarded = rules;
    rules->takes_host = conf->trusted_host;
    forwarded_name_field(rules, span_of(conf->trusted_field));
    for (size_t i = 0; i < conf->trusted_peers.count; i++) {
        int rc = networks_add(&rules->trusted, span_of(conf->trusted_peers.items[i]));
        if (rc < 0) {
            log_error("too many trusted-peers", "most=%d", NETWORKS_MAX);
            return rc;
        }
    }
    return 0;
}

void peers_done(struct edge *e)
{
    sys_free(e->forwarded);
    e->forwarded = NULL;
}

void peer_name(struct conn *c, const struct sockaddr *from)
{
    struct address address;
    uint16_t port;
    const struct networks *trusted = &c->edge->forwarded->trusted;
    if (!address_of_peer(from, &address, &port)) {
        c->is_trusted = trusted->has_unix;
        return;
    }
    (void)address_text(&address, c->address);
    (void)snprintf(c->port, sizeof c->port, "%u", port);
    c->is_trusted = trusted->count > 0 && networks_have(trusted, &address);
}

struct request_from peer_from(const struct conn *c)
{
    const struct listener *l = c->listener;
    return (struct request_from){
        .address = span_of(c->address), .port = span_of(c->port), .server_address = span_of(l->address),
        .server_port = span_of(l->port), .is_tls = c->tls != NULL, .is_trusted = c->is_trusted,
    };
}

/* A proxy that nobody told us of: then every client has its address and no page is HTTPS, which is
 * hard to see from outside.  Told once, and only of a neighbour: who comes from far away may send what
 * he likes. */
static void warn_of_proxy(const struct conn *c, const struct request *r)
{
    struct edge *e = c->edge;
    struct networks near = { 0 };
    struct address address;
    const struct field *f = request_field(r, FIELD_X_FORWARDED_FOR);
    if (!f)
        f = request_field(r, FIELD_FORWARDED);
    if (!f)
        return;
    bool has_address = address_read(span_of(c->address), &address);
    if (has_address && (networks_add(&near, SPAN("private")) < 0 || !networks_have(&near, &address)))
        return;
    e->has_told_of_proxy = true;
    log_warn("a proxy is not trusted, so each client has its address, and http",
             "peer=%s field=%.*s hint=\"trusted-peers = %s\"", has_address ? c->address : "unix",
             (int)f->name.len, f->name.at, has_address ? c->address : "unix");
}

int peer_understand(const struct conn *c, struct request *r, struct arena *arena)
{
    int rc = request_understand(r, arena);
    if (rc < 0)
        return rc;
    if (!c->is_trusted && !c->edge->has_told_of_proxy)
        warn_of_proxy(c, r);
    return forwarded_apply(c->edge->forwarded, r, arena);
}
