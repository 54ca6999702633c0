#include "pool_stage.h"
#include "link/pool.h"

/* ---- death of a worker ---- */

UNIT_TEST(what_a_dead_worker_had_not_taken_goes_to_another)
{
    struct stage s;
    struct client c[3];
    const char *paths[] = { "/0", "/1", "/2" };
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    for (unsigned i = 0; i < 3; i++) {
        client_init(&c[i], s.pool, "POST", paths[i]);      /* not even safe: it was never begun */
        pool_submit(s.pool, &c[i].call);
    }
    turn(&s);
    assert_int_equal(in_hand(&s, 0), 3);
    worker_ends(&s, 0, 0);
    assert_int_equal(slots_in_use(&s), 0);
    assert_false(pool_is_ready(s.pool));
    stage_worker(&s, 0, 0);           /* its successor, of the same number */
    turn(&s);
    for (unsigned i = 0; i < 3; i++) {
        takes(&s, 0, paths[i]);       /* in the old order */
        answers(&s, 0, "new");
    }
    turn(&s);
    for (unsigned i = 0; i < 3; i++)
        has_answer(&c[i], "new");
    assert_int_equal(pool_stats(s.pool).retried, 0);
    stage_end(&s);
}

UNIT_TEST(what_a_dead_worker_had_finished_is_delivered)
{
    struct stage s;
    struct client whole, held, file;
    stage_begin(&s, 1, 1, 1);
    int fd = sys_memfd("file", 0);
    assert_int_equal(sys_ftruncate(fd, 10), 0);
    ask(&held, s.pool, "/held");
    held.room = 0;
    turn(&s);
    takes(&s, 0, "/held");
    answers(&s, 0, "held");
    turn(&s);
    ask(&file, s.pool, "/file");
    turn(&s);
    takes(&s, 0, "/file");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_file(thread_of(&s, 0), fd, 0, 10), 0);
    frame_finish(thread_of(&s, 0), FRAME_OK);
    learn_short_runs(&s, 0);          /* so that two may be offered */
    assert_true(file.file_fd >= 0);
    client_done(&file);
    ask(&whole, s.pool, "/whole");
    ask(&file, s.pool, "/file");
    turn(&s);
    takes(&s, 0, "/whole");
    answers(&s, 0, "whole");
    takes(&s, 0, "/file");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_file(thread_of(&s, 0), fd, 0, 10), 0);
    frame_finish(thread_of(&s, 0), FRAME_OK);
    worker_ends(&s, 0, 0);            /* before the edge looked */
    has_answer(&whole, "whole");
    assert_int_equal(file.ends, 1);
    assert_true(file.file_fd >= 0);
    client_done(&file);
    held.room = 100;
    pool_resume(s.pool, &held.call);
    turn(&s);
    has_answer(&held, "held");
    assert_int_equal(slots_in_use(&s), 0);
    (void)sys_close(fd);
    stage_end(&s);
}

static void dies_running(struct stage *s, struct client *c, const char *method, const char *path)
{
    client_init(c, s->pool, method, path);
    pool_submit(s->pool, &c->call);
    turn(s);
    takes(s, 0, path);
    clock_ahead_us += 3000;
    turn(s);
    assert_true(c->call.taken_seen_us > 0);
    worker_ends(s, 0, 0);
    assert_int_equal(slots_in_use(s), 0);
    stage_worker(s, 0, 0);
    turn(s);
}

