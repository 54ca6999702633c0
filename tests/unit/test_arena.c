#include "unit.h"
#include "base/arena.h"
#include "no_memory.h"

UNIT_TEST(pieces_are_aligned_and_do_not_overlap)
{
    struct arena a;
    char *pieces[600];
    arena_init(&a, 4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t bytes = i * 5;                                /* from 0 to beyond the large ones */
        pieces[i] = arena_alloc(&a, bytes);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t at = 0; at < i * 5; at++)
            assert_int_equal((unsigned char)pieces[i][at], (unsigned char)i);
    assert_ptr_not_equal(arena_alloc(&a, 0), arena_alloc(&a, 0));
    arena_done(&a);
    assert_int_equal(a.used_bytes, 0);
}

UNIT_TEST(the_limit_holds_and_is_reached)
{
    struct arena a;
    size_t got_bytes = 0;
    arena_init(&a, 10000);
    while (arena_alloc(&a, 100))
        got_bytes += 100;
    assert_true(got_bytes >= 8000);                          /* headers and rounding only */
    assert_true(a.used_bytes <= 10000);
    assert_null(arena_alloc(&a, 10000));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 16));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 5000));
    assert_null(arena_alloc(&a, 5000));
    arena_done(&a);
    arena_init(&a, 200);                                     /* smaller than a block */
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, 100));
    arena_done(&a);
    arena_init(&a, 8);                                       /* smaller than a header */
    assert_null(arena_alloc(&a, 1));
    arena_done(&a);
}

UNIT_TEST(a_large_piece_leaves_the_newest_block_in_use)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    char *first = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 100000));
    assert_ptr_equal(arena_alloc(&a, 16), first + 16);
    arena_done(&a);
}

UNIT_TEST(reset_keeps_one_usual_block)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    char *first = arena_alloc(&a, 16);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&a, 64));
    arena_reset(&a);
    assert_int_equal(a.used_bytes, 4096);
    heap_left = 0;                                           /* no allocation is needed now */
    assert_ptr_equal(arena_alloc(&a, 16), first);
    heap_left = UINT32_MAX;
    arena_done(&a);
    arena_init(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 5000));
    arena_reset(&a);
    assert_int_equal(a.used_bytes, 0);                       /* an unusual one is not kept */
    assert_non_null(arena_alloc(&a, 16));
    arena_done(&a);
}

UNIT_TEST(copies)
{
    struct arena a;
    arena_init(&a, 4096);
    assert_span_equal(arena_copy(&a, SPAN("a\0b")), SPAN("a\0b"));
    assert_non_null(arena_copy(&a, (struct span){ NULL, 0 }).at);
    static const char long_text[5000];
    assert_null(arena_copy(&a, (struct span){ long_text, sizeof long_text }).at);
    arena_done(&a);
}

UNIT_TEST(without_memory_there_is_null_and_no_harm)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    heap_left = 0;
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_copy(&a, SPAN("x")).at);
    assert_non_null(arena_copy(&a, SPAN("")).at);
    heap_left = 1;
    char *first = arena_alloc(&a, 16);
    assert_non_null(first);
    assert_null(arena_alloc(&a, 100000));
    assert_ptr_equal(arena_alloc(&a, 16), first + 16);
    assert_int_equal(a.used_bytes, 4096);
    heap_left = UINT32_MAX;
    arena_done(&a);
    struct arena zero = { 0 };
    arena_done(&zero);
    arena_reset(&zero);
}

UNIT_MAIN(pieces_are_aligned_and_do_not_overlap, the_limit_holds_and_is_reached, a_large_piece_leaves_the_newest_block_in_use,
          reset_keeps_one_usual_block, copies, without_memory_there_is_null_and_no_harm)
