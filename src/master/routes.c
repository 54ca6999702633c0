/* routes.c - {"mount":..., "name":..., "framework":...,
 *             "static":[{"url","root","manifest","without","media":bool,"option":bool,
 *                       "protected":bool,"real","only":"file in root"|-}, ...], "front":bool,
 *             "wall":..., "headers":...}: wall and headers as the project's report has them.
 *
 * Rows of the options come first and replace a root of Django's at the same URL; beneath it they are
 * asked before it.  A URL with
 * a host in it is another server's; it is not served here.
 */
#include "master/routes.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/sys.h"

enum { URL_BYTES = 1024, ROOT_BYTES = 8192 };

/* "/static/": begins and ends with a slash.  False: not a path of this site. */
static bool clean_url(struct span url, char into[URL_BYTES])
{
    if (url.len == 0 || url.at[0] != '/' || (url.len > 1 && url.at[1] == '/') ||
        url.len + 2 > URL_BYTES)
        return false;
    bool has_end = url.at[url.len - 1] == '/';
    (void)snprintf(into, URL_BYTES, "%.*s%s", (int)url.len, url.at, has_end ? "" : "/");
    return true;
}

/* `said`: the row of the report, NULL for an option's. */
static json_t *make_row(const char *url, const char *root, const json_t *said, bool is_media)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "url", url, "root", root, "manifest",
                     json_text(said, "manifest", ""), "without", json_text(said, "without", ""), "media",
                     is_media, "option", said == NULL);
}

static int add_row(json_t *rows, const char *url, const char *root, const json_t *said, bool is_media)
{
    return json_array_append_new(rows, make_row(url, root, said, is_media));
}

/* The application may name its files by their path with links or without. */
static int add_protected_row(json_t *rows, const char *url, const char *root)
{
    char real[4096];
    json_t *row = make_row(url, root, NULL, false);
    if (sys_realpath(root, real) < 0)
        real[0] = '\0';
    if (row && json_object_set_new(row, "protected", json_true()) == 0 &&
        json_object_set_new(row, "real", json_string(real)) == 0)
        return json_array_append_new(rows, row);
    json_decref(row);
    return -1;
}

/* Of its folder the file alone. */
static int add_file(json_t *rows, const char *item)
{
    char url[URL_BYTES], folder[ROOT_BYTES];
    size_t url_bytes = strcspn(item, "=");
    const char *path = item + url_bytes + 1, *slash = strrchr(path, '/');
    if (!slash || url_bytes + 1 > URL_BYTES || slash - path + 2 > ROOT_BYTES)
        return 0;                                 /* conf has refused such a one already */
    (void)snprintf(url, sizeof url, "%.*s", (int)url_bytes, item);
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash == path ? 1 : slash - path), path);
    json_t *row = make_row(url, folder, NULL, false);
    if (row && json_object_set_new(row, "only", json_string(slash + 1)) == 0)
        return json_array_append_new(rows, row);
    json_decref(row);
    return -1;
}

static int add_option(json_t *rows, const struct project *p, const char *item, bool is_protected)
{
    char url[URL_BYTES], root[ROOT_BYTES];
    struct span s = span_of(item);
    size_t at = span_find(s, '=');
    if (at >= s.len || !clean_url((struct span){ s.at, at }, url))
        return 0;                                 /* conf has refused such a one already */
    const char *dir = item + at + 1;
    (void)snprintf(root, sizeof root, "%s%s%s", dir[0] == '/' ? "" : p->folder,
                   dir[0] == '/' ? "" : "/", dir);
    return is_protected ? add_protected_row(rows, url, root) : add_row(rows, url, root, NULL, false);
}

/* One of the options' rows stands for this URL.  Django's own do not replace each other: its finders look
 * in several folders for the same URL. */
static bool is_replaced(const json_t *rows, size_t of_options, const char *url)
{
    for (size_t i = 0; i < of_options; i++) {
        const json_t *row = json_array_get(rows, i);
        if (!json_flag(row, "protected", false) && !json_object_get(row, "only") &&
            strcmp(json_text(row, "url", ""), url) == 0)
            return true;
    }
    return false;
}

static int add_reported(json_t *rows, size_t of_options, const json_t *row, bool is_media)
{
    char url[URL_BYTES];
    const char *root = json_text(row, "root", "");
    if (!clean_url(span_of(json_text(row, "url", "")), url) || root[0] != '/' ||
        is_replaced(rows, of_options, url))
        return 0;
    return add_row(rows, url, root, row, is_media);
}

/* A sentence for the log, "" where there is nothing to decide: no uploads, or no URL for them. */
static int add_media(json_t *rows, size_t of_options, const json_t *media, char *note)
{
    char url[URL_BYTES];
    const char *why = json_text(media, "why", ""), *root = json_text(media, "root", "");
    const char *beneath = json_text(media, "url", "");
    if (!root[0] || !clean_url(span_of(beneath), url) || strcmp(url, "/") == 0)
        return 0;
    bool is_option = is_replaced(rows, of_options, url);
    bool is_served = json_flag(media, "serve", false) && !is_option;
    if (is_option)
        (void)snprintf(note, CONF_WHY_BYTES, "option static has %.400s", url);
    else if (is_served)
        (void)snprintf(note, CONF_WHY_BYTES, "%.200s is served from %.280s", url, root);
    else
        (void)snprintf(note, CONF_WHY_BYTES, "%.200s is left to the application: %.260s", url, why);
    return is_served ? add_reported(rows, of_options, media, true) : 0;
}

