/* named.c - see named.h.  The master has read the same text without a complaint; so what fails here is memory. */
#include "serve/named.h"
#include <errno.h>
#include "base/sys.h"

struct named_file {
    struct annex_item item;
    struct htpasswd passwords;
    struct redirect_map redirects;
};

struct named {
    size_t count;
    struct named_file files[];
};

static int read_file(struct named_file *f)
{
    char why[CONF_WHY_BYTES];
    switch (f->item.kind) {
    case ANNEX_PASSWORDS:
        return htpasswd_read(&f->passwords, f->item.text, "", why);
    case ANNEX_REDIRECTS:
        return redirect_map_read(&f->redirects, f->item.text, "", why);
    case ANNEX_PAGE: case ANNEX_TEMPLATE:
        return 0;
    case ANNEX_KINDS:
        break;
    }
    return -EBADMSG;
}

struct named *named_new(struct span annex, int *why)
{
    struct span rest = annex;
    struct annex_item item;
    size_t count = 0;
    int rc;
    while ((rc = annex_next(&rest, &item)) > 0)
        count++;
    struct named *n = rc == 0 && count > 0 ? sys_calloc(1, sizeof *n + count * sizeof n->files[0]) : NULL;
    *why = rc == 0 && count > 0 && !n ? -ENOMEM : rc;
    for (rest = annex; n && *why == 0 && annex_next(&rest, &item) > 0;) {
        n->files[n->count].item = item;
        *why = read_file(&n->files[n->count++]);
    }
    if (*why == 0)
        return n;
    named_free(n);
    return NULL;
}

void named_free(struct named *n)
{
    for (size_t i = 0; n && i < n->count; i++) {
        htpasswd_done(&n->files[i].passwords);
        redirect_map_done(&n->files[i].redirects);
    }
    sys_free(n);
}

static const struct named_file *find(const struct named *n, enum annex_kind kind, const char *path)
{
    for (size_t i = 0; n && path[0] && i < n->count; i++)
        if (n->files[i].item.kind == kind && span_eq(n->files[i].item.path, span_of(path)))
            return &n->files[i];
    return NULL;
}

const struct htpasswd *named_passwords(const struct named *n, const char *path)
{
    const struct named_file *f = find(n, ANNEX_PASSWORDS, path);
    return f ? &f->passwords : NULL;
}

const struct redirect_map *named_redirects(const struct named *n, const char *path)
{
    const struct named_file *f = find(n, ANNEX_REDIRECTS, path);
    return f ? &f->redirects : NULL;
}

bool named_text(const struct named *n, enum annex_kind kind, const char *path, struct span *text)
{
    const struct named_file *f = find(n, kind, path);
    if (f)
        *text = f->item.text;
    return f != NULL;
}
