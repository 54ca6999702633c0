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
    bool is_gone;
};

/* CHANNEL_SITE: a new one, or other options or names of one that is here.  The fd is taken over.
 * 0, -EBADMSG, -errno. */
int edge_site_message(struct edge *e, const struct channel_msg *msg, const int *fds, size_t fds_count);
int edge_site_gone(struct edge *e, uint32_t id);
struct edge_site *edge_site(struct edge *e, uint32_t id);     /* or NULL */

/* Who serves a request for this host: a site, or the lobby.  A name that was asked for by TLS (SNI)
 * must lead to the same site: the certificate that was shown is its (RFC 9110, section 7.4). */
struct serve *edge_serve_of(const struct conn *c, struct span host);

void edge_sites_sweep(struct edge *e);                /* at turn end: frees what is gone */
void edge_sites_done(struct edge *e);
