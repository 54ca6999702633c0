/* check_print.c - what check found, for people: three blocks of aligned lines.
 *
 * On a terminal the levels have colours and sentences are wrapped at its width; elsewhere each row
 * is one line, for grep. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/sys.h"
#include "cli/check.h"

enum {
    NAME_WIDTH = 14, LEVEL_WIDTH = 8, TEXT_COLUMN = 2 + LEVEL_WIDTH + NAME_WIDTH,
    FIX_COLUMN = 2 + LEVEL_WIDTH, VALUE_WIDTH = 30, WIDTH_LEAST = 60, WIDTH_USUAL = 80,
    WIDTH_MOST = 120
};

static const char *const colours[] = { "\033[32m", "\033[33m", "\033[1;31m" };
static const char first_heading[] = "project";
static const char bold[] = "\033[1m", dim[] = "\033[2m", plain[] = "\033[0m";

struct page {
    bool has_colour;
    int width;              /* 0: lines are not wrapped */
};

/* no-color.org: any value that is not empty says no. */
static struct page page_of_output(void)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM"), *set = getenv("COLUMNS");
    struct page page = { 0 };
    if (!isatty(STDOUT_FILENO))
        return page;
    int columns = set && atoi(set) > 0 ? atoi(set) : (int)sys_terminal_columns(STDOUT_FILENO);
    page.has_colour = (!no_colour || no_colour[0] == '\0') && (!term || strcmp(term, "dumb") != 0);
    page.width = columns <= 0            ? WIDTH_USUAL
                 : columns < WIDTH_LEAST ? WIDTH_LEAST
                 : columns > WIDTH_MOST  ? WIDTH_MOST
                                         : columns;
    return page;
}

/* ---- pieces ---- */

/* Padded to `width` columns; the colour does not count. */
static void put(const struct page *page, const char *colour, const char *text, int width)
{
    bool is_coloured = page->has_colour && colour[0] != '\0';
    (void)printf("%s%-*s%s", is_coloured ? colour : "", width, text, is_coloured ? plain : "");
}

