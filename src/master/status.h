/* status.h - what `slipway status` says: of the first site, its workers, the edges. */
#pragma once
#include "base/json.h"

struct master;
json_t *status_make(const struct master *m);     /* new reference, or NULL: no memory */
