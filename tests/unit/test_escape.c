/* Bytes of strangers in a URL: every byte value, and some URLs as people write them. */
#include "unit.h"
#include "http/escape.h"

UNIT_TEST(every_byte_is_visible_ascii_afterwards)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char one = (char)byte, out[ESCAPE_GROWTH];
        const struct span s = { &one, 1 };
        size_t lens[2] = { escape_path(s, out), 0 };
        for (int kind = 0; kind < 2; kind++) {
            size_t len = kind == 0 ? lens[0] : escape_raw(s, out);
            assert_true(len == 1 || len == 3);
            for (size_t i = 0; i < len; i++)
                assert_true(out[i] > 0x20 && out[i] < 0x7f && !strchr("\"<>\\^`{|}#", out[i]));
            if (len == 3)
                assert_int_equal(strtoul((char[]){ out[1], out[2], '\0' }, NULL, 16), byte);
        }
    }
}

static const struct { const char *in, *path, *raw; } cases[] = {
    { "/a/b", "/a/b", "/a/b" },
    { "/a b?c=d#e", "/a%20b%3Fc=d%23e", "/a%20b?c=d%23e" },
    { "/100%", "/100%25", "/100%" },
    { "/%2e", "/%252e", "/%2e" },
    { "/\xc3\xa9\r\nX: y", "/%C3%A9%0D%0AX:%20y", "/%C3%A9%0D%0AX:%20y" },
    { "/\\evil", "/%5Cevil", "/%5Cevil" },
};

UNIT_TEST(urls)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[100];
        assert_span_equal(((struct span){ out, escape_path(span_of(cases[i].in), out) }), span_of(cases[i].path));
        assert_span_equal(((struct span){ out, escape_raw(span_of(cases[i].in), out) }), span_of(cases[i].raw));
    }
    assert_int_equal(escape_path(SPAN(""), NULL), 0);
}

UNIT_MAIN(every_byte_is_visible_ascii_afterwards, urls)
