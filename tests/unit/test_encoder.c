/* test_encoder.c - what was put in comes out of zlib's and brotli's own decoders, flushed or not. */
#include "unit.h"
#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include "serve/encoder.c"

static size_t decoded(enum encoding encoding, struct span in, char *into, size_t cap_bytes)
{
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
    struct encoder *e = encoder_new(encoding);
    assert_non_null(e);
    memset(e->padding, 0, sizeof e->padding);
    memset(e->padding, 'a', padding_bytes);
    e->padding_bytes = padding_bytes;
    return e;
}

UNIT_TEST(every_padding_and_many_pieces)
{
    make_plain();
    for (int turn = 0; turn < 2000; turn++) {
        enum encoding encoding = turn % 2 ? ENCODING_GZIP : ENCODING_BROTLI;
        size_t padding_bytes = ENCODER_PADDING_LEAST_BYTES + (size_t)turn / 2 % 100;
        struct encoder *e = new_padded(encoding, padding_bytes);
        struct buf out = { .limit_bytes = 1 << 20 };
        size_t total = turn < 20 ? (size_t)turn / 2 : (size_t)rand() % (turn % 50 ? 3000 : 300000), at = 0;
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
    for (int i = 0; i < 2; i++) {
        struct encoder *e = encoder_new(i ? ENCODING_GZIP : ENCODING_BROTLI);
        struct buf out = { .limit_bytes = 8192 };
        for (size_t at = 0; at < sizeof plain; at++)
            plain[at] = (char)rand();
        assert_int_equal(encoder_put(e, (struct span){ plain, sizeof plain }, ENCODER_END, &out), -EMSGSIZE);
        encoder_free(e);
        buf_done(&out);
    }
}

UNIT_MAIN(every_padding_and_many_pieces, a_full_buffer_is_said)
