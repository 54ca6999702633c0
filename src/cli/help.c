/* help.c - what can be typed, from the tables of verbs and options. */
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "cli/help.h"

enum { INDENT = 2, TEXT_COLUMN = 28, WIDTH_LEAST = 60, WIDTH_USUAL = 100, WIDTH_MOST = 160 };

/* What a verb that talks to a running site needs to find it. */
static const enum conf_option site_options[] = { CONF_chdir, CONF_site, CONF_control, CONF_config,
                                                 CONF_env_file };

static int width(void)
{
    const char *columns = getenv("COLUMNS");
    int value = columns ? atoi(columns) : 0;
    return value == 0            ? WIDTH_USUAL
           : value < WIDTH_LEAST ? WIDTH_LEAST
           : value > WIDTH_MOST  ? WIDTH_MOST
                                 : value;
}

/* A word; of one that no line holds as much as ends with a comma. */
static int next_piece(const char *text, int room)
{
    int word = (int)strcspn(text, " "), cut = room;
    while (word > room && cut > 0 && text[cut - 1] != ',')
        cut--;
    return word > room && cut > 0 ? cut : word;
}

/* The name at the left, its text beside, wrapped at words. */
static void print_entry(FILE *out, const char *name, const char *text)
{
    int limit = width();
    int column = fprintf(out, "%*s%-*s", INDENT, "", TEXT_COLUMN - INDENT - 1, name);
    if (column >= TEXT_COLUMN)
        column = fprintf(out, "\n%*s", TEXT_COLUMN - 1, "") - 1;
    while (*text) {
        int word = next_piece(text, limit - TEXT_COLUMN - 1);
        if (column + 1 + word > limit && column > TEXT_COLUMN)
            column = fprintf(out, "\n%*s", TEXT_COLUMN - 1, "") - 1;
        column += fprintf(out, " %.*s", word, text);
        text += word + (text[word] == ' ');
    }
    (void)fputc('\n', out);
}

static void print_option(FILE *out, enum conf_option option)
{
    char name[80], text[512];
    const struct conf_row *row = conf_row(option);
    (void)snprintf(name, sizeof(name), "--%s %s", row->name, row->argument);
    bool has_default = row->fallback[0] != '\0';
    (void)snprintf(text, sizeof(text), "%s%s%s%s", row->help, has_default ? " [" : "",
                   row->fallback, has_default ? "]" : "");
    print_entry(out, name, text);
}

static void print_options(FILE *out, enum verb_options options)
{
    if (options == VERB_NONE)
        return;
    (void)fputs(
        "\nOptions (each also as SLIPWAY_NAME in the environment and as a line of slipway.ini):\n",
        out);
    if (options == VERB_SITE) {
        for (size_t i = 0; i < ARRAY_LEN(site_options); i++)
            print_option(out, site_options[i]);
        return;
    }
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
        print_option(out, i);
    (void)fputs(
        "\nTIME is 500ms, 30s, 5m or 2h (a bare number: seconds); SIZE is 65536, 64K, 10M or 1G.\n",
        out);
}

void help_print(FILE *out)
{
    (void)fputs(
        "slipway serves Django and WSGI applications.\n\nUsage: slipway VERB [arguments]\n\n", out);
    for (size_t i = 0; i < verbs_count; i++)
        print_entry(out, verbs[i].name, verbs[i].help);
    (void)fputs("\n`slipway help VERB` tells what a verb takes.  In a Django project, `slipway "
                "run` is enough.\n",
                out);
}

void help_print_verb(FILE *out, const struct verb *verb)
{
    bool has_arguments = verb->arguments[0] != '\0';
    (void)fprintf(out, "slipway %s%s%s\n\n%s\n", verb->name, has_arguments ? " " : "",
                  verb->arguments, verb->help);
    print_options(out, verb->options);
}

int help_unknown_verb(const char *name)
{
    char shown[100];
    const struct verb *near = verbs_guess(span_of(name));
    (void)log_escape(shown, sizeof(shown), span_of(name));
    if (near)
        return verbs_fail(EXIT_USAGE, "unknown verb '%s', did you mean '%s'?", shown, near->name);
    if (strchr(name, ':'))
        return verbs_fail(EXIT_USAGE,
                          "unknown verb '%s'; an application is served by: slipway serve %s", shown,
                          shown);
    return verbs_fail(EXIT_USAGE, "unknown verb '%s'; `slipway help` lists them", shown);
}

int verb_help(int argc, char **argv)
{
    if (argc == 0) {
        help_print(stdout);
        return EXIT_DONE;
    }
    const struct verb *verb = verbs_find(span_of(argv[0]));
    if (!verb)
        return help_unknown_verb(argv[0]);
    help_print_verb(stdout, verb);
    return EXIT_DONE;
}
