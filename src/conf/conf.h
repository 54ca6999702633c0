/* conf.h - the effective options of one site, from where each came, and what is wrong with them.
 *
 * Order   last wins: built-in < slipway.ini < env file < environment < arguments; for some paths,
 *         over all of them, the [route PATTERN] sections of slipway.ini.  The environment
 *         is SLIPWAY_NAME for each option (lists separated by commas), WEB_CONCURRENCY for workers,
 *         and PORT, which means listen 0.0.0.0:PORT when nothing else names a listener.
 * Owner   conf_new/conf_free; every text lives as long as the conf.  Read-only once made: a reload
 *         makes a new one and swaps the pointer.
 * Errors  -ENOMEM, -EINVAL (what the user typed), -EBADMSG (what a file or the environment says),
 *         -errno of a file; each with one sentence in `why` (CONF_WHY_BYTES), which names file and
 *         line.  A reader that fails has changed nothing.
 */
#pragma once
#include "base/buf.h"
#include "base/span.h"

enum { CONF_WHY_BYTES = 512, CONF_LIST_MAX = 64, CONF_FILE_BYTES_MAX = 1024 * 1024 };

struct conf_list {
    size_t count;
    const char *items[CONF_LIST_MAX];
};

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

/* Weakest first. */
enum conf_source {
    CONF_BUILT_IN, CONF_INI, CONF_ENV_FILE, CONF_ENVIRONMENT, CONF_ARGUMENT, CONF_ROUTE
};

struct conf_origin {
    enum conf_source source;
    const char *place; /* "slipway.ini:3", "SLIPWAY_WORKERS", "--workers"; NULL: the default */
};

struct conf_route_line;

/* The options of one section: complete, with those of the site where it says nothing.  What holds for a
 * path that several match: conf_paths.h. */
struct conf_route {
    const char *pattern;          /* "/api": this path and all below it; with '*' for any bytes: whole
                                   * paths, such as "*.pdf" */
    struct conf *conf;
};

struct conf {
#define OPTION(name, field, kind, ...) CONF_TYPE_##kind field;
#include "conf/options.def"
    struct conf_origin origin[CONF_OPTIONS];
    struct conf_text *texts;      /* owns every string above; newest first */
    struct conf_route_line *route_lines;    /* lines of sections, newest first; among the texts */
    struct conf_route *routes;    /* in the order of the file; conf_make_routes() */
    size_t routes_count;
};

struct conf *conf_new(void);                              /* built-in values; NULL: no memory */
void conf_free(struct conf *c);                           /* takes NULL */

/* Sets one option from its text.  A value from a weaker source than the present one is checked and
 * then left out.  A LIST is replaced by the first value from a stronger source and grows with more
 * from the same.  `place` is copied.  0, -ENOMEM, or -EINVAL with a sentence: "unknown option
 * 'wokers', did you mean 'workers'?" or "--workers takes a number from 0 to 1024, not 'many'". */
int conf_set(struct conf *c, struct span name, struct span value, enum conf_source source,
             const char *place, char *why);

/* INI text by inih: one [slipway] section or none; `path` is shown in messages by its last part.
 * Lines that begin with a blank continue the option above (for lists); an option that is no list
 * stands once. */
int conf_read_ini(struct conf *c, const char *path, char *why);
int conf_read_environment(struct conf *c, char *const *envp, char *why);
/* argv after the verb.  --name VALUE or --name=VALUE; for a FLAG also --name and --no-name.  What
 * does not begin with '-' is the application (option "app"), once. */
int conf_read_arguments(struct conf *c, int argc, char **argv, char *why);

/* Index of the first argument that is neither an option nor an option's value: where the command of
 * `slipway exec` and the file of `slipway env` stand; argc: there is none. */
int conf_options_end(int argc, char **argv);

/* Everything in order, for a verb: into a conf fresh from conf_new.  Relative paths are relative to
 * chdir; chdir itself to the working folder, or in a file to that file's folder.  Afterwards routes
 * are made, chdir and every other path is absolute, and config and env_file name the files that were read ("" for
 * none). */
