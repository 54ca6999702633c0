/* annex.c - every option that names such a file is one row here. */
#include "conf/annex.h"
#include <errno.h>
#include <stdio.h>
#include "conf/folder.h"
#include "conf/htpasswd.h"
#include "conf/redirect_map.h"

struct head {                     /* of one machine and one program: numbers as they are in memory */
    uint32_t kind, path_bytes, text_bytes;
};

static const char *path_of(const struct conf *c, enum annex_kind kind)
{
    switch (kind) {
    case ANNEX_PASSWORDS:
        return c->basic_auth;
    case ANNEX_REDIRECTS:
        return c->redirects;
    case ANNEX_PAGE: case ANNEX_TEMPLATE: case ANNEX_KINDS:
        break;
    }
    return "";
}

/* The site's options, then those of its routes. */
static const struct conf *conf_at(const struct conf *site, size_t place)
{
    return place == 0 ? site : site->routes[place - 1].conf;
}

/* Named there for the first time? */
static bool is_new(const struct conf *site, size_t place, enum annex_kind kind)
{
    const char *path = path_of(conf_at(site, place), kind);
    for (size_t i = 0; i < place; i++)
        if (strcmp(path_of(conf_at(site, i), kind), path) == 0)
            return false;
    return path[0] != '\0';
}

static int look_at(enum annex_kind kind, struct span text, const char *path, char *why)
{
    struct htpasswd passwords = { 0 };
    struct redirect_map map = { .texts = NULL };
    int rc = 0;
    switch (kind) {
    case ANNEX_PASSWORDS:
        rc = htpasswd_read(&passwords, text, path, why);
        htpasswd_done(&passwords);
        break;
    case ANNEX_REDIRECTS:
        rc = redirect_map_read(&map, text, path, why);
        redirect_map_done(&map);
        break;
    case ANNEX_PAGE: case ANNEX_TEMPLATE: case ANNEX_KINDS:
        break;
    }
    return rc;
}

int annex_add(struct buf *out, const struct annex_item *item)
{
    const struct head head = { item->kind, (uint32_t)item->path.len, (uint32_t)item->text.len };
    int rc = buf_reserve(out, sizeof head + item->path.len + item->text.len);
    if (rc == 0) {                       /* so none of these fails, and no part of an item is left */
        (void)buf_add(out, (struct span){ (const char *)&head, sizeof head });
        (void)buf_add(out, item->path);
        (void)buf_add(out, item->text);
    }
    return rc;
}

static int read_one(enum annex_kind kind, const char *path, struct buf *out, char *why)
{
    static const size_t limits[] = { HTPASSWD_BYTES_MAX, REDIRECT_MAP_BYTES_MAX };
    struct buf text = { 0 };
    int rc = folder_read_file(path, limits[kind], &text);
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot read %.300s: %s", path,
                       rc == -EFBIG ? "it is too large" : strerror(-rc));
    rc = rc < 0 ? rc : look_at(kind, buf_span(&text), path, why);
    if (rc == 0) {
        rc = annex_add(out, &(struct annex_item){ kind, span_of(path), buf_span(&text) });
        if (rc < 0)
            (void)snprintf(why, CONF_WHY_BYTES, "no memory for %.300s", path);
    }
    buf_done(&text);
    return rc;
}

int annex_read(const struct conf *site, struct buf *out, char *why)
{
    int rc = 0;
    for (size_t place = 0; place <= site->routes_count; place++)
        for (enum annex_kind kind = 0; kind <= ANNEX_REDIRECTS && rc == 0; kind++)
            if (is_new(site, place, kind))
                rc = read_one(kind, path_of(conf_at(site, place), kind), out, why);
    return rc;
}

/* ---- has it changed? ---- */

uint64_t annex_stamp(const struct conf *site)
{
    uint64_t stamp = 0;
    for (size_t place = 0; place <= site->routes_count; place++)
        for (enum annex_kind kind = 0; kind <= ANNEX_REDIRECTS; kind++)
            if (is_new(site, place, kind))
                stamp = folder_stamp(stamp, path_of(conf_at(site, place), kind));
    return stamp;
}

/* ---- taking it apart ---- */

int annex_next(struct span *rest, struct annex_item *item)
{
    struct head head;
    struct span left = *rest, bytes;
    if (left.len == 0)
        return 0;
    if (!span_take(&left, sizeof head, &bytes))
        return -EBADMSG;
    memcpy(&head, bytes.at, sizeof head);
    if (head.kind >= ANNEX_KINDS || !span_take(&left, head.path_bytes, &item->path) ||
        !span_take(&left, head.text_bytes, &item->text))
        return -EBADMSG;
    item->kind = (enum annex_kind)head.kind;
    *rest = left;
    return 1;
}
