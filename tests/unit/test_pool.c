#include "pool_stage.h"
#include "link/pool.h"

/* Writes into intakes: tickets of a turn are to be one each. */
static _Atomic unsigned writes_seen;

ssize_t sys_write(int fd, const void *from, size_t bytes)
{
    ssize_t n = write(fd, from, bytes);
    writes_seen += n > 0 && bytes % sizeof(struct ticket) == 0;
    return n < 0 ? -errno : n;
}

/* ---- one exchange ---- */

UNIT_TEST(an_answer_comes_whole)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    assert_true(pool_is_ready(s.pool) && pool_is_idle(s.pool));
    ask(&c, s.pool, "/page");
    assert_false(pool_is_idle(s.pool));
    assert_true(pool_is_waiting(&c.call));
    turn(&s);
    assert_true(pool_is_waiting(&c.call));
    assert_int_equal(in_hand(&s, 0), 1);
    takes(&s, 0, "/page");
    assert_false(pool_is_waiting(&c.call));
    assert_span_equal(variable(thread_of(&s, 0), "REQUEST_METHOD"), SPAN("GET"));
    answers(&s, 0, "hello");
    turn(&s);
    assert_true(c.is_complete);
    assert_int_equal(c.body_bytes, 5);
    assert_int_equal(c.call.worker_pid, s.first->workers[0].pid);
    has_answer(&c, "hello");
    assert_int_equal(in_hand(&s, 0), 0);
    assert_int_equal(slots_in_use(&s), 0);
    assert_true(pool_is_idle(s.pool));
    assert_int_equal(pool_stats(s.pool).served, 1);
    stage_end(&s);
}

UNIT_TEST(a_bell_wakes_the_edge)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/page");
    turn(&s);                         /* it sleeps now, as far as the worker can see */
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 0)->sleeps), YARD_ASLEEP);
    clock_ahead_us += 2000 * 1000;    /* it slept long, and is woken by the bell all the same */
    takes(&s, 0, "/page");
    answers(&s, 0, "");
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 0)->sleeps), YARD_RUNG);
    await_end(&s, &c);
    has_answer(&c, "");
    assert_int_equal(pool_stats(s.pool).lost_bells, 0);
    stage_end(&s);
}

static void *work_one(void *of)
{
    struct frame_thread *t = of;
    if (frame_take(t, -1) < 0)
        return NULL;
    (void)frame_head(t, 200, SPAN("OK\r\nX-From: app\r\n"));
    (void)frame_write(t, SPAN("from afar"));
    frame_finish(t, FRAME_OK);
    return NULL;
}

UNIT_TEST(a_sleeping_edge_is_woken_from_another_thread)
{
    struct stage s;
    pthread_t thread;
    stage_begin(&s, 1, 1, 1);
    for (unsigned i = 0; i < 100; i++) {
        struct client c;
        assert_int_equal(pthread_create(&thread, NULL, work_one, thread_of(&s, 0)), 0);
        ask(&c, s.pool, "/page");
        await_end(&s, &c);
        has_answer(&c, "from afar");
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(pool_stats(s.pool).lost_bells, 0);
    stage_end(&s);
}

static bool is_asleep(const struct stage *s)
{
    return atomic_load(&yard_edge(&s->first->yard, 0)->sleeps) == YARD_ASLEEP;
}

/* Answers once the edge sleeps, but is killed between the swap and the write of the bell. */
static void *work_without_bell(void *of)
{
    struct stage *s = of;
    uint32_t asleep = YARD_ASLEEP;
    while (!is_asleep(s) ||
           !atomic_compare_exchange_strong(&yard_edge(&s->first->yard, 0)->sleeps, &asleep,
                                           YARD_RUNG))
        asleep = YARD_ASLEEP;
    answers(s, 0, "late");
    return NULL;
}

UNIT_TEST(a_lost_bell_costs_a_second_and_is_counted)
{
    struct stage s;
    struct client c;
    pthread_t thread;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/page");
    turn(&s);
    takes(&s, 0, "/page");
    clock_ahead_us += 200 * 1000;     /* past the look for offers that are not taken */
    turn(&s);
    atomic_store(&yard_edge(&s.first->yard, 0)->sleeps, YARD_AWAKE);
    assert_int_equal(pthread_create(&thread, NULL, work_without_bell, &s), 0);
    log_set(LOG_ERROR, "test");
    await_end(&s, &c);
    log_set(LOG_WARN, "test");
    assert_int_equal(pthread_join(thread, NULL), 0);
    has_answer(&c, "late");
    assert_int_equal(pool_stats(s.pool).lost_bells, 1);
    stage_end(&s);
}

UNIT_TEST(a_bell_after_a_long_sleep_is_not_lost)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/page");
    turn(&s);
    takes(&s, 0, "/page");
    clock_ahead_us += 2000 * 1000;
    answers(&s, 0, "");
    s.pool->hook.woken(&s.pool->hook);                     /* what the loop does, step by step */
    s.pool->current->bell.run(&s.pool->current->bell);
    assert_int_equal(wait_of_turn(&s), -1);
    has_answer(&c, "");
    assert_int_equal(pool_stats(s.pool).lost_bells, 0);
    stage_end(&s);
}

