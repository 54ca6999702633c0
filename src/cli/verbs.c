/* verbs.c - the table of verbs, and the short ones: run, serve, stop, version. */
#include "cli/verbs.h"
#include "cli/local_certificate.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/json.h"
#include "base/log.h"
#include "conf/control_path.h"
#include "conf/project.h"
#include "master/control.h"
#include "master/master.h"

const struct verb verbs[] = {
#define VERB(name, function, options, arguments, help)                                             \
    { name, function, VERB_##options, arguments, help },
#include "cli/verbs.def"
};
const size_t verbs_count = ARRAY_LEN(verbs);

const struct verb *verbs_find(struct span name)
{
    for (size_t i = 0; i < verbs_count; i++)
        if (span_eq(name, span_of(verbs[i].name)))
            return &verbs[i];
    return NULL;
}

const struct verb *verbs_guess(struct span name)
{
    static const struct { struct span theirs, ours;
    } borrowed[] = {
        { SPAN("start"), SPAN("serve") },  { SPAN("runserver"), SPAN("run") },
        { SPAN("dev"), SPAN("run") },      { SPAN("restart"), SPAN("reload") },
        { SPAN("quit"), SPAN("stop") },    { SPAN("ps"), SPAN("status") },
        { SPAN("doctor"), SPAN("check") },
    };
    for (size_t i = 0; i < ARRAY_LEN(borrowed); i++)
        if (span_eq(name, borrowed[i].theirs))
            return verbs_find(borrowed[i].ours);
    for (size_t i = 0; i < verbs_count; i++)
        if (conf_edits(name, span_of(verbs[i].name)) <= (name.len > 3 ? 2U : 1U))
            return &verbs[i];
    return NULL;
}

int verbs_fail(int status, const char *sentence, ...)
{
    va_list arguments;
    va_start(arguments, sentence);
    (void)fflush(stdout);                              /* in the order in which they were said */
    (void)fputs("slipway: ", stderr);
    (void)vfprintf(stderr, sentence, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return status;
}

bool verbs_take_flag(int *argc, char **argv, const char *flag)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++)
        if (strcmp(argv[i], flag) != 0)
            argv[kept++] = argv[i];
    bool was_there = kept < *argc;
    *argc = kept;
    return was_there;
}

const char *verbs_take_value(int *argc, char **argv, const char *name)
{
    const char *value = NULL;
    size_t len = strlen(name);
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        bool is_it = strncmp(argv[i], name, len) == 0;
        if (is_it && argv[i][len] == '=')
            value = argv[i] + len + 1;
        else if (is_it && argv[i][len] == '\0' && i + 1 < *argc)
            value = argv[++i];
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return value;
}

