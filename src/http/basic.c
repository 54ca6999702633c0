/* basic.c - strict base64 (RFC 4648, section 4): padding may be left out, nothing else.
 */
#include "http/basic.h"
#include <errno.h>
#include <stdio.h>

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int decode(struct span text, char into[BASIC_BYTES_MAX], size_t *len)
{
    unsigned bits = 0, count = 0;
    *len = 0;
    for (int padding = 0; padding < 2 && text.len > 0 && text.at[text.len - 1] == '='; padding++)
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.at[i]);
        if (digit < 0 || *len == BASIC_BYTES_MAX)
            return -EBADMSG;
        bits = (bits << 6 | (unsigned)digit) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            into[(*len)++] = (char)(bits >> count & 0xff);
        }
    }
    return count == 6 ? -EBADMSG : 0;     /* a digit too many */
}

int basic_read(struct span value, char into[BASIC_BYTES_MAX], size_t *len)
{
    const struct span scheme = SPAN("Basic");
    size_t end = span_find(value, ' ');
    if (!span_eq_nocase((struct span){ value.at, end }, scheme))
        return 0;
    struct span token = span_trim(span_skip(value, end));
    if (decode(token, into, len) < 0 || !memchr(into, ':', *len))
        return -EBADMSG;
    return 1;
}

/* A quoted-string (RFC 9110, section 5.6.4). */
int basic_challenge(const char *realm, char into[BASIC_CHALLENGE_BYTES])
{
    size_t at = (size_t)snprintf(into, BASIC_CHALLENGE_BYTES, "Basic realm=\"");
    if (strlen(realm) > BASIC_REALM_BYTES_MAX)
        return -EINVAL;
    for (; *realm; realm++) {
        if ((unsigned char)*realm < 0x20 || *realm == 0x7f)
            return -EINVAL;
        if (*realm == '"' || *realm == '\\')
            into[at++] = '\\';
        into[at++] = *realm;
    }
    (void)snprintf(into + at, BASIC_CHALLENGE_BYTES - at, "\", charset=\"UTF-8\"");
    return 0;
}
