/* test_encoder.c - what was put in comes out of zlib's and brotli's own decoders, flushed or not. */
#include "unit.h"
#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include "serve/encoder.c"

static size_t decoded(enum encoding encoding, struct span in, char *into, size_t cap_bytes)
{
    if (encoding == ENCODING_ZSTD) {
        size_t bytes = ZSTD_decompress(into, cap_bytes, in.at, in.len);
        assert_false(ZSTD_isError(bytes));
        return bytes;
    }
    if (encoding == ENCODING_BROTLI) {
        size_t bytes = cap_bytes;
        assert_int_equal(BrotliDecoderDecompress(in.len, (const uint8_t *)in.at, &bytes, (uint8_t *)into),
                         BROTLI_DECODER_RESULT_SUCCESS);
        return bytes;
    }
    z_stream z = { .next_in = (Bytef *)in.at, .avail_in = (uInt)in.len, .next_out = (Bytef *)into,
                   .avail_out = (uInt)cap_bytes };
    assert_int_equal(inflateInit2(&z, GZIP_WINDOW), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    assert_int_equal(z.avail_in, 0);
    return cap_bytes - z.avail_out;
}

static char plain[400000], back[400000];

static void make_plain(void)
{
    static const char *const words[] = { "harbour ", "crane ", "quay ", "rope ", "tide\n", "<p>" };
    size_t at = 0;
    while (at + 10 < sizeof plain)
        at += (size_t)sprintf(plain + at, "%s", words[rand() % 6]);
}

static struct encoder *new_padded(enum encoding encoding, size_t padding_bytes)
{
    struct encoder *e = encoder_new(encoding, ENCODER_PAGE);
    if (!e)
        abort();                        /* assert_non_null() tells the compiler nothing */
    memset(e->padding, 0, sizeof e->padding);
    memset(e->padding, 'a', padding_bytes);
    e->padding_bytes = padding_bytes;
    return e;
}

UNIT_TEST(every_padding_and_many_pieces)
{
    make_plain();
    for (int turn = 0; turn < 3000; turn++) {
        enum encoding encoding = (enum encoding)(ENCODING_GZIP + turn % 3);
        size_t padding_bytes = ENCODER_PADDING_LEAST_BYTES + (size_t)turn / 3 % 100;
        struct encoder *e = new_padded(encoding, padding_bytes);
        struct buf out = { .limit_bytes = 1 << 20 };
        size_t total = turn < 30 ? (size_t)turn / 3 : (size_t)rand() % (turn % 50 ? 3000 : 300000), at = 0;
        while (at < total) {
            size_t piece = (size_t)rand() % (total - at) + 1;
            enum encoder_then then = rand() % 2 ? ENCODER_FLUSH : ENCODER_GO_ON;
            assert_int_equal(encoder_put(e, (struct span){ plain + at, piece }, then, &out), 0);
            at += piece;
        }
        assert_int_equal(encoder_put(e, (struct span){ NULL, 0 }, ENCODER_END, &out), 0);
        assert_int_equal(decoded(encoding, buf_span(&out), back, sizeof back), total);
        assert_memory_equal(back, plain, total);
        encoder_free(e);
        buf_done(&out);
    }
}

UNIT_TEST(a_full_buffer_is_said)
{
    for (int i = ENCODING_GZIP; i < ENCODING_COUNT; i++) {
        struct encoder *e = encoder_new((enum encoding)i, ENCODER_PAGE);
        struct buf out = { .limit_bytes = 8192 };
        for (size_t at = 0; at < sizeof plain; at++)
            plain[at] = (char)rand();
        assert_int_equal(encoder_put(e, (struct span){ plain, sizeof plain }, ENCODER_END, &out), -EMSGSIZE);
        encoder_free(e);
        buf_done(&out);
    }
}

/* Two pages alike differ in length, but not two files. */
UNIT_TEST(what_is_kept_is_always_the_same)
{
    make_plain();
    for (int i = ENCODING_GZIP; i < ENCODING_COUNT; i++)
        for (int effort = ENCODER_KEPT; effort <= ENCODER_ASSET; effort++) {
            struct buf out[2] = { { 0 }, { 0 } };
            for (int n = 0; n < 2; n++) {
                struct encoder *e = encoder_new((enum encoding)i, (enum encoder_effort)effort);
                assert_int_equal(encoder_put(e, (struct span){ plain, 100000 }, ENCODER_END, &out[n]), 0);
                encoder_free(e);
            }
            assert_true(span_eq(buf_span(&out[0]), buf_span(&out[1])));
            assert_int_equal(decoded((enum encoding)i, buf_span(&out[0]), back, sizeof back), 100000);
            assert_memory_equal(back, plain, 100000);
            buf_done(&out[0]);
            buf_done(&out[1]);
        }
}

UNIT_TEST(pages_alike_differ_in_length)
{
    make_plain();
    for (int i = ENCODING_GZIP; i < ENCODING_COUNT; i++) {
        size_t least = SIZE_MAX, most = 0;
        for (int n = 0; n < 100; n++) {
            struct encoder *e = encoder_new((enum encoding)i, ENCODER_PAGE);
            struct buf out = { 0 };
            assert_int_equal(encoder_put(e, (struct span){ plain, 1000 }, ENCODER_END, &out), 0);
            least = buf_len(&out) < least ? buf_len(&out) : least;
            most = buf_len(&out) > most ? buf_len(&out) : most;
            encoder_free(e);
            buf_done(&out);
        }
        assert_true(most - least > 30 && most - least <= 100);
    }
}

UNIT_MAIN(every_padding_and_many_pieces, what_is_kept_is_always_the_same, pages_alike_differ_in_length, a_full_buffer_is_said)