struct conf *verbs_load_quietly(int argc, char **argv, int *status, char *why)
{
    struct conf *c = conf_new();
    int rc = c ? conf_load(c, argc, argv, environ, why) : -ENOMEM;
    if (!c)
        (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
    *status = rc == -EINVAL ? EXIT_USAGE : rc < 0 ? EXIT_WRONG : EXIT_DONE;
    if (rc == 0)
        return c;
    conf_free(c);
    return NULL;
}

struct conf *verbs_load(int argc, char **argv, bool takes_app, int *status)
{
    char why[CONF_WHY_BYTES], shown[100];
    struct conf *c = verbs_load_quietly(argc, argv, status, why);
    if (!c) {
        (void)verbs_fail(*status, "%s", why);
    } else if (!takes_app && c->origin[CONF_app].source == CONF_ARGUMENT) {
        *status = verbs_fail(EXIT_USAGE,
                             "'%s' is one argument too many, a site is named by --chdir",
                             log_escape(shown, sizeof(shown), span_of(c->app)));
        conf_free(c);
        c = NULL;
    }
    return c;
}

/* ---- run, serve ---- */

/* Under `run` a file that is wrong is shown in the browser, and the next save mends it: then the
 * conf is without it, and `why` says what is wrong. */
static struct conf *load_around(int argc, char **argv, char *why)
{
    struct conf *c = conf_new();
    if (c && conf_load_around(c, argc, argv, environ, why) == 1)
        return c;
    conf_free(c);
    return NULL;
}

/* The project without the environment file that cannot be read. */
static int find_around(struct project *p, struct conf *c, char *why)
{
    const char *env_file = c->env_file;
    c->env_file = "";
    int rc = project_find(p, c, environ, true, why);
    c->env_file = env_file;
    return rc;
}

/* A server of several sites has no project of its own, but a control socket where its file is. */
static int serve_sites(struct master_start *start, struct conf *c)
{
    char why[CONF_WHY_BYTES];
    struct project project = { 0 };
    if (start->is_development || start->excuse)
        return verbs_fail(EXIT_WRONG, "%s", start->excuse ? start->excuse : "run serves one project; `slipway serve` has option sites");
    if (c->app[0] || c->routes_count > 0)
        return verbs_fail(EXIT_WRONG, "%s stands in the file of a site, not beside option sites",
                          c->app[0] ? "an application" : "a section [route ...]");
    (void)snprintf(project.folder, sizeof project.folder, "%s", c->chdir);
    (void)snprintf(project.name, sizeof project.name, "server");
    start->conf = c;
    start->project = &project;
    return project_control(project.control, c, true, why) < 0 ? verbs_fail(EXIT_WRONG, "%s", why) : master_run(start);
}

static int serve_with(struct master_start *start, struct conf *c)
{
    char why[CONF_WHY_BYTES];
    struct project project;
    int rc = start->excuse ? find_around(&project, c, why)
                           : project_find(&project, c, environ, true, why);
    bool is_found = rc == 0;
    if (rc == 0)
        rc = conf_use_local_certificate(c, environ, why);
    if (rc == 0)
        rc = local_certificate_make(c, why);
    if (rc == 0)
        rc = project_control(project.control, c, true, why);
    start->conf = c;
    start->project = &project;
    return rc < 0 ? verbs_fail(EXIT_WRONG, "%s", start->excuse && !is_found ? start->excuse : why)
                  : master_run(start);
}

static int serve(int argc, char **argv, bool is_development)
{
    int status;
    char why[CONF_WHY_BYTES], around[CONF_WHY_BYTES];
    struct master_start start = {
        .is_development = is_development, .envp = environ, .argc = argc, .argv = argv,
    };
    struct conf *c = verbs_load_quietly(argc, argv, &status, why);
    if (!c && is_development && (c = load_around(argc, argv, around)) != NULL)
        start.excuse = around;
    if (!c)
        return verbs_fail(status, "%s", why);
    c->live = c->live && is_development;
    c->tls = c->tls && is_development;
    if (is_development)
        conf_use_for_development(c);
    status = c->sites[0] ? serve_sites(&start, c) : serve_with(&start, c);
    conf_free(c);
    return status;
}

int verb_run(int argc, char **argv)
{
    return serve(argc, argv, true);
}

int verb_serve(int argc, char **argv)
{
    return serve(argc, argv, false);
}

/* ---- asking who serves ---- */

json_t *verbs_ask_with(struct conf *c, const json_t *request)
{
    char path[CONTROL_PATH_BYTES], why[CONF_WHY_BYTES];
    const char *name = c->site;
    if (c->sites[0])
        c->site = "";                                  /* the socket is the server's */
    int rc = request ? project_control(path, c, false, why) : -ENOMEM;
    c->site = name;
    json_t *answer = rc < 0 ? NULL : control_call(path, request, why);
    if (!answer)
        (void)verbs_fail(EXIT_WRONG, "%s", request ? why : "out of memory");
    return answer;
}

json_t *verbs_ask_site(struct conf *c, const char *verb, const char *site)
{
    json_t *request = json_pack("{s:s, s:s}", "verb", verb, "site", site);
    json_t *answer = verbs_ask_with(c, request);
    json_decref(request);
    return answer;
}

json_t *verbs_ask(int argc, char **argv, const char *verb, int *status)
{
    struct conf *c = verbs_load(argc, argv, false, status);
    json_t *answer = c ? verbs_ask_site(c, verb, "") : NULL;
    if (c && !answer)
        *status = EXIT_WRONG;
    conf_free(c);
    return answer;
}

int verbs_refused(const json_t *answer, const char *what)
{
    const char *traceback = json_text(answer, "traceback", "");
    size_t len = strlen(traceback);
    (void)verbs_fail(EXIT_WRONG, "%s: %s", what,
                     json_text(answer, "error", "the master did not say why"));
    if (len > 0)
        (void)fprintf(stderr, "%s%s", traceback, traceback[len - 1] == '\n' ? "" : "\n");
    return EXIT_WRONG;
}

int verb_stop(int argc, char **argv)
{
    int status;
    json_t *answer = verbs_ask(argc, argv, "stop", &status);
    if (!answer)
        return status;
    if (json_flag(answer, "ok", false))
        (void)puts("stopped");
    else
        status = verbs_refused(answer, "not stopped");
    json_decref(answer);
    return status;
}

/* ---- version ---- */

int verb_version(int argc, char **argv)
{
    if (argc > 0)
        return verbs_fail(EXIT_USAGE, "version takes no arguments, not '%s'", argv[0]);
    (void)printf("slipway %s\njansson %s\n", SLIPWAY_VERSION, jansson_version_str());
    return EXIT_DONE;
}
