/* rate.h - the rules of rate-limit, and the buckets of the board that they count in.
 *
 * Owner  the edge (through serve): rate_new/rate_free; the board must outlive it.
 */
#pragma once
#include "conf/conf.h"
#include "link/board.h"

struct exchange;
struct rate;

/* The rules of conf, each with an equal share of the board's buckets.  NULL: there are none (then
 * *why is 0), or no memory. */
struct rate *rate_new(const struct conf *conf, const struct board *board, int *why);
void rate_free(struct rate *r);                  /* takes NULL */
/* 0: the request is within every rule that counts it; else in so many seconds it would be. */
int64_t rate_take(struct rate *r, const struct exchange *x, int64_t now_us);

/* A hash of the client's address, an IPv6 one by its /64; this process alone has its key. */
uint64_t rate_client(const struct exchange *x);
/* Clients that no limit of ours counts: a Unix socket's, this machine's, trusted peers
 * themselves (not those they speak for: then request.from is the client they name). */
bool rate_spares(const struct exchange *x);
