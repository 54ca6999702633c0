/* escape.c - one loop, two sets of bytes that stay. */
#include "http/escape.h"

static const char path_bytes[] = "-._~!$&'()*+,;=:@/", raw_bytes[] = "-._~!$&'()*+,;=:@/?%[]";

static bool stays(char c, const char *others)
{
    bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return is_alnum || (c != '\0' && strchr(others, c));
}

static size_t escape(struct span s, const char *others, char *into)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (stays(s.at[i], others)) {
            into[len++] = s.at[i];
            continue;
        }
        into[len++] = '%';
        into[len++] = digits[c >> 4];
        into[len++] = digits[c & 15];
    }
    return len;
}

size_t escape_path(struct span path, char *into)
{
    return escape(path, path_bytes, into);
}

size_t escape_raw(struct span raw, char *into)
{
    return escape(raw, raw_bytes, into);
}
