/* environment.h - what a generation's processes get as their environment, built anew for each
 * generation.
 *
 * The master's own, then what the environment file has beyond it, then a few values of ours where
 * neither says anything (DJANGO_SETTINGS_MODULE, PYTHONUNBUFFERED, LANG).  A virtual environment is
 * put as `activate` would.  Another user than ours has his own HOME, USER, LOGNAME and SHELL.
 */
#pragma once
#include "conf/env_file.h"
#include "master/master.h"
#include "master/worker_user.h"

struct environment {
    char **envp;                    /* for exec; lives as long as this */
    const char *settings;           /* the settings module that holds, "" for none */
    char **own, **with_file;        /* what envp points into */
    struct env_entry *file;
    char *path;                     /* PATH with the virtual environment's folder in front */
};
/* 0 or -errno with a sentence (CONF_WHY_BYTES); environment_done() in any case.  !has_file: without
 * the environment file, which may be what is wrong. */
int environment_build(struct environment *e, const struct master_start *start,
                      const struct worker_user *user, bool has_file, char *why);
void environment_done(struct environment *e);
