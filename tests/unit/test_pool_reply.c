#include "pool_stage.h"
#include "link/pool.h"

/* ---- streams ---- */

static bool wants_bell(struct stage *s, uint32_t slot)
{
    return atomic_load(&yard_slot(&s->first->yard, slot)->edge_wants_bell) != 0;
}

/* Worker 0 has the request and its slot is known. */
static struct frame_thread *begins(struct stage *s, struct client *c, const char *path)
{
    ask(c, s->pool, path);
    turn(s);
    takes(s, 0, path);
    return thread_of(s, 0);
}

static void starts(struct frame_thread *t, const char *body)
{
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\nX-From: app\r\n")), 0);
    writes(t, span_of(body));
    frame_publish(t);
}

static bool has_body(void *of) { return ((struct client *)of)->body_len >= 5; }

UNIT_TEST(a_stream_comes_piece_by_piece)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/stream");
    starts(t, "");
    turn(&s);
    assert_int_equal(c.heads, 1);
    assert_false(c.is_complete);
    assert_int_equal(c.body_bytes, -1);
    assert_int_equal(c.body_len, 0);
    assert_true(c.call.taken_seen_us > 0);
    writes(t, SPAN("one"));
    frame_publish(t);
    turn(&s);
    assert_int_equal(c.body_len, 3);
    writes(t, SPAN("two"));
    turn(&s);
    assert_int_equal(c.body_len, 3);  /* not published */
    frame_finish(t, FRAME_OK);
    turn(&s);
    has_answer(&c, "onetwo");
    stage_end(&s);
}

static void run_quiet_stream(struct stage *s)
{
    struct client c;
    struct frame_thread *t = begins(s, &c, "/stream");
    assert_true(wants_bell(s, t->slot));                   /* the head is to be told of */
    starts(t, "a");
    turn(s);
    assert_false(wants_bell(s, t->slot));                  /* more may follow at once */
    clock_ahead_us += 1000;
    turn(s);
    assert_false(wants_bell(s, t->slot));
    turn(s);                          /* not a look: within the millisecond */
    assert_false(wants_bell(s, t->slot));
    clock_ahead_us += 1000;
    turn(s);
    assert_true(wants_bell(s, t->slot));
    writes(t, SPAN("bcde"));
    frame_publish(t);
    assert_int_equal(atomic_load(&yard_edge(&s->first->yard, 0)->sleeps), YARD_RUNG);
    await(s, "bytes after the bell", has_body, &c);
    assert_false(wants_bell(s, t->slot));
    clock_ahead_us += 1000;
    turn(s);
    assert_false(wants_bell(s, t->slot));                  /* it counts anew */
    clock_ahead_us += 1000;
    turn(s);
    assert_true(wants_bell(s, t->slot));
    clock_ahead_us += 100 * 1000;     /* past the look for what was taken */
    turn(s);
    assert_in_range(wait_of_turn(s), 50 * 1000, 1000 * 1000);      /* no looks any more */
    frame_finish(t, FRAME_OK);
    await_end(s, &c);
    has_answer(&c, "abcde");
}

UNIT_TEST(a_quiet_stream_is_looked_at_twice_then_it_rings)
{
    struct stage s;
    stage_begin(&s, 1, 1, 1);
    run_quiet_stream(&s);
    run_quiet_stream(&s);             /* in the same slot */
    stage_end(&s);
}

UNIT_TEST(a_head_alone_is_no_empty_look_of_the_exchange_before)
{
    struct stage s;
    stage_begin(&s, 1, 1, 1);
    for (unsigned i = 0; i < 3; i++) {
        struct client c;
        struct frame_thread *t = begins(&s, &c, "/stream");
        starts(t, "");
        turn(&s);
        assert_false(wants_bell(&s, t->slot));
        clock_ahead_us += 1000;
        turn(&s);
        assert_true(wants_bell(&s, t->slot));
        frame_finish(t, FRAME_OK);
        turn(&s);
        has_answer(&c, "");
    }
    stage_end(&s);
}

UNIT_TEST(a_stream_without_bells_is_looked_at)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/stream");
    starts(t, "a");
    turn(&s);
    assert_false(wants_bell(&s, t->slot));
    assert_in_range(wait_of_turn(&s), 0, 1000);
    atomic_store(&yard_edge(&s.first->yard, 0)->sleeps, YARD_AWAKE);      /* so it does not ring */
    writes(t, SPAN("bcde"));
    frame_publish(t);
    await(&s, "bytes without a bell", has_body, &c);
    frame_finish(t, FRAME_OK);
    turn(&s);
    has_answer(&c, "abcde");
    assert_int_equal(pool_stats(s.pool).lost_bells, 0);
    stage_end(&s);
}

/* ---- more than the ring holds, more than the client takes ---- */

