/* will.c - see will.h. */
#include "scribe/will.h"
#include <errno.h>
#include <inttypes.h>
#include "base/sys.h"

enum { READ_BYTES = 64 * 1024 };

int will_add(struct buf *will, const struct will_item *item)
{
    if (item->bytes.len == 0)
        return 0;
    int rc = buf_addf(will, "%c %zu %.*s\n", (char)item->kind, item->bytes.len, (int)item->where.len,
                      item->where.len > 0 ? item->where.at : "");
    return rc < 0 ? rc : buf_add(will, item->bytes);
}

int will_next(struct span *text, struct will_item *item)
{
    uint64_t bytes;
    if (text->len == 0)
        return 0;
    size_t end = span_find(*text, '\n');
    struct span head = { text->at, end };
    if (end == text->len || head.len < 4 || head.at[1] != ' ')
        return -EBADMSG;
    struct span rest = span_skip(head, 2);
    size_t digits = span_find(rest, ' ');
    if (digits == rest.len || span_to_u64((struct span){ rest.at, digits }, &bytes) < 0 ||
        bytes > text->len - end - 1)
        return -EBADMSG;
    *item = (struct will_item){ (enum will_kind)(unsigned char)head.at[0], span_skip(rest, digits + 1),
                                { text->at + end + 1, (size_t)bytes } };
    *text = span_skip(*text, end + 1 + (size_t)bytes);
    return 1;
}

int will_read(int fd, struct buf *will)
{
    ssize_t got = 1;
    int rc = 0;
    for (off_t at = 0; rc == 0 && got > 0; at += got) {
        rc = buf_reserve(will, READ_BYTES);
        got = rc < 0 ? rc : sys_pread(fd, buf_tail(will), buf_room(will), at);
        if (got > 0)
            buf_added(will, (size_t)got);
    }
    return got < 0 ? (int)got : rc;
}
