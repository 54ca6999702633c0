#include "unit.h"
#include "loop/loop.h"
#include "no_memory.h"

/* A simulated clock: waiting takes exactly as long as asked for. */
static int64_t clock_us;

int64_t sys_now_us(void) { return clock_us; }

int sys_epoll_wait(int ep, struct epoll_event *events, int count, int64_t timeout_us)
{
    (void)ep, (void)events, (void)count;
    if (timeout_us < 0)
        fail_msg("waits for ever at %ld us", (long)clock_us);
    clock_us += timeout_us;
    return 0;
}

struct alarm {
    struct timer timer;
    struct loop *loop;
    int64_t want_ms, fired_ms;              /* 0: off; when it last fired, 0: never */
    unsigned fires;
};

static struct loop *new_loop(void)
{
    clock_us = 5000000;
    struct loop *l = loop_new();
    assert_non_null(l);
    return l;
}

static void note(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);
    a->fired_ms = loop_now_ms(a->loop);
    a->fires++;
    assert_int_equal(t->due_ms, 0);          /* called with the timer already off */
    assert_int_equal(t->place, 0);
}

static void stop(struct timer *t)
{
    loop_stop(container_of(t, struct alarm, timer)->loop);
}

static void run_for(struct loop *l, int64_t ms)
{
    struct alarm end = { .loop = l };
    timer_init(&end.timer, stop);
    assert_int_equal(timer_set(l, &end.timer, ms), 0);
    assert_int_equal(loop_run(l), 0);
}

UNIT_TEST(a_timer_fires_once_and_on_time)
{
    struct loop *l = new_loop();
    struct alarm a = { .loop = l };
    timer_init(&a.timer, note);
    assert_int_equal(timer_set(l, &a.timer, 20), 0);
    run_for(l, 100);
    assert_int_equal(a.fires, 1);
    assert_int_equal(a.fired_ms, 5020);
    loop_free(l);
}

UNIT_TEST(moving_later_and_earlier_and_off)
{
    struct loop *l = new_loop();
    struct alarm later = { .loop = l }, earlier = later, off = later, again = later;
    timer_init(&later.timer, note);
    timer_init(&earlier.timer, note);
    timer_init(&off.timer, note);
    timer_init(&again.timer, note);
    timer_off(l, &off.timer);                /* of one that was never on */
    assert_int_equal(timer_set(l, &later.timer, 10), 0);
    assert_int_equal(timer_set(l, &later.timer, 50), 0);
    assert_int_equal(timer_set(l, &earlier.timer, 50), 0);
    assert_int_equal(timer_set(l, &earlier.timer, 10), 0);
    assert_int_equal(timer_set(l, &off.timer, 10), 0);
    timer_off(l, &off.timer);
    timer_off(l, &off.timer);
    assert_int_equal(timer_set(l, &again.timer, 50), 0);     /* later, then earlier than at first */
    assert_int_equal(timer_set(l, &again.timer, 90), 0);
    assert_int_equal(timer_set(l, &again.timer, 20), 0);
    run_for(l, 100);
    assert_int_equal(later.fired_ms, 5050);
    assert_int_equal(earlier.fired_ms, 5010);
    assert_int_equal(off.fires, 0);
    assert_int_equal(again.fired_ms, 5020);
    assert_int_equal(later.fires + earlier.fires + again.fires, 3);
    loop_free(l);
}

static void set_at_once(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);
    a->fires++;
    assert_int_equal(timer_set(a->loop, t, 0), 0);
}

UNIT_TEST(a_delay_of_nothing_does_not_fire_twice_in_a_turn)
{
    struct loop *l = new_loop();
    struct alarm a = { .loop = l };
    timer_init(&a.timer, set_at_once);
    assert_int_equal(timer_set(l, &a.timer, -5), 0);
    run_for(l, 10);
    assert_in_range(a.fires, 9, 10);          /* once a millisecond */
    timer_off(l, &a.timer);
    loop_free(l);
}

UNIT_TEST(endless_delays_do_not_overflow)
{
    struct loop *l = new_loop();
    struct alarm a = { .loop = l };
    timer_init(&a.timer, note);
    assert_int_equal(timer_set(l, &a.timer, INT64_MAX), 0);
    run_for(l, 10);
    assert_int_equal(a.fires, 0);
    timer_off(l, &a.timer);
    loop_free(l);
}

