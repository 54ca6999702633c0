/* project.h - finding what the user did not say: the Django project, its interpreter, the control socket.
 */
#pragma once
#include "conf/conf.h"

struct project {
    char folder[4096];        /* where the application runs: beside manage.py, else chdir */
    char python[4096];        /* the interpreter to exec */
    char venv[4096];          /* its virtual environment, "" for none */
    char settings[256];       /* settings module as manage.py says it, "" when unknown */
    char control[108];        /* path of the control socket */
    char name[64];            /* of the site */
    bool has_manage_py;
};
/* 0, or -errno with a sentence: no interpreter, no manage.py and no module:callable (when wants_app), ... */
int project_find(struct project *p, const struct conf *c, char *const *envp, bool wants_app, char *why);
/* Path of the control socket of the project in this conf; makes its folder (0700, owner checked) when `make`. */
int project_control(char path[108], const struct conf *c, bool make, char *why);
/* CPUs this process may use: the affinity mask and the cgroup's quota (v1 and v2), at least 1. */
unsigned project_cpus(void);
