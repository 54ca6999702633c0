/* The least that a client must do, second by second. */
#include "unit.h"
#include "edge/pace.h"

enum { SECOND_US = 1000000 };
static const struct pace_limit limit = { 30000, 500 };

/* Seconds until a client is cut that sends so many bytes each second; 1000: never. */
static int lives_s(uint64_t bytes_per_s, uint64_t fast_bytes)
{
    struct pace_in p = { 0 };
    uint64_t bytes = fast_bytes;
    (void)pace_in(&p, &limit, 0, SECOND_US);
    int64_t left_ms = pace_in(&p, &limit, bytes, SECOND_US);
    for (int s = 1; s < 1000; s++) {
        if (left_ms < 1000)
            return s;
        bytes += bytes_per_s;
        left_ms = pace_in(&p, &limit, bytes, (s + 1) * (int64_t)SECOND_US);
    }
    return 1000;
}

UNIT_TEST(how_long_a_sender_lives)
{
    assert_int_equal(lives_s(0, 0), 31);
    assert_int_equal(lives_s(1, 0), 31);
    assert_int_equal(lives_s(1, 1 << 30), 31);               /* an account that is not there */
    assert_in_range(lives_s(250, 0), 58, 62);                /* half the rate, twice the window */
    assert_in_range(lives_s(490, 0), 900, 1000);
    assert_int_equal(lives_s(500, 0), 1000);
    assert_int_equal(lives_s(100000, 0), 1000);
    assert_int_equal(lives_s(UINT64_C(1) << 50, 0), 1000);   /* no overflow */
}

UNIT_TEST(many_small_bytes_count_like_one_large_piece)
{
    struct pace_in one = { 0 }, many = { 0 };
    (void)pace_in(&one, &limit, 0, SECOND_US);
    (void)pace_in(&many, &limit, 0, SECOND_US);
    for (uint64_t n = 1; n <= 1000; n++)
        (void)pace_in(&many, &limit, n, 20 * SECOND_US);
    int64_t left_ms = pace_in(&one, &limit, 1000, 20 * SECOND_US);
    assert_int_equal(left_ms, 13000);
    assert_int_equal(pace_in(&many, &limit, 1000, 20 * SECOND_US), left_ms);
}

UNIT_TEST(without_a_rate_any_byte_is_a_new_start)
{
    const struct pace_limit any = { 30000, 0 };
    struct pace_in p = { 0 };
    for (int64_t s = 1; s < 1000; s += 29)
        assert_int_equal(pace_in(&p, &any, (uint64_t)s, s * SECOND_US), 30000);
    assert_int_equal(pace_in(&p, &any, p.seen_bytes, 1000 * INT64_C(1000000)) < 30000, 1);
}

/* Looks until a client is cut that takes so many bytes between two of them; 100: never. */
static unsigned looks_of(const struct pace_limit *l, uint64_t bytes)
{
    struct pace_out p = { 0 };
    for (unsigned look = 0; look < 100; look++)
        if (!pace_out(&p, l, look * bytes))
            return look;
    return 100;
}

UNIT_TEST(how_long_a_taker_lives)
{
    const struct pace_limit any = { 30000, 0 }, absurd = { INT64_MAX, INT64_MAX };
    assert_int_equal(pace_out_wait_ms(&limit), 15000);
    assert_int_equal(looks_of(&limit, 0), 2);                /* the third: a window after the first */
    assert_int_equal(looks_of(&limit, 7499), 2);
    assert_int_equal(looks_of(&limit, 7500), 100);
    assert_int_equal(looks_of(&any, 0), 2);
    assert_int_equal(looks_of(&any, 1), 100);
    assert_int_equal(looks_of(&absurd, 1), 2);
}

UNIT_TEST(a_taker_that_stops_is_seen)
{
    struct pace_out p = { 0 };
    for (uint64_t i = 0; i < 10; i++)
        assert_true(pace_out(&p, &limit, i * 1000000));
    assert_true(pace_out(&p, &limit, 9000000));
    assert_false(pace_out(&p, &limit, 9000000));
}

UNIT_MAIN(how_long_a_sender_lives, many_small_bytes_count_like_one_large_piece,
          without_a_rate_any_byte_is_a_new_start, how_long_a_taker_lives, a_taker_that_stops_is_seen)
