#include <stdlib.h>
#include "unit.h"
#include "wire/h2_guard.h"

/* What a client sends, whole and cut at every byte; then rates, by the clock that the test holds. */

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
       CONTINUATION, PRIORITY_UPDATE = 16 };
enum { END_STREAM = 1, END_HEADERS = 4, PADDED = 8, BOTH = 5 };
enum { FRAMES_MAX = 12 };

static const struct h2_guard_limits limits = { .block_bytes = 100, .idle_frames_per_s = 2,
                                               .resets_per_s = 1 };

struct sent {
    unsigned type, flags, stream, bytes, word;     /* bytes: of the payload; word: its first four */
};

/* refused: the number of the frame (from 1) that is refused; 0: none is */
static const struct { const char *why; unsigned refused; enum h2_error error;
                      struct sent frames[FRAMES_MAX]; } cases[] = {
    { "requests", 0, 0, { { HEADERS, BOTH, 1, 9, 0 }, { HEADERS, BOTH, 3, 9, 0 } } },
    { "a body", 0, 0, { { HEADERS, END_HEADERS, 1, 9, 0 }, { DATA, 0, 1, 5, 0 },
                        { DATA, END_STREAM, 1, 0, 0 } } },
    { "trailers", 0, 0, { { HEADERS, END_HEADERS, 1, 9, 0 }, { HEADERS, BOTH, 1, 3, 0 } } },
    { "trailers behind a later stream", 0, 0,
      { { HEADERS, END_HEADERS, 1, 9, 0 }, { HEADERS, BOTH, 3, 9, 0 }, { HEADERS, BOTH, 1, 3, 0 } } },
    { "streams may be skipped", 0, 0, { { HEADERS, BOTH, 5, 9, 0 }, { HEADERS, BOTH, 99, 9, 0 } } },
    { "a skipped stream", 2, H2_PROTOCOL_ERROR, { { HEADERS, BOTH, 5, 9, 0 }, { HEADERS, BOTH, 3, 9, 0 } } },
    { "the first one, skipped", 2, H2_PROTOCOL_ERROR,
      { { HEADERS, BOTH, 3, 9, 0 }, { HEADERS, BOTH, 1, 9, 0 } } },
    { "one skipped between others", 4, H2_PROTOCOL_ERROR,
      { { HEADERS, BOTH, 1, 9, 0 }, { HEADERS, BOTH, 9, 9, 0 }, { HEADERS, BOTH, 11, 9, 0 },
        { HEADERS, BOTH, 7, 9, 0 } } },
    { "HEADERS behind END_STREAM", 2, H2_STREAM_CLOSED,
      { { HEADERS, BOTH, 1, 9, 0 }, { HEADERS, BOTH, 1, 9, 0 } } },
    { "DATA behind END_STREAM", 2, H2_STREAM_CLOSED,
      { { HEADERS, BOTH, 1, 9, 0 }, { DATA, 0, 1, 9, 0 } } },
    { "DATA behind RST_STREAM", 3, H2_STREAM_CLOSED,
      { { HEADERS, END_HEADERS, 1, 9, 0 }, { RST_STREAM, 0, 1, 4, 8 }, { DATA, 0, 1, 9, 0 } } },
    { "a block in several frames", 0, 0,
      { { HEADERS, END_STREAM, 1, 50, 0 }, { CONTINUATION, 0, 1, 25, 0 },
        { CONTINUATION, END_HEADERS, 1, 25, 0 } } },
    { "a block one byte too large", 3, H2_ENHANCE_YOUR_CALM,
      { { HEADERS, END_STREAM, 1, 50, 0 }, { CONTINUATION, 0, 1, 25, 0 },
        { CONTINUATION, END_HEADERS, 1, 26, 0 } } },
    { "HEADERS one byte too large", 1, H2_ENHANCE_YOUR_CALM, { { HEADERS, BOTH, 1, 101, 0 } } },
    { "nine frames of a block", 9, H2_ENHANCE_YOUR_CALM,
      { { HEADERS, 0, 1, 1, 0 }, { CONTINUATION, 0, 1, 0, 0 }, { CONTINUATION, 0, 1, 0, 0 },
        { CONTINUATION, 0, 1, 0, 0 }, { CONTINUATION, 0, 1, 0, 0 }, { CONTINUATION, 0, 1, 0, 0 },
        { CONTINUATION, 0, 1, 0, 0 }, { CONTINUATION, 0, 1, 0, 0 },
        { CONTINUATION, END_HEADERS, 1, 0, 0 } } },
    { "WINDOW_UPDATE", 0, 0, { { WINDOW_UPDATE, 0, 0, 4, 1 } } },
    { "WINDOW_UPDATE by nothing", 2, H2_PROTOCOL_ERROR,
      { { WINDOW_UPDATE, 0, 0, 4, 1 }, { WINDOW_UPDATE, 0, 1, 4, 0 } } },
    { "... and the reserved bit", 1, H2_PROTOCOL_ERROR, { { WINDOW_UPDATE, 0, 0, 4, 0x80000000 } } },
    { "a WINDOW_UPDATE of another size is the library's", 0, 0, { { WINDOW_UPDATE, 0, 0, 3, 0 } } },
    { "PRIORITY", 0, 0, { { PRIORITY, 0, 3, 5, 1 } } },
    { "PRIORITY of no stream", 1, H2_PROTOCOL_ERROR, { { PRIORITY, 0, 0, 5, 1 } } },
    { "a stream that depends on itself", 1, H2_PROTOCOL_ERROR, { { PRIORITY, 0, 3, 5, 3 } } },
    { "... exclusively", 1, H2_PROTOCOL_ERROR, { { PRIORITY, 0, 3, 5, 0x80000003 } } },
};