/* ---- the choice ---- */

UNIT_TEST(fewest_in_hand_then_most_recently_used)
{
    struct stage s;
    struct client a, b, c, d;
    stage_begin(&s, 1, 2, 1);
    ask(&a, s.pool, "/a");
    ask(&b, s.pool, "/b");
    turn(&s);
    takes(&s, 1, "/a");               /* announced last: the front of the idle ones */
    takes(&s, 0, "/b");
    answers(&s, 1, "a");
    turn(&s);
    has_answer(&a, "a");
    ask(&c, s.pool, "/c");
    turn(&s);
    takes(&s, 0, NULL);
    takes(&s, 1, "/c");               /* the other has one in hand */
    answers(&s, 1, "c");
    turn(&s);
    answers(&s, 0, "b");
    turn(&s);
    has_answer(&b, "b");
    has_answer(&c, "c");
    for (unsigned i = 0; i < 5; i++) {
        ask(&d, s.pool, "/d");
        turn(&s);
        takes(&s, 1, NULL);
        takes(&s, 0, "/d");           /* both idle: the one that was last at work */
        answers(&s, 0, "d");
        turn(&s);
        has_answer(&d, "d");
    }
    stage_end(&s);
}

UNIT_TEST(tickets_of_a_turn_are_one_write_a_worker)
{
    struct stage s;
    struct client c[6];
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    writes_seen = 0;
    for (unsigned i = 0; i < 6; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(writes_seen, 2);
    assert_int_equal(in_hand(&s, 0), 3);
    assert_int_equal(in_hand(&s, 1), 3);
    for (unsigned i = 0; i < 6; i++) {
        takes(&s, i % 2, "/x");
        answers(&s, i % 2, "x");
    }
    turn(&s);
    for (unsigned i = 0; i < 6; i++)
        has_answer(&c[i], "x");
    assert_int_equal(atomic_load(&yard_hand(&s.first->yard, 0, 0)->tickets), 3);
    writes_seen = 0;
    ask(&c[0], s.pool, "/x");
    turn(&s);
    for (unsigned i = 1; i < 5; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(writes_seen, 1 + 2);                  /* each ticket once */
    assert_int_equal(atomic_load(&yard_hand(&s.first->yard, 0, 0)->tickets) +
                     atomic_load(&yard_hand(&s.first->yard, 1, 0)->tickets), 3 + 3 + 3 + 5);
    for (unsigned i = 0; i < 5; i++)
        pool_cancel(s.pool, &c[i].call);
    stage_end(&s);
}

UNIT_TEST(one_worker_gets_as_much_as_a_millisecond_of_work)
{
    struct stage s;
    struct client c[20], slow;
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    for (unsigned i = 0; i < 20; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(in_hand(&s, 0), YARD_DEPTH_MAX);
    assert_int_equal(pool_stats(s.pool).queued, 4);
    for (unsigned i = 0; i < 20; i++) {
        takes(&s, 0, "/x");
        answers(&s, 0, "");
        turn(&s);
        has_answer(&c[i], "");
    }
    ask(&slow, s.pool, "/slow");
    turn(&s);
    takes(&s, 0, "/slow");
    clock_ahead_us += 6000;           /* a sixteenth of it: about 380 us a request */
    answers(&s, 0, "");
    turn(&s);
    has_answer(&slow, "");
    for (unsigned i = 0; i < 20; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(in_hand(&s, 0), 2);
    for (unsigned i = 0; i < 20; i++)
        pool_cancel(s.pool, &c[i].call);
    assert_int_equal(in_hand(&s, 0), 0);
    stage_end(&s);
}

UNIT_TEST(slow_requests_are_offered_one_a_thread)
{
    struct stage s;
    struct client c[6];
    stage_begin(&s, 1, 1, 4);
    for (unsigned i = 0; i < 6; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(in_hand(&s, 0), 4);
    for (unsigned i = 0; i < 6; i++)
        pool_cancel(s.pool, &c[i].call);
    stage_end(&s);
}

/* ---- withdrawal ---- */

static bool is_withdrawn(void *of) { return pool_stats(((struct stage *)of)->pool).withdrawn > 0; }

UNIT_TEST(an_offer_not_taken_goes_to_an_idle_worker)
{
    struct stage s;
    struct client a, b, c, d;
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    ask(&a, s.pool, "/a");
    ask(&b, s.pool, "/b");
    ask(&c, s.pool, "/c");
    turn(&s);
    takes(&s, 1, "/a");
    takes(&s, 0, "/b");               /* and has /c behind it */
    assert_int_equal(in_hand(&s, 0), 2);
    clock_ahead_us += 5000;
    turn(&s);
    assert_int_equal(pool_stats(s.pool).withdrawn, 0);     /* nobody is idle */
    answers(&s, 1, "a");
    await(&s, "a withdrawal", is_withdrawn, &s);
    has_answer(&a, "a");
    takes(&s, 1, "/c");
    assert_int_equal(in_hand(&s, 0), 1);
    answers(&s, 1, "c");
    turn(&s);
    answers(&s, 0, "b");
    takes(&s, 0, NULL);               /* its ticket is void */
    turn(&s);
    has_answer(&b, "b");
    has_answer(&c, "c");
    ask(&d, s.pool, "/d");
    turn(&s);
    takes(&s, 0, "/d");               /* it finished something: no suspect any more */
    pool_cancel(s.pool, &d.call);
    stage_end(&s);
}

UNIT_TEST(a_suspect_gets_no_more_than_its_threads)
{
    struct stage s;
    struct client c[20];
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    ask(&c[0], s.pool, "/stuck");
    turn(&s);                         /* to worker 1, which does not take it */
    clock_ahead_us += 3000;
    turn(&s);
    assert_int_equal(pool_stats(s.pool).withdrawn, 1);
    takes(&s, 0, "/stuck");
    for (unsigned i = 1; i < 20; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(in_hand(&s, 1), 1);
    assert_int_equal(in_hand(&s, 0), YARD_DEPTH_MAX);
    takes(&s, 1, "/x");
    answers(&s, 1, "");
    turn(&s);
    assert_int_equal(in_hand(&s, 1), 3);                   /* the queue's last three */
    for (unsigned i = 0; i < 20; i++) {
        pool_cancel(s.pool, &c[i].call);
        client_done(&c[i]);
    }
    stage_end(&s);
}

UNIT_TEST(withdrawn_offers_keep_their_order)
{
    struct stage s;
    struct client c[4];
    const char *paths[] = { "/0", "/1", "/2", "/3" };
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    for (unsigned i = 0; i < 4; i++)
        ask(&c[i], s.pool, paths[i]);
    turn(&s);
    stage_worker(&s, 0, 1);
    clock_ahead_us += 3000;
    turn(&s);
    assert_int_equal(pool_stats(s.pool).withdrawn, 4);
    takes(&s, 1, "/0");
    answers(&s, 1, "");
    takes(&s, 1, "/2");               /* /1 went to the suspect, which may try one */
    takes(&s, 0, "/1");
    answers(&s, 1, "");
    takes(&s, 1, "/3");
    for (unsigned i = 0; i < 4; i++) {
        pool_cancel(s.pool, &c[i].call);
        client_done(&c[i]);
    }
    stage_end(&s);
}

UNIT_TEST(an_offer_stays_where_nobody_else_could_take_it)
{
    struct stage s;
    struct client c, d;
    stage_begin(&s, 1, 2, 1);
    ask(&c, s.pool, "/stuck");
    turn(&s);
    clock_ahead_us += 3000;
    turn(&s);                         /* from the one that does not take it to the other */
    assert_int_equal(pool_stats(s.pool).withdrawn, 1);
    clock_ahead_us += 50000;
    turn(&s);                         /* which does not either: the first is a suspect already */
    assert_int_equal(pool_stats(s.pool).withdrawn, 1);
    pool_cancel(s.pool, &c.call);
    stage_end(&s);

    stage_begin(&s, 1, 1, 4);
    ask(&d, s.pool, "/alone");        /* three idle threads, but of the very worker that has it */
    turn(&s);
    clock_ahead_us += 50000;
    turn(&s);
    assert_int_equal(pool_stats(s.pool).withdrawn, 0);
    pool_cancel(s.pool, &d.call);
    stage_end(&s);
}

UNIT_TEST(behind_a_slow_request_is_left_for_a_busy_worker_too)
{
    struct stage s;
    struct client slow, behind, busy;
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    say(&s, CHANNEL_WORKER_REST, s.first, 0);
    ask(&slow, s.pool, "/slow");
    ask(&behind, s.pool, "/behind");
    turn(&s);
    takes(&s, 1, "/slow");
    stage_worker(&s, 0, 2);
    ask(&busy, s.pool, "/busy");
    turn(&s);
    takes(&s, 2, "/busy");            /* never idle from now on */
    clock_ahead_us += 9000;
    turn(&s);
    assert_int_equal(pool_stats(s.pool).withdrawn, 0);
    clock_ahead_us += 2000;
    turn(&s);
    assert_int_equal(pool_stats(s.pool).withdrawn, 1);
    answers(&s, 2, "");
    takes(&s, 2, "/behind");
    turn(&s);
    has_answer(&busy, "");
    pool_cancel(s.pool, &slow.call);
    pool_cancel(s.pool, &behind.call);
    stage_end(&s);
}

/* ---- how long the edge may sleep ---- */

UNIT_TEST(the_edge_sleeps_as_long_as_it_may)
{
    struct stage s;
    struct client a, b;
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    assert_int_equal(wait_of_turn(&s), -1);                /* nothing in hand */
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 0)->sleeps), YARD_AWAKE);
    ask(&a, s.pool, "/a");
    assert_in_range(wait_of_turn(&s), 1000, 2000);         /* another is idle: a withdrawal */
    takes(&s, 1, "/a");
    clock_ahead_us += 2000;
    assert_in_range(wait_of_turn(&s), 50000, 100000);      /* taken: until its word is looked at */
    clock_ahead_us += 100000;
    assert_in_range(wait_of_turn(&s), 900000, 1000000);
    say(&s, CHANNEL_WORKER_REST, s.first, 0);
    ask(&b, s.pool, "/b");
    assert_in_range(wait_of_turn(&s), 1500, 2000);         /* behind it: a bell may be owed */
    clock_ahead_us += 10000;
    assert_in_range(wait_of_turn(&s), 8000, 20000);        /* less and less likely */
    answers(&s, 1, "");
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 0)->sleeps), YARD_ASLEEP);
    assert_true(wait_of_turn(&s) >= 0);
    has_answer(&a, "");               /* found without its bell, and no harm in that */
    assert_int_equal(pool_stats(s.pool).lost_bells, 0);
    pool_cancel(s.pool, &b.call);
    stage_end(&s);
}

