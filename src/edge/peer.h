/* peer.h - who is on the other end of a connection, and for whom he speaks.
 *
 * Of a connection it is settled once whether its peer is one of trusted-peers.  Each request is then
 * the peer's own, or that of the client whom a trusted peer names (http/forwarded.h).
 */
#pragma once
#include "edge/conn.h"
#include "http/request.h"

struct edge;

/* The options, once.  0, or -errno. */
int peers_init(struct edge *e);
void peers_done(struct edge *e);
/* c->address, c->port and c->is_trusted, from what accept() said. */
void peer_name(struct conn *c, const struct sockaddr *from);
/* On a listener with the word proxy, before anything else is read: who is really there.  0: c->address,
 * c->port, c->is_trusted and c->was_tls are his; -EAGAIN: more must come; else the connection is to be
 * closed, and why is in the log. */
int peer_read_proxy(struct conn *c);
void peer_without_proxy(struct conn *c);        /* ... and nothing came in time: the log line */
/* For a request that comes on it; its spans live as long as the connection. */
struct request_from peer_from(const struct conn *c);
/* Instead of request_understand(), whatever wire it came by: the same, and then who the client is.
 * 0, or minus the status to answer. */
int peer_understand(const struct conn *c, struct request *r, struct arena *arena);