static char *put_frame(char *at, const struct sent *f)
{
    const unsigned char head[H2_FRAME_HEAD_BYTES] = {
        (unsigned char)(f->bytes >> 16), (unsigned char)(f->bytes >> 8), (unsigned char)f->bytes,
        (unsigned char)f->type, (unsigned char)f->flags, (unsigned char)(f->stream >> 24),
        (unsigned char)(f->stream >> 16), (unsigned char)(f->stream >> 8), (unsigned char)f->stream,
    };
    at = mempcpy(at, head, sizeof head);
    for (unsigned i = 0; i < f->bytes; i++)
        *at++ = i < 4 ? (char)(f->word >> (24 - 8 * i)) : 'x';
    return at;
}

/* How many bytes were let through, each read in a block of its own: overreads are caught. */
static size_t read_cut(struct span in, size_t cut_bytes, enum h2_error *error)
{
    struct h2_guard g;
    size_t passed = 0;
    h2_guard_init(&g);
    *error = H2_NO_ERROR;
    while (in.len > 0 && *error == H2_NO_ERROR) {
        size_t n = in.len < cut_bytes ? in.len : cut_bytes;
        char *piece = memcpy(malloc(n), in.at, n);
        passed += h2_guard_read(&g, &limits, (struct span){ piece, n }, 1000, error);
        in = span_skip(in, n);
        free(piece);
    }
    return passed;
}

UNIT_TEST(every_case_at_every_cut)
{
    static char bytes[4096];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *at = mempcpy(bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", H2_PREFACE_BYTES);
        size_t until = 0;
        for (unsigned k = 0; k < FRAMES_MAX && cases[i].frames[k].bytes + cases[i].frames[k].stream > 0; k++) {
            if (k + 1 == cases[i].refused)
                until = (size_t)(at - bytes);
            at = put_frame(at, &cases[i].frames[k]);
        }
        struct span in = { bytes, (size_t)(at - bytes) };
        for (size_t cut = 1; cut <= in.len; cut++) {
            enum h2_error error;
            size_t passed = read_cut(in, cut, &error);
            size_t most = cases[i].refused ? until + H2_FRAME_LOOK_BYTES : in.len;
            size_t least = cases[i].refused ? until : in.len;
            if (error != cases[i].error || passed < least || passed > most)
                fail_msg("%s, cut at %zu: %u, %zu of %zu bytes", cases[i].why, cut, error, passed, in.len);
        }
    }
}

/* ---- rates ----------------------------------------------------------------------------------- */

static struct h2_guard guard;

static enum h2_error give(struct sent f, int64_t now_ms)
{
    char bytes[512];
    enum h2_error error;
    struct span in = { bytes, (size_t)(put_frame(bytes, &f) - bytes) };
    (void)h2_guard_read(&guard, &limits, in, now_ms, &error);
    guard.left_bytes = guard.head_bytes = 0;        /* after a refusal a real one is read no more */
    return error;
}