UNIT_TEST(a_safe_request_runs_once_more)
{
    static const char *safe[] = { "GET", "HEAD", "OPTIONS" }, *unsafe[] = { "POST", "PUT", "X" };
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    log_set(LOG_ERROR, "test");
    for (size_t i = 0; i < ARRAY_LEN(safe); i++) {
        dies_running(&s, &c, safe[i], "/safe");
        assert_int_equal(c.call.taken_seen_us, 0);         /* it waits again */
        assert_true(pool_is_waiting(&c.call));
        takes(&s, 0, "/safe");
        answers(&s, 0, "again");
        turn(&s);
        assert_int_equal(c.call.worker_pid, s.first->workers[0].pid);
        has_answer(&c, "again");
    }
    assert_int_equal(pool_stats(s.pool).retried, 3);
    for (size_t i = 0; i < ARRAY_LEN(unsafe); i++) {
        dies_running(&s, &c, unsafe[i], "/unsafe");
        has_failed(&c, CALL_WORKER_DIED);
        takes(&s, 0, NULL);
    }
    s.conf.harakiri_ms = 0;
    dies_running(&s, &c, "GET", "/long");
    takes(&s, 0, "/long");
    clock_ahead_us += 61 * 1000 * 1000LL;                  /* so that it is no known killer */
    turn(&s);
    worker_ends(&s, 0, 0);
    has_failed(&c, CALL_WORKER_DIED);                      /* once more was enough */
    stage_worker(&s, 0, 0);
    s.conf.retry = false;
    dies_running(&s, &c, "GET", "/never");
    has_failed(&c, CALL_WORKER_DIED);
    log_set(LOG_WARN, "test");
    stage_end(&s);
}

UNIT_TEST(a_request_that_killed_two_workers_kills_no_more)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    log_set(LOG_ERROR, "test");
    dies_running(&s, &c, "GET", "/bad");
    takes(&s, 0, "/bad");             /* once more */
    worker_ends(&s, 0, 0);
    has_failed(&c, CALL_WORKER_DIED);
    stage_worker(&s, 0, 0);
    dies_running(&s, &c, "GET", "/bad");                   /* anybody's */
    has_failed(&c, CALL_WORKER_DIED);
    dies_running(&s, &c, "GET", "/good");
    takes(&s, 0, "/good");
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");
    clock_ahead_us += 61 * 1000 * 1000LL;                  /* it is forgotten */
    turn(&s);
    dies_running(&s, &c, "GET", "/bad");
    takes(&s, 0, "/bad");
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");
    log_set(LOG_WARN, "test");
    stage_end(&s);
}

/* A busy URL is what workers run when somebody kills them. */
UNIT_TEST(deaths_of_different_requests_prove_nothing)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    log_set(LOG_ERROR, "test");
    for (int i = 0; i < 5; i++) {
        dies_running(&s, &c, "GET", "/busy");
        takes(&s, 0, "/busy");
        answers(&s, 0, "");
        turn(&s);
        has_answer(&c, "");
    }
    log_set(LOG_WARN, "test");
    stage_end(&s);
}

UNIT_TEST(a_response_that_began_is_not_run_again)
{
    struct stage s;
    struct client seen, unseen;
    stage_begin(&s, 1, 1, 1);
    log_set(LOG_ERROR, "test");
    ask(&seen, s.pool, "/seen");
    turn(&s);
    takes(&s, 0, "/seen");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);
    frame_publish(thread_of(&s, 0));
    turn(&s);
    assert_int_equal(seen.heads, 1);
    worker_ends(&s, 0, 0);
    has_failed(&seen, CALL_WORKER_DIED);

    stage_worker(&s, 0, 0);
    ask(&unseen, s.pool, "/unseen");
    turn(&s);
    takes(&s, 0, "/unseen");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);   /* not published */
    worker_ends(&s, 0, 0);
    stage_worker(&s, 0, 0);
    turn(&s);
    takes(&s, 0, "/unseen");
    answers(&s, 0, "x");
    turn(&s);
    has_answer(&unseen, "x");
    log_set(LOG_WARN, "test");
    stage_end(&s);
}

UNIT_TEST(the_slots_of_cancelled_requests_come_back_with_a_death)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/x");
    turn(&s);
    takes(&s, 0, "/x");
    pool_cancel(s.pool, &c.call);
    assert_int_equal(slots_in_use(&s), 1);
    worker_ends(&s, 0, 0);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(c.ends, 0);
    stage_end(&s);
}

