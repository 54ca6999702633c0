/* options_page.c - docs/options.md, by the hidden verb `options-page`; a site test compares. */
#include "cli/help.h"

static const char before[] =
    "# Options\n"
    "\n"
    "This page is made by `slipway options-page > docs/options.md` from `src/conf/options.def`.\n"
    "\n"
    "Each option can be said in five places; the one further down wins:\n"
    "\n"
    "1. built in, the default below;\n"
    "2. `slipway.ini` in the project's folder (or `--config FILE`): a line `name = value`, with or "
    "without a\n"
    "   `[slipway]` above; a list has several lines; `;` and `#` begin a comment;\n"
    "3. the env file, `.env` in the project's folder (or `env-file`): `SLIPWAY_NAME=value`;\n"
    "4. the environment: `SLIPWAY_NAME`, the items of a list separated by commas; an empty one "
    "counts as not set.\n"
    "   `WEB_CONCURRENCY` is `workers`; `PORT` is `listen 0.0.0.0:PORT` when nothing else names a "
    "listener;\n"
    "5. arguments: `--name value` or `--name=value`; `--name` and `--no-name` for yes and no. A "
    "list is given by\n"
    "   repeating it.\n"
    "\n"
    "A list from a stronger place replaces that of a weaker one. Relative paths are relative to "
    "`chdir`; `chdir`\n"
    "itself to the working folder, or in `slipway.ini` to that file's folder.\n"
    "An unknown name or a value out of range is refused, with the file and line. `slipway check` "
    "shows every\n"
    "value and where it came from.\n"
    "\n"
    "Times are `500ms`, `30s`, `5m`, `2h`, a bare number is seconds. Sizes are `65536`, `64K`, "
    "`10M`, `1G`.\n"
    "\n"
    "## For some paths only\n"
    "\n"
    "Below the other lines of `slipway.ini` sections may follow whose options hold for some paths, "
    "over whatever else\n"
    "was said:\n"
    "\n"
    "```ini\n"
    "[slipway]\n"
    "body-limit = 1M\n"
    "\n"
    "[route /api/upload]\n"
    "body-limit = 2G\n"
    "harakiri = 10m\n"
    "\n"
    "[route *.csv]\n"
    "compress = no\n"
    "```\n"
    "\n"
    "`/api` is that path and all below it, `/api/` all that begins so; a pattern with `*` (any characters, "
    "also `/`) is one\n"
    "of whole paths. The path is the decoded one. Options that can stand there have *route* below.\n"
    "\n"
    "All sections that match hold together, whatever their order in the file. Where two say something of the "
    "same option, the\n"
    "more specific one has the word: that with more characters other than `*`, of equals the first. So `/admin/upload` "
    "stays as\n"
    "closed as `/admin` is, and so does `/admin/list.csv`, unless their own sections say otherwise. A list is replaced, too, "
    "but\n"
    "`header` and `header-remove` (added up, a field by the more specific one), `error-page` and `deny` (added up). "
    "What an\n"
    "outer section closed is opened by its own words: `deny = all` by `allow = all`, `basic-auth = FILE` by "
    "`basic-auth =`.\n"
    "\n"
    "## All of them\n"
    "\n"
    "*Takes effect* says when a changed value does: at the next `slipway reload`, or at the next "
    "start.\n";

/* A '|' would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        (void)fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

static void print_bounds(FILE *out, const struct conf_row *row, enum conf_option option)
{
    struct buf least = { 0 }, most = { 0 };
    bool is_number = strcmp(row->kind, "COUNT") == 0 || strcmp(row->kind, "MS") == 0 ||
                     strcmp(row->kind, "BYTES") == 0;
    if (is_number && conf_bounds_text(option, &least, &most) == 0)
        (void)fprintf(out, "%.*s to %.*s", (int)buf_len(&least), buf_span(&least).at,
                      (int)buf_len(&most), buf_span(&most).at);
    buf_done(&least);
    buf_done(&most);
}

static const char *const where[] = {
    [CONF_OF_SERVER] = "server", [CONF_OF_SITE] = "site", [CONF_OF_ROUTE] = "route"
};

/* The anchor is what the pages of features point to. */
static void print_row(FILE *out, enum conf_option option)
{
    const struct conf_row *row = conf_row(option);
    (void)fprintf(out, "| <a id=\"%s\"></a>`%s` | `", row->name, row->name);
    print_cell(out, row->argument);
    (void)fprintf(out, row->fallback[0] != '\0' ? "` | `%s` | " : "` | %s| ", row->fallback);
    print_bounds(out, row, option);
    (void)fprintf(out, " | %s | %s | ", row->on_reload ? "reload" : "start", where[row->where]);
    print_cell(out, row->help);
    (void)fputs(" |\n", out);
}

void help_print_page(FILE *out)
{
    (void)fputs(before, out);
    (void)fputs("\n| option | value | default | bounds | takes effect | of a | |\n| --- | --- | --- | --- "
                "| --- | --- | --- |\n",
                out);
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
        print_row(out, i);
}