/* How many of them pass in one moment. */
static unsigned burst(struct sent f, int64_t now_ms)
{
    unsigned count = 0;
    while (count < 100000 && give(f, now_ms) == H2_NO_ERROR)
        count++;
    return count;
}

static void begin(void)
{
    h2_guard_init(&guard);
    guard.preface_left_bytes = 0;
    assert_int_equal(give((struct sent){ HEADERS, END_HEADERS, 1, 9, 0 }, 1), H2_NO_ERROR);
}

UNIT_TEST(frames_that_move_nothing)
{
    static const struct sent floods[] = {
        { PING, 0, 0, 8, 0 }, { SETTINGS, 0, 0, 0, 0 }, { PRIORITY, 0, 3, 5, 0 }, { DATA, 0, 1, 0, 0 },
        { DATA, PADDED, 1, 256, 0 }, { PRIORITY_UPDATE, 0, 0, 5, 1 }, { 99, 0, 0, 3, 0 },
        { WINDOW_UPDATE, 0, 0, 4, 1 }, { GOAWAY, 0, 0, 8, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
        begin();
        assert_int_equal(burst(floods[i], 1000), 20);              /* ten seconds' worth */
        assert_int_equal(burst(floods[i], 2000), 2);
        assert_int_equal(burst(floods[i], 2499), 0);
        assert_int_equal(burst(floods[i], 2500), 1);
        assert_int_equal(burst(floods[i], 1000000), 20);           /* no more than that, ever */
        assert_string_equal(guard.why, "too many frames that ask for nothing");
    }
}

UNIT_TEST(data_costs_nothing)
{
    begin();
    assert_int_equal(burst((struct sent){ DATA, 0, 1, 1, 0 }, 1000), 100000);
    assert_int_equal(burst((struct sent){ DATA, PADDED, 1, 257, 0 }, 1000), 100000);
}

UNIT_TEST(windows_are_earned_by_what_was_sent)
{
    begin();
    for (int i = 0; i < 30; i++)
        h2_guard_sent_data(&guard);
    assert_int_equal(burst((struct sent){ WINDOW_UPDATE, 0, 0, 4, 1 }, 1000), 2 * 30 + 20);
}

UNIT_TEST(resets_of_both_sides)
{
    begin();
    assert_int_equal(burst((struct sent){ RST_STREAM, 0, 1, 4, 8 }, 1000), 10);
    assert_string_equal(guard.why, "too many streams were reset");
    begin();
    for (int i = 0; i < 6; i++)
        assert_true(h2_guard_reset(&guard, &limits, 1000));
    assert_int_equal(burst((struct sent){ RST_STREAM, 0, 1, 4, 8 }, 1000), 4);
    assert_false(h2_guard_reset(&guard, &limits, 1000));
}

UNIT_TEST(what_is_amid)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    enum h2_error error;
    h2_guard_init(&guard);
    assert_true(h2_guard_is_amid(&guard));
    (void)h2_guard_read(&guard, &limits, (struct span){ preface, 24 }, 1, &error);
    assert_false(h2_guard_is_amid(&guard));
    assert_int_equal(give((struct sent){ HEADERS, END_STREAM, 1, 9, 0 }, 1), H2_NO_ERROR);
    assert_true(h2_guard_is_amid(&guard));
    assert_int_equal(give((struct sent){ CONTINUATION, END_HEADERS, 1, 9, 0 }, 1), H2_NO_ERROR);
    assert_false(h2_guard_is_amid(&guard));
    (void)h2_guard_read(&guard, &limits, SPAN("\0\0\5"), 1, &error);
    assert_true(h2_guard_is_amid(&guard));
    uint32_t begun = guard.begun;
    (void)h2_guard_read(&guard, &limits, SPAN("\1\5\0\0\0\3abc"), 1, &error);       /* HEADERS, 3 of 5 bytes */
    assert_true(h2_guard_is_amid(&guard) && guard.begun == begun + 1);
    (void)h2_guard_read(&guard, &limits, SPAN("de\0\0\2\0\0\0\0\0\1a"), 1, &error);      /* DATA, 1 of 2 */
    assert_false(h2_guard_is_amid(&guard));
}

UNIT_MAIN(every_case_at_every_cut, frames_that_move_nothing, data_costs_nothing,
          windows_are_earned_by_what_was_sent, resets_of_both_sides, what_is_amid)
