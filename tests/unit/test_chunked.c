#include "unit.h"
#include "wire/chunked.h"
static const struct { const char *why, *in, *body; } cases[] = {    /* body NULL: refused */
    { "two chunks, an extension", "3\r\nabc\r\n10;x\r\n0123456789uvwxyz\r\n0\r\n\r\n", "abc0123456789uvwxyz" },
    { "trailers are skipped",     "A\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\n", "0123456789" },
    { "every kind of digit",      "0f\r\n0123456789abcde\r\n9\r\n012345678\r\nB\r\n0123456789a\r\n0\r\n\r\n",
      "0123456789abcde0123456780123456789a" },
    { "10 to 15, small",          "a;\r\n0123456789\r\n0a\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789" },
    { "15 digits",                "000000000000003\r\nabc\r\n0\r\n\r\n",      "abc" },
    { "an extension of the last", "1\r\na\r\n0;x=\"y\"\r\n\r\n",             "a" },
    { "empty body",               "000\r\n\r\n",                                  "" },
    { "blanks before an extension", "3 \t;x\r\nabc\r\n0 ; y=\" z\"\r\n\r\n", "abc" },
    { "a trailer without a value", "1\r\na\r\n0\r\nA:\r\n\r\n",       "a" },
    { "blanks and no extension",  "3 \t\r\nabc\r\n0\r\n\r\n",             NULL },
    { "a blank within a size",    "1 0;x\r\nabc\r\n0\r\n\r\n",             NULL },
    { "DEL in an extension",      "3;a\x7f\r\nabc\r\n0\r\n\r\n",          NULL },
    { "a trailer without a colon", "0\r\nGET / HTTP/1.1\r\n\r\n",          NULL },
    { "a trailer's name alone",   "0\r\nA\r\n\r\n",                        NULL },
    { "a trailer without a name", "0\r\n: b\r\n\r\n",                      NULL },
    { "a folded trailer",         "0\r\nA: b\r\n c\r\n\r\n",              NULL },
    { "a blank before the colon", "0\r\nA : b\r\n\r\n",                    NULL },
    { "a control byte in a trailer", "0\r\nA: b\x01\r\n\r\n",             NULL },
    { "no digits, but an extension", ";x\r\n\r\n",                            NULL },
    { "not quite a digit: /",     "/\r\n\r\n",                                NULL },
    { "not quite a digit: :",     ":\r\n\r\n",                                NULL },
    { "not quite a digit: `",     "`\r\n\r\n",                                NULL },
    { "not quite a digit: g",     "g\r\n\r\n",                                NULL },
    { "a blank after the size",   "3 \r\nabc\r\n0\r\n\r\n",                 NULL },
    { "a sign",                   "+3\r\nabc\r\n0\r\n\r\n",                 NULL },
    { "0x",                       "0x3\r\nabc\r\n0\r\n\r\n",                NULL },
    { "lone LF in a trailer",     "0\r\nA: b\nC: d\r\n\r\n",                 NULL },
    { "lone LF as the end",       "0\r\n\n",                                  NULL },
    { "lone CR in a trailer",     "0\r\nA: b\rC: d\r\n\r\n",                 NULL },
    { "lone CR at the end",       "0\r\n\rX",                                 NULL },
    { "no digits, second size",   "3\r\nabc\r\n\r\n\r\n",                         NULL },
    { "lone LF after a size",     "3\nabc\r\n0\r\n\r\n",                          NULL },
    { "lone CR after a size",     "3\rXabc\r\n0\r\n\r\n",                         NULL },
    { "lone LF in an extension",  "3;a\nb\r\nabc\r\n0\r\n\r\n",                   NULL },
    { "16 digits",                "0000000000000003\r\nabc\r\n0\r\n\r\n",          NULL },
    { "no CR after the data",     "3\r\nabcd\n0\r\n\r\n",                         NULL },
    { "no LF after the data",     "3\r\nabc\rd0\r\n\r\n",                         NULL },
};

static ssize_t read_cut(struct span in, size_t cut_bytes, char *body)
{
    struct chunked c = { 0 };
    ssize_t taken = 0;
    while (in.len > 0 && c.state != CHUNKED_DONE && taken >= 0) {
        size_t n = in.len < cut_bytes ? in.len : cut_bytes;
        char *piece = memcpy(malloc(n), in.at, n);          /* own block: overreads are caught */
        struct span data = SPAN("");
        taken = chunked_read(&c, (struct span){ piece, n }, &data);
        body = mempcpy(body, data.at, data.len);
        if (taken > 0)
            in = (struct span){ in.at + taken, in.len - (size_t)taken };
        free(piece);
    }
    *body = '\0';
    return taken < 0 ? taken : c.state == CHUNKED_DONE && in.len == 0 ? 0 : -EAGAIN;
}

UNIT_TEST(every_case_at_every_cut)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span in = { cases[i].in, strlen(cases[i].in) };
        for (size_t cut = 1; cut <= in.len; cut++) {
            char body[64];
            ssize_t got = read_cut(in, cut, body), want = cases[i].body ? 0 : -EBADMSG;
            if (got != want || (got == 0 && strcmp(body, cases[i].body) != 0))
                fail_msg("%s, cut at %zu: %zd, \"%s\"", cases[i].why, cut, got, body);
        }
    }
}

UNIT_TEST(what_follows_the_body_is_left_alone)
{
    struct chunked c = { 0 };
    struct span data, in = SPAN("0\r\nA: b\r\n\r\nGET /");
    assert_int_equal(chunked_read(&c, in, &data), in.len - 5);
    assert_int_equal(c.state, CHUNKED_DONE);
    assert_int_equal(chunked_read(&c, SPAN("GET /"), &data), 0);
    assert_int_equal(c.state, CHUNKED_DONE);
}

UNIT_TEST(the_largest_chunk_is_counted_right)
{
    struct chunked c = { 0 };
    struct span data;
    assert_int_equal(chunked_read(&c, SPAN("fffffffffffffff\r\nab"), &data), 19);
    assert_span_equal(data, SPAN("ab"));
    assert_true(c.left_bytes == 0xfffffffffffffff - 2 && c.state == CHUNKED_DATA);
}

UNIT_TEST(what_was_refused_stays_refused)
{
    struct chunked c = { 0 };
    struct span data;
    assert_int_equal(chunked_read(&c, SPAN("x"), &data), -EBADMSG);
    assert_int_equal(chunked_read(&c, SPAN("0\r\n\r\n"), &data), -EBADMSG);
}

UNIT_TEST(the_8193rd_skipped_byte_is_refused)
{
    struct chunked c = { .state = CHUNKED_EXT, .skipped_bytes = 8191 };
    struct span data;
    assert_int_equal(chunked_read(&c, SPAN("x"), &data), 1);
    assert_int_equal(chunked_read(&c, SPAN("x"), &data), -EBADMSG);
}

UNIT_MAIN(every_case_at_every_cut, what_follows_the_body_is_left_alone,
          the_largest_chunk_is_counted_right, what_was_refused_stays_refused,
          the_8193rd_skipped_byte_is_refused)
