/* master.h - the process that keeps the others alive; never parses a byte from the network.
 */
#pragma once
#include "conf/project.h"

struct master_start {
    const struct conf *conf;
    const struct project *project;
    bool is_development;         /* `run`: friendlier lines */
    char *const *envp;           /* as we were started */
    int argc;                    /* the arguments behind the verb: read again at a reload */
    char **argv;
    const struct conf *server;   /* of one site of several: that of all; else NULL */
    const char *site_file;       /* ... and its own file; else NULL */
    const char *excuse;          /* why there is nothing to import before a save (`run`); or NULL */
};

/* Serves until stopped; returns the exit status: 0, or 1 after one sentence (and a traceback) on
 * standard error. */
int master_run(const struct master_start *start);

/* Imports the project once without serving it and returns the zygote's report as heap JSON text
 * (json_line form), for `check`; NULL with a sentence in `why`, the traceback having gone to
 * standard error. */
char *master_probe(const struct master_start *start, char *why);
