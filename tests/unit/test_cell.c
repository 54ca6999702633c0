#include "unit.h"
#include <errno.h>
#include "base/cell.h"
#include "no_memory.h"

enum { BYTES = 28 * 1024, BLOCKS = 5 };
static const size_t sizes[BLOCKS] = { 2944, 1040, 1040, 4112, 16410 };

static struct cells cells;
static struct cell cell;
static unsigned char *blocks[BLOCKS], *copies[BLOCKS];

/* Zeros and others in turns, as tables are. */
static void fill(unsigned seed)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        memset(blocks[i], 0, sizes[i]);
        for (size_t at = i; at < sizes[i]; at += 1 + (at * seed + i) % 97)
            blocks[i][at] = (unsigned char)(at * 31 + seed);
        memcpy(copies[i], blocks[i], sizes[i]);
    }
}

static void compare(void)
{
    for (size_t i = 0; i < BLOCKS; i++)
        assert_memory_equal(blocks[i], copies[i], sizes[i]);
}

static void set_up(void)
{
    cells_init(&cells, BYTES);
    assert_int_equal(cell_open(&cells, &cell), 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = cell_take(&cells, &cell, sizes[i]);
        copies[i] = malloc(sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
    }
}

static void tear_down(void)
{
    for (size_t i = 0; i < BLOCKS; i++)
        free(copies[i]);
    cell_close(&cells, &cell);
    cells_done(&cells);
}

UNIT_TEST(after_sleep_all_is_as_it_was)
{
    set_up();
    for (unsigned seed = 1; seed < 200; seed++) {
        fill(seed);
        assert_int_equal(cell_sleep(&cells, &cell), 0);
        assert_true(cell_sleeps(&cell));
        for (size_t i = 0; i < BLOCKS; i++)
            assert_int_equal(blocks[i][i], 0);                /* the pages are gone */
        assert_int_equal(cell_sleep(&cells, &cell), 0);
        cell_wake(&cell);
        compare();
        cell_wake(&cell);
        compare();
    }
    tear_down();
}

UNIT_TEST(all_zeros_and_none)
{
    set_up();
    for (int value = 0; value < 256; value += 255) {
        for (size_t i = 0; i < BLOCKS; i++) {
            memset(blocks[i], value, sizes[i]);
            memset(copies[i], value, sizes[i]);
        }
        assert_int_equal(cell_sleep(&cells, &cell), 0);
        cell_wake(&cell);
        compare();
    }
    tear_down();
}

UNIT_TEST(without_memory_it_stays_awake)
{
    set_up();
    fill(7);
    heap_left = 0;
    assert_int_equal(cell_sleep(&cells, &cell), -ENOMEM);
    heap_left = UINT32_MAX;
    assert_false(cell_sleeps(&cell));
    compare();
    struct cells none;
    struct cell other = { 0 };
    cells_init(&none, BYTES);
    for (heap_left = 0; heap_left < 2; heap_left++) {
        unsigned left = heap_left;
        assert_int_equal(cell_open(&none, &other), -ENOMEM);
        assert_null(cell_take(&none, &other, 1));
        assert_int_equal(cell_sleep(&none, &other), 0);       /* it has nothing that could */
        cell_wake(&other);
        cell_close(&none, &other);
        heap_left = left;
    }
    heap_left = UINT32_MAX;
    cells_done(&none);
    tear_down();
}

UNIT_TEST(room_ends_and_comes_back_from_the_end)
{
    struct cell one = { 0 };
    cells_init(&cells, BYTES);
    assert_int_equal(cell_open(&cells, &one), 0);
    char *first = cell_take(&cells, &one, 1000), *second = cell_take(&cells, &one, 2000);
    assert_null(cell_take(&cells, &one, cells.cell_bytes));
    assert_null(cell_take(&cells, &one, SIZE_MAX));
    assert_null(cell_take(&cells, &one, SIZE_MAX - 5));
    cell_give(&one, first, 1000);                             /* not the last: its room is lost */
    assert_ptr_equal(cell_take(&cells, &one, 16), second + 2000);
    cell_give(&one, second + 2000, 16);
    cell_give(&one, second, 2000);
    assert_ptr_equal(cell_take(&cells, &one, 500), second);
    assert_non_null(cell_take(&cells, &one, cells.cell_bytes - 1008 - 512));
    assert_null(cell_take(&cells, &one, 1));
    cell_close(&cells, &one);
    assert_null(cell_take(&cells, &one, 1));
    cells_done(&cells);
}

UNIT_TEST(many_cells_are_apart_and_used_again)
{
    enum { MANY = 3 * CELLS_A_CHUNK + 5 };
    static struct cell many[MANY];
    static uint64_t *words[MANY];
    cells_init(&cells, BYTES);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(cell_open(&cells, &many[i]), 0);
            words[i] = cell_take(&cells, &many[i], BYTES);
            memset(words[i], 0, BYTES);
            words[i][0] = words[i][BYTES / 8 - 1] = i + 1;
        }
        for (size_t i = 0; i < MANY; i += 2)
            assert_int_equal(cell_sleep(&cells, &many[i]), 0);
        for (size_t i = 0; i < MANY; i++) {
            cell_wake(&many[i]);
            assert_int_equal(words[i][0], i + 1);
            assert_int_equal(words[i][BYTES / 8 - 1], i + 1);
        }
        for (size_t i = 0; i < MANY; i++) {
            if (i % 3 == 0)
                assert_int_equal(cell_sleep(&cells, &many[i]), 0);
            cell_close(&cells, &many[i]);
        }
        assert_int_equal(cells.chunks_count, 4);
        assert_int_equal(cells.free_count, 4 * CELLS_A_CHUNK);
    }
    cells_done(&cells);
}

UNIT_MAIN(after_sleep_all_is_as_it_was, all_zeros_and_none, without_memory_it_stays_awake,
          room_ends_and_comes_back_from_the_end, many_cells_are_apart_and_used_again)
