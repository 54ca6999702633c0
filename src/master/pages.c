/* pages.c - see pages.h. */
#include "master/pages.h"
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/error_page.h"
#include "conf/folder.h"
#include "master/supervise.h"

struct reading {
    const char *site;
    json_t *rows;
    struct buf bytes;
};

static bool has_file(const struct reading *r, const char *path)
{
    size_t i;
    json_t *row;
    json_array_foreach(r->rows, i, row)
        if (strcmp(json_text(row, "file", ""), path) == 0)
            return true;
    return false;
}

static void tell(const struct reading *r, const char *path, int error)
{
    log_warn("error page left out", "site=%s file=%s error=\"%s\"", r->site, path,
             error == -EFBIG ? "it has more than 48 KiB" : strerror(-error));
}

static int add_row(struct reading *r, const char *key, const char *name, size_t at)
{
    json_t *row = json_pack("{s:s, s:I, s:I}", key, name, "at", (json_int_t)at, "bytes",
                            (json_int_t)(buf_len(&r->bytes) - at));
    return json_array_append_new(r->rows, row);
}

static int add_file(struct reading *r, const struct conf *conf, const char *item)
{
    char typed[FOLDER_BYTES], path[FOLDER_BYTES];
    struct error_page one;
    if (error_page_parse(span_of(item), &one) < 0 || one.file.len >= sizeof typed)
        return 0;                       /* conf has refused such a one already */
    *(char *)mempcpy(typed, one.file.at, one.file.len) = '\0';
    int rc = folder_join(path, conf->chdir, typed);
    size_t at = buf_len(&r->bytes);
    if (rc < 0 || has_file(r, path))
        return 0;
    rc = folder_read_file(path, PAGES_FILE_BYTES_MAX, &r->bytes);
    if (rc < 0) {
        r->bytes.end -= buf_len(&r->bytes) - at;
        tell(r, path, rc);
        return 0;
    }
    return add_row(r, "file", path, at);
}

static int add_files(struct reading *r, const struct conf *conf)
{
    int rc = 0;
    for (size_t i = 0; i < conf->error_page.count && rc == 0; i++)
        rc = add_file(r, conf, conf->error_page.items[i]);
    return rc;
}

static int add_all_files(struct reading *r, const struct conf *conf, const struct worker_user *user)
{
    struct worker_user_turn turn;
    int rc = worker_user_begin(user, &turn);
    if (rc < 0)
        return rc;
    rc = add_files(r, conf);
    for (size_t i = 0; i < conf->routes_count && rc == 0; i++)
        rc = add_files(r, conf->routes[i].conf);
    worker_user_end(user, &turn);
    return rc;
}

static int add_templates(struct reading *r, json_t *pages)
{
    const char *name;
    json_t *text;
    int rc = 0;
    json_object_foreach(pages, name, text) {
        size_t at = buf_len(&r->bytes);
        if (json_is_string(text) && strlen(name) == 3 && rc == 0)
            rc = buf_add(&r->bytes, span_of(json_string_value(text)));
        if (json_is_string(text) && strlen(name) == 3 && rc == 0)
            rc = add_row(r, "template", name, at);
    }
    return rc;
}

int pages_read(const struct conf *conf, const json_t *report, const struct worker_user *user, const char *site,
               json_t **rows)
{
    struct reading r = { .site = site, .rows = json_array(), .bytes = { .limit_bytes = PAGES_BYTES_MAX } };
    int rc = r.rows ? add_all_files(&r, conf, user) : -ENOMEM;
    if (rc == 0)
        rc = add_templates(&r, json_object_get(report, "pages"));
    if (rc == 0)
        rc = json_array_size(r.rows) > 0 ? master_memfd("slipway-pages", buf_span(&r.bytes)) : -ENOENT;
    buf_done(&r.bytes);
    if (rc < 0)
        json_decref(r.rows);
    else
        *rows = r.rows;
    return rc;
}
