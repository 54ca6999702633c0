/* lines.c - most reads hold whole lines, which are given out where they lie; only the rest is
 * copied. */
#include "scribe/lines.h"

static void give_part(struct lines *l, lines_fn take, void *user)
{
    take(user, buf_span(&l->part));
    buf_take(&l->part, buf_len(&l->part));
}

/* `bytes` belong to the line under way, which does not end with them. */
static void keep(struct lines *l, struct span bytes, lines_fn take, void *user)
{
    while (bytes.len > 0) {
        size_t room = LINES_BYTES_MAX - buf_len(&l->part);
        size_t piece = bytes.len < room ? bytes.len : room;
        if (buf_add(&l->part, (struct span){ bytes.at, piece }) < 0) {
            if (buf_len(&l->part) > 0)
                give_part(l, take, user);
            take(user, bytes);
            return;
        }
        bytes = span_skip(bytes, piece);
        if (buf_len(&l->part) == LINES_BYTES_MAX)
            give_part(l, take, user);
    }
}

void lines_feed(struct lines *l, struct span bytes, lines_fn take, void *user)
{
    while (bytes.len > 0) {
        size_t len = span_find(bytes, '\n');
        struct span line = { bytes.at, len };
        if (len == bytes.len) {
            keep(l, bytes, take, user);
            return;
        }
        if (buf_len(&l->part) > 0 || len > LINES_BYTES_MAX) {
            keep(l, line, take, user);
            if (buf_len(&l->part) > 0)
                give_part(l, take, user);
        } else {
            take(user, line);
        }
        bytes = span_skip(bytes, len + 1);
    }
}

void lines_end(struct lines *l, lines_fn take, void *user)
{
    if (buf_len(&l->part) > 0)
        give_part(l, take, user);
    buf_done(&l->part);
}
