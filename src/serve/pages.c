/* pages.c - a table of bytes, and which of them an option means. */
#include "serve/pages.h"
#include "base/log.h"
#include "base/sys.h"
#include "conf/error_page.h"
#include "conf/folder.h"
#include "http/media.h"
#include "serve/serve.h"

enum { ROWS_MAX = 256, BYTES_MAX = 4 * 1024 * 1024 };

struct pages_row {
    char *file;                       /* heap; "" for a template */
    char template[4];                 /* "500" */
    struct span body;
};

struct pages {
    char *bytes;
    size_t count;
    struct pages_row rows[ROWS_MAX];
};

static char *read_all(int fd, size_t bytes)
{
    char *into = sys_malloc(bytes + 1);
    for (size_t at = 0; into && at < bytes;) {
        ssize_t got = sys_pread(fd, into + at, bytes - at, (off_t)at);
        if (got <= 0) {
            sys_free(into);
            return NULL;
        }
        at += (size_t)got;
    }
    return into;
}

static void add_row(struct pages *p, const json_t *item, size_t all_bytes)
{
    int64_t at = json_int(item, "at", -1), bytes = json_int(item, "bytes", -1);
    if (p->count == ROWS_MAX || at < 0 || bytes < 0 || (uint64_t)at > all_bytes || (uint64_t)bytes > all_bytes - (uint64_t)at)
        return;
    struct pages_row *row = &p->rows[p->count];
    const char *template = json_text(item, "template", "");
    row->file = sys_strdup(json_text(item, "file", ""));
    row->body = (struct span){ p->bytes + at, (size_t)bytes };
    memcpy(row->template, template, strnlen(template, sizeof row->template - 1));
    p->count += row->file != NULL;
}

struct pages *pages_new(const json_t *json, const int *fds, size_t fds_count)
{
    struct stat st;
    size_t i;
    json_t *item;
    int64_t which = json_int(json, "fd", -1);
    if (which < 0 || (uint64_t)which >= fds_count)
        return NULL;
    if (sys_fstat(fds[which], &st) < 0 || st.st_size < 0 || st.st_size > BYTES_MAX)
        return NULL;
    struct pages *p = sys_calloc(1, sizeof *p);
    if (p)
        p->bytes = read_all(fds[which], (size_t)st.st_size);
    if (!p || !p->bytes) {
        log_error("error pages left out", "error=\"they cannot be read, or there is no memory\"");
        pages_free(p);
        return NULL;
    }
    json_array_foreach(json_object_get(json, "rows"), i, item)
        add_row(p, item, (size_t)st.st_size);
    return p;
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        sys_free(p->rows[i].file);
    sys_free(p->bytes);
    sys_free(p);
}

/* ---- which ----------------------------------------------------------------------------------- */

static struct page page_of(const struct pages_row *row)
{
    struct span type = row->file[0] ? media_type_of(span_of(folder_name(row->file))) : SPAN("text/html; charset=utf-8");
    return (struct page){ .type = type, .body = row->body, .is_html = span_starts(type, SPAN("text/html")) };
}

/* The edge's copy of a route's options has the path as it was typed. */
static const struct pages_row *find_file(const struct pages *p, const struct conf *conf, struct span file)
{
    char typed[FOLDER_BYTES], path[FOLDER_BYTES];
    if (file.len >= sizeof typed)
        return NULL;
    *(char *)mempcpy(typed, file.at, file.len) = '\0';
    if (folder_join(path, conf->chdir, typed) < 0)
        return NULL;
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->rows[i].file, path) == 0)
            return &p->rows[i];
    return NULL;
}

static const struct pages_row *find_option(const struct pages *p, const struct conf *conf, unsigned status)
{
    const struct pages_row *best = NULL;
    unsigned best_fit = 0;
    for (size_t i = 0; i < conf->error_page.count; i++) {
        struct error_page one;
        if (error_page_parse(span_of(conf->error_page.items[i]), &one) < 0)
            continue;                   /* conf refuses such a value: it never comes here */
        unsigned fit = error_page_fits(&one, status);
        const struct pages_row *row = fit > best_fit ? find_file(p, conf, one.file) : NULL;
        best = row ? row : best;
        best_fit = row ? fit : best_fit;
    }
    return best;
}

static const struct pages_row *find_template(const struct pages *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->rows[i].template, name) == 0)
            return &p->rows[i];
    return NULL;
}

/* What a 500.html says is wrong of a site that is only busy. */
static const struct pages_row *find_templates(const struct pages *p, const struct conf *conf, unsigned status)
{
    bool is_failure = status == 500 || status == 502 || status == 504 || status == 507;
    if (!conf->error_templates)
        return NULL;
    return status == 503 ? find_template(p, "503") : is_failure ? find_template(p, "500") : NULL;
}

bool pages_find(const struct exchange *x, unsigned status, struct page *found)
{
    const struct pages *p = x->serve->pages;
    const struct pages_row *row = p ? find_option(p, x->conf, status) : NULL;
    if (p && !row)
        row = find_templates(p, x->conf, status);
    if (row)
        *found = page_of(row);
    return row != NULL;
}
