/* redirect_map.c - rows in two sorted tables: whole paths, and beginnings of paths.  A longest beginning is
 * found by one search: it is the row before the place where the path would stand, or one that this row
 * begins with (`above`).
 */
#include "conf/redirect_map.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/sys.h"
#include "conf/conf.h"
#include "conf/redirect_target.h"
#include "http/escape.h"
#include "http/path.h"

struct reading {
    struct redirect_map *map;
    const char *file;
    unsigned line;
    char *at;                     /* in map->texts: ESCAPE_GROWTH bytes for each of the file are enough */
};

/* ---- finding --------------------------------------------------------------------------------- */

/* How many rows stand before `key`, or are it. */
static size_t rows_until(const struct redirect_rows *rows, struct span key)
{
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(rows->all[middle].old, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A '?' in the key may also be one of the path that was escaped. */
static const struct redirect_row *find_exact(const struct redirect_map *m, struct span key, bool has_query)
{
    size_t until = rows_until(&m->exact, key);
    const struct redirect_row *row = until > 0 ? &m->exact.all[until - 1] : NULL;
    return row && row->has_query == has_query && span_eq(row->old, key) ? row : NULL;
}

static const struct redirect_row *find_with_query(const struct redirect_map *m, struct span path, struct span query)
{
    char key[REDIRECT_MAP_LINE_BYTES_MAX];
    if (query.len == 0 || path.len >= sizeof key || query.len >= sizeof key - path.len)
        return NULL;
    char *end = mempcpy(key, path.at, path.len);
    *end++ = '?';
    end = mempcpy(end, query.at, query.len);
    return find_exact(m, (struct span){ key, (size_t)(end - key) }, true);
}

static const struct redirect_row *find_prefix(const struct redirect_map *m, struct span path)
{
    size_t place = rows_until(&m->prefixes, path);
    while (place > 0 && !span_starts(path, m->prefixes.all[place - 1].old))
        place = m->prefixes.all[place - 1].above;
    return place > 0 ? &m->prefixes.all[place - 1] : NULL;
}

const struct redirect_row *redirect_map_find(const struct redirect_map *m, struct span path, struct span query,
                                             struct span *rest)
{
    *rest = (struct span){ path.at, 0 };
    const struct redirect_row *row = find_with_query(m, path, query);
    row = row ? row : find_exact(m, path, false);
    if (row)
        return row;
    row = find_prefix(m, path);
    if (row)
        *rest = span_skip(path, row->old.len);
    return row;
}

/* ---- a line ---------------------------------------------------------------------------------- */

static bool take_word(struct span *line, struct span *word)
{
    *line = span_trim(*line);
    size_t end = 0;
    while (end < line->len && line->at[end] != ' ' && line->at[end] != '\t')
        end++;
    *word = (struct span){ line->at, end };
    *line = span_skip(*line, end);
    return end > 0;
}

/* Takes a '*' off the end, which must stand behind a '/'.  False: there is one elsewhere. */
static bool take_star(struct span *url, bool *has_star)
{
    *has_star = url->len > 1 && url->at[url->len - 1] == '*' && url->at[url->len - 2] == '/';
    url->len -= *has_star;
    return span_find(*url, '*') == url->len;
}

static const char *read_old(struct reading *r, struct span word, struct redirect_row *row, bool *is_prefix)
{
    struct span query, raw;
    if (!take_star(&word, is_prefix))
        return "'*' may only stand at the end, behind a '/'";
    if (word.at[0] != '/' || span_find(word, '#') < word.len)
        return "OLD is a path that begins with '/'";
    raw = path_split_query(word, &query);
    row->has_query = raw.len < word.len;
    if (row->has_query && (*is_prefix || query.len == 0))
        return "OLD ends with '?' or has '*' behind it";
    ssize_t len = path_decode(raw, r->at);
    if (len < 0)
        return "OLD has a malformed escape, or leads above '/'";
    char *end = r->at + len;
    if (row->has_query) {
        *end++ = '?';
        end = mempcpy(end, query.at, query.len);
    }
    row->old = (struct span){ r->at, (size_t)(end - r->at) };
    r->at = end;
    return NULL;
}

static const char *read_new(struct reading *r, struct span word, struct redirect_row *row, bool is_prefix)
{
    char decoded[REDIRECT_MAP_LINE_BYTES_MAX];
    struct span query, path;
    const char *wrong = redirect_target_wrong(word);
    if (wrong)
        return wrong;
    if (!take_star(&word, &row->takes_rest))
        return "'*' may only stand at the end, behind a '/'";
    if (row->takes_rest && !is_prefix)
        return "NEW ends with '*', OLD does not";
    path = path_split_query(redirect_target_path(word), &query);
    if (row->takes_rest && (path.len == 0 || path.at + path.len < word.at + word.len))
        return "NEW has '*' where no path is";
    path.len = span_find(path, '#');
    if (path.len > 0 && path_decode(path, decoded) < 0)
        return "NEW has a malformed escape, or leads above '/'";
    size_t hash = span_find(word, '#');
    size_t len = escape_raw((struct span){ word.at, hash }, r->at);
    if (hash < word.len) {                  /* the first one begins the fragment */
        r->at[len++] = '#';
        len += escape_raw(span_skip(word, hash + 1), r->at + len);
    }
    row->new = (struct span){ r->at, len };
    r->at += len;
    return NULL;
}

static const char *read_row(struct reading *r, struct span line, struct redirect_row *row, bool *is_prefix)
{
    struct span old, new, status, more;
    row->status = 301;
    row->line = r->line;
    if (line.len > REDIRECT_MAP_LINE_BYTES_MAX - 1)
        return "the line is longer than 4095 bytes";
    if (!take_word(&line, &old) || !take_word(&line, &new))
        return "OLD NEW [STATUS] is expected, such as /old /new 301";
    if (take_word(&line, &status) && (row->status = redirect_status(status)) == 0)
        return "STATUS is 301, 302, 303, 307 or 308";
    if (take_word(&line, &more))
        return "OLD NEW [STATUS] is expected, such as /old /new 301";
    const char *wrong = read_old(r, old, row, is_prefix);
    return wrong ? wrong : read_new(r, new, row, *is_prefix);
}

static int read_lines(struct reading *r, struct span text, char *why)
{
    for (r->line = 1; text.len > 0; r->line++) {
        struct span line = { text.at, span_find(text, '\n') };
        text = span_skip(text, line.len < text.len ? line.len + 1 : line.len);
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        line = span_trim(line);
        if (line.len == 0 || line.at[0] == '#')
            continue;
        struct redirect_row row = { 0 };
        bool is_prefix = false;
        const char *wrong = read_row(r, line, &row, &is_prefix);
        if (wrong) {
            (void)snprintf(why, CONF_WHY_BYTES, "%.300s:%u: %s", r->file, r->line, wrong);
            return -EBADMSG;
        }
        struct redirect_rows *rows = is_prefix ? &r->map->prefixes : &r->map->exact;
        rows->all[rows->count++] = row;
    }
    return 0;
}

/* ---- the tables ------------------------------------------------------------------------------ */

static int compare_rows(const void *a, const void *b)
{
    const struct redirect_row *one = a, *other = b;
    int difference = span_compare(one->old, other->old);
    return difference != 0 ? difference : (one->line > other->line) - (one->line < other->line);
}

static int sort(struct redirect_rows *rows, const char *file, char *why)
{
    if (rows->count > 0)
        qsort(rows->all, rows->count, sizeof *rows->all, compare_rows);
    for (size_t i = 1; i < rows->count; i++) {
        const struct redirect_row *row = &rows->all[i], *before = row - 1;
        if (!span_eq(row->old, before->old))
            continue;
        (void)snprintf(why, CONF_WHY_BYTES, "%.300s:%u: the page of line %u again: remove one of them", file,
                       row->line, before->line);
        return -EBADMSG;
    }
    for (size_t i = 1; i < rows->count; i++) {
        size_t above = i;
        while (above > 0 && !span_starts(rows->all[i].old, rows->all[above - 1].old))
            above = rows->all[above - 1].above;
        rows->all[i].above = above;
    }
    return 0;
}

/* ---- circles --------------------------------------------------------------------------------- */

enum { PAGE_BYTES = REDIRECT_MAP_LINE_BYTES_MAX * (REDIRECT_MAP_STEPS_MAX + 2) };

struct page {
    size_t len;
    struct span query;
    char path[PAGE_BYTES];
};

/* Where `row` leads a page whose rest is `rest`; false: out of this file's sight. */
static bool follow(const struct redirect_row *row, struct span rest, struct page *page)
{
    struct span query, path = path_split_query(row->new, &query);
    char kept[PAGE_BYTES];
    if (row->new.at[0] != '/' || rest.len >= sizeof kept - path.len)
        return false;
    memcpy(kept, rest.at, rest.len);             /* it lies in page->path */
    path.len = span_find(path, '#');
    query.len = span_find(query, '#');
    ssize_t len = path_decode(path, page->path);
    if (len < 0)
        return false;
    if (row->takes_rest)
        memcpy(page->path + len, kept, rest.len);
    page->len = (size_t)len + (row->takes_rest ? rest.len : 0);
    page->query = row->has_query || query.len > 0 ? query : page->query;
    return true;
}

/* 0: it ends somewhere; the steps to itself, or more than REDIRECT_MAP_STEPS_MAX. */
static unsigned steps_round(const struct redirect_map *m, const struct redirect_row *first, bool is_prefix,
                            struct page *page)
{
    static const struct span sample = SPAN("\x01");          /* in no file: what follows a prefix */
    const struct redirect_row *row = first;
    struct span rest = is_prefix ? sample : SPAN("");
    page->query = SPAN("");
    for (unsigned steps = 1; steps <= REDIRECT_MAP_STEPS_MAX; steps++) {
        if (!follow(row, rest, page))
            return 0;
        row = redirect_map_find(m, (struct span){ page->path, page->len }, page->query, &rest);
        if (!row)
            return 0;
        if (row == first)
            return steps;
    }
    return REDIRECT_MAP_STEPS_MAX + 1;
}

static int look_for_circles(const struct redirect_map *m, bool is_prefix, struct page *page, const char *file,
                            char *why)
{
    const struct redirect_rows *rows = is_prefix ? &m->prefixes : &m->exact;
    for (size_t i = 0; i < rows->count; i++) {
        const struct redirect_row *row = &rows->all[i];
        unsigned steps = steps_round(m, row, is_prefix, page);
        if (steps == 0)
            continue;
        const char *what = steps > REDIRECT_MAP_STEPS_MAX ? "leads through more than 10 redirects"
                                                          : "leads back to itself";
        (void)snprintf(why, CONF_WHY_BYTES, "%.300s:%u: the page %s", file, row->line, what);
        return -EBADMSG;
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int read_all(struct redirect_map *m, struct span text, const char *file, char *why)
{
    struct reading r = { .map = m, .file = file, .at = m->texts };
    int rc = read_lines(&r, text, why);
    rc = rc < 0 ? rc : sort(&m->exact, file, why);
    rc = rc < 0 ? rc : sort(&m->prefixes, file, why);
    if (rc < 0)
        return rc;
    struct page *page = sys_malloc(sizeof *page);
    if (!page) {
        (void)snprintf(why, CONF_WHY_BYTES, "no memory for %.300s", file);
        return -ENOMEM;
    }
    rc = look_for_circles(m, false, page, file, why);
    rc = rc < 0 ? rc : look_for_circles(m, true, page, file, why);
    sys_free(page);
    return rc;
}

int redirect_map_read(struct redirect_map *m, struct span text, const char *file, char *why)
{
    size_t lines = 1;
    if (text.len > REDIRECT_MAP_BYTES_MAX) {
        (void)snprintf(why, CONF_WHY_BYTES, "%.300s is larger than 8 MiB", file);
        return -EMSGSIZE;
    }
    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n';
    m->texts = sys_malloc(ESCAPE_GROWTH * text.len + 1);
    m->exact.all = sys_calloc(lines, sizeof *m->exact.all);
    m->prefixes.all = sys_calloc(lines, sizeof *m->prefixes.all);
    int rc = m->texts && m->exact.all && m->prefixes.all ? 0 : -ENOMEM;
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "no memory for %.300s", file);
    rc = rc < 0 ? rc : read_all(m, text, file, why);
    if (rc < 0)
        redirect_map_done(m);
    return rc;
}

void redirect_map_done(struct redirect_map *m)
{
    sys_free(m->texts);
    sys_free(m->exact.all);
    sys_free(m->prefixes.all);
    *m = (struct redirect_map){ .texts = NULL };
}
