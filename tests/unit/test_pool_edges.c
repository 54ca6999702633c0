#include "pool_stage.h"
#include "link/pool.h"

/* ---- several edges ---- */

UNIT_TEST(edges_share_the_workers)
{
    struct stage s;
    struct client a, b, c;
    stage_begin(&s, 2, 2, 1);
    ask(&a, s.pools[0], "/a");
    turn(&s);
    takes(&s, 1, "/a");
    ask(&b, s.pools[1], "/b");
    turn(&s);
    takes(&s, 1, NULL);               /* the other edge has one in hand there */
    takes(&s, 0, "/b");
    ask(&c, s.pools[1], "/c");
    turn(&s);
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 1)->waits), 1);
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 0)->waits), 0);
    uint64_t rung = 0;
    answers(&s, 1, "a");
    assert_int_equal(sys_read(s.first->bells[0], &rung, sizeof rung), sizeof rung);
    turn(&s);
    has_answer(&a, "a");
    assert_int_equal(sys_read(s.first->bells[1], &rung, sizeof rung), sizeof rung);
    turn(&s);
    takes(&s, 1, "/c");
    assert_int_equal(atomic_load(&yard_edge(&s.first->yard, 1)->waits), 0);
    answers(&s, 0, "b");
    answers(&s, 1, "c");
    turn(&s);
    has_answer(&b, "b");
    has_answer(&c, "c");
    stage_end(&s);
}

UNIT_TEST(a_busy_edge_leaves_another_its_share)
{
    struct stage s;
    struct client c[8], other;
    unsigned answered = 0;
    stage_begin(&s, 2, 1, 1);
    for (unsigned i = 0; i < 8; i++)
        ask(&c[i], s.pools[0], "/flood");
    turn(&s);
    ask(&other, s.pools[1], "/other");
    turn(&s);
    while (other.ends == 0 && answered < 8) {
        struct frame_thread *t = thread_of(&s, 0);
        assert_int_equal(frame_take(t, 0), 0);
        clock_ahead_us += 2000;       /* one at a time */
        answers(&s, 0, "");
        answered++;
        turn(&s);
    }
    has_answer(&other, "");
    assert_in_range(answered, 1, 4);
    for (unsigned i = 0; i < 8; i++) {
        pool_cancel(s.pools[0], &c[i].call);
        client_done(&c[i]);
    }
    stage_end(&s);
}

UNIT_TEST(hands_left_to_another_edge_are_not_left_for_ever)
{
    struct stage s;
    struct client a, b;
    stage_begin(&s, 2, 1, 1);
    ask(&a, s.pools[0], "/a");
    ask(&b, s.pools[0], "/b");
    turn(&s);
    takes(&s, 0, "/a");
    loop_hook_remove(&s.pools[1]->hook);                   /* the other edge hangs, and says */
    atomic_store(&yard_edge(&s.first->yard, 1)->waits, 1);
    clock_ahead_us += 2000;
    answers(&s, 0, "a");
    assert_in_range(wait_of_turn(&s), 1, 1000);
    has_answer(&a, "a");
    takes(&s, 0, NULL);
    turn(&s);
    takes(&s, 0, "/b");
    pool_cancel(s.pools[0], &b.call);
    loop_hook_add(s.loop, &s.pools[1]->hook);
    stage_end(&s);
}

UNIT_MAIN(edges_share_the_workers, a_busy_edge_leaves_another_its_share,
          hands_left_to_another_edge_are_not_left_for_ever)
