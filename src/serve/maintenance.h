/* maintenance.h - a site that is being worked on: 503 for everybody but some networks.
 *
 * On     by `slipway maintenance on`, by the file of maintenance-file (both told by the master: the
 *        edge looks at no file), or by the option maintenance, also of a route.
 * Open   health, ACME's challenges, and clients of maintenance-allow and of the verb's --allow.
 * Shown  the page that the file has, else the project's for 503, else one of ours; programs get JSON
 *        (refuse.h).
 */
#pragma once
#include "serve/exchange.h"

struct maintenance;

/* JSON text of CHANNEL_MAINTENANCE.  0, -EBADMSG or -ENOMEM: then it stays as it was. */
int maintenance_told(struct serve *s, struct span json);
void maintenance_free(struct maintenance *m);            /* takes NULL */
