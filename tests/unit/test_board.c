/* The board: what edges share is there for all of them, and anything else is refused. */
#include "unit.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "link/board.h"

UNIT_TEST(two_edges_see_one_board)
{
    struct board a = { 0 }, b = { 0 };
    int fd;
    assert_int_equal(board_make(2000, &fd), 0);
    assert_int_equal(board_map(&a, fd), 0);
    assert_int_equal(board_map(&b, fd), 0);
    assert_int_equal(a.buckets, 2000);
    assert_int_equal((uintptr_t)board_buckets(&a) % 64, 0);
    assert_memory_equal(a.key, b.key, sizeof a.key);
    atomic_store(&board_buckets(&a)[a.buckets - 1], 7);
    assert_int_equal(atomic_load(&board_buckets(&b)[b.buckets - 1]), 7);
    board_done(&a);
    board_done(&a);
    board_done(&b);
    close(fd);
}

UNIT_TEST(sizes_are_bounded_and_whole_sets)
{
    static const struct { uint32_t asked, got; } sizes[] = {
        { 0, BOARD_BUCKETS_MIN }, { 1025, 1024 }, { BOARD_BUCKETS_MAX, BOARD_BUCKETS_MAX },
    };
    struct board b;
    int fd;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_int_equal(board_make(sizes[i].asked, &fd), 0);
        assert_int_equal(board_map(&b, fd), 0);
        assert_int_equal(b.buckets, sizes[i].got);
        board_done(&b);
        close(fd);
    }
    assert_int_equal(board_make(BOARD_BUCKETS_MAX + 1, &fd), -EINVAL);
}

UNIT_TEST(no_two_boards_have_one_key)
{
    struct board a, b;
    int one, other;
    assert_int_equal(board_make(1024, &one), 0);
    assert_int_equal(board_make(1024, &other), 0);
    assert_int_equal(board_map(&a, one), 0);
    assert_int_equal(board_map(&b, other), 0);
    assert_memory_not_equal(a.key, b.key, sizeof a.key);
    board_done(&a);
    board_done(&b);
    close(one);
    close(other);
}

UNIT_TEST(what_is_no_board_is_refused)
{
    struct board b = { 0 };
    int fd, unsealed = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING), seals;
    assert_int_equal(ftruncate(unsealed, 4096 + 1024 * 8), 0);
    assert_int_equal(board_map(&b, unsealed), -EBADMSG);
    seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    assert_int_equal(fcntl(unsealed, F_ADD_SEALS, seals), 0);
    assert_int_equal(board_map(&b, unsealed), -EBADMSG);         /* no magic */
    assert_int_equal(board_map(&b, 999), -EBADF);
    assert_int_equal(board_make(1024, &fd), 0);
    for (unsigned at = 0; at < 16; at++) {                       /* magic, version, buckets */
        unsigned char good, bad;
        assert_int_equal(pread(fd, &good, 1, at), 1);
        bad = good ^ 1;
        assert_int_equal(pwrite(fd, &bad, 1, at), 1);
        assert_int_equal(board_map(&b, fd), -EBADMSG);
        assert_int_equal(pwrite(fd, &good, 1, at), 1);
    }
    assert_int_equal(ftruncate(fd, 4096), -1);                   /* nobody makes it smaller */
    assert_null(b.at);
    close(fd);
    close(unsealed);
}

UNIT_MAIN(two_edges_see_one_board, sizes_are_bounded_and_whole_sets, no_two_boards_have_one_key,
          what_is_no_board_is_refused)
