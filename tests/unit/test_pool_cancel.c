#include "pool_stage.h"
#include "link/pool.h"

/* ---- cancelling ---- */

UNIT_TEST(cancel_in_every_state)
{
    struct stage s;
    struct client queued, offered, taken, finished, refused;
    stage_begin(&s, 1, 1, 1);

    ask(&queued, s.pool, "/queued");
    pool_cancel(s.pool, &queued.call);
    pool_cancel(s.pool, &queued.call);
    turn(&s);
    takes(&s, 0, NULL);

    ask(&offered, s.pool, "/offered");
    turn(&s);
    pool_cancel(s.pool, &offered.call);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(in_hand(&s, 0), 0);
    takes(&s, 0, NULL);               /* its ticket is void */

    ask(&taken, s.pool, "/taken");
    turn(&s);
    takes(&s, 0, "/taken");
    assert_false(frame_cancelled(thread_of(&s, 0)));
    pool_cancel(s.pool, &taken.call);
    assert_true(frame_cancelled(thread_of(&s, 0)));
    assert_int_equal(in_hand(&s, 0), 1);                   /* the worker still has it */
    assert_true(pool_is_idle(s.pool));                     /* but nobody waits for it */
    frame_finish(thread_of(&s, 0), FRAME_LEFT);
    turn(&s);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(in_hand(&s, 0), 0);

    ask(&finished, s.pool, "/finished");
    turn(&s);
    takes(&s, 0, "/finished");
    answers(&s, 0, "unseen");
    pool_cancel(s.pool, &finished.call);
    assert_int_equal(slots_in_use(&s), 0);
    turn(&s);

    s.conf.queue_timeout_ms = 0;      /* everything is hopeless */
    ask(&queued, s.pool, "/queued");
    ask(&refused, s.pool, "/refused");
    pool_cancel(s.pool, &refused.call);
    pool_cancel(s.pool, &queued.call);
    turn(&s);

    const struct client *all[] = { &queued, &offered, &taken, &finished, &refused };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(all[i]->heads + all[i]->ends, 0);
    assert_int_equal(heard_kind(&s), -1);                  /* no complaint about the worker */
    stage_end(&s);
}

static void cancel_self(struct client *c) { pool_cancel(c->pool, &c->call); }
static void cancel_other(struct client *c) { pool_cancel(c->pool, &c->other->call); }
static void cancel_both(struct client *c)
{
    cancel_self(c);
    cancel_other(c);
}

/* The edge goes on to the next request of the connection, in the very same memory. */
static void ask_again(struct client *c)
{
    struct client *other = c->other;
    free(c->body);
    ask(c, c->pool, "/again");
    c->other = other;
}

static void run_pair(void (*in_head)(struct client *), void (*in_body)(struct client *),
                     unsigned heads, size_t body_bytes)
{
    struct stage s;
    struct client a, b;
    stage_begin(&s, 1, 2, 1);
    ask(&a, s.pool, "/a");
    ask(&b, s.pool, "/b");
    a.other = &b;
    a.in_head = in_head;
    a.in_body = in_body;
    turn(&s);
    takes(&s, 1, "/a");
    takes(&s, 0, "/b");
    answers(&s, 1, "aaa");
    answers(&s, 0, "bbb");
    turn(&s);
    assert_int_equal(a.heads, heads);
    assert_int_equal(a.body_len, body_bytes);
    turn(&s);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(in_hand(&s, 0) + in_hand(&s, 1), 0);
    assert_true(pool_is_idle(s.pool));
    client_done(&a);
    client_done(&b);
    stage_end(&s);
}

UNIT_TEST(callbacks_may_cancel)
{
    run_pair(cancel_self, NULL, 1, 0);
    run_pair(cancel_other, NULL, 1, 3);
    run_pair(cancel_both, NULL, 1, 0);
    run_pair(NULL, cancel_self, 1, 3);
    run_pair(NULL, cancel_other, 1, 3);
    run_pair(NULL, cancel_both, 1, 3);
}

UNIT_TEST(a_call_may_be_reused_in_its_last_callback)
{
    struct stage s;
    struct client c, failing;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/first");
    c.at_end = ask_again;
    turn(&s);
    takes(&s, 0, "/first");
    answers(&s, 0, "first");
    turn(&s);
    takes(&s, 0, "/again");           /* offered in the same turn */
    assert_int_equal(c.ends, 0);
    answers(&s, 0, "second");
    turn(&s);
    has_answer(&c, "second");

    ask(&failing, s.pool, "/fails");
    failing.at_end = ask_again;
    turn(&s);
    takes(&s, 0, "/fails");
    frame_finish(thread_of(&s, 0), FRAME_CUT);
    turn(&s);
    takes(&s, 0, "/again");
    answers(&s, 0, "third");
    turn(&s);
    has_answer(&failing, "third");
    stage_end(&s);
}

UNIT_MAIN(cancel_in_every_state, callbacks_may_cancel, a_call_may_be_reused_in_its_last_callback)
