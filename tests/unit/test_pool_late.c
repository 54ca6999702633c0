#include "pool_stage.h"
#include "link/pool.h"

/* ---- harakiri ---- */

UNIT_TEST(a_late_request_is_reported_and_its_worker_rests)
{
    struct stage s;
    struct client late, behind, next;
    struct channel_msg msg;
    char text[256];
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    say(&s, CHANNEL_WORKER_REST, s.first, 0);
    s.conf.harakiri_ms = 5000;
    ask(&late, s.pool, "/late");
    ask(&behind, s.pool, "/behind");
    turn(&s);
    takes(&s, 1, "/late");
    assert_int_equal(in_hand(&s, 1), 2);
    clock_ahead_us += 200 * 1000;
    turn(&s);
    assert_true(late.call.taken_seen_us > 0);              /* from here it is 5 s */
    clock_ahead_us += 4900 * 1000;
    turn(&s);
    assert_int_equal(late.ends, 0);
    clock_ahead_us += 300 * 1000;
    turn(&s);
    has_failed(&late, CALL_LATE);
    assert_in_range(late.call.app_us, 5000000, 5500000);
    assert_true(frame_cancelled(thread_of(&s, 1)));
    assert_int_equal(heard(&s, &msg, text), CHANNEL_LATE);
    assert_int_equal(msg.generation, s.first->number);
    assert_int_equal(msg.worker, 1);
    assert_int_equal(msg.a, 0);
    assert_in_range(msg.b, 5000, 5500);
    assert_string_equal(text, "GET /late");
    assert_int_equal(in_hand(&s, 1), 1);                   /* what was behind it was taken back */
    assert_int_equal(pool_stats(s.pool).queued, 1);

    stage_worker(&s, 0, 2);
    ask(&next, s.pool, "/next");
    turn(&s);
    takes(&s, 2, "/behind");
    answers(&s, 2, "");
    takes(&s, 2, "/next");
    answers(&s, 2, "");
    clock_ahead_us += 100 * 1000 * 1000;
    turn(&s);
    has_answer(&behind, "");
    has_answer(&next, "");
    assert_int_equal(heard_kind(&s), -1);                  /* told once */
    frame_finish(thread_of(&s, 1), FRAME_LEFT);            /* the exception worked */
    turn(&s);
    assert_int_equal(slots_in_use(&s), 0);
    worker_ends(&s, 0, 1);
    stage_end(&s);
}

static bool is_seen_taken(void *of) { return ((struct client *)of)->call.taken_seen_us > 0; }

UNIT_TEST(the_clock_of_harakiri_runs_by_itself)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 300;
    ask(&c, s.pool, "/late");
    turn(&s);
    takes(&s, 0, "/late");
    await(&s, "a look at what was taken", is_seen_taken, &c);
    assert_in_range(c.call.taken_seen_us - c.call.offered_us, 0, 500 * 1000);
    await_end(&s, &c);
    assert_in_range(c.call.app_us, 300 * 1000, 800 * 1000);
    has_failed(&c, CALL_LATE);
    stage_end(&s);
}

UNIT_TEST(without_harakiri_nothing_is_late)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 0;
    ask(&c, s.pool, "/long");
    turn(&s);
    takes(&s, 0, "/long");
    for (unsigned i = 0; i < 5; i++) {
        clock_ahead_us += 3600 * 1000 * 1000LL;
        turn(&s);
    }
    answers(&s, 0, "done");
    turn(&s);
    has_answer(&c, "done");
    stage_end(&s);
}

UNIT_TEST(harakiri_names_the_thread_and_reaches_cancelled_requests)
{
    struct stage s;
    struct client c[2];
    struct channel_msg msg;
    char text[256];
    stage_begin(&s, 1, 1, 4);
    s.conf.harakiri_ms = 1000;
    for (unsigned i = 0; i < 2; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(frame_take(&s.first->workers[0].threads[3], 0), 0);
    assert_int_equal(frame_take(&s.first->workers[0].threads[1], 0), 0);
    pool_cancel(s.pool, &c[0].call);
    clock_ahead_us += 100 * 1000;
    turn(&s);
    frame_finish(&s.first->workers[0].threads[1], FRAME_CUT);
    turn(&s);
    has_failed(&c[1], CALL_BROKEN);
    clock_ahead_us += 2000 * 1000;
    turn(&s);
    assert_int_equal(heard(&s, &msg, text), CHANNEL_LATE);
    assert_int_equal(msg.a, 3);
    assert_string_equal(text, "(cancelled)");
    assert_int_equal(c[0].ends, 0);
    stage_end(&s);
}

UNIT_TEST(time_blocked_on_the_client_does_not_count)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 1000;
    ask(&c, s.pool, "/x");
    c.room = 0;
    turn(&s);
    takes(&s, 0, "/x");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);
    writes(thread_of(&s, 0), SPAN("abc"));
    frame_publish(thread_of(&s, 0));
    turn(&s);
    for (unsigned i = 0; i < 5; i++) {
        clock_ahead_us += 1000 * 1000;
        turn(&s);
    }
    assert_int_equal(c.ends, 0);
    c.room = 100;
    pool_resume(s.pool, &c.call);
    turn(&s);
    clock_ahead_us += 900 * 1000;
    turn(&s);
    assert_int_equal(c.ends, 0);
    clock_ahead_us += 200 * 1000;
    turn(&s);
    has_failed(&c, CALL_LATE);
    stage_end(&s);
}

UNIT_TEST(the_clock_goes_on_when_a_blocked_client_leaves)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 3000;
    ask(&c, s.pool, "/x");
    c.room = 0;
    turn(&s);
    takes(&s, 0, "/x");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);
    writes(thread_of(&s, 0), SPAN("abc"));
    frame_publish(thread_of(&s, 0));
    turn(&s);
    clock_ahead_us += 5000 * 1000;
    turn(&s);
    pool_cancel(s.pool, &c.call);
    clock_ahead_us += 1500 * 1000;
    turn(&s);
    assert_int_equal(heard_kind(&s), -1);
    clock_ahead_us += 2000 * 1000;
    turn(&s);
    assert_int_equal(heard_kind(&s), CHANNEL_LATE);
    client_done(&c);
    stage_end(&s);
}

UNIT_MAIN(a_late_request_is_reported_and_its_worker_rests, the_clock_of_harakiri_runs_by_itself,
          without_harakiri_nothing_is_late,
          harakiri_names_the_thread_and_reaches_cancelled_requests,
          time_blocked_on_the_client_does_not_count, the_clock_goes_on_when_a_blocked_client_leaves)