/* ---- death of an edge ---- */

UNIT_TEST(a_reborn_edge_inherits_and_forgets)
{
    struct stage s;
    struct client taken, done, offered, next;
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    ask(&taken, s.pool, "/taken");
    turn(&s);
    takes(&s, 1, "/taken");
    ask(&done, s.pool, "/done");
    turn(&s);
    takes(&s, 0, "/done");
    ask(&offered, s.pool, "/offered");
    turn(&s);
    answers(&s, 0, "done");           /* the edge dies before it looks */
    assert_int_equal(slots_in_use(&s), 3);
    drop_pool(&s, 0);

    new_pool(&s, 0);
    announce_generation(&s, s.first, 0);
    assert_int_equal(slots_in_use(&s), 1);                 /* the one that runs */
    assert_true(frame_cancelled(thread_of(&s, 1)));
    for (unsigned w = 0; w < 2; w++) {
        int intake[2], pair[2];       /* new pipes are as good: tickets are hints */
        assert_int_equal(sys_pipe(intake, 0), 0);
        assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
        (void)sys_close(s.first->workers[w].frame.intake_fd);
        (void)sys_close(s.first->workers[w].frame.passing_fds[0]);
        s.first->workers[w].frame.intake_fd = intake[0];
        s.first->workers[w].frame.passing_fds[0] = pair[0];
        s.first->workers[w].pid = getpid();                /* the process that is in the yard */
        assert_int_equal(announce_worker(&s, s.first, w, 0, intake[1], pair[1]), 0);
    }
    say(&s, CHANNEL_SWITCH, s.first, 0);
    assert_int_equal(in_hand(&s, 1), 1);
    assert_int_equal(in_hand(&s, 0), 0);
    turn(&s);
    assert_int_equal(slots_in_use(&s), 1);
    ask(&next, s.pool, "/next");
    turn(&s);
    takes(&s, 0, "/next");            /* the other has one in hand */
    frame_finish(thread_of(&s, 1), FRAME_LEFT);
    answers(&s, 0, "next");
    turn(&s);
    has_answer(&next, "next");
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(in_hand(&s, 1), 0);
    assert_int_equal(taken.heads + done.heads + offered.heads, 0);
    stage_end(&s);
}

/* Its completion comes before the worker is announced: no ring says so, only the word. */
UNIT_TEST(what_was_inherited_is_looked_at)
{
    struct stage s;
    struct client c;
    int intake[2], pair[2];
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/x");
    turn(&s);
    takes(&s, 0, "/x");
    drop_pool(&s, 0);
    new_pool(&s, 0);
    announce_generation(&s, s.first, 0);
    frame_finish(thread_of(&s, 0), FRAME_LEFT);
    assert_int_equal(sys_pipe(intake, 0), 0);
    assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
    s.first->workers[0].pid = getpid();
    assert_int_equal(announce_worker(&s, s.first, 0, 0, intake[1], pair[1]), 0);
    assert_int_equal(slots_in_use(&s), 1);
    turn(&s);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(in_hand(&s, 0), 0);
    (void)sys_close(intake[0]);
    (void)sys_close(pair[0]);
    stage_end(&s);
}

UNIT_TEST(what_was_inherited_from_a_dead_worker_comes_back)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/x");
    turn(&s);
    takes(&s, 0, "/x");
    drop_pool(&s, 0);
    new_pool(&s, 0);
    announce_generation(&s, s.first, 0);
    assert_int_equal(slots_in_use(&s), 1);
    frame_worker_done(&s.first->workers[0].frame);         /* dies; its successor is announced */
    stage_worker(&s, 0, 0);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(in_hand(&s, 0), 0);
    say(&s, CHANNEL_SWITCH, s.first, 0);
    learn_short_runs(&s, 0);
    stage_end(&s);
}

/* ---- generations ---- */

