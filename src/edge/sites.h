/* sites.h - the sites of this edge: made by the master's word, found by the host of a request.
 *
 * Owner   the edge.  A site that is gone is found by no new request; it is freed when the last one
 *         under way has been answered and no helper works, who may do so for it.
 */
#pragma once
#include "serve/serve.h"

struct conn;
struct edge;
struct channel_msg;

struct edge_site {
    struct serve serve;           /* .node is in edge.sites */
    uint32_t id;                  /* the master's */
    uint32_t claim;               /* generation that its hosts are of: of two sites the later one has a name */
    bool lacks_hosts;             /* another one has a name of it */
    bool is_gone;
    uint32_t retires;             /* gone: generation that retires when the last request has been answered; 0: none */
};

struct site_reading;

/* CHANNEL_SITE: a new one, or other options or names of one that is here.  The fds are taken over.
 * 0, -EBADMSG, -errno; 1: a helper reads what options name, and what the master says next waits until
 * e->reading is NULL again.  is_first: no client is there, so it is read at once. */
int edge_site_message(struct edge *e, const struct channel_msg *msg, const int *fds, size_t fds_count, bool is_first);
/* CHANNEL_SWITCH: with its generation come its options and hosts.  0 or -ENOMEM. */
int edge_site_switched(struct edge *e, struct edge_site *s, uint32_t generation);
int edge_site_gone(struct edge *e, uint32_t id);
/* CHANNEL_RETIRE.  Of one that is gone there is no other generation: what waits in it goes there yet. */
int edge_site_retires(struct edge_site *s, const struct channel_msg *msg);
struct edge_site *edge_site(struct edge *e, uint32_t id);     /* or NULL */

/* Who serves a request for this host: a site, or the lobby.  A name that was asked for by TLS (SNI)
 * must lead to the same site: the certificate that was shown is its (RFC 9110, section 7.4). */
struct serve *edge_serve_of(const struct conn *c, struct span host);

void edge_sites_sweep(struct edge *e);                /* at turn end: frees what is gone */
void edge_sites_done(struct edge *e);
