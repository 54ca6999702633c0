#include "unit.h"
#include "master/backoff.h"

UNIT_TEST(the_first_end_costs_nothing_and_quick_ones_double_up_to_the_bound)
{
    static const int64_t want_ms[] = { 0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
    struct backoff b = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(want_ms); i++)
        assert_int_equal(backoff_next(&b, BACKOFF_QUICK_MS - 1, BACKOFF_MOST_MS), want_ms[i]);
}

UNIT_TEST(who_lived_long_starts_anew)
{
    struct backoff b = { 0 };
    for (int i = 0; i < 5; i++)
        (void)backoff_next(&b, 0, BACKOFF_MOST_MS);
    assert_int_equal(backoff_next(&b, BACKOFF_QUICK_MS, BACKOFF_MOST_MS), 0);
    assert_int_equal(backoff_next(&b, 0, BACKOFF_MOST_MS), 100);
}

UNIT_TEST(a_smaller_bound_holds_at_once)
{
    struct backoff b = { 0 };
    for (int i = 0; i < 20; i++)
        (void)backoff_next(&b, 0, BACKOFF_MOST_MS);
    assert_int_equal(backoff_next(&b, 0, 1000), 1000);
    assert_int_equal(backoff_next(&b, 0, 1000), 1000);
}

UNIT_MAIN(the_first_end_costs_nothing_and_quick_ones_double_up_to_the_bound,
          who_lived_long_starts_anew, a_smaller_bound_holds_at_once)
