/* peer.c - the trust of a connection: found at accept, applied to each request.
 */
#include "edge/peer.h"
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/edge_private.h"
#include "tls/tls.h"
#include "wire/proxy.h"

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

static void set_address(struct conn *c, const struct address *address, uint16_t port)
{
    const struct networks *trusted = &c->edge->forwarded->trusted;
    (void)address_text(address, c->address);
    (void)snprintf(c->port, sizeof c->port, "%u", port);
    c->is_trusted = trusted->count > 0 && networks_have(trusted, address);
}

void peer_name(struct conn *c, const struct sockaddr *from)
{
    struct address address;
    uint16_t port;
    if (!address_of_peer(from, &address, &port)) {
        c->is_trusted = c->edge->forwarded->trusted.has_unix;
        return;
    }
    set_address(c, &address, port);
}

/* ---- the PROXY protocol ---- */

static void refuse(struct conn *c, const char *reason)
{
    enum { TELL_AGAIN_MS = 10000 };
    struct edge *e = c->edge;
    e->unproxied++;
    if (!loop_may_tell(e->loop, &e->unproxied_told_ms, TELL_AGAIN_MS))
        return;
    log_warn("connection refused that should begin with a PROXY header", "peer=%s reason=\"%s\" so_far=%llu",
             c->address[0] ? c->address : "unix", reason, (unsigned long long)e->unproxied);
}

void peer_without_proxy(struct conn *c)
{
    refuse(c, "none came within head-timeout");
}

/* What the proxy's client says of others is believed if he is a trusted peer himself; of whom nothing is
 * known is not. */
static void take_header(struct conn *c, const struct proxy_header *header)
{
    switch (header->kind) {
    case PROXY_LOCAL:
        return;
    case PROXY_CLIENT:
        set_address(c, &header->source, header->source_port);
        break;
    case PROXY_CLIENT_UNIX:
        c->address[0] = c->port[0] = '\0';
        c->is_trusted = false;
        break;
    case PROXY_CLIENT_UNKNOWN:
        c->is_trusted = false;
        break;
    }
    c->was_tls = header->is_tls;
}

int peer_read_proxy(struct conn *c)
{
    struct proxy_header header;
    char *scratch = c->edge->scratch;
    if (!c->is_trusted) {
        refuse(c, "the peer is not one of trusted-peers");
        return -EACCES;
    }
    ssize_t seen = conn_peek_raw(c, scratch, PROXY_BYTES_MAX);
    if (seen <= 0)                     /* who connects and leaves looks whether we are there */
        return seen == 0 ? -EPIPE : (int)seen;
    ssize_t taken = proxy_read((struct span){ scratch, (size_t)seen }, &header);
    if (taken == 0 && !(c->watch.ready & LOOP_HANGUP)) {
        c->watch.ready &= ~(unsigned)LOOP_READ;
        return -EAGAIN;
    }
    if (taken <= 0) {
        refuse(c, taken == 0           ? "it ended within the header"
                  : taken == -EMSGSIZE ? "the header is too long"
                                       : "it begins with something else");
        return taken == 0 ? -EPIPE : (int)taken;
    }
    take_header(c, &header);
    return conn_skip_raw(c, scratch, (size_t)taken);
}

/* ---- requests ---- */

struct request_from peer_from(const struct conn *c)
{
    const struct listener *l = c->listener;
    struct span certificate = { NULL, 0 };
    if (c->tls)
        certificate.at = tls_client(c->tls, &certificate.len);
    return (struct request_from){
        .address = span_of(c->address), .port = span_of(c->port), .server_address = span_of(l->address),
        .server_port = span_of(l->port), .is_tls = c->tls || c->was_tls, .certificate = certificate,
        .tls_version = c->tls ? tls_version(c->tls) : NULL,
        .is_trusted = c->is_trusted,
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
