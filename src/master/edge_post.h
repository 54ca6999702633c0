/* edge_post.h - messages to one edge, in their order.
 *
 * What it does not take at once waits here with duplicates of its descriptors, so the master never waits
 * for an edge.  One that cannot be told is killed: it would miss a message, and the next one is told
 * everything.  Without a channel nothing is said.
 */
#pragma once
#include "link/channel.h"

struct edge_place;
struct generation;

/* fds stay the caller's. */
void edge_post(struct edge_place *e, struct channel_msg msg, struct span text, const int *fds, size_t fds_count);
void edge_post_plain(struct edge_place *e, enum channel_kind kind);
void edge_post_about(struct edge_place *e, enum channel_kind kind, const struct generation *g);
void edge_post_failed(struct edge_place *e, enum channel_kind kind, int error);     /* it could not be made */
void edge_post_flush(struct edge_place *e);        /* there is room again, or it is time to look */
void edge_post_forget(struct edge_place *e);       /* what waits */
