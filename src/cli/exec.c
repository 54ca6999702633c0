/* exec.c - `slipway exec CMD...`: a command as the site's workers would run it: in their folder,
 * with their environment, and where root types it, as their user.
 *
 * The command takes the place of this process, so it keeps the terminal, gets the signals and gives
 * its own exit status.  127: there is no such command; 126: it cannot be run (as shells have it).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sys.h"
#include "cli/verbs.h"
#include "conf/project.h"
#include "master/environment.h"

enum { EXIT_CANNOT_RUN = 126, EXIT_NO_COMMAND = 127, PATH_BYTES = 4096 };

/* Folders tried when the environment has no PATH (POSIX leaves it to the system). */
static const char usual_path[] = "/usr/local/bin:/usr/bin:/bin";

static bool is_one_of(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* The whole command, new for sys_free: `manage` and `python` are those of the project. */
static char **whole_command(const struct project *p, int argc, char **argv)
{
    static char manage_py[] = "manage.py", dash_m[] = "-m", django[] = "django";
    char **all = sys_calloc((size_t)argc + 3, sizeof *all);
    if (!all)
        return NULL;
    bool is_manage = is_one_of(argv[0], "manage", "manage.py");
    bool is_python = is_manage || is_one_of(argv[0], "python", "python3");
    size_t count = 0;
    all[count++] = is_python ? (char *)(uintptr_t)p->python : argv[0];
    if (is_manage && p->has_manage_py) {
        all[count++] = manage_py;
    } else if (is_manage) {
        all[count++] = dash_m;
        all[count++] = django;
    }
    for (int i = 1; i < argc; i++)
        all[count++] = argv[i];
    return all;
}

/* Returns only when it did not run.  -ELIBACC: the file is there, what it needs to run is not. */
static int try_file(const char *program, char **command, char *const *envp)
{
    struct stat st;
    int rc = sys_execve(program, command, envp);
    return rc == -ENOENT && sys_stat(program, &st) == 0 ? -ELIBACC : rc;
}

/* Returns only when it did not: the -errno that says most, of which file in `found`. */
static int exec_from_path(char **command, char *const *envp, char found[PATH_BYTES])
{
    char program[PATH_BYTES];
    int rc = -ENOENT;
    const char *path = env_value(envp, "PATH");
    struct span rest = span_of(path ? path : usual_path);
    for (;;) {
        struct span dir = { rest.at, span_find(rest, ':') };
        int len = snprintf(program, sizeof program, "%.*s%s%s", (int)dir.len, dir.at,
                           dir.len > 0 ? "/" : "./", command[0]);
        int tried = len > 0 && (size_t)len < sizeof program ? try_file(program, command, envp)
                                                            : -ENAMETOOLONG;
        if (tried != -ENOENT && tried != -ENOTDIR && rc == -ENOENT) {
            rc = tried;
            (void)snprintf(found, PATH_BYTES, "%s", program);
        }
        if (dir.len == rest.len)
            return rc;
        rest = span_skip(rest, dir.len + 1);
    }
}

static const char *reason(int rc)
{
    if (rc == -ENOEXEC)
        return "it is no program; a script begins with #! and its interpreter";
    if (rc == -ELIBACC)
        return "the interpreter it names in its first line is not there";
    return strerror(-rc);
}

static int run_command(char **command, const struct project *p, const struct worker_user *user,
                       char *const *envp)
{
    char shown[PATH_BYTES], found[PATH_BYTES] = "";
    bool is_path = strchr(command[0], '/');
    int rc = worker_user_become(user);
    if (rc < 0)
        return verbs_fail(EXIT_CANNOT_RUN, "cannot become %s: %s", user->account.name, strerror(-rc));
    rc = sys_chdir(p->folder);
    if (rc < 0)
        return verbs_fail(EXIT_CANNOT_RUN, "cannot enter the folder %s: %s", p->folder,
                          strerror(-rc));
    (void)fflush(stdout);
    rc = is_path ? try_file(command[0], command, envp) : exec_from_path(command, envp, found);
    (void)log_escape(shown, sizeof shown, span_of(found[0] ? found : command[0]));
    if (rc == -ENOENT && !is_path)
        return verbs_fail(EXIT_NO_COMMAND, "there is no command '%s' on PATH (with that of %s)",
                          shown, p->venv[0] ? p->venv : p->python);
    return verbs_fail(rc == -ENOENT || rc == -ELIBACC ? EXIT_NO_COMMAND : EXIT_CANNOT_RUN,
                      "cannot run %s in %s: %s", shown, p->folder, reason(rc));
}

static int exec_with(const struct conf *c, int argc, char **argv)
{
    char why[CONF_WHY_BYTES];
    struct project project;
    struct environment e;
    struct worker_user user;
    if (project_find(&project, c, environ, false, why) < 0 ||
        worker_user_find(&user, c, project.folder, why) < 0)
        return verbs_fail(EXIT_WRONG, "%s", why);
    const struct master_start start = { .conf = c, .project = &project, .envp = environ };
    int status = EXIT_WRONG;
    char **command = NULL;
    if (environment_build(&e, &start, &user, true, why) < 0)
        (void)verbs_fail(EXIT_WRONG, "%s", why);
    else if ((command = whole_command(&project, argc, argv)) == NULL)
        (void)verbs_fail(EXIT_WRONG, "out of memory");
    else
        status = run_command(command, &project, &user, e.envp);
    sys_free(command);
    environment_done(&e);
    return status;
}

int verb_exec(int argc, char **argv)
{
    int status, own = conf_options_end(argc, argv);
    int at = own < argc && strcmp(argv[own], "--") == 0 ? own + 1 : own;
    if (at == own && at < argc && argv[at][0] == '-')
        own = ++at;                               /* no option of ours: to be refused as one */
    struct conf *c = verbs_load(own, argv, false, &status);
    if (!c)
        return status;
    status = at < argc ? exec_with(c, argc - at, argv + at)
                       : verbs_fail(EXIT_USAGE, "exec needs a command, such as: "
                                                "slipway exec manage createsuperuser");
    conf_free(c);
    return status;
}