UNIT_TEST(threads_owe_no_bells)
{
    struct stage s;
    struct client c[2];
    stage_begin(&s, 1, 1, 4);
    for (unsigned i = 0; i < 2; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(frame_take(&s.first->workers[0].threads[i], 0), 0);
    clock_ahead_us += 100000;
    turn(&s);
    assert_in_range(wait_of_turn(&s), 900000, 1000000);
    for (unsigned i = 0; i < 2; i++)
        pool_cancel(s.pool, &c[i].call);
    stage_end(&s);
}

UNIT_TEST(the_edge_wakes_for_the_queue)
{
    struct stage s;
    struct client a, b;
    stage_begin(&s, 1, 0, 1);
    s.conf.queue_timeout_ms = 500;
    ask(&a, s.pool, "/a");
    assert_in_range(wait_of_turn(&s), 400000, 500000);
    clock_ahead_us += 300000;
    assert_in_range(wait_of_turn(&s), 100000, 200000);
    clock_ahead_us += 300000;
    assert_int_equal(wait_of_turn(&s), -1);
    has_failed(&a, CALL_QUEUE_TIMEOUT);
    s.conf.queue_timeout_ms = 0;      /* after a turn, so that the next one is refused by it */
    ask(&b, s.pool, "/b");
    assert_int_equal(wait_of_turn(&s), -1);
    has_failed(&b, CALL_QUEUE_TIMEOUT);
    stage_end(&s);
}

static struct stage *stage_of_answer;

static void answer_meanwhile(struct client *c)
{
    (void)c;
    answers(stage_of_answer, 0, "");
}

/* What is posted while the edge is awake rings no bell, so it must look before it sleeps. */
UNIT_TEST(the_edge_looks_again_before_it_sleeps)
{
    struct stage s;
    struct client a, b;
    stage_begin(&s, 1, 1, 1);
    s.conf.queue_timeout_ms = 10;
    ask(&a, s.pool, "/a");
    turn(&s);
    takes(&s, 0, "/a");
    ask(&b, s.pool, "/b");
    b.at_end = answer_meanwhile;      /* when its time is up: the rings were looked at before */
    stage_of_answer = &s;
    clock_ahead_us += 20000;
    s.pool->hook.woken(&s.pool->hook);
    assert_int_equal(wait_of_turn(&s), 0);
    assert_int_equal(a.ends, 0);
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 0)->sleeps), YARD_AWAKE);
    has_failed(&b, CALL_QUEUE_TIMEOUT);
    assert_int_equal(wait_of_turn(&s), -1);
    has_answer(&a, "");
    stage_end(&s);
}

UNIT_MAIN(an_answer_comes_whole, a_bell_wakes_the_edge,
          a_sleeping_edge_is_woken_from_another_thread, a_lost_bell_costs_a_second_and_is_counted,
          a_bell_after_a_long_sleep_is_not_lost, fewest_in_hand_then_most_recently_used,
          tickets_of_a_turn_are_one_write_a_worker,
          one_worker_gets_as_much_as_a_millisecond_of_work, slow_requests_are_offered_one_a_thread,
          an_offer_not_taken_goes_to_an_idle_worker, a_suspect_gets_no_more_than_its_threads,
          withdrawn_offers_keep_their_order, an_offer_stays_where_nobody_else_could_take_it,
          behind_a_slow_request_is_left_for_a_busy_worker_too, the_edge_sleeps_as_long_as_it_may,
          threads_owe_no_bells, the_edge_wakes_for_the_queue, the_edge_looks_again_before_it_sleeps)