UNIT_TEST(a_switch_of_generations_loses_nothing)
{
    struct stage s;
    struct client old, queued, new;
    stage_begin(&s, 1, 1, 1);
    ask(&old, s.pool, "/old");
    turn(&s);
    takes(&s, 0, "/old");
    ask(&queued, s.pool, "/queued");
    turn(&s);
    assert_int_equal(pool_stats(s.pool).queued, 1);
    stage_generation(&s, 1, 1);
    stage_worker(&s, 1, 0);
    turn(&s);
    assert_int_equal(pool_stats(s.pool).queued, 1);        /* not before the switch */
    say(&s, CHANNEL_SWITCH, &s.generations[1], 0);
    assert_int_equal(heard_kind(&s), CHANNEL_SWITCHED);
    say(&s, CHANNEL_RETIRE, s.first, 0);
    turn(&s);
    assert_int_equal(heard_kind(&s), -1);                  /* one is in hand there */
    struct frame_thread *t = &s.generations[1].workers[0].threads[0];
    assert_int_equal(frame_take(t, 0), 0);
    assert_span_equal(variable(t, "PATH_INFO"), SPAN("/queued"));
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\nX-From: app\r\n")), 0);
    frame_finish(t, FRAME_OK);
    answers(&s, 0, "old");
    turn(&s);
    has_answer(&old, "old");
    has_answer(&queued, "");
    struct channel_msg msg;
    assert_int_equal(heard(&s, &msg, NULL), CHANNEL_DRAINED);
    assert_int_equal(msg.generation, s.first->number);
    turn(&s);
    assert_int_equal(heard_kind(&s), -1);                  /* told once */
    say(&s, CHANNEL_FORGET, s.first, 0);
    ask(&new, s.pool, "/new");
    turn(&s);
    assert_int_equal(frame_take(t, 0), 0);
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\nX-From: app\r\n")), 0);
    frame_finish(t, FRAME_OK);
    turn(&s);
    has_answer(&new, "");
    stage_end(&s);
}

UNIT_TEST(a_retired_generation_gets_nothing_even_if_no_other_serves)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    say(&s, CHANNEL_RETIRE, s.first, 0);
    assert_false(pool_is_ready(s.pool));
    ask(&c, s.pool, "/x");
    turn(&s);
    assert_int_equal(heard_kind(&s), CHANNEL_DRAINED);
    assert_int_equal(pool_stats(s.pool).queued, 1);
    takes(&s, 0, NULL);
    pool_cancel(s.pool, &c.call);
    stage_end(&s);
}

UNIT_TEST(what_is_left_in_a_forgotten_generation_fails)
{
    struct stage s;
    struct client begun, silent;
    stage_begin(&s, 1, 2, 1);
    ask(&begun, s.pool, "/begun");
    ask(&silent, s.pool, "/silent");
    turn(&s);
    takes(&s, 1, "/begun");
    assert_int_equal(frame_head(thread_of(&s, 1), 200, SPAN("OK\r\n")), 0);
    frame_publish(thread_of(&s, 1));
    turn(&s);
    say(&s, CHANNEL_FORGET, s.first, 0);
    has_failed(&begun, CALL_CUT);
    has_failed(&silent, CALL_WORKER_DIED);
    assert_false(pool_is_ready(s.pool));
    assert_true(pool_is_idle(s.pool));
    stage_end(&s);
}

UNIT_TEST(a_resting_worker_gets_no_more_and_gives_back_what_it_has_not_taken)
{
    struct stage s;
    struct client a, b;
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    ask(&a, s.pool, "/a");
    ask(&b, s.pool, "/b");
    turn(&s);
    takes(&s, 0, "/a");
    say(&s, CHANNEL_WORKER_REST, s.first, 0);
    assert_int_equal(in_hand(&s, 0), 1);
    answers(&s, 0, "a");
    turn(&s);
    has_answer(&a, "a");
    takes(&s, 0, NULL);
    stage_worker(&s, 0, 1);
    turn(&s);
    takes(&s, 1, "/b");
    answers(&s, 1, "b");
    turn(&s);
    has_answer(&b, "b");
    stage_end(&s);
}

