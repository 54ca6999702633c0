#include "unit.h"
#include <errno.h>
#include "serve/gzip.h"

static void run(struct gzip *g, struct span in, size_t cut, struct buf *out, int want)
{
    int rc = 0;
    assert_non_null(g);
    do {
        size_t n = in.len < cut ? in.len : cut;
        char *piece = n > 0 ? memcpy(malloc(n), in.at, n) : NULL;      /* overreads are caught */
        in = span_skip(in, n);
        rc = gzip_put(g, (struct span){ piece, n }, in.len == 0, out);
        free(piece);
    } while (rc == 0 && in.len > 0);
    assert_int_equal(rc, want);
    gzip_free(g);
}

static char text[100000];

static struct span make_text(void)
{
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * i % 251 + i / 1000);
    return (struct span){ text, sizeof text };
}

UNIT_TEST(there_and_back_at_every_cut)
{
    static const size_t cuts[] = { 1, 7, 4096, 1 << 20 };
    struct span in = make_text();
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct buf packed = { 0 }, again = { 0 };
        run(gzip_packer(), in, cuts[i], &packed, 0);
        assert_true(buf_len(&packed) < in.len);
        run(gzip_unpacker(), buf_span(&packed), cuts[i], &again, 0);
        assert_span_equal(buf_span(&again), in);
        buf_done(&packed);
        buf_done(&again);
    }
}

UNIT_TEST(members_one_behind_the_other)
{
    struct buf packed = { 0 }, again = { 0 };
    run(gzip_packer(), SPAN("one\n"), 10, &packed, 0);
    run(gzip_packer(), SPAN(""), 10, &packed, 0);
    run(gzip_packer(), SPAN("two\n"), 10, &packed, 0);
    for (size_t cut = 1; cut <= buf_len(&packed); cut++) {
        run(gzip_unpacker(), buf_span(&packed), cut, &again, 0);
        assert_span_equal(buf_span(&again), SPAN("one\ntwo\n"));
        buf_take(&again, buf_len(&again));
    }
    buf_done(&packed);
    buf_done(&again);
}

UNIT_TEST(what_is_cut_or_no_gzip_is_told)
{
    struct buf packed = { 0 }, again = { 0 };
    run(gzip_packer(), SPAN("some text of a log\n"), 100, &packed, 0);
    for (size_t len = 1; len < buf_len(&packed); len++)
        run(gzip_unpacker(), (struct span){ buf_span(&packed).at, len }, 100, &again, -EBADMSG);
    run(gzip_unpacker(), SPAN("127.0.0.1 - - [24/Nov"), 5, &again, -EBADMSG);
    run(gzip_unpacker(), SPAN(""), 5, &again, 0);
    buf_done(&packed);
    buf_done(&again);
}

UNIT_TEST(the_limit_holds)
{
    struct buf packed = { 0 }, again = { .limit_bytes = 65536 };
    run(gzip_packer(), make_text(), 4096, &packed, 0);
    run(gzip_unpacker(), buf_span(&packed), 1 << 20, &again, -EMSGSIZE);
    buf_done(&packed);
    buf_done(&again);
}

UNIT_MAIN(there_and_back_at_every_cut, members_one_behind_the_other,
          what_is_cut_or_no_gzip_is_told, the_limit_holds)
