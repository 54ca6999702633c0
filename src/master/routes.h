/* routes.h - which folders the edge serves by itself, from the options and from what Django said.
 */
#pragma once
#include "base/json.h"
#include "master/master.h"

/* The text of CHANNEL_GENERATION (link/channel.h), heap for sys_free; NULL: no memory.  `note`
 * (CONF_WHY_BYTES) says what becomes of MEDIA_URL, "" in a project that has no uploads. */
char *routes_text(const struct master_start *start, const json_t *report, char *note);
