/* path.c - decode first, then take the dots out: the other order is how "%2e%2e" climbs out of a
 * root. */
#include "http/path.h"
#include <errno.h>

bool path_is_plain(struct span raw)
{
    for (size_t i = 0; i < raw.len; i++)
        if (raw.at[i] == '%' || (raw.at[i] == '.' && i > 0 && raw.at[i - 1] == '/'))
            return false;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int path_escaped_byte(struct span s)
{
    int high = s.len >= 3 ? hex_value(s.at[1]) : -1;
    int low = s.len >= 3 ? hex_value(s.at[2]) : -1;
    return high >= 0 && low >= 0 && (high | low) != 0 ? high * 16 + low : -1;
}

static ssize_t decode_escapes(struct span raw, char *into)
{
    size_t used = 0;
    for (size_t pos = 0; pos < raw.len; pos++) {
        int byte = (unsigned char)raw.at[pos];
        if (byte == '%') {
            byte = path_escaped_byte(span_skip(raw, pos));
            pos += 2;
        }
        if (byte <= 0)
            return -EBADMSG;
        into[used++] = (char)byte;
    }
    return (ssize_t)used;
}

/* Works in place: what is written never overtakes what is read.  Each turn takes one "/segment". */
static ssize_t remove_dots(char *path, size_t len)
{
    static const struct span dot = { ".", 1 }, dots = { "..", 2 };
    size_t used = 0;
    for (size_t pos = 0; pos < len;) {
        struct span rest = { path + pos + 1, len - pos - 1 };
        struct span segment = { rest.at, span_find(rest, '/') };
        bool is_last = segment.len == rest.len;
        pos += 1 + segment.len;
        if (span_eq(segment, dots)) {
            if (used == 0)
                return -EBADMSG;
            while (path[--used] != '/') { }
        } else if (!span_eq(segment, dot)) {
            memmove(path + used, segment.at - 1, segment.len + 1);
            used += segment.len + 1;
            continue;
        }
        if (is_last)
            path[used++] = '/';        /* "/a/b/.." is the folder "/a/" */
    }
    return (ssize_t)used;
}

ssize_t path_decode(struct span raw, char *into)
{
    if (raw.len == 0 || raw.at[0] != '/')
        return -EBADMSG;
    ssize_t len = decode_escapes(raw, into);
    return len < 0 ? len : remove_dots(into, (size_t)len);
}

bool path_climbs(struct span raw)
{
    size_t bytes = 0, dots = 0;        /* of the segment so far */
    for (size_t pos = 0; pos < raw.len; pos++) {
        int byte = (unsigned char)raw.at[pos];
        int escaped = byte == '%' ? path_escaped_byte(span_skip(raw, pos)) : -1;
        byte = escaped > 0 ? escaped : byte;
        pos += escaped > 0 ? 2 : 0;
        if (byte == '/' && bytes == 2 && dots == 2)
            return true;
        dots = byte == '/' ? 0 : dots + (byte == '.');
        bytes = byte == '/' ? 0 : bytes + 1;
    }
    return bytes == 2 && dots == 2;
}

struct span path_split_query(struct span target, struct span *query)
{
    size_t mark = span_find(target, '?');
    *query = mark < target.len ? span_skip(target, mark + 1) : SPAN("");
    return (struct span){ target.at, mark };
}

bool path_is_servable(struct span path)
{
    if (path.len == 0 || path.at[0] != '/' || span_find(path, '\0') < path.len)
        return false;
    for (size_t i = 1; i < path.len; i++)
        if (path.at[i - 1] == '/' && (path.at[i] == '.' || path.at[i] == '/'))
            return false;
    return true;
}
