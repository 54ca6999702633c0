/* redirect_map.h - a file of pages that have moved.
 *
 *     OLD NEW [STATUS]            a line; empty ones and those that begin with '#' say nothing
 *
 *     /old         /new           this path; the query that was asked with goes along
 *     /p.php?id=3  /three         ... with this query alone
 *     /blog/ *     /news/ *       (without the blanks, which a comment of C needs) all that begins so; the
 *                                 rest goes along where NEW ends with '*', too
 *     /shop        https://shop.example.com/    another site
 *
 * Match   on the decoded path.  One with a query first, then the path, then the longest beginning.
 * STATUS  301 (also when none is said), 302, 303, 307 or 308.
 * Refused lines that lead in a circle, as far as the file alone shows it, or through more than 10
 *         redirects; an OLD that is there twice.
 * Owner   redirect_map_done(); all texts are its own copies.
 * Errors  one sentence in `why` (CONF_WHY_BYTES) with the file's name and the line.
 */
#pragma once
#include "base/span.h"

enum {
    REDIRECT_MAP_BYTES_MAX = 8 * 1024 * 1024, REDIRECT_MAP_LINE_BYTES_MAX = 4096,
    REDIRECT_MAP_STEPS_MAX = 10,
};

struct redirect_row {
    struct span old;              /* decoded, without '*'; for one with a query "PATH?QUERY" */
    struct span new;              /* escaped, without '*' */
    unsigned status, line;
    bool has_query;               /* OLD names one: then the request's does not go along */
    bool takes_rest;              /* NEW ended with '*' */
    size_t above;                 /* prefixes: the next shorter one, 1 + its place; 0: none */
};

struct redirect_rows {
    struct redirect_row *all;     /* by `old` */
    size_t count;
};

struct redirect_map {
    struct redirect_rows exact, prefixes;
    char *texts;
};

/* Into an all-zero one; `file` is its name for sentences.  0, -EBADMSG, -EMSGSIZE or -ENOMEM with a
 * sentence. */
int redirect_map_read(struct redirect_map *m, struct span text, const char *file, char *why);
void redirect_map_done(struct redirect_map *m);          /* all-zero is fine */
/* NULL: none; *rest: of the path, behind a prefix, else "". */
const struct redirect_row *redirect_map_find(const struct redirect_map *m, struct span path, struct span query,
                                             struct span *rest);
