/* check.h - what `slipway check` finds, as one JSON object from which both outputs are printed.
 *
 *   {"ok": there are no problems, "version", "site", "folder", "manage_py", "settings",
 *    "settings_from", "python", "venv", "control", "config", "env_file", "workers", "cpus",
 *    "memory_bytes" (null: no limit is known),
 *    "options": [{"name", "value", "origin", "default", "reload"}],
 *    "application": the zygote's report or null, "problems": [SENTENCE], "notes": [SENTENCE]}
 *
 * A member is missing or empty when it could not be found out.
 */
#pragma once
#include "base/json.h"
#include "conf/project.h"
#include "master/master.h"

/* Looks at all of it; new, or NULL: no memory. */
json_t *check_make(const struct conf *c, char *const *envp);
void check_print(const json_t *found);                /* for people, to standard output */
