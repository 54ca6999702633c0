/* query_mask.c - see query_mask.h. */
#include "http/query_mask.h"
#include "base/log.h"
#include "http/field.h"
#include "http/path.h"

enum { NAME_BYTES = 256, LOG_BYTES = 2048 };

/* A name is written as the one who asks likes it; the application reads "to%6Ben", too. */
static struct span decode(struct span name, char into[NAME_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < name.len && len < NAME_BYTES; i++) {
        int byte = name.at[i] == '%' ? path_escaped_byte(span_skip(name, i)) : -1;
        into[len++] = byte > 0 ? (char)byte : name.at[i];
        i += byte > 0 ? 2 : 0;
    }
    return (struct span){ into, len };
}

static bool is_secret(struct span name, struct span secrets)
{
    char text[NAME_BYTES];
    if (!secrets.at)
        return true;
    if (name.len > 0 && span_find(name, '%') < name.len)
        name = decode(name, text);
    return name.len > 0 && field_list_has(secrets, name);
}

struct span query_mask(struct span url, struct span secrets, char *into, size_t cap_bytes)
{
    static const struct span stars = SPAN("***");
    size_t len = 0, query = span_find(url, '?');
    bool is_name = true, is_hidden = false;
    struct span name = span_skip(url, query < url.len ? query + 1 : query);
    for (size_t i = 0; i < url.len && len + stars.len < cap_bytes; i++) {
        char c = url.at[i];
        bool is_end = i >= query && (c == '&' || c == ';' || c == '#' || i == query);
        if (is_end) {
            is_name = true;
            is_hidden = false;
            name.at = url.at + i + 1;
        }
        if (!is_hidden)
            into[len++] = c;
        if (!is_end && is_name && i > query && c == '=') {
            name.len = (size_t)(url.at + i - name.at);
            is_name = false;
            is_hidden = is_secret(name, secrets);
            for (size_t n = 0; n < stars.len && is_hidden; n++)
                into[len++] = stars.at[n];
        }
    }
    return (struct span){ into, len };
}

const char *query_mask_log(char *into, size_t cap_bytes, struct span url, struct span secrets)
{
    char masked[LOG_BYTES];
    bool is_plain = span_find(url, '?') == url.len;
    return log_escape(into, cap_bytes, is_plain ? url : query_mask(url, secrets, masked, sizeof masked));
}
