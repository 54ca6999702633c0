/* project.h - finding what the user did not say: the project, its interpreter, the control socket.
 *
 * Folder       conf/place.h
 * Settings     option settings > DJANGO_SETTINGS_MODULE of the environment > of the env file >
 *              manage.py > wsgi.py or asgi.py.
 * Application  option app > (without manage.py, or when nothing names the settings) that of the
 *              wsgi.py found > what the settings say, once imported.
 * Interpreter  option python > option venv > $VIRTUAL_ENV > .venv, venv in the folder and in the
 *              one above it > python3 on $PATH.  The path is kept as found, links and all: Python
 *              looks for pyvenv.cfg beside it.
 * Control      option control, else in the first of $XDG_RUNTIME_DIR/slipway, /run/slipway (root),
 *              /tmp/slipway-UID; named after the site and a hash of the project's real folder.
 * Errors       -errno with one sentence in `why` (CONF_WHY_BYTES).
 */
#pragma once
#include "conf/conf.h"

struct project {
    char folder[4096];            /* where the application runs */
    char folder_from[320];        /* why that one: "manage.py", "manage.py above DIR", ... */
    char python[4096];            /* the interpreter to exec, absolute */
    char venv[4096];              /* its virtual environment, "" for none */
    char settings[256];           /* the settings module, "" when nothing names one */
    char settings_from[256];      /* who does: "manage.py", "--settings", ".env: ..." */
    char app[300];                /* MODULE:CALLABLE, "" for what the settings say */
    char app_from[320];           /* who names it: "APP" of the command line,
                                   * "mysite/wsgi.py"; "" */
    char control[108];            /* path of the control socket */
    char name[64];                /* of the site: option site, else the folder's */
    bool has_manage_py;
};

/* `c` comes from conf_load.  wants_app: having neither an application nor settings is an error. */
int project_find(struct project *p, const struct conf *c, char *const *envp, bool wants_app,
                 char *why);

/* Path of the control socket.  make: of the site that is about to start here; its folder is made
 * (0700) and refused when it belongs to somebody else.  Else of the site that runs here: the first
 * socket that is there for this folder, its project or a folder above; when there is none, the path
 * that `make` gives. */
int project_control(char path[108], const struct conf *c, bool make, char *why);

/* CPUs this process may use: the affinity mask and the cgroup's quota (v1 and v2), at least 1. */
unsigned project_cpus(void);
int64_t project_memory_bytes(void);           /* of the machine or the cgroup, whichever is less */
/* How many workers a site gets: option workers, or for 0 what CPUs and memory allow
 * (conf/machine.h). */
unsigned project_workers(const struct conf *c);
