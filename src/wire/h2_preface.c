#include "wire/h2_preface.h"

const struct span h2_preface = { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24 };

enum { SURE_BYTES = 3 };        /* "PR" may be the beginning of another method */

bool h2_preface_begins(struct span first)
{
    first.len = first.len < h2_preface.len ? first.len : h2_preface.len;
    return first.len >= SURE_BYTES && span_starts(h2_preface, first);
}

bool h2_preface_is_no_http(struct span first)
{
    size_t spaces = 0, end = span_find(first, '\r');
    for (size_t i = 0; i < end; i++) {
        char letter = (char)(first.at[i] | 0x20);
        if (first.at[i] != ' ' && (letter < 'a' || letter > 'z'))
            return false;
        spaces += first.at[i] == ' ';
    }
    return end < first.len && spaces == 2;
}
