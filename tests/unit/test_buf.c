#include "unit.h"
#include "base/buf.h"
#include "no_memory.h"

static void fill(struct buf *b, size_t bytes, char with)
{
    assert_int_equal(buf_reserve(b, bytes), 0);
    memset(buf_tail(b), with, bytes);
    buf_added(b, bytes);
}

UNIT_TEST(an_all_zero_buf_is_empty_and_usable)
{
    struct buf b = { 0 };
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_span(&b).len, 0);
    assert_int_equal(buf_reserve(&b, 0), 0);
    assert_null(b.block);
    buf_take(&b, 0);
    buf_shrink(&b);
    buf_done(&b);
    buf_done(&b);
}

UNIT_TEST(bytes_come_out_in_order)
{
    struct buf b = { 0 };
    char want[4000];
    for (size_t i = 0; i < sizeof want; i++)
        want[i] = (char)(i * 7);
    /* 37 in, 23 out, until all went through */
    for (size_t in = 0, out = 0; out < sizeof want;) {
        size_t n = sizeof want - in < 37 ? sizeof want - in : 37;
        assert_int_equal(buf_add(&b, (struct span){ want + in, n }), 0);
        in += n;
        size_t take = buf_len(&b) < 23 ? buf_len(&b) : 23;
        assert_memory_equal(buf_span(&b).at, want + out, take);
        buf_take(&b, take);
        out += take;
    }
    assert_int_equal(buf_len(&b), 0);
    buf_done(&b);
}

UNIT_TEST(room_at_the_front_is_used_before_growing)
{
    struct buf b = { 0 };
    fill(&b, 1000, 'a');
    size_t cap = b.cap_bytes;
    buf_take(&b, 900);
    fill(&b, 500, 'b');
    assert_int_equal(b.cap_bytes, cap);
    assert_int_equal(buf_len(&b), 600);
    assert_int_equal(buf_span(&b).at[99], 'a');
    assert_int_equal(buf_span(&b).at[100], 'b');
    buf_done(&b);
}

UNIT_TEST(the_limit_is_reached_exactly)
{
    struct buf b = { .limit_bytes = 3000 };
    fill(&b, 2999, 'x');
    assert_int_equal(buf_add(&b, SPAN("ab")), -EMSGSIZE);
    assert_int_equal(buf_len(&b), 2999);                     /* nothing of it was added */
    assert_int_equal(buf_add(&b, SPAN("a")), 0);
    assert_true(b.cap_bytes <= 3000);
    assert_int_equal(buf_reserve(&b, 1), -EMSGSIZE);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
    buf_take(&b, 1);
    assert_int_equal(buf_add(&b, SPAN("c")), 0);
    buf_done(&b);
    struct buf small = { .limit_bytes = 5 };
    assert_int_equal(buf_addf(&small, "%s", "12345"), 0);    /* the NUL of printf does not count */
    assert_int_equal(buf_addf(&small, "x"), -EMSGSIZE);
    assert_span_equal(buf_span(&small), SPAN("12345"));
    buf_done(&small);
}

UNIT_TEST(long_formats_are_whole)
{
    struct buf b = { 0 };
    char text[2000];
    memset(text, 'y', sizeof text);
    for (size_t len = 509; len < 515; len++) {               /* around the block on the stack */
        assert_int_equal(buf_addf(&b, "<%.*s>", (int)len, text), 0);
        assert_int_equal(buf_len(&b), len + 2);
        assert_int_equal(buf_span(&b).at[len + 1], '>');
        buf_take(&b, len + 2);
    }
    assert_int_equal(buf_addf(&b, "%.*s", (int)sizeof text, text), 0);
    assert_memory_equal(buf_span(&b).at, text, sizeof text);
    buf_done(&b);
}

UNIT_TEST(without_memory_nothing_changes)
{
    struct buf b = { 0 };
    heap_left = 0;
    assert_int_equal(buf_add(&b, SPAN("a")), -ENOMEM);
    assert_int_equal(buf_addf(&b, "%600d", 1), -ENOMEM);
    heap_left = UINT32_MAX;
    fill(&b, 1024, 'a');
    heap_left = 0;
    assert_int_equal(buf_add(&b, SPAN("b")), -ENOMEM);
    assert_int_equal(buf_len(&b), 1024);
    heap_left = UINT32_MAX;
    assert_int_equal(buf_reserve(&b, SIZE_MAX - 1024), -ENOMEM);    /* no limit, but no such heap */
    buf_done(&b);
}

UNIT_TEST(shrink_frees_only_the_empty)
{
    struct buf b = { 0 };
    fill(&b, 10, 'a');
    buf_shrink(&b);
    assert_int_equal(buf_len(&b), 10);
    buf_take(&b, 10);
    /* the empty starts at the front again */
    assert_int_equal(buf_room(&b), b.cap_bytes);
    assert_non_null(b.block);
    buf_shrink(&b);
    assert_null(b.block);
    fill(&b, 1, 'b');
    buf_done(&b);
}

UNIT_MAIN(an_all_zero_buf_is_empty_and_usable, bytes_come_out_in_order,
          room_at_the_front_is_used_before_growing, the_limit_is_reached_exactly, long_formats_are_whole,
          without_memory_nothing_changes, shrink_frees_only_the_empty)
