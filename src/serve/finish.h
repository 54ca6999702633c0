/* finish.h - the last hand on a response's head, whoever answers. */
#pragma once
#include "serve/exchange.h"

/* x->response is complete: adds what every answer gets and tells answer_out.head.  As that: 0, or
 * negative: the client is gone. */
int finish_head(struct exchange *x);