static int add_all(json_t *rows, const struct master_start *start, const json_t *report, char *note)
{
    const struct conf_list *options = &start->conf->static_map, *protected = &start->conf->protected_map;
    size_t i;
    json_t *row;
    for (i = 0; i < options->count; i++)
        if (add_option(rows, start->project, options->items[i], false) < 0)
            return -1;
    for (i = 0; i < protected->count; i++)
        if (add_option(rows, start->project, protected->items[i], true) < 0)
            return -1;
    for (i = 0; i < start->conf->file_map.count; i++)
        if (add_file(rows, start->conf->file_map.items[i]) < 0)
            return -1;
    size_t of_options = json_array_size(rows);
    json_array_foreach(json_object_get(report, "static"), i, row)
        if (add_reported(rows, of_options, row, false) < 0)
            return -1;
    return add_media(rows, of_options, json_object_get(report, "media"), note);
}

static bool has_front(const struct conf *c)
{
    for (size_t i = 0; i < c->protected_map.count; i++)
        if (strcmp(c->protected_map.items[i], "front") == 0)
            return true;
    return false;
}

/* NULL where the report has none, or only a sentence why not. */
static json_t *wall_of(const json_t *report)
{
    json_t *wall = json_object_get(report, "wall");
    return json_object_get(wall, "key") ? wall : NULL;
}

char *routes_text(const struct master_start *start, const json_t *report, char *note)
{
    char *text = NULL;
    note[0] = '\0';
    json_t *rows = json_array();
    if (rows && add_all(rows, start, report, note) == 0) {
        json_t *all = json_pack("{s:s, s:s, s:s, s:O, s:b, s:O*, s:O*, s:O*}", "mount", start->conf->mount,
                                "name", start->project->name, "framework",
                                json_text(report, "framework", ""), "static", rows, "front",
                                has_front(start->conf), "wall", wall_of(report), "headers",
                                json_object_get(report, "headers"), "hosts",
                                json_object_get(report, "allowed_hosts"));
        text = all ? json_line(all) : NULL;
        json_decref(all);
    }
    json_decref(rows);
    return text;
}

/* Which of files->fds it is, or -errno. */
static int open_place(const char *path, int flags, struct routes_files *files)
{
    int fd = files->count == SYS_FDS_MAX ? -EMFILE : sys_open(path, O_PATH | flags, 0);
    if (fd < 0)
        return fd;
    files->fds[files->count] = fd;
    return (int)files->count++;
}

/* One in the root is found there; another one is where Django's manifest_storage has it: of that
 * folder, in which code and secrets may lie, the file alone is to be read. */
static int open_manifest(json_t *row, struct routes_files *files)
{
    char folder[ROOT_BYTES];
    const char *path = json_text(row, "manifest", "");
    const char *slash = strrchr(path, '/');
    if (!slash || span_starts(span_of(path), span_of(json_text(row, "root", ""))))
        return 0;
    int file = open_place(path, 0, files);
    if (file >= 0)
        files->readable |= 1ull << file;
    (void)snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
    int which = open_place(folder, O_DIRECTORY, files);
    return which < 0 ? 0 : json_object_set_new(row, "manifest_fd", json_integer(which));
}

/* The file alone is to be read: in its folder may lie anything. */
static void open_only(const json_t *row, struct routes_files *files)
{
    char path[ROOT_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", json_text(row, "root", ""), json_text(row, "only", ""));
    int file = open_place(path, 0, files);
    if (file >= 0)
        files->readable |= 1ull << file;
}

static int open_row(json_t *row, struct routes_files *files)
{
    int which = open_place(json_text(row, "root", ""), O_DIRECTORY, files);
    if (which < 0)
        return json_object_set_new(row, "error", json_integer(-which));
    if (json_object_get(row, "only"))
        open_only(row, files);
    else
        files->readable |= 1ull << which;
    int rc = json_object_set_new(row, "fd", json_integer(which));
    return rc == 0 ? open_manifest(row, files) : rc;
}

static int open_row_as(json_t *row, const struct worker_user *user, struct routes_files *files)
{
    struct worker_user_turn turn;
    if (json_flag(row, "option", false))
        return open_row(row, files);
    int rc = worker_user_begin(user, &turn);
    if (rc < 0)
        return json_object_set_new(row, "error", json_integer(-rc));
    rc = open_row(row, files);
    worker_user_end(user, &turn);
    return rc;
}

void routes_close(struct routes_files *files)
{
    while (files->count > 0)
        (void)sys_close(files->fds[--files->count]);
    sys_free(files->text);
    files->text = NULL;
}

int routes_open(const char *text, const struct worker_user *user, struct routes_files *files)
{
    char why[160];
    size_t i;
    json_t *row, *all = json_read(span_of(text), why);
    *files = (struct routes_files){ .text = NULL };
    int rc = 0;
    json_array_foreach(json_object_get(all, "static"), i, row)
        rc = rc == 0 ? open_row_as(row, user, files) : rc;
    if (all && rc == 0)
        files->text = json_line(all);
    json_decref(all);
    if (!files->text)
        routes_close(files);
    return files->text ? 0 : -ENOMEM;
}
