/* pages.c - see pages.h. */
#include "master/pages.h"
#include <errno.h>
#include "base/log.h"
#include "conf/annex.h"
#include "conf/error_page.h"
#include "conf/folder.h"

struct reading {
    const char *site;
    struct buf items;
};

static bool has_file(const struct reading *r, const char *path)
{
    struct span rest = buf_span(&r->items);
    struct annex_item item;
    while (annex_next(&rest, &item) > 0)
        if (item.kind == ANNEX_PAGE && span_eq(item.path, span_of(path)))
            return true;
    return false;
}

static void add_file(struct reading *r, const struct conf *conf, const char *option)
{
    char typed[FOLDER_BYTES], path[FOLDER_BYTES];
    struct error_page one;
    struct buf text = { 0 };
    if (error_page_parse(span_of(option), &one) < 0 || one.file.len >= sizeof typed)
        return;                         /* conf has refused such a one already */
    *(char *)mempcpy(typed, one.file.at, one.file.len) = '\0';
    if (folder_join(path, conf->chdir, typed) < 0 || has_file(r, path))
        return;
    int rc = folder_read_file(path, PAGES_FILE_BYTES_MAX, &text);
    if (rc == 0)
        rc = annex_add(&r->items, &(struct annex_item){ ANNEX_PAGE, span_of(path), buf_span(&text) });
    buf_done(&text);
    if (rc < 0)
        log_warn("error page left out", "site=%s file=%s error=\"%s\"", r->site, path,
                 rc == -EFBIG ? "it has more than 48 KiB" : strerror(-rc));
}

static void add_files(struct reading *r, const struct conf *conf)
{
    for (size_t i = 0; i < conf->error_page.count; i++)
        add_file(r, conf, conf->error_page.items[i]);
}

static int add_all_files(struct reading *r, const struct conf *conf, const struct worker_user *user)
{
    struct worker_user_turn turn;
    int rc = worker_user_begin(user, &turn);
    if (rc < 0)
        return rc;
    add_files(r, conf);
    for (size_t i = 0; i < conf->routes_count; i++)
        add_files(r, conf->routes[i].conf);
    worker_user_end(user, &turn);
    return 0;
}

static int add_templates(struct reading *r, json_t *pages)
{
    const char *name;
    json_t *text;
    int rc = 0;
    json_object_foreach(pages, name, text)
        if (json_is_string(text) && rc == 0)
            rc = annex_add(&r->items, &(struct annex_item){ ANNEX_TEMPLATE, span_of(name),
                                                            span_of(json_string_value(text)) });
    return rc;
}

void pages_read(const struct conf *conf, const json_t *report, const struct worker_user *user, const char *site,
                struct buf *out)
{
    struct reading r = { .site = site, .items = { .limit_bytes = PAGES_BYTES_MAX } };
    int rc = add_all_files(&r, conf, user);
    if (rc == 0)
        rc = add_templates(&r, json_object_get(report, "pages"));
    if (rc == 0)
        rc = buf_add(out, buf_span(&r.items));
    buf_done(&r.items);
    if (rc < 0)
        log_warn("error pages left out", "site=%s error=\"%s\"", site, strerror(-rc));
}
