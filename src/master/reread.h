/* reread.h - the options and the project as they are now, for a new generation.
 *
 * slipway.ini, the env file, the environment and the arguments are read again as at the start.
 * Options that take effect at a reload (options.def) are the new ones; one that takes effect at the
 * next start keeps its value, and a line in the log says so.
 */
#pragma once
#include "master/master.h"
#include "master/server_options.h"

struct reread {
    struct master_start start;       /* points into this struct */
    struct conf *conf;
    struct project project;
    char waits[WAITING_BYTES];       /* options that take effect at the next start; "": none */
};

/* New heap object; NULL with a sentence (CONF_WHY_BYTES): what is wrong with the file, or with the
 * project. */
struct reread *reread_new(const struct master_start *first, char *why);
void reread_free(struct reread *r);  /* NULL is fine */
