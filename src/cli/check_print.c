/* check_print.c - what check found, for a terminal. */
#include <stdio.h>
#include "cli/check.h"
#include "cli/verbs.h"

static void print_line(const char *name, const char *value, const char *beside)
{
    if (value[0] == '\0')
        value = "-";
    (void)printf("%-12s %s%s%s%s\n", name, value, beside[0] != '\0' ? "  (" : "", beside,
                 beside[0] != '\0' ? ")" : "");
}

static void print_project(const json_t *found)
{
    char text[128];
    int64_t memory = json_int(found, "memory_bytes", 0);
    print_line("site", json_text(found, "site", ""), "");
    print_line("folder", json_text(found, "folder", ""),
               json_flag(found, "manage_py", false) ? "manage.py" : "no manage.py");
    print_line("settings", json_text(found, "settings", ""), json_text(found, "settings_from", ""));
    print_line("python", json_text(found, "python", ""), json_text(found, "venv", ""));
    print_line("config", json_text(found, "config", ""), "");
    print_line("env file", json_text(found, "env_file", ""), "");
    print_line("control", json_text(found, "control", ""), "");
    (void)snprintf(text, sizeof(text), "%lld CPUs, %.1f GiB", (long long)json_int(found, "cpus", 0),
                   (double)memory / (1LL << 30));
    (void)printf("%-12s %lld  (this machine or its control group: %s)\n", "workers",
                 (long long)json_int(found, "workers", 0), text);
}

static void print_application(const json_t *report)
{
    const json_t *row;
    size_t i;
    if (!json_is_object(report))
        return;
    print_line("application", json_text(report, "application", ""),
               json_text(report, "framework", ""));
    print_line("interpreter", json_text(report, "python", ""), "");
    json_array_foreach(json_object_get(report, "static"), i, row)
        print_line("static", json_text(row, "url", ""), json_text(row, "root", ""));
}

static void print_options(const json_t *options)
{
    const json_t *row;
    size_t i;
    (void)printf("\n%-18s %-28s %s\n", "option", "value", "from");
    json_array_foreach(options, i, row) {
        const char *value = json_text(row, "value", "");
        (void)printf("%-18s %-28s %s\n", json_text(row, "name", ""), value[0] != '\0' ? value : "-",
                     json_text(row, "origin", ""));
    }
}

static void print_sentences(const json_t *list, const char *title)
{
    const json_t *row;
    size_t i;
    if (json_array_size(list) == 0)
        return;
    (void)printf("\n%s\n", title);
    json_array_foreach(list, i, row)
        (void)printf("  - %s\n", json_string_value(row));
}

void check_print(const json_t *found)
{
    const json_t *problem, *problems = json_object_get(found, "problems");
    size_t i;
    print_project(found);
    print_application(json_object_get(found, "application"));
    print_options(json_object_get(found, "options"));
    print_sentences(json_object_get(found, "notes"), "worth a look");
    (void)printf("\n%s\n", json_array_size(problems) == 0 ? "nothing is wrong" : "this is wrong:");
    (void)fflush(stdout);
    json_array_foreach(problems, i, problem)
        (void)verbs_fail(EXIT_WRONG, "%s", json_string_value(problem));
}
