/* hosts.c - see hosts.h.  A sorted array: one search for the name itself, and one for each label that
 * is taken off its front. */
#include "serve/hosts.h"
#include <errno.h>
#include <string.h>
#include "base/sys.h"

enum { HOST_BYTES_MAX = 255 };

struct host_row {
    void *whose;
    unsigned char bytes;
    char name[HOST_BYTES_MAX];    /* lower case; ".example.com" for all below it */
};

/* Without port and last dot; an address in brackets keeps them. */
static struct span bare(struct span host)
{
    size_t end = host.len;
    if (host.len > 0 && host.at[0] == '[') {
        end = span_find(host, ']');
        end = end < host.len ? end + 1 : host.len;
    } else {
        end = span_find(host, ':');
    }
    if (end > 1 && host.at[end - 1] == '.')
        end--;
    return (struct span){ host.at, end };
}

/* False: longer than any name can be. */
static bool lower(struct span name, char into[HOST_BYTES_MAX])
{
    if (name.len > HOST_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        into[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] | 0x20 : name.at[i]);
    return true;
}

static int compare(const struct host_row *row, struct span name)
{
    size_t least = row->bytes < name.len ? row->bytes : name.len;
    int rc = memcmp(row->name, name.at, least);
    return rc != 0 ? rc : (row->bytes > name.len) - (row->bytes < name.len);
}

/* The first row that is not before the name. */
static size_t place(const struct hosts *h, struct span name)
{
    size_t from = 0, to = h->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare(&h->rows[middle], name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct host_row *find_row(const struct hosts *h, struct span name)
{
    size_t at = place(h, name);
    return at < h->count && compare(&h->rows[at], name) == 0 ? &h->rows[at] : NULL;
}

static void *find(const struct hosts *h, struct span name)
{
    const struct host_row *row = find_row(h, name);
    return row ? row->whose : NULL;
}

/* As rows have it: without port and case, and without the '*' of all below it.  False: longer than any. */
static bool key_of(struct span name, char into[HOST_BYTES_MAX], struct span *key)
{
    name = bare(name);
    if (span_starts(name, SPAN("*.")))
        name = span_skip(name, 1);
    *key = (struct span){ into, name.len };
    return lower(name, into);
}

void *hosts_owner(const struct hosts *h, struct span name)
{
    char text[HOST_BYTES_MAX];
    struct span key;
    if (span_eq(bare(name), SPAN("*")))
        return h->everybody;
    return key_of(name, text, &key) ? find(h, key) : NULL;
}

void hosts_give(struct hosts *h, struct span name, void *whose)
{
    char text[HOST_BYTES_MAX];
    struct span key;
    struct host_row *row = key_of(name, text, &key) ? find_row(h, key) : NULL;
    if (span_eq(bare(name), SPAN("*")))
        h->everybody = whose;
    else if (row)
        row->whose = whose;
}

int hosts_add(struct hosts *h, struct span name, void *whose)
{
    struct host_row row = { .whose = whose };
    struct span key;
    const void *other = hosts_owner(h, name);
    if (other)
        return other == whose ? 0 : -EEXIST;
    if (span_eq(bare(name), SPAN("*"))) {
        h->everybody = whose;
        return 0;
    }
    if (!key_of(name, row.name, &key))
        return -ENAMETOOLONG;
    row.bytes = (unsigned char)key.len;
    struct host_row *rows = sys_realloc(h->rows, (h->count + 1) * sizeof *rows);
    if (!rows)
        return -ENOMEM;
    h->rows = rows;
    size_t at = place(h, key);
    memmove(rows + at + 1, rows + at, (h->count - at) * sizeof *rows);
    rows[at] = row;
    h->count++;
    return 0;
}

void hosts_remove(struct hosts *h, const void *whose)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->count; i++)
        if (h->rows[i].whose != whose)
            h->rows[kept++] = h->rows[i];
    h->count = kept;
    if (h->everybody == whose)
        h->everybody = NULL;
}

void hosts_done(struct hosts *h)
{
    sys_free(h->rows);
    *h = (struct hosts){ 0 };
}

void *hosts_find(const struct hosts *h, struct span host)
{
    char text[HOST_BYTES_MAX];
    struct span name = bare(host);
    if (h->count == 0 || !lower(name, text))
        return h->everybody;
    name.at = text;
    void *whose = find(h, name);
    for (size_t i = 1; !whose && i < name.len; i++)
        if (name.at[i] == '.')
            whose = find(h, span_skip(name, i));
    return whose ? whose : h->everybody;
}
