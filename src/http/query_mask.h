/* query_mask.h - what a URL's query says in secret is not for a log.  Pure.
 *
 * The values of the parameters that `secrets` names (a list with commas, in any case of letters; %XX in a name is
 * what it stands for) become "***"; those of all of them where secrets.at is NULL.
 */
#pragma once
#include "base/span.h"

/* Copies what fits of `url`. */
struct span query_mask(struct span url, struct span secrets, char *into, size_t cap_bytes);
/* The same made safe for a line of the log, as log_escape() does it.  Returns `into`. */
const char *query_mask_log(char *into, size_t cap_bytes, struct span url, struct span secrets);