enum { BIG_BYTES = 5 * 1000 * 1000 };

static char byte_at(size_t i) { return (char)(i * 7 + i / 251); }

static void *write_big(void *of)
{
    struct frame_thread *t = of;
    char piece[10007];
    size_t done = 0;
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    while (done < BIG_BYTES) {
        size_t n = 0, sent = 0;
        while (n < sizeof piece && done + n < BIG_BYTES) {
            piece[n] = byte_at(done + n);
            n++;
        }
        while (sent < n) {
            size_t took = frame_write(t, (struct span){ piece + sent, n - sent });
            if (took == 0 && frame_wait_room(t) < 0)
                return NULL;
            sent += took;
        }
        done += n;
    }
    frame_finish(t, FRAME_OK);
    return NULL;
}

static void is_big(const struct client *c)
{
    assert_int_equal(c->body_len, BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        if (c->body[i] != byte_at(i))
            fail_msg("byte %zu is wrong", i);
}

UNIT_TEST(a_big_response_passes_through_the_ring)
{
    struct stage s;
    struct client c;
    pthread_t thread;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/big");
    assert_int_equal(pthread_create(&thread, NULL, write_big, t), 0);
    await_end(&s, &c);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(c.is_whole);
    is_big(&c);
    client_done(&c);
    assert_int_equal(slots_in_use(&s), 0);
    stage_end(&s);
}

/* A client that takes 30,000 bytes a turn and says so. */
struct slow { struct loop_hook hook; struct client *c; };

static int64_t give_room(struct loop_hook *h)
{
    struct client *c = container_of(h, struct slow, hook)->c;
    if (c->ends > 0 || c->room > 0)
        return -1;
    c->room = 30000;
    pool_resume(c->pool, &c->call);
    return 0;
}

UNIT_TEST(a_slow_client_holds_the_worker_back_and_loses_nothing)
{
    struct stage s;
    struct client c;
    struct slow slow = { { give_room, NULL, { NULL, NULL } }, &c };
    pthread_t thread;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/big");
    c.room = 1;
    loop_hook_add(s.loop, &slow.hook);
    assert_int_equal(pthread_create(&thread, NULL, write_big, t), 0);
    await_end(&s, &c);
    loop_hook_remove(&slow.hook);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(c.is_whole);
    is_big(&c);
    client_done(&c);
    stage_end(&s);
}

UNIT_TEST(a_blocked_client_gets_nothing_until_it_resumes)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/x");
    c.room = 2;
    starts(t, "abcd");
    turn(&s);
    assert_int_equal(c.body_len, 2);
    c.room = 100;
    writes(t, SPAN("ef"));
    frame_finish(t, FRAME_OK);
    turn(&s);
    assert_int_equal(c.body_len, 2);
    assert_int_equal(in_hand(&s, 0), 0);                   /* the worker is free all the same */
    assert_int_equal(state_of(&s, t->slot), SLOT_DONE);
    pool_resume(s.pool, &c.call);
    assert_int_equal(c.body_len, 2);                       /* never from inside */
    turn(&s);
    has_answer(&c, "abcdef");
    stage_end(&s);
}

static void resume_self(struct client *c)
{
    c->room = 100;
    pool_resume(c->pool, &c->call);
}

UNIT_TEST(a_stream_may_block_and_go_on_many_times)
{
    struct stage s;
    struct client c;
    char want[65] = "";
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/x");
    starts(t, "");
    for (unsigned i = 0; i < 8; i++) {
        c.room = SIZE_MAX;            /* all of it: looked at again and again */
        writes(t, SPAN("free"));
        frame_publish(t);
        turn(&s);
        c.room = 1;
        writes(t, SPAN("held"));
        frame_publish(t);
        turn(&s);
        c.room = SIZE_MAX;
        clock_ahead_us += 200 * 1000;
        turn(&s);
        assert_int_equal(c.body_len, 8 * i + 5);
        assert_in_range(wait_of_turn(&s), 50 * 1000, 1000 * 1000);     /* nobody looks at it */
        pool_resume(s.pool, &c.call);
        turn(&s);
        assert_int_equal(c.body_len, 8 * i + 8);
        strcat(want, "freeheld");
    }
    c.room = 0;
    writes(t, SPAN("never"));
    frame_publish(t);
    turn(&s);
    pool_resume(s.pool, &c.call);
    pool_cancel(s.pool, &c.call);     /* resumed, but not looked at yet */
    frame_finish(t, FRAME_LEFT);
    turn(&s);
    assert_span_equal(((struct span){ c.body, c.body_len }), span_of(want));
    assert_int_equal(c.ends, 0);
    assert_int_equal(slots_in_use(&s), 0);
    client_done(&c);
    stage_end(&s);
}

