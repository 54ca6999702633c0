/* names.c - open addressing with linear probing, at most half full: a look-up is one hash and rarely
 * a second compare, however many certificates there are. */
#include "tls/names.h"
#include "base/hash.h"
#include "base/sys.h"

enum { ROWS_FIRST = 16 };

void names_done(struct names *n)
{
    sys_free(n->rows);
    *n = (struct names){ 0 };
}

/* The row of that name, or the free one where it would stand; the table has a free one. */
static struct names_row *find(struct names_row *rows, size_t cap, struct span name)
{
    size_t i = (size_t)hash_span(name) & (cap - 1);
    while (rows[i].name.at && !span_eq(rows[i].name, name))
        i = (i + 1) & (cap - 1);
    return &rows[i];
}

static bool grow(struct names *n)
{
    size_t cap = n->cap > 0 ? 2 * n->cap : ROWS_FIRST;
    struct names_row *rows = sys_calloc(cap, sizeof *rows);
    if (!rows)
        return false;
    for (size_t i = 0; i < n->cap; i++)
        if (n->rows[i].name.at)
            *find(rows, cap, n->rows[i].name) = n->rows[i];
    sys_free(n->rows);
    n->rows = rows;
    n->cap = cap;
    return true;
}

unsigned *names_place(struct names *n, struct span name, bool *is_new)
{
    if (2 * (n->count + 1) > n->cap && !grow(n))
        return NULL;
    struct names_row *row = find(n->rows, n->cap, name);
    *is_new = row->name.at == NULL;
    if (*is_new) {
        row->name = name;
        n->count++;
    }
    return &row->value;
}

const unsigned *names_get(const struct names *n, struct span name)
{
    if (n->cap == 0)
        return NULL;
    const struct names_row *row = find(n->rows, n->cap, name);
    return row->name.at ? &row->value : NULL;
}

const unsigned *names_match(const struct names *n, struct span host)
{
    char room[NAMES_HOST_BYTES_MAX];
    struct span name = names_fold(room, host, false);
    const unsigned *value = name.len > 0 ? names_get(n, name) : NULL;
    size_t dot = span_find(name, '.');
    if (value || dot == 0 || dot == name.len)
        return value;
    room[dot - 1] = '*';
    return names_get(n, span_skip(name, dot - 1));
}

static bool is_host_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
           byte == '.' || byte == '_';
}

struct span names_fold(char into[NAMES_HOST_BYTES_MAX], struct span host, bool may_be_wild)
{
    if (host.len > 0 && host.at[host.len - 1] == '.')
        host.len--;
    if (host.len == 0 || host.len > NAMES_HOST_BYTES_MAX)
        return SPAN("");
    bool is_wild = may_be_wild && span_starts(host, SPAN("*."));
    for (size_t i = 0; i < host.len; i++) {
        char byte = host.at[i];
        into[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte + 'a' - 'A') : byte;
        if (!is_host_byte(into[i]) && !(is_wild && i == 0))
            return SPAN("");
    }
    return (struct span){ into, host.len };
}
