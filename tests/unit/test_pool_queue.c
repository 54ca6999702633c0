#include "pool_stage.h"
#include "link/pool.h"

/* ---- the queue ---- */

UNIT_TEST(requests_wait_for_the_first_generation)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 0, 1);
    assert_false(pool_is_ready(s.pool));
    ask(&c, s.pool, "/early");
    turn(&s);
    assert_int_equal(pool_stats(s.pool).queued, 1);
    stage_worker(&s, 0, 0);
    turn(&s);
    takes(&s, 0, "/early");
    answers(&s, 0, "at last");
    turn(&s);
    has_answer(&c, "at last");
    stage_end(&s);
}

UNIT_TEST(a_request_that_waited_too_long_is_refused)
{
    struct stage s;
    struct client a, b, c;
    stage_begin(&s, 1, 1, 1);
    s.conf.queue_timeout_ms = 100;
    ask(&a, s.pool, "/a");
    turn(&s);
    ask(&b, s.pool, "/b");
    clock_ahead_us += 60 * 1000;
    turn(&s);
    ask(&c, s.pool, "/c");
    await_end(&s, &b);                /* by itself, when its time is up */
    has_failed(&b, CALL_QUEUE_TIMEOUT);
    assert_true(b.call.queue_us >= 100000);
    assert_int_equal(c.ends, 0);
    assert_int_equal(pool_stats(s.pool).refused, 1);
    pool_cancel(s.pool, &a.call);     /* offered, so its time in the queue is over */
    pool_cancel(s.pool, &c.call);
    stage_end(&s);
}

UNIT_TEST(under_standing_overload_the_newest_is_served_first)
{
    struct stage s;
    struct client busy, c[3];
    const char *paths[] = { "/old", "/middle", "/new" };
    stage_begin(&s, 1, 1, 1);
    ask(&busy, s.pool, "/busy");
    turn(&s);
    takes(&s, 0, "/busy");
    for (unsigned i = 0; i < 3; i++)
        ask(&c[i], s.pool, paths[i]);
    clock_ahead_us += 5000;           /* a slow one: from now on they are offered one by one */
    answers(&s, 0, "");
    turn(&s);
    has_answer(&busy, "");
    takes(&s, 0, "/old");             /* in order of arrival */
    clock_ahead_us += s.conf.queue_timeout_ms * 1000 / 4 + 1000;
    answers(&s, 0, "");
    turn(&s);
    takes(&s, 0, "/new");
    answers(&s, 0, "");
    turn(&s);
    takes(&s, 0, "/middle");
    answers(&s, 0, "");
    turn(&s);
    for (unsigned i = 0; i < 3; i++)
        has_answer(&c[i], "");
    stage_end(&s);
}

UNIT_TEST(a_hopeless_request_is_refused_at_once_but_not_from_inside)
{
    struct stage s;
    struct client first, c[14];
    unsigned refused = 0;
    stage_begin(&s, 1, 1, 1);
    s.conf.queue_timeout_ms = 1000;
    ask(&first, s.pool, "/slow");
    turn(&s);
    takes(&s, 0, "/slow");
    clock_ahead_us += 100 * 1000;     /* so ten in the queue are a second of work */
    answers(&s, 0, "");
    turn(&s);
    has_answer(&first, "");
    for (unsigned i = 0; i < 14; i++)
        ask(&c[i], s.pool, "/x");     /* ask() sees that nothing came back from inside */
    turn(&s);
    for (unsigned i = 0; i < 14; i++) {
        refused += c[i].ends;
        if (c[i].ends)
            has_failed(&c[i], CALL_OVERLOADED);
        pool_cancel(s.pool, &c[i].call);
    }
    assert_in_range(refused, 3, 5);
    assert_int_equal(pool_stats(s.pool).refused, refused);
    stage_end(&s);
}

UNIT_MAIN(requests_wait_for_the_first_generation, a_request_that_waited_too_long_is_refused,
          under_standing_overload_the_newest_is_served_first,
          a_hopeless_request_is_refused_at_once_but_not_from_inside)
