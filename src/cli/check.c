/* check.c - `slipway check`: looks at a project as an operator would, before anything serves. */
#include "cli/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/sys.h"
#include "cli/verbs.h"
#include "conf/folder.h"

__attribute__((format(printf, 3, 4)))
static void say(json_t *found, const char *list, const char *format, ...)
{
    char sentence[CONF_WHY_BYTES + 128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    (void)json_array_append_new(json_object_get(found, list), json_string(sentence));
}

static void set_text(json_t *found, const char *name, const char *text)
{
    /* A path need not be UTF-8, JSON must be. */
    json_t *value = json_string(text);
    (void)json_object_set_new(found, name, value ? value : json_string("(not UTF-8)"));
}

/* ---- options, machine, project ---- */

static void look_at_options(json_t *found, const struct conf *c)
{
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++) {
        struct buf value = { 0 };
        json_t *row = json_object();
        bool is_known = conf_value_text(c, i, &value) == 0 &&
                        buf_add(&value, (struct span){ "", 1 }) == 0;
        set_text(row, "name", conf_row(i)->name);
        set_text(row, "value", is_known ? buf_span(&value).at : "");
        set_text(row, "origin", conf_origin_text(c, i));
        (void)json_object_set_new(row, "default",
                                  json_boolean(c->origin[i].source == CONF_BUILT_IN));
        (void)json_object_set_new(row, "reload", json_boolean(conf_row(i)->on_reload));
        (void)json_array_append_new(json_object_get(found, "options"), row);
        buf_done(&value);
    }
}

static void look_at_machine(json_t *found, const struct conf *c)
{
    int64_t memory = project_memory_bytes();
    (void)json_object_set_new(found, "workers", json_integer(project_workers(c)));
    (void)json_object_set_new(found, "cpus", json_integer(project_cpus()));
    (void)json_object_set_new(found, "memory_bytes",
                              memory < INT64_MAX ? json_integer(memory) : json_null());
}

static void look_at_files(json_t *found, const struct conf *c)
{
    struct stat st;
    set_text(found, "config", c->config);
    set_text(found, "env_file", c->env_file);
    if (c->env_file[0] != '\0' && sys_stat(c->env_file, &st) == 0 && (st.st_mode & S_IROTH))
        say(found, "notes", "every user of this machine can read %s and its secrets: chmod 600 %s",
            c->env_file, c->env_file);
    for (size_t i = 0; i < c->static_map.count; i++) {
        const char *folder = strchr(c->static_map.items[i], '=') + 1;
        if (!folder_exists(folder))
            say(found, "problems", "%s: static folder %s is not there",
                conf_origin_text(c, CONF_static_map), folder);
    }
}

static bool look_at_project(json_t *found, struct project *p, const struct conf *c,
                            char *const *envp)
{
    char why[CONF_WHY_BYTES];
    int rc = project_find(p, c, envp, true, why);
    if (rc < 0)
        say(found, "problems", "%s", why);
    set_text(found, "site", p->name);
    set_text(found, "folder", p->folder);
    (void)json_object_set_new(found, "manage_py", json_boolean(p->has_manage_py));
    set_text(found, "settings", p->settings);
    set_text(found, "settings_from", p->settings_from);
    set_text(found, "python", p->python);
    set_text(found, "venv", p->venv);
    set_text(found, "control", p->control);
    return rc == 0;
}

/* ---- the application ---- */

static bool has_texts(const json_t *list)
{
    return json_array_size(list) > 0;
}

static void look_at_report(json_t *found, const json_t *report)
{
    const json_t *row;
    size_t i;
    bool is_debug = json_flag(report, "debug", false),
         is_django = json_object_get(report, "allowed_hosts") != NULL;
    if (is_debug)
        say(found, "notes",
            "DEBUG is on: under `slipway serve` visitors would see tracebacks and settings");
    if (is_django && !is_debug && !has_texts(json_object_get(report, "allowed_hosts")))
        say(found, "problems",
            "ALLOWED_HOSTS is empty while DEBUG is off: Django answers every request with 400");
    json_array_foreach(json_object_get(report, "static"), i,
                       row) if (!folder_exists(json_text(row, "root", "/")))
        say(found, "notes",
            "%s is not there, so %s comes from the application or not at all: python manage.py "
            "collectstatic",
            json_text(row, "root", ""), json_text(row, "url", ""));
    json_array_foreach(json_object_get(report, "warnings"), i, row)
        if (json_is_string(row))
            say(found, "notes", "%s", json_string_value(row));
}

static void look_at_application(json_t *found, const struct project *p, const struct conf *c,
                                char *const *envp)
{
    char why[CONF_WHY_BYTES];
    const struct master_start start = { .conf = c, .project = p, .envp = envp };
    char *line = master_probe(&start, why);
    json_t *report = line ? json_read(span_of(line), why) : NULL;
    if (report)
        look_at_report(found, report);
    else
        say(found, "problems", "%s", why);
    (void)json_object_set_new(found, "application", report ? report : json_null());
    sys_free(line);
}

json_t *check_make(const struct conf *c, char *const *envp)
{
    struct project project;
    json_t *found = json_pack("{s:b, s:s, s:[], s:[], s:[]}", "ok", 0, "version", SLIPWAY_VERSION,
                              "options", "problems", "notes");
    if (!found)
        return NULL;
    look_at_options(found, c);
    look_at_machine(found, c);
    look_at_files(found, c);
    if (look_at_project(found, &project, c, envp))
        look_at_application(found, &project, c, envp);
    (void)json_object_set_new(found, "ok",
                              json_boolean(!has_texts(json_object_get(found, "problems"))));
    return found;
}

/* ---- the verb ---- */

static int print(const json_t *found, bool is_json)
{
    char *line = is_json ? json_line(found) : NULL;
    if (is_json && !line)
        return verbs_fail(EXIT_WRONG, "out of memory");
    if (is_json)
        (void)fputs(line, stdout);
    else
        check_print(found);
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
        (void)print(found, true);
    json_decref(found);
    return status;
}

int verb_check(int argc, char **argv)
{
    int status;
    char why[CONF_WHY_BYTES];
    bool is_json = verbs_take_flag(&argc, argv, "--json");
    struct conf *c = verbs_load_quietly(argc, argv, &status, why);
    if (!c)
        return print_unreadable(status, is_json, why);
    json_t *found = check_make(c, environ);
    status = found ? print(found, is_json) : verbs_fail(EXIT_WRONG, "out of memory");
    json_decref(found);
    conf_free(c);
    return status;
}
