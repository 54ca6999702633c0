/* buf.c - one growing block; an emptied buf starts at the front again, so most never move
 * a byte. */
#include "base/buf.h"
#include "base/sys.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { FIRST_BYTES = 1024, FORMAT_BYTES = 512 };

void buf_done(struct buf *b)
{
    sys_free(b->block);
    b->block = NULL;
    b->start = b->end = b->cap_bytes = 0;
}

static void move_to_front(struct buf *b)
{
    if (b->start > 0)
        memmove(b->block, b->block + b->start, buf_len(b));
    b->end -= b->start;
    b->start = 0;
}

static int grow(struct buf *b, size_t need_bytes, size_t limit_bytes)
{
    size_t cap = b->cap_bytes > 0 ? b->cap_bytes : FIRST_BYTES;
    while (cap < need_bytes && cap <= limit_bytes / 2)
        cap *= 2;
    if (cap < need_bytes || cap > limit_bytes)
        cap = limit_bytes == SIZE_MAX ? need_bytes : limit_bytes;
    char *block = sys_realloc(b->block, cap);
    if (!block)
        return -ENOMEM;
    b->block = block;
    b->cap_bytes = cap;
    return 0;
}

int buf_reserve(struct buf *b, size_t bytes)
{
    size_t limit = b->limit_bytes > 0 ? b->limit_bytes : SIZE_MAX;
    if (bytes <= buf_room(b))
        return 0;
    if (bytes > limit - buf_len(b))
        return -EMSGSIZE;
    move_to_front(b);
    return bytes <= buf_room(b) ? 0 : grow(b, b->end + bytes, limit);
}

int buf_add(struct buf *b, struct span bytes)
{
    int rc = buf_reserve(b, bytes.len);
    if (rc == 0 && bytes.len > 0) {
        memcpy(buf_tail(b), bytes.at, bytes.len);
        buf_added(b, bytes.len);
    }
    return rc;
}

/* Formats anew into a block of its own, because the NUL that snprintf needs may be past
 * the limit. */
static int add_long(struct buf *b, size_t len, const char *format, va_list arguments)
{
    char *text = sys_malloc(len + 1);
    if (!text)
        return -ENOMEM;
    (void)vsnprintf(text, len + 1, format, arguments);
    int rc = buf_add(b, (struct span){ text, len });
    sys_free(text);
    return rc;
}

int buf_addf(struct buf *b, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list arguments, again;
    int rc;
    va_start(arguments, format);
    va_copy(again, arguments);
    int len = vsnprintf(text, sizeof text, format, arguments);
    if (len < 0)
        rc = -EINVAL;
    else if ((size_t)len < sizeof text)
        rc = buf_add(b, (struct span){ text, (size_t)len });
    else
        rc = add_long(b, (size_t)len, format, again);
    va_end(again);
    va_end(arguments);
    return rc;
}

void buf_take(struct buf *b, size_t bytes)
{
    assert(bytes <= buf_len(b));
    b->start += bytes;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void buf_shrink(struct buf *b)
{
    if (buf_len(b) == 0)
        buf_done(b);
}
