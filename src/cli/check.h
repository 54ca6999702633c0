/* check.h - what `slipway check` finds, as one JSON object from which both outputs are printed.
 *
 *   {"ok": no row is a problem (with --strict: nor a warning), "version", "site", "folder",
 *    "folder_from", "manage_py", "settings", "settings_from", "python", "venv", "control",
 *    "config", "env_file", "user", "workers", "cpus", "memory_bytes" (null: no limit is known),
 *    "options": [{"name", "value", "origin", "default", "reload"}],
 *    "application": the zygote's report (with "application_from") or null,
 *    "checks": [{"name", "group": CHECK_GROUPS, "level": "ok"|"warning"|"problem", "text",
 *                "fix": what to type or "", "later": only production would make it a problem}],
 *    "problems": [SENTENCE], "notes": [SENTENCE]}     the texts of the problems, of the warnings
 *
 * A member is missing or empty when it could not be found out.  docs/checks.md lists the checks:
 * those of check_look.c, and those of python/slipway/lookover.py, which run where the project is
 * imported.
 */
#pragma once
#include "base/json.h"
#include "conf/project.h"
#include "master/master.h"

#define CHECK_GROUPS "program", "security", "data", "files", "django"

enum check_level { CHECK_OK, CHECK_WARNING, CHECK_PROBLEM };

/* Looks at all of it; new, or NULL: no memory.  server: of which it is one of several sites, or NULL. */
json_t *check_make(const struct conf *c, const struct conf *server, char *const *envp, bool is_strict);

/* Adds a row to found's "checks".  `fix` is what to type, "" for nothing. */
__attribute__((format(printf, 6, 7)))
void check_say(json_t *found, const char *group, const char *name, enum check_level level,
               const char *fix, const char *format, ...);
enum check_level check_level_of(const json_t *row);
size_t check_count(const json_t *found, enum check_level level);

/* The checks that need no Python. `p` was found. */
void check_look(json_t *found, const struct conf *c, const struct conf *server, const struct project *p);

/* check_tls.c: certificates; a site of a server may use another one's. */
void check_look_tls(json_t *found, const struct conf *c, const struct conf *server, const char *name);

/* check_pages.c: error-page. */
void check_look_pages(json_t *found, const struct conf *c, const struct project *p, const char *name);

/* check_sites.c: of a server with option sites, everything above for each file; the exit status. */
int check_sites(const struct conf *server, char *const *envp, bool is_json, bool is_all, bool is_strict);

/* For people, to standard output; is_all: options that have their default, too. */
void check_print(const json_t *found, bool is_all);
