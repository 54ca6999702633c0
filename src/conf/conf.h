/* conf.h - the effective options of one site, from where each came, and what is wrong with them.
 *
 * Order, last wins: built-in < slipway.ini < env file < environment (SLIPWAY_NAME, and for workers
 * WEB_CONCURRENCY, for listen PORT when nothing else names a listener) < arguments.
 * Owner  conf_new/conf_free; texts live as long as the conf.  Read-only once made.
 * Errors are one sentence in `why` (at least CONF_WHY_BYTES), with file and line where there is one.
 */
#pragma once
#include "base/buf.h"
#include "base/span.h"

enum { CONF_WHY_BYTES = 512, CONF_LIST_MAX = 64 };

struct conf_list { size_t count; const char *items[CONF_LIST_MAX]; };
#define CONF_TYPE_TEXT const char *
#define CONF_TYPE_LIST struct conf_list
#define CONF_TYPE_COUNT int64_t
#define CONF_TYPE_MS int64_t
#define CONF_TYPE_BYTES int64_t
#define CONF_TYPE_FLAG bool

enum conf_option {
#define OPTION(name, field, ...) CONF_##field,
#include "conf/options.def"
    CONF_OPTIONS
};

enum conf_source { CONF_BUILT_IN, CONF_INI, CONF_ENV_FILE, CONF_ENVIRONMENT, CONF_ARGUMENT };

struct conf {
#define OPTION(name, field, kind, ...) CONF_TYPE_##kind field;
#include "conf/options.def"
    struct { enum conf_source source; const char *place; } origin[CONF_OPTIONS];  /* place: "slipway.ini:3", "SLIPWAY_WORKERS", NULL */
    struct conf_text *texts;      /* owns every string */
};

struct conf *conf_new(void);                              /* built-in values; NULL: no memory */
void conf_free(struct conf *c);

/* One value.  A later, stronger source replaces; a LIST is replaced by the first value from a stronger source
 * and grows from the same one.  0 or -EINVAL with the sentence ("unknown option 'wokers', did you mean 'workers'?",
 * "--workers takes a number from 0 to 1024, not 'many'"). */
int conf_set(struct conf *c, struct span name, struct span value, enum conf_source source,
             const char *place, char *why);
/* INI text by inih: one [slipway] section or none; `path` names it in messages. All or nothing. */
int conf_read_ini(struct conf *c, const char *path, char *why);
int conf_read_environment(struct conf *c, char *const *envp, char *why);
/* argv after the verb; a value may follow '=' or be the next argument; one positional is `app`.
 * -EINVAL: usage. */
int conf_read_arguments(struct conf *c, int argc, char **argv, char *why);

/* Everything above in order for a verb in a project: chdir is made absolute, config and env file are found. */
int conf_load(struct conf *c, int argc, char **argv, char *const *envp, char *why);

/* The effective options as INI lines, and back: how the master hands them to its edges and scribe. */
int conf_write(const struct conf *c, struct buf *out);
int conf_read_text(struct conf *c, struct span text, char *why);

/* For help, docs and check: the table. */
struct conf_row {
    const char *name, *kind, *fallback, *argument, *help;
    int64_t least, most;
    bool on_reload;
};
const struct conf_row *conf_row(enum conf_option option);
int conf_value_text(const struct conf *c, enum conf_option option, struct buf *out);    /* "8", "75s", "64K" */