UNIT_TEST(messages_that_make_no_sense_are_refused)
{
    struct stage s;
    stage_begin(&s, 1, 1, 1);
    const struct channel_msg bad[] = {
        { .kind = CHANNEL_WELCOME }, { .kind = 4711 }, { .kind = CHANNEL_SWITCH, .generation = 5 },
        { .kind = CHANNEL_WORKER, .generation = 10, .worker = STAGE_WORKERS },
        { .kind = CHANNEL_WORKER, .generation = 10, .worker = 1 },       /* without descriptors */
        { .kind = CHANNEL_WORKER_DEAD, .generation = 10, .worker = 0, .pid = 1 },
        { .kind = CHANNEL_GENERATION, .generation = 10 },                /* is known */
        { .kind = CHANNEL_GENERATION, .generation = 12 },                /* without descriptors */
        { .kind = CHANNEL_FORGET, .generation = 12 },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(send_to(&s, 0, bad[i], NULL, 0), -EBADMSG);
    int fds[2] = { sys_memfd("no yard", 0), sys_eventfd(0, 0) };
    const struct channel_msg no_yard = { .kind = CHANNEL_GENERATION, .generation = 12 };
    assert_int_equal(send_to(&s, 0, no_yard, fds, 2), -EBADMSG);
    assert_int_equal(sys_fcntl(fds[0], F_GETFD, 0), -EBADF);             /* they were the pool's */
    assert_int_equal(sys_fcntl(fds[1], F_GETFD, 0), -EBADF);
    fds[0] = sys_dup_cloexec(s.first->yard_fd);            /* the yard of another generation */
    fds[1] = sys_eventfd(0, 0);
    assert_int_equal(send_to(&s, 0, no_yard, fds, 2), -EBADMSG);
    stage_end(&s);
}

UNIT_TEST(without_memory_there_is_no_generation_and_no_leak)
{
    struct stage s;
    stage_begin(&s, 1, 0, 1);
    heap_left = 0;
    assert_null(pool_new(s.loop, &s.conf, 0, 1, -1));
    for (unsigned left = 0; left < 4; left++) {
        int fds[2] = { sys_dup_cloexec(s.first->yard_fd), sys_dup_cloexec(s.first->bells[0]) };
        struct channel_msg msg = { .kind = CHANNEL_GENERATION, .generation = 10 };
        heap_left = UINT32_MAX;
        say(&s, CHANNEL_FORGET, s.first, 0);
        heap_left = left;
        assert_int_equal(send_to(&s, 0, msg, fds, 2), -ENOMEM);
        assert_int_equal(sys_fcntl(fds[0], F_GETFD, 0), -EBADF);
        heap_left = UINT32_MAX;
        announce_generation(&s, s.first, 0);
    }
    stage_worker(&s, 0, 0);
    say(&s, CHANNEL_SWITCH, s.first, 0);
    learn_short_runs(&s, 0);
    stage_end(&s);
}

UNIT_MAIN(what_a_dead_worker_had_not_taken_goes_to_another,
          what_a_dead_worker_had_finished_is_delivered, a_safe_request_runs_once_more,
          a_request_that_killed_two_workers_kills_no_more,
          deaths_of_different_requests_prove_nothing, a_response_that_began_is_not_run_again,
          the_slots_of_cancelled_requests_come_back_with_a_death,
          a_reborn_edge_inherits_and_forgets, what_was_inherited_is_looked_at,
          what_was_inherited_from_a_dead_worker_comes_back, a_switch_of_generations_loses_nothing,
          a_retired_generation_gets_nothing_even_if_no_other_serves,
          what_is_left_in_a_forgotten_generation_fails,
          a_resting_worker_gets_no_more_and_gives_back_what_it_has_not_taken,
          messages_that_make_no_sense_are_refused,
          without_memory_there_is_no_generation_and_no_leak)