static struct alarm *other;

static void take_other_off(struct timer *t)
{
    note(t);
    timer_off(other->loop, &other->timer);
}

UNIT_TEST(a_timer_may_take_another_due_one_off)
{
    struct loop *l = new_loop();
    struct alarm a = { .loop = l }, b = { .loop = l };
    other = &b;
    timer_init(&a.timer, take_other_off);
    timer_init(&b.timer, note);
    assert_int_equal(timer_set(l, &a.timer, 10), 0);
    assert_int_equal(timer_set(l, &b.timer, 10), 0);
    run_for(l, 20);
    assert_int_equal(a.fires, 1);
    assert_int_equal(b.fires, 0);
    loop_free(l);
}

enum { ALARMS = 500, STEPS = 40000 };
static struct alarm alarms[ALARMS];

/* Against the plainest model: want_ms.  Each must fire in the millisecond it was last set to. */
static void fire_checked(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);
    if (a->want_ms != loop_now_ms(a->loop))
        fail_msg("alarm %ld fired at %ld, not %ld", (long)(a - alarms), (long)loop_now_ms(a->loop),
                 (long)a->want_ms);
    a->want_ms = 0;
    a->fires++;
}

static void disturb(struct timer *t)
{
    struct alarm *driver = container_of(t, struct alarm, timer);
    struct loop *l = driver->loop;
    for (int i = 0; i < 20; i++) {
        struct alarm *a = &alarms[(unsigned)random() % ALARMS];
        int64_t delay_ms = 1 + random() % (random() % 2 ? 10 : 1000);
        if (random() % 4 == 0) {
            timer_off(l, &a->timer);
            a->want_ms = 0;
        } else {
            assert_int_equal(timer_set(l, &a->timer, delay_ms), 0);
            a->want_ms = loop_now_ms(l) + delay_ms;
        }
    }
    for (size_t i = 0; i < ALARMS; i++)
        if (alarms[i].want_ms != 0 && alarms[i].want_ms < loop_now_ms(l))
            fail_msg("alarm %zu is late", i);
    driver->fires += 20;
    if (driver->fires < STEPS)
        assert_int_equal(timer_set(l, t, 1 + random() % 20), 0);
    else
        loop_stop(l);
}

UNIT_TEST(a_crowd_set_moved_and_off_at_random_is_always_on_time)
{
    struct loop *l = new_loop();
    struct alarm driver = { .loop = l };
    unsigned fires = 0;
    srandom(1);
    for (size_t i = 0; i < ALARMS; i++) {
        alarms[i].loop = l;
        timer_init(&alarms[i].timer, fire_checked);
    }
    timer_init(&driver.timer, disturb);
    assert_int_equal(timer_set(l, &driver.timer, 1), 0);
    assert_int_equal(loop_run(l), 0);
    for (size_t i = 0; i < ALARMS; i++) {
        fires += alarms[i].fires;
        timer_off(l, &alarms[i].timer);
    }
    assert_true(fires > 1000);
    loop_free(l);
}

UNIT_TEST(without_memory_a_set_fails_and_nothing_else)
{
    struct loop *l = new_loop();
    static struct alarm many[100];
    unsigned set = 0;
    heap_left = 1;                            /* the first block of places, not the second */
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i].loop = l;
        timer_init(&many[i].timer, note);
        int rc = timer_set(l, &many[i].timer, 5);
        assert_true(rc == 0 || rc == -ENOMEM);
        set += rc == 0;
        if (rc < 0)
            assert_int_equal(many[i].timer.due_ms, 0);
    }
    assert_in_range(set, 1, 99);
    assert_int_equal(timer_set(l, &many[0].timer, 7), 0);    /* moving needs no memory */
    heap_left = UINT32_MAX;
    run_for(l, 10);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        assert_int_equal(many[i].fires, i < set);
    loop_free(l);
}

UNIT_MAIN(a_timer_fires_once_and_on_time, moving_later_and_earlier_and_off,
          a_delay_of_nothing_does_not_fire_twice_in_a_turn, endless_delays_do_not_overflow,
          a_timer_may_take_another_due_one_off, a_crowd_set_moved_and_off_at_random_is_always_on_time,
          without_memory_a_set_fails_and_nothing_else)
