#include "unit.h"
#include "scribe/lines.h"

/* out: each line between brackets */
static const struct { const char *why, *in, *out; } cases[] = {
    { "whole lines",               "a\nbc\n",      "[a][bc]" },
    { "empty lines are lines",     "\n\na\n",      "[][][a]" },
    { "the last has no end",       "a\nbc",        "[a][bc]" },
    { "only a part",               "abc",          "[abc]" },
    { "CR belongs to the line",    "a\r\nb\n",     "[a\r][b]" },
    { "nothing",                   "",             "" },
};

struct seen { char text[256]; size_t lines, bytes; };

static void see(void *user, struct span line)
{
    struct seen *s = user;
    size_t at = strlen(s->text);
    s->lines++;
    s->bytes += line.len;
    if (line.len < 32)
        (void)snprintf(s->text + at, sizeof s->text - at, "[%.*s]", (int)line.len,
                       line.len ? line.at : "");
}

UNIT_TEST(every_case_at_every_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t cut = 1; cut <= strlen(cases[i].in) + 1; cut++) {
            struct seen seen = { .text = "" };
            struct lines l = { 0 };
            struct span in = span_of(cases[i].in);
            while (in.len > 0) {
                size_t n = in.len < cut ? in.len : cut;
                char *piece = memcpy(malloc(n), in.at, n);     /* own block: overreads are caught */
                lines_feed(&l, (struct span){ piece, n }, see, &seen);
                in = span_skip(in, n);
                free(piece);
            }
            lines_end(&l, see, &seen);
            if (strcmp(seen.text, cases[i].out) != 0)
                fail_msg("%s, cut at %zu: %s", cases[i].why, cut, seen.text);
        }
}

UNIT_TEST(an_endless_line_comes_in_pieces_and_none_is_lost)
{
    enum { PIECE = 1000, TIMES = 200 };
    struct seen seen = { .text = "" };
    struct lines l = { 0 };
    char piece[PIECE];
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < TIMES; i++) {
        lines_feed(&l, (struct span){ piece, sizeof piece }, see, &seen);
        assert_true(buf_len(&l.part) < LINES_BYTES_MAX);
    }
    lines_feed(&l, SPAN("\n"), see, &seen);
    lines_end(&l, see, &seen);
    assert_int_equal(seen.bytes, PIECE * TIMES);
    assert_int_equal(seen.lines, PIECE * TIMES / LINES_BYTES_MAX + 1);
}

UNIT_TEST(a_long_line_in_one_piece_is_bounded_too)
{
    enum { BYTES = 3 * LINES_BYTES_MAX + 5 };
    struct seen seen = { .text = "" };
    struct lines l = { 0 };
    char *text = malloc(BYTES);
    memset(text, 'x', BYTES);
    text[BYTES - 1] = '\n';
    lines_feed(&l, (struct span){ text, BYTES }, see, &seen);
    lines_end(&l, see, &seen);
    free(text);
    assert_int_equal(seen.bytes, BYTES - 1);
    assert_int_equal(seen.lines, 4);
}

UNIT_MAIN(every_case_at_every_cut, an_endless_line_comes_in_pieces_and_none_is_lost,
          a_long_line_in_one_piece_is_bounded_too)
