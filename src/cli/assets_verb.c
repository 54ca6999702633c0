/* assets_verb.c - `slipway assets [DIR...]`: of these folders, else of the site's static ones.
 *
 * Exit status: 0; 1 when a file failed or there is no folder; 2 for a mistake in the command.  On a terminal a
 * bar and a line of what was done; else only what went wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sys.h"
#include "cli/assets.h"
#include "cli/verbs.h"
#include "conf/folder.h"
#include "conf/project.h"
#include "master/master.h"

enum { BAR_COLUMNS = 30, FOLDERS_MOST = 256 };

struct folders {
    char *path[FOLDERS_MOST];
    size_t count;
};

static int add_folder(struct folders *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->path[i], path) == 0)
            return 0;
    if (f->count == FOLDERS_MOST)
        return verbs_fail(EXIT_WRONG, "more than %d folders", FOLDERS_MOST);
    f->path[f->count] = sys_strdup(path);
    return f->path[f->count] ? (int)(f->count++, 0) : verbs_fail(EXIT_WRONG, "out of memory");
}

static void free_folders(struct folders *f)
{
    while (f->count > 0)
        sys_free(f->path[--f->count]);
}

/* ---- which folders --------------------------------------------------------------------------- */

static int add_options(struct folders *f, const struct conf *c, const struct project *p)
{
    char path[FOLDER_BYTES];
    for (size_t i = 0; i < c->static_map.count; i++) {
        const char *at = strchr(c->static_map.items[i], '=');
        if (at && folder_join(path, p->folder, at + 1) == 0 && add_folder(f, path) != 0)
            return EXIT_WRONG;
    }
    return EXIT_DONE;
}

/* What Django says, in a process of the project's own that ends again. */
static int add_reported(struct folders *f, const struct conf *c, const struct project *p)
{
    char why[CONF_WHY_BYTES];
    const struct master_start start = { .conf = c, .project = p, .envp = environ };
    char *line = master_probe(&start, why);
    json_t *report = line ? json_read(span_of(line), why) : NULL;
    sys_free(line);
    if (!report)
        return verbs_fail(EXIT_WRONG, "%s", why);
    const json_t *row;
    size_t i;
    int status = EXIT_DONE;
    json_array_foreach(json_object_get(report, "static"), i, row)
        if (status == EXIT_DONE && json_text(row, "root", "")[0] == '/')
            status = add_folder(f, json_text(row, "root", ""));
    json_decref(report);
    return status;
}

static int find_folders(struct folders *f, const struct conf *c)
{
    char why[CONF_WHY_BYTES];
    struct project p;
    if (project_find(&p, c, environ, false, why) < 0)
        return verbs_fail(EXIT_WRONG, "%s", why);
    int status = add_options(f, c, &p);
    if (status == EXIT_DONE)
        status = add_reported(f, c, &p);
    if (status == EXIT_DONE && f->count == 0)
        return verbs_fail(EXIT_WRONG, "this project has no static files: name a folder, or set STATIC_ROOT and "
                                      "run `slipway exec manage collectstatic`");
    return status;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static void show_progress(struct assets *a)
{
    char bar[BAR_COLUMNS + 1];
    size_t full = a->done * BAR_COLUMNS / a->count;
    memset(bar, '#', full);
    memset(bar + full, '.', BAR_COLUMNS - full);
    bar[BAR_COLUMNS] = '\0';
    (void)fprintf(stderr, "\r%s %zu/%zu", bar, a->done, a->count);
    if (a->done == a->count)
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
}

static void print_failures(const struct assets *a)
{
    char shown[FOLDER_BYTES];
    const json_t *row;
    size_t i;
    json_array_foreach(a->failures, i, row)
        (void)verbs_fail(EXIT_WRONG, "%s: %s", log_escape(shown, sizeof shown, span_of(json_text(row, "file", ""))),
                         json_text(row, "error", ""));
}

static void print_words(const struct assets *a)
{
    print_failures(a);
    if (isatty(STDOUT_FILENO))
        (void)printf("%u files: %u made (%.1f MB become %.1f MB), %u were there, %u would not be smaller\n", a->files,
                     a->made, (double)a->bytes / 1e6, (double)a->coded_bytes / 1e6, a->fresh, a->useless);
}

static int print_json(const struct assets *a, const struct folders *f)
{
    json_t *folders = json_array();
    for (size_t i = 0; i < f->count; i++) {
        json_t *path = json_string(f->path[i]);
        (void)json_array_append_new(folders, path ? path : json_string("(not UTF-8)"));
    }
    json_t *all = json_pack("{s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "ok", json_array_size(a->failures) == 0,
                            "folders", folders, "files", (json_int_t)a->files, "made", (json_int_t)a->made, "fresh",
                            (json_int_t)a->fresh, "useless", (json_int_t)a->useless, "bytes", (json_int_t)a->bytes,
                            "coded_bytes", (json_int_t)a->coded_bytes, "failures", a->failures);
    char *line = all ? json_line(all) : NULL;
    json_decref(all);
    if (!line)
        return verbs_fail(EXIT_WRONG, "out of memory");
    (void)fputs(line, stdout);
    sys_free(line);
    return EXIT_DONE;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int make_all(const struct folders *f, bool is_json)
{
    struct assets a;
    int rc = assets_init(&a);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        rc = assets_walk(&a, f->path[i]);
        if (rc < 0 && rc != -ENOMEM) {
            assets_done(&a);
            return verbs_fail(EXIT_WRONG, "the folder %s cannot be read: %s", f->path[i], strerror(-rc));
        }
    }
    a.told = !is_json && isatty(STDERR_FILENO) ? show_progress : NULL;
    if (rc == 0)
        rc = assets_make(&a);
    int status = json_array_size(a.failures) > 0 ? EXIT_WRONG : EXIT_DONE;
    if (rc < 0)
        status = verbs_fail(EXIT_WRONG, "nothing could be made: %s", strerror(-rc));
    else if (!is_json)
        print_words(&a);
    else if (print_json(&a, f) != EXIT_DONE)
        status = EXIT_WRONG;
    assets_done(&a);
    return status;
}

int verb_assets(int argc, char **argv)
{
    int status;
    struct folders f = { .count = 0 };
    bool is_json = verbs_take_flag(&argc, argv, "--json");
    int at = conf_options_end(argc, argv), own = at;
    if (at < argc && strcmp(argv[at], "--") == 0)
        at++;
    else if (at < argc && argv[at][0] == '-')
        own = ++at;                               /* no option of ours: to be refused as one */
    struct conf *c = verbs_load(own, argv, false, &status);
    if (!c)
        return status;
    status = EXIT_DONE;
    for (; at < argc && status == EXIT_DONE; at++)
        status = add_folder(&f, argv[at]);
    if (status == EXIT_DONE && f.count == 0)
        status = find_folders(&f, c);
    if (status == EXIT_DONE)
        status = make_all(&f, is_json);
    free_folders(&f);
    conf_free(c);
    return status;
}
