/* conf_private.h - what the files of conf share about values; nobody else includes it. */
#pragma once
#include "conf/conf.h"

enum conf_kind {
    CONF_KIND_TEXT, CONF_KIND_LIST, CONF_KIND_COUNT, CONF_KIND_MS, CONF_KIND_BYTES, CONF_KIND_FLAG
};

enum { CONF_SHOWN_BYTES = 100 };

struct conf_text {
    struct conf_text *next;       /* older */
    char text[];
};

/* Keeps a copy as long as the conf; NULL: no memory. */
const char *conf_keep(struct conf *c, struct span text);
/* Forgets every text younger than `mark` (the value of c->texts at that time). */
void conf_drop_texts(struct conf *c, const struct conf_text *mark);

void conf_drop_routes(struct conf *c);
/* A conf of the same values, which needs the texts of the other; NULL: no memory. */
struct conf *conf_beside(const struct conf *site);
int conf_write_routes(const struct conf *c, struct buf *out);     /* as conf_write */

void conf_copy_value(struct conf *c, const struct conf *from, enum conf_option option);      /* and its origin */
enum conf_kind conf_kind(enum conf_option option);
enum conf_option conf_find(struct span name);             /* CONF_OPTIONS: there is none */

/* COUNT, MS, BYTES and FLAG: 0 and *value, -EBADMSG (not one), -ERANGE (past 64 bits). */
int conf_parse_number(enum conf_kind kind, struct span text, int64_t *value);
int conf_number_text(enum conf_kind kind, int64_t value, struct buf *out);

/* Looks at a text's shape, and may leave out what does not count at its ends.  NULL when it is right,
 * else what the option takes: "MODULE:CALLABLE, such as ...". */
const char *conf_check_text(enum conf_option option, struct span *text);

/* The variables of one environment; file: NULL, or the env file they come from, for messages. */
int conf_read_variables(struct conf *c, char *const *envp, enum conf_source source,
                        const char *file, char *why);