UNIT_TEST(room_may_come_while_body_runs)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/x");
    c.room = 2;
    c.in_body = resume_self;
    starts(t, "abcd");
    frame_finish(t, FRAME_OK);
    assert_int_equal(wait_of_turn(&s), 0);                 /* there is more to do at once */
    turn(&s);
    has_answer(&c, "abcd");
    stage_end(&s);
}

UNIT_TEST(a_client_that_is_gone_cancels_its_request)
{
    struct stage s;
    struct client c;
    pthread_t thread;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &c, "/big");
    c.is_gone = true;
    assert_int_equal(pthread_create(&thread, NULL, write_big, t), 0);
    await_end(&s, &c);
    assert_int_equal(pthread_join(thread, NULL), 0);       /* it was woken, and left */
    assert_true(frame_cancelled(t));
    frame_finish(t, FRAME_LEFT);
    turn(&s);
    assert_int_equal(slots_in_use(&s), 0);

    t = begins(&s, &c, "/refused");
    c.refuses_head = -EBADMSG;
    starts(t, "abc");
    turn(&s);
    assert_int_equal(c.ends, 1);
    assert_true(frame_cancelled(t));
    frame_finish(t, FRAME_LEFT);
    turn(&s);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(heard_kind(&s), -1);
    stage_end(&s);
}

/* ---- how responses end ---- */

UNIT_TEST(a_cut_response_is_seen_as_cut)
{
    struct stage s;
    struct client late, early;
    stage_begin(&s, 1, 1, 1);
    struct frame_thread *t = begins(&s, &late, "/late");
    starts(t, "abc");
    frame_finish(t, FRAME_CUT);
    turn(&s);
    assert_int_equal(late.heads, 1);
    assert_false(late.is_complete);
    assert_span_equal(((struct span){ late.body, late.body_len }), SPAN("abc"));
    has_failed(&late, CALL_CUT);
    t = begins(&s, &early, "/early");
    frame_finish(t, FRAME_CUT);
    turn(&s);
    assert_int_equal(early.heads, 0);
    has_failed(&early, CALL_BROKEN);
    assert_int_equal(heard_kind(&s), -1);                  /* the application's fault */
    assert_int_equal(slots_in_use(&s), 0);
    stage_end(&s);
}

/* 100,000 bytes go by, the next 60,000 wrap in the ring and wait for the client. */
static void done_with_wrap(struct stage *s, struct client *c, struct frame_thread **t)
{
    static char bytes[100000];
    *t = begins(s, c, "/wrap");
    assert_int_equal(frame_head(*t, 200, SPAN("OK\r\nX-From: app\r\n")), 0);
    memset(bytes, 'a', sizeof bytes);
    writes(*t, (struct span){ bytes, sizeof bytes });
    frame_publish(*t);
    turn(s);
    assert_int_equal(c->body_len, sizeof bytes);
    c->room = 10;
    memset(bytes, 'b', sizeof bytes);
    writes(*t, (struct span){ bytes, 60000 });
    frame_finish(*t, FRAME_OK);
    turn(s);
    assert_int_equal(c->body_len, sizeof bytes + 10);
    c->room = SIZE_MAX;
}

UNIT_TEST(a_response_neither_grows_nor_shrinks_after_it_was_done)
{
    struct stage s;
    struct client grows, shrinks;
    struct frame_thread *t;
    stage_begin(&s, 1, 1, 1);
    done_with_wrap(&s, &grows, &t);
    atomic_fetch_add(&yard_slot(&s.first->yard, t->slot)->written, 100);
    pool_resume(s.pool, &grows.call);
    turn(&s);
    assert_true(grows.is_whole);
    assert_int_equal(grows.body_len, 160000);
    client_done(&grows);
    assert_int_equal(heard_kind(&s), -1);
    done_with_wrap(&s, &shrinks, &t);
    atomic_fetch_sub(&yard_slot(&s.first->yard, t->slot)->written, 100);
    pool_resume(s.pool, &shrinks.call);
    turn(&s);
    has_failed(&shrinks, CALL_BROKEN);
    assert_int_equal(heard_kind(&s), CHANNEL_BROKE);
    stage_end(&s);
}

static void has_file(struct client *c, const char *text)
{
    char got[100] = "";
    assert_int_equal(c->ends, 1);
    assert_true(c->file_fd >= 0);
    assert_int_equal(sys_pread(c->file_fd, got, c->file_bytes, (off_t)c->file_at), c->file_bytes);
    assert_string_equal(got, text);
    client_done(c);
}

