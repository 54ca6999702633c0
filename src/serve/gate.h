/* gate.h - who may come and what he may do, by his address and his method: the options allow, deny,
 * deny-status and methods.
 *
 * Owner  a route: gate_new(), gate_free(); the conf must outlive it.
 */
#pragma once
#include "conf/conf.h"

struct gate;

/* NULL: everybody may do everything (then *why is 0), or no memory. */
struct gate *gate_new(const struct conf *conf, int *why);
void gate_free(struct gate *g);          /* takes NULL */
