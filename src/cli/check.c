/* check.c - `slipway check`: looks at a project as an operator would, before anything serves.
 *
 * Exit status: 0; 1 when a row is a problem (with --strict: or a warning), or there is nothing to
 * look at; 2 for a mistake in the command. */
#include "cli/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/sys.h"
#include "cli/verbs.h"

static const char *const level_names[] = { "ok", "warning", "problem" };

static void set_text(json_t *object, const char *name, const char *text)
{
    /* A path need not be UTF-8, JSON must be. */
    json_t *value = json_string(text);
    (void)json_object_set_new(object, name, value ? value : json_string("(not UTF-8)"));
}

/* ---- rows ---- */

void check_say(json_t *found, const char *group, const char *name, enum check_level level,
               const char *fix, const char *format, ...)
{
    char sentence[CONF_WHY_BYTES + 4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    json_t *row = json_object();
    set_text(row, "name", name);
    set_text(row, "group", group);
    set_text(row, "level", level_names[level]);
    set_text(row, "text", sentence);
    set_text(row, "fix", fix);
    (void)json_object_set_new(row, "later", json_false());
    (void)json_array_append_new(json_object_get(found, "checks"), row);
}

enum check_level check_level_of(const json_t *row)
{
    const char *level = json_text(row, "level", "");
    return strcmp(level, level_names[CHECK_PROBLEM]) == 0   ? CHECK_PROBLEM
           : strcmp(level, level_names[CHECK_WARNING]) == 0 ? CHECK_WARNING
                                                            : CHECK_OK;
}

size_t check_count(const json_t *found, enum check_level level)
{
    const json_t *row;
    size_t i, count = 0;
    json_array_foreach(json_object_get(found, "checks"), i, row)
        count += check_level_of(row) == level;
    return count;
}

/* ---- options, machine, project ---- */

/* route: the paths it holds for, NULL for all. */
static void add_option(json_t *found, const struct conf *c, enum conf_option i, const char *route)
{
    struct buf value = { 0 };
    json_t *row = json_object();
    bool is_known = conf_value_text(c, i, &value) == 0 && buf_add(&value, (struct span){ "", 1 }) == 0;
    set_text(row, "name", conf_row(i)->name);
    set_text(row, "value", is_known ? buf_span(&value).at : "");
    set_text(row, "origin", conf_origin_text(c, i));
    if (route)
        set_text(row, "route", route);
    (void)json_object_set_new(row, "default", json_boolean(c->origin[i].source == CONF_BUILT_IN));
    (void)json_object_set_new(row, "reload", json_boolean(conf_row(i)->on_reload));
    (void)json_array_append_new(json_object_get(found, "options"), row);
    buf_done(&value);
}

static void look_at_options(json_t *found, const struct conf *c)
{
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
        add_option(found, c, i, NULL);
    for (size_t r = 0; r < c->routes_count; r++)
        for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
            if (c->routes[r].conf->origin[i].source == CONF_ROUTE)
                add_option(found, c->routes[r].conf, i, c->routes[r].pattern);
}

static void look_at_machine(json_t *found, const struct conf *c)
{
    int64_t memory = project_memory_bytes();
    (void)json_object_set_new(found, "workers", json_integer(project_workers(c)));
    (void)json_object_set_new(found, "cpus", json_integer(project_cpus()));
    (void)json_object_set_new(found, "memory_bytes",
                              memory < INT64_MAX ? json_integer(memory) : json_null());
}

static bool look_at_project(json_t *found, struct project *p, const struct conf *c,
                            char *const *envp)
{
    char why[CONF_WHY_BYTES];
    int rc = project_find(p, c, envp, true, why);
    if (rc < 0)
        check_say(found, "program", "project", CHECK_PROBLEM, "", "%s", why);
    set_text(found, "config", c->config);
    set_text(found, "env_file", c->env_file);
    set_text(found, "site", p->name);
    set_text(found, "folder", p->folder);
    set_text(found, "folder_from", p->folder_from);
    (void)json_object_set_new(found, "manage_py", json_boolean(p->has_manage_py));
    set_text(found, "settings", p->settings);
    set_text(found, "settings_from", p->settings_from);
    set_text(found, "python", p->python);
    set_text(found, "venv", p->venv);
    set_text(found, "control", p->control);
    return rc == 0;
}

static void look_at_application(json_t *found, const struct project *p, const struct conf *c,
                                char *const *envp)
{
    char why[CONF_WHY_BYTES];
    const struct master_start start = { .conf = c, .project = p, .envp = envp };
    char *line = master_probe(&start, why);
    json_t *report = line ? json_read(span_of(line), why) : NULL;
    if (!report)
        check_say(found, "program", "application", CHECK_PROBLEM, "", "%s", why);
    (void)json_array_extend(json_object_get(found, "checks"), json_object_get(report, "checks"));
    (void)json_object_del(report, "checks");
    (void)json_object_set_new(found, "application", report ? report : json_null());
    sys_free(line);
}

/* ---- the whole ---- */

static void list_sentences(json_t *found, const char *list, enum check_level level)
{
    const json_t *row;
    size_t i;
    json_t *sentences = json_array();
    json_array_foreach(json_object_get(found, "checks"), i, row)
        if (check_level_of(row) == level)
            (void)json_array_append_new(sentences, json_string(json_text(row, "text", "")));
    (void)json_object_set_new(found, list, sentences);
}

json_t *check_make(const struct conf *c, const struct conf *server, char *const *envp, bool is_strict)
{
    struct project project;
    json_t *found = json_pack("{s:b, s:s, s:[], s:[]}", "ok", 0, "version", SLIPWAY_VERSION,
                              "options", "checks");
    if (!found)
        return NULL;
    look_at_options(found, c);
    look_at_machine(found, c);
    if (look_at_project(found, &project, c, envp)) {
        check_look(found, c, server, &project);
        look_at_application(found, &project, c, envp);
    }
    list_sentences(found, "problems", CHECK_PROBLEM);
    list_sentences(found, "notes", CHECK_WARNING);
    bool is_ok = check_count(found, CHECK_PROBLEM) == 0 &&
                 (!is_strict || check_count(found, CHECK_WARNING) == 0);
    (void)json_object_set_new(found, "ok", json_boolean(is_ok));
    return found;
}

/* ---- the verb ---- */

static int print_json(const json_t *found)
{
    char *line = json_line(found);
    if (!line)
        return verbs_fail(EXIT_WRONG, "out of memory");
    (void)fputs(line, stdout);
    sys_free(line);
    return json_flag(found, "ok", false) ? EXIT_DONE : EXIT_WRONG;
}

/* What there is to say when the options themselves are wrong: to a program the same way as the
 * rest. */
static int print_unreadable(int status, bool is_json, const char *why)
{
    json_t *found = json_pack("{s:b, s:s, s:[s]}", "ok", 0, "version", SLIPWAY_VERSION, "problems",
                              why);
    if (!is_json || !found)
        (void)verbs_fail(status, "%s", why);
    else
        (void)print_json(found);
    json_decref(found);
    return status;
}

int verb_check(int argc, char **argv)
{
    int status;
    char why[CONF_WHY_BYTES];
    bool is_json = verbs_take_flag(&argc, argv, "--json"),
         is_all = verbs_take_flag(&argc, argv, "--all"),
         is_strict = verbs_take_flag(&argc, argv, "--strict");
    struct conf *c = verbs_load_quietly(argc, argv, &status, why);
    if (!c)
        return print_unreadable(status, is_json, why);
    if (c->sites[0]) {
        status = check_sites(c, environ, is_json, is_all, is_strict);
        conf_free(c);
        return status;
    }
    json_t *found = check_make(c, NULL, environ, is_strict);
    if (!found) {
        status = verbs_fail(EXIT_WRONG, "out of memory");
    } else if (is_json) {
        status = print_json(found);
    } else {
        check_print(found, is_all);
        status = json_flag(found, "ok", false) ? EXIT_DONE : EXIT_WRONG;
    }
    json_decref(found);
    conf_free(c);
    return status;
}