int conf_load(struct conf *c, int argc, char **argv, char *const *envp, char *why);
/* Likewise, but a slipway.ini or environment file that is wrong counts as empty: 1, and what is
 * wrong with it in `why`; config and env_file name it all the same. */
int conf_load_around(struct conf *c, int argc, char **argv, char *const *envp, char *why);

/* A section [route PATTERN] begins, and an option in it: what is wrong with a value is found only by
 * conf_make_routes, which makes c->routes anew when every other option is set.  0, -ENOMEM, -EBADMSG
 * with a sentence. */
int conf_begin_route(struct conf *c, struct span pattern, const char *place, char *why);
int conf_set_in_route(struct conf *c, struct span name, struct span value, const char *place, char *why);
int conf_make_routes(struct conf *c, char *why);

/* The effective options as lines "name=value", sections (as conf_make_routes made them) below, and
 * back, so that conf_read_text gives a conf that is equal but for the origins (all arguments): how the
 * master hands them to edges and scribe. */
int conf_write(const struct conf *c, struct buf *out);           /* 0, -ENOMEM, -EMSGSIZE */
int conf_write_option(const struct conf *c, enum conf_option option, struct buf *out);   /* those of one */
int conf_read_text(struct conf *c, struct span text, char *why); /* into a fresh conf */
/* The file of one site of a server that has several, into a conf fresh from conf_new: values that it does
 * not say are those of `server`, but for what makes a site itself. */
int conf_load_site(struct conf *c, const struct conf *server, const char *file, char *const *envp, char *why);
/* Of a file that is wrong what can be told all the same: its name and hosts (none: it does not say where a project is,
 * either); every other value is the server's. */
void conf_glance_at_site(struct conf *c, const struct conf *server, const char *file);
/* The value and origin of an option, with copies of its texts.  0 or -ENOMEM. */
int conf_keep_value(struct conf *c, const struct conf *from, enum conf_option option);
/* The defaults that are others under `run`: what was saved is seen at once. */
void conf_use_for_development(struct conf *c);
/* `run --tls`: listeners on addresses speak TLS, with the certificate in the user's cache folder
 * when none is named (whoever serves makes it).  0, or -errno with a sentence. */
int conf_use_local_certificate(struct conf *c, char *const *envp, char *why);

/* Of what something is an option.  A route's may stand for the whole site, too, and a site's for all
 * sites of a server. */
enum conf_where { CONF_OF_SERVER, CONF_OF_SITE, CONF_OF_ROUTE };

/* The table, for help, docs and check. */
struct conf_row {
    const char *name, *kind, *fallback, *argument, *help;      /* kind: "TEXT", "LIST", ... */
    int64_t least, most;
    bool on_reload;                                            /* else at the next start */
    enum conf_where where;
};
const struct conf_row *conf_row(enum conf_option option);
/* For people: "8", "75s", "64K", "yes", a list with ", " between.  0, -ENOMEM, -EMSGSIZE. */
int conf_value_text(const struct conf *c, enum conf_option option, struct buf *out);
/* The bounds of a number, likewise. */
int conf_bounds_text(enum conf_option option, struct buf *least, struct buf *most);
/* Where the value came from: "default", "slipway.ini:3", ".env: SLIPWAY_SITE", "PORT", "--site". */
const char *conf_origin_text(const struct conf *c, enum conf_option option);
/* The row whose name is nearest to a mistyped one, or NULL when none is near. */
const struct conf_row *conf_guess(struct span name);
/* Of an option of nginx or uWSGI that none of ours stands for: what to say of it; else NULL. */
const char *conf_foreign(struct span name);
/* Edits (insert, delete, replace a byte, swap two neighbours) between two words; UINT_MAX when one
 * has over 32 bytes. */
unsigned conf_edits(struct span a, struct span b);
