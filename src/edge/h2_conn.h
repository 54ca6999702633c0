/* h2_conn.h - HTTP/2 connections, for the rest of the edge: how a socket comes to speak it.
 */
#pragma once
#include "base/span.h"
#include "edge/conn.h"

struct edge;

/* From now on the socket of `from` speaks HTTP/2; `came` is what was read from it and not used.
 * 0: `from` is over and freed by free_fn at the turn's end, as by conn_close().  -errno: it is as it
 * was, or (is_closing) over all the same. */
int h2_conn_take(struct conn *from, struct span came, void (*free_fn)(struct loop_garbage *g));
void h2_flush(struct edge *e);           /* at the turn's end: all frames that were made in it */
int h2_set_up(struct edge *e);           /* e->h2; 0 or -ENOMEM */
void h2_tear_down(struct edge *e);       /* every connection is closed; accepts a half-made one */
