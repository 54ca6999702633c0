#include "unit.h"
#include "scribe/short.h"

#define HEAD "127.0.0.1 - - [24/Nov/2026:07:08:19 +0000] "

static const struct { const char *why, *in, *out; unsigned columns; } cases[] = {
    { "a page", HEAD "\"GET /a/?b=c HTTP/1.1\" 200 4301 \"-\" \"-\" 12.345 - 77",
      "12:04:31 200   12 ms    4.2K GET     /a/?b=c", 0 },
    { "quick, no body", HEAD "\"HEAD / HTTP/1.0\" 304 0 \"-\" \"curl\" 0.071 - 77",
      "12:04:31 304  0.0 ms      0B HEAD    /", 0 },
    { "slow from half a second on", HEAD "\"POST / HTTP/1.1\" 500 999 \"-\" \"-\" 500.000 id 77",
      "12:04:31 500  500 ms !  999B POST    /", 0 },
    { "seconds, megabytes", HEAD "\"OPTIONS / HTTP/1.1\" 200 2000000 \"-\" \"-\" 1240.999 - 77",
      "12:04:31 200 1.24 s  !  1.9M OPTIONS /", 0 },
    { "minutes", HEAD "\"GET / HTTP/1.1\" 200 20000000000 \"-\" \"-\" 123456.000 - 77",
      "12:04:31 200  123 s  !   18G GET     /", 0 },
    { "what could not be read", HEAD "\"-\" 400 16 \"-\" \"-\" 0.100 - -",
      "12:04:31 400  0.1 ms     16B -       -", 0 },
    { "foreign bytes stay escaped", HEAD "\"GET /\\x1b[2J\\x22 HTTP/1.1\" 404 5 \"-\" \"-\" 1.0 - 7",
      "12:04:31 404  1.0 ms      5B GET     /\\x1b[2J\\x22", 0 },
    { "it fits to the column", HEAD "\"GET /a?0123456789012345678901 HTTP/1.1\" 200 5 \"-\" \"-\" 1.0 - 7",
      "12:04:31 200  1.0 ms      5B GET     /a?0123456789012345678901", 62 },
    { "the query loses its end", HEAD "\"GET /a?01234567890123456789012 HTTP/1.1\" 200 5 \"-\" \"-\" 1.0 - 7",
      "12:04:31 200  1.0 ms      5B GET     /a?0123456789012345678...", 62 },
    { "a narrow terminal", HEAD "\"GET /abcdefghijklmnopqrstuvwxyz HTTP/1.1\" 200 5 \"-\" \"-\" 1.0 - 7",
      "12:04:31 200  1.0 ms      5B GET     /abcdef...mnopqrstuvwxyz", 1 },
    { "a path loses its middle", HEAD "\"GET /abcdefghijklmnopqrstuvwxyz?q HTTP/1.1\" 200 5 \"-\" \"-\" 1.0 - 7",
      "12:04:31 200  1.0 ms      5B GET     /abcdef...mnopqrstuvwxyz", 61 },
    { "another line", "what somebody wrote", "", 0 },
    { "another line with a quote", "\"a b\" c d", "", 0 },
    { "nothing", "", "", 0 },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[SHORT_BYTES];
        struct short_style style = { .clock = "12:04:31", .columns = cases[i].columns };
        size_t len = short_line(span_of(cases[i].in), &style, got);
        if (!span_eq((struct span){ got, len }, span_of(cases[i].out)))
            fail_msg("%s:\n%.*s\n%s", cases[i].why, (int)len, got, cases[i].out);
    }
}

UNIT_TEST(any_part_of_a_line_is_read_without_harm)
{
    struct short_style style = { .clock = "12:04:31", .has_colour = true, .columns = 50 };
    struct span whole = span_of(cases[0].in);
    for (size_t len = 0; len < whole.len; len++) {
        char got[SHORT_BYTES], *piece = malloc(len > 0 ? len : 1);   /* overreads are caught */
        assert_non_null(piece);
        memcpy(piece, whole.at, len);
        (void)short_line((struct span){ piece, len }, &style, got);
        free(piece);
    }
}

UNIT_TEST(colours_end_where_the_line_ends)
{
    char got[SHORT_BYTES];
    struct short_style style = { .clock = "12:04:31", .has_colour = true };
    size_t len = short_line(span_of(cases[2].in), &style, got);
    assert_true(len > 4);
    got[len] = '\0';
    assert_string_equal(got + len - 4, "\x1b[0m");
    assert_non_null(strstr(got, "\x1b[1;31m500"));
}

UNIT_TEST(the_longest_target_fits)
{
    enum { BYTES = 3000 };
    char line[BYTES + 200], got[SHORT_BYTES], path[BYTES];
    struct short_style style = { .clock = "12:04:31", .has_colour = true };
    memset(path, 'a', sizeof path);
    for (int n = 2000; n < BYTES; n += 50) {
        (void)snprintf(line, sizeof line, HEAD "\"GET %.*s HTTP/1.1\" 200 5 \"-\" \"-\" 1.0 - 7", n,
                       path);
        assert_true(short_line(span_of(line), &style, got) < SHORT_BYTES);
    }
}

UNIT_MAIN(every_case, any_part_of_a_line_is_read_without_harm, colours_end_where_the_line_ends,
          the_longest_target_fits)