UNIT_TEST(a_file_comes_as_a_descriptor)
{
    struct stage s;
    struct client c, bare;
    stage_begin(&s, 1, 1, 1);
    int fd = file_of("0123456789");
    struct frame_thread *t = begins(&s, &c, "/file");
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\n")), 0);
    writes(t, SPAN("before "));
    assert_int_equal(frame_file(t, fd, 3, 4), 0);
    frame_finish(t, FRAME_OK);
    turn(&s);
    assert_true(c.is_complete);
    assert_int_equal(c.body_bytes, 7 + 4);
    assert_span_equal(((struct span){ c.body, c.body_len }), SPAN("before "));
    has_file(&c, "3456");
    t = begins(&s, &bare, "/file");
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_file(t, fd, 0, 10), 0);
    frame_finish(t, FRAME_OK);
    turn(&s);
    assert_null(bare.body);
    has_file(&bare, "0123456789");
    assert_int_equal(slots_in_use(&s), 0);
    (void)sys_close(fd);
    stage_end(&s);
}

UNIT_TEST(files_of_several_threads_find_their_requests)
{
    struct stage s;
    struct client c[3];
    const char *texts[] = { "zero", "one", "two" };
    struct frame_thread *t;
    stage_begin(&s, 1, 1, 4);
    for (unsigned i = 0; i < 3; i++)
        ask(&c[i], s.pool, texts[i]);
    turn(&s);
    t = s.first->workers[0].threads;
    for (unsigned i = 0; i < 3; i++) {
        int fd = file_of(texts[i]);
        assert_int_equal(frame_take(&t[i], 0), 0);
        assert_int_equal(frame_head(&t[i], 200, SPAN("OK\r\n")), 0);
        assert_int_equal(frame_file(&t[i], fd, 0, strlen(texts[i])), 0);
        (void)sys_close(fd);
    }
    pool_cancel(s.pool, &c[1].call);  /* its descriptor lies between the others */
    frame_finish(&t[2], FRAME_OK);
    turn(&s);
    has_file(&c[2], "two");
    frame_finish(&t[1], FRAME_OK);
    frame_finish(&t[0], FRAME_OK);
    turn(&s);
    has_file(&c[0], "zero");
    assert_int_equal(c[1].heads + c[1].ends, 0);
    assert_int_equal(slots_in_use(&s), 0);
    stage_end(&s);
}

UNIT_TEST(a_file_of_an_earlier_exchange_is_not_taken_for_this_one)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    int old = file_of("old"), new = file_of("new");
    struct frame_thread *t = begins(&s, &c, "/file");
    struct frame_pass stale = { t->slot, t->sequence - 1 };
    assert_int_equal(sys_send_fds(t->worker->passing_fds[0], &stale, sizeof stale, &old, 1, 0),
                     sizeof stale);
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_file(t, new, 0, 3), 0);
    frame_finish(t, FRAME_OK);
    turn(&s);
    has_file(&c, "new");
    (void)sys_close(old);
    (void)sys_close(new);
    stage_end(&s);
}

UNIT_TEST(a_file_that_waits_is_closed_with_the_pool)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    int fd = file_of("0123456789");
    struct frame_thread *t = begins(&s, &c, "/file");
    c.room = 0;
    starts(t, "before");
    assert_int_equal(frame_file(t, fd, 0, 10), 0);
    frame_finish(t, FRAME_OK);
    turn(&s);
    assert_int_equal(c.heads, 1);
    assert_int_equal(c.ends, 0);
    (void)sys_close(fd);
    client_done(&c);
    stage_end(&s);                    /* counts what is open */
}

UNIT_TEST(a_file_shorter_than_promised_breaks_the_answer_not_the_worker)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    int fd = file_of("0123456789");
    struct frame_thread *t = begins(&s, &c, "/file");
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_file(t, fd, 3, 8), 0);
    frame_finish(t, FRAME_OK);
    turn(&s);
    has_failed(&c, CALL_BROKEN);
    assert_int_equal(heard_kind(&s), -1);
    (void)sys_close(fd);
    stage_end(&s);
}

UNIT_MAIN(a_stream_comes_piece_by_piece, a_quiet_stream_is_looked_at_twice_then_it_rings,
          a_head_alone_is_no_empty_look_of_the_exchange_before, a_stream_without_bells_is_looked_at,
          a_big_response_passes_through_the_ring,
          a_slow_client_holds_the_worker_back_and_loses_nothing,
          a_blocked_client_gets_nothing_until_it_resumes, a_stream_may_block_and_go_on_many_times,
          room_may_come_while_body_runs, a_client_that_is_gone_cancels_its_request,
          a_cut_response_is_seen_as_cut, a_response_neither_grows_nor_shrinks_after_it_was_done,
          a_file_comes_as_a_descriptor, files_of_several_threads_find_their_requests,
          a_file_of_an_earlier_exchange_is_not_taken_for_this_one,
          a_file_that_waits_is_closed_with_the_pool,
          a_file_shorter_than_promised_breaks_the_answer_not_the_worker)
