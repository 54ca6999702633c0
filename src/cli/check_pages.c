/* check_pages.c - the row of error-page: can each file be read, by the user of the project? */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/sys.h"
#include "cli/check.h"
#include "conf/error_page.h"
#include "conf/folder.h"
#include "master/pages.h"

struct looking {
    json_t *found;
    const char *name;
    unsigned good, bad;
};

static void look_at(struct looking *l, const struct conf *c, const char *item)
{
    char typed[FOLDER_BYTES], path[FOLDER_BYTES], fix[FOLDER_BYTES + 64] = "";
    struct error_page page;
    struct buf text = { 0 };
    if (error_page_parse(span_of(item), &page) < 0 || page.file.len >= sizeof typed)
        return;
    *(char *)mempcpy(typed, page.file.at, page.file.len) = '\0';
    int rc = folder_join(path, c->chdir, typed);
    rc = rc < 0 ? rc : folder_read_file(path, PAGES_FILE_BYTES_MAX, &text);
    buf_done(&text);
    l->good += rc == 0;
    l->bad += rc < 0;
    if (rc == -EACCES)
        (void)snprintf(fix, sizeof fix, "chmod a+r %s", path);
    if (rc < 0)
        check_say(l->found, "files", l->name, CHECK_PROBLEM, fix, "%s: the page %s for %.*s: %s",
                  conf_origin_text(c, CONF_error_page), path, (int)page.statuses.len, page.statuses.at,
                  rc == -EFBIG ? "it has more than 48 KiB" : strerror(-rc));
}

static void look_at_all(struct looking *l, const struct conf *c)
{
    for (size_t i = 0; i < c->error_page.count; i++)
        look_at(l, c, c->error_page.items[i]);
}

void check_look_pages(json_t *found, const struct conf *c, const struct project *p, const char *name)
{
    char why[CONF_WHY_BYTES];
    struct looking l = { .found = found, .name = name };
    struct worker_user user;
    struct worker_user_turn turn;
    if (worker_user_find(&user, c, p->folder, why) < 0 || worker_user_begin(&user, &turn) < 0)
        return;                         /* the row "user" says why */
    look_at_all(&l, c);
    for (size_t i = 0; i < c->routes_count; i++)
        if (c->routes[i].conf->origin[CONF_error_page].source == CONF_ROUTE)
            look_at_all(&l, c->routes[i].conf);
    worker_user_end(&user, &turn);
    if (l.good > 0 && l.bad == 0)
        check_say(found, "files", name, CHECK_OK, "", "%u page%s for errors", l.good, l.good == 1 ? "" : "s");
}