/* Columns of UTF-8 text, each character being one. */
static int columns_of(const char *text, size_t bytes)
{
    int columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

/* The text from this column on, wrapped at words; ends the line. */
static void put_wrapped(const struct page *page, const char *text, int indent)
{
    int column = indent;
    for (bool is_first = true; *text; is_first = false) {
        size_t bytes = strcspn(text, " ");
        int word = columns_of(text, bytes);
        if (!is_first && page->width > 0 && column + 1 + word > page->width) {
            (void)printf("\n%*s", indent, "");
            column = indent;
        } else if (!is_first) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", (int)bytes, text);
        column += word;
        text += bytes + (text[bytes] == ' ');
    }
    (void)putchar('\n');
}

/* After an empty line, except at the top. */
static void put_heading(const struct page *page, const char *text)
{
    if (strcmp(text, first_heading) != 0)
        (void)putchar('\n');
    put(page, bold, text, 0);
    (void)putchar('\n');
}

static void put_fact(const struct page *page, const char *name, const char *value,
                     const char *beside)
{
    (void)printf("  ");
    put(page, "", name, NAME_WIDTH);
    (void)printf("%s", value[0] != '\0' ? value : "-");
    if (beside[0] != '\0') {
        (void)printf("  ");
        put(page, dim, beside, 0);
    }
    (void)putchar('\n');
}

/* ---- the project ---- */

/* What nobody named beforehand, the project named itself while it was imported. */
static void print_settings(const struct page *page, const json_t *found)
{
    const char *named = json_text(found, "settings", "");
    const json_t *report = json_object_get(found, "application");
    const char *live = json_is_object(report) ? json_text(report, "settings", "") : "";
    if (named[0] != '\0' || live[0] == '\0')
        put_fact(page, "settings", named, json_text(found, "settings_from", ""));
    else
        put_fact(page, "settings", live, json_text(report, "application", ""));
}

static void print_project(const struct page *page, const json_t *found)
{
    char count[24], machine[64];
    put_heading(page, first_heading);
    put_fact(page, "site", json_text(found, "site", ""), "");
    put_fact(page, "folder", json_text(found, "folder", ""), json_text(found, "folder_from", ""));
    print_settings(page, found);
    put_fact(page, "python", json_text(found, "python", ""), "");
    put_fact(page, "venv", json_text(found, "venv", ""), "");
    put_fact(page, "config", json_text(found, "config", ""), "");
    put_fact(page, "env file", json_text(found, "env_file", ""), "");
    put_fact(page, "control", json_text(found, "control", ""), "");
    (void)snprintf(count, sizeof(count), "%lld", (long long)json_int(found, "workers", 0));
    (void)snprintf(machine, sizeof(machine), "of %lld CPUs, %.1f GiB",
                   (long long)json_int(found, "cpus", 0),
                   (double)json_int(found, "memory_bytes", 0) / (1LL << 30));
    put_fact(page, "workers", count, machine);
}

static void print_application(const struct page *page, const json_t *report)
{
    const json_t *row, *media = json_object_get(report, "media");
    size_t i;
    if (!json_is_object(report))
        return;
    put_fact(page, "application", json_text(report, "application", ""),
             json_text(report, "application_from", ""));
    put_fact(page, "framework", json_text(report, "framework", ""), "");
    json_array_foreach(json_object_get(report, "static"), i, row)
        put_fact(page, i == 0 ? "static" : "", json_text(row, "url", ""),
                 json_text(row, "root", ""));
    if (json_flag(media, "serve", false))
        put_fact(page, "media", json_text(media, "url", ""), json_text(media, "root", ""));
}

/* ---- options ---- */

static void print_options(const struct page *page, const json_t *options, bool is_all)
{
    const json_t *row;
    size_t i, left_out = 0;
    put_heading(page, is_all ? "options" : "options that differ from their default");
    json_array_foreach(options, i, row) {
        const char *value = json_text(row, "value", "");
        if (!is_all && json_flag(row, "default", false)) {
            left_out++;
            continue;
        }
        (void)printf("  %-18s %-*s ", json_text(row, "name", ""), VALUE_WIDTH,
                     value[0] != '\0' ? value : "-");
        put(page, dim, json_text(row, "origin", ""), 0);
        if (json_text(row, "route", "")[0] != '\0')
            (void)printf(" for %s", json_text(row, "route", ""));
        (void)putchar('\n');
    }
    if (left_out > 0) {
        char text[64];
        (void)snprintf(text, sizeof(text), "  %zu have it: --all shows them", left_out);
        put(page, dim, text, 0);
        (void)putchar('\n');
    }
}

/* ---- the look-over ---- */

static void print_row(const struct page *page, const json_t *row)
{
    const char *fix = json_text(row, "fix", "");
    (void)printf("  ");
    put(page, colours[check_level_of(row)], json_text(row, "level", ""), LEVEL_WIDTH);
    put(page, "", json_text(row, "name", ""), NAME_WIDTH);
    put_wrapped(page, json_text(row, "text", ""), TEXT_COLUMN);
    if (fix[0] != '\0') {
        (void)printf("%*s", FIX_COLUMN, "");
        put(page, dim, "> ", 0);
        put(page, bold, fix, 0);
        (void)putchar('\n');
    }
}

/* `is_later`: those that only production would make a problem of. */
static size_t print_group(const struct page *page, const json_t *rows, const char *group,
                          bool is_later, const char *heading)
{
    const json_t *row;
    size_t i, count = 0;
    json_array_foreach(rows, i, row) {
        if (strcmp(json_text(row, "group", ""), group) != 0 ||
            json_flag(row, "later", false) != is_later)
            continue;
        if (count++ == 0 && heading)
            put_heading(page, heading);
        print_row(page, row);
    }
    return count;
}

static void print_checks(const struct page *page, const json_t *rows)
{
    static const char *const groups[] = { CHECK_GROUPS };
    const char *heading = "before this serves visitors (DEBUG is on now)";
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        (void)print_group(page, rows, groups[i], false, groups[i]);
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (print_group(page, rows, groups[i], true, heading) > 0)
            heading = NULL;
}

static void print_sum(const struct page *page, const json_t *found)
{
    char text[64];
    size_t problems = check_count(found, CHECK_PROBLEM),
           warnings = check_count(found, CHECK_WARNING);
    (void)putchar('\n');
    if (problems + warnings == 0) {
        put(page, colours[CHECK_OK], "nothing is wrong", 0);
    } else {
        (void)snprintf(text, sizeof(text), "%zu problem%s", problems, problems == 1 ? "" : "s");
        put(page, problems > 0 ? colours[CHECK_PROBLEM] : "", text, 0);
        (void)printf(", ");
        (void)snprintf(text, sizeof(text), "%zu warning%s", warnings, warnings == 1 ? "" : "s");
        put(page, warnings > 0 ? colours[CHECK_WARNING] : "", text, 0);
    }
    (void)printf(", %zu ok\n", check_count(found, CHECK_OK));
    if (problems + warnings > 0) {
        put(page, dim, "meant so? in the settings: SILENCED_SYSTEM_CHECKS = [\"slipway.NAME\"]", 0);
        (void)putchar('\n');
    }
}

void check_print(const json_t *found, bool is_all)
{
    const struct page page = page_of_output();
    print_project(&page, found);
    print_application(&page, json_object_get(found, "application"));
    print_options(&page, json_object_get(found, "options"), is_all);
    print_checks(&page, json_object_get(found, "checks"));
    print_sum(&page, found);
}
