/* The worker's end of the link: offers, the response ring, bells, completions. */
#include <signal.h>
#include <sys/time.h>
#include "frame_site.h"
#include "link/frame.h"

/* ---- offers ---- */

UNIT_TEST(an_exchange_from_offer_to_release)
{
    struct frame_site s;
    struct span body = SPAN(""), runs[2];
    uint64_t body_bytes = 0;
    int fd = -1;
    unsigned before = open_descriptors();
    site_start(&s, 2, 1);
    struct ticket t = offer(&s, 30, "variables");
    struct yard_slot *line = yard_slot(&s.yard, 30);
    struct yard_thread *score = yard_thread(&s.yard, 0, 0);
    memcpy(yard_request(&s.yard, 30) + 9, "body", 4);
    line->body_kind = FRAME_BODY_INLINE;
    line->body_bytes = 4;
    send_tickets(&s, 1, &t, 1);
    assert_int_equal(score->state, THREAD_STARTING);
    assert_int_equal(frame_take(&s.thread, -1), 0);
    assert_int_equal(state_of(&s, 30), SLOT_TAKEN);
    assert_int_equal(slot_unpack(line->word).thread, yard_thread_mark(&s.yard, 0, 0));
    assert_int_equal(score->state, THREAD_BUSY);
    assert_int_equal(score->slot, 30);
    assert_int_equal(score->since_us, clock_us);
    assert_span_equal(frame_vars(&s.thread), SPAN("variables"));
    assert_int_equal(frame_body(&s.thread, &body, &fd, &body_bytes), FRAME_BODY_INLINE);
    assert_span_equal(body, SPAN("body"));
    assert_int_equal(body_bytes, 4);
    assert_int_equal(frame_head(&s.thread, 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_head(&s.thread, 200, SPAN("OK\r\n")), -EALREADY);
    assert_int_equal(frame_write(&s.thread, SPAN("hello")), 5);
    assert_int_equal(frame_readable(&s.yard, 30, 0, runs), 0);          /* not yet published */
    clock_us += 250;
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(state_of(&s, 30), SLOT_DONE);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), -EAGAIN);
    assert_int_equal(frame_next_posted(&s.yard, 0, 1, &s.tail[1]), 30);
    assert_int_equal(frame_next_posted(&s.yard, 0, 1, &s.tail[1]), -EAGAIN);
    assert_int_equal(frame_readable(&s.yard, 30, 0, runs), 9);
    assert_span_equal(runs[0], SPAN("OK\r\nhello"));
    assert_int_equal(line->what, FRAME_HAS_HEAD);
    assert_int_equal(line->status, 200);
    assert_int_equal(line->head_bytes, 4);
    assert_int_equal(line->result, FRAME_OK);
    assert_int_equal(line->run_us, 250);
    assert_int_equal(score->requests, 1);
    assert_int_equal(score->busy_us, 250);
    assert_int_equal(rung(&s, 0) + rung(&s, 1), 0);                     /* nobody sleeps */
    release(&s, 30);
    site_end(&s);
    frame_worker_done(&s.worker);
    assert_int_equal(open_descriptors(), before);
}

UNIT_TEST(tickets_are_only_hints)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    struct ticket first = offer(&s, 0, "a"), again;
    assert_true(slot_try(&yard_slot(&s.yard, 0)->word, SLOT_WITHDRAW, 0, 0, NULL));
    again = offer(&s, 0, "b");
    struct ticket nowhere = { 24, 1 }, sent[] = { first, nowhere, again, again, { 5, 0 } };
    yard_slot(&s.yard, 24)->word = slot_pack((struct slot_word){ 1, SLOT_OFFERED, 0, 0 });
    send_tickets(&s, 0, sent, ARRAY_LEN(sent));
    assert_int_equal(frame_take(&s.thread, 0), 0);
    assert_span_equal(frame_vars(&s.thread), SPAN("b"));
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(frame_take(&s.thread, 0), -ETIMEDOUT);
    assert_int_equal(yard_worker(&s.yard, 0)->tickets_read, 5);
    assert_int_equal(yard_thread(&s.yard, 0, 0)->state, THREAD_IDLE);
    site_end(&s);
}

UNIT_TEST(one_thread_reads_many_several_read_one)
{
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct frame_site s;
        struct ticket tickets[YARD_DEPTH_MAX + 1];
        site_start(&s, 1, threads);
        for (uint32_t i = 0; i < ARRAY_LEN(tickets); i++)
            tickets[i] = offer(&s, i, "vars");
        send_tickets(&s, 0, tickets, ARRAY_LEN(tickets));
        for (uint32_t i = 0; i < ARRAY_LEN(tickets); i++) {
            assert_int_equal(frame_take(&s.thread, 0), 0);
            assert_int_equal(s.thread.slot, i);
            uint64_t read = threads > 1 ? i + 1 : i < YARD_DEPTH_MAX ? YARD_DEPTH_MAX : i + 1;
            assert_int_equal(yard_worker(&s.yard, 0)->tickets_read, read);
            frame_finish(&s.thread, FRAME_OK);
        }
        site_end(&s);
    }
}

UNIT_TEST(waiting_ends_by_time_signal_and_close)
{
    struct frame_site s;
    struct sigaction action = { .sa_handler = ignore };        /* without SA_RESTART */
    struct itimerval soon = { .it_value = { 0, 20000 } }, never = { 0 };
    site_start(&s, 1, 1);
    assert_int_equal(frame_take(&s.thread, 0), -ETIMEDOUT);
    assert_int_equal(frame_take(&s.thread, 100), -ETIMEDOUT);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    for (int64_t idle_us = -1; idle_us < 60000000; idle_us += 40000001) {
        soon.it_interval = soon.it_value;                     /* again, should one come too early */
        assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
        assert_int_equal(frame_take(&s.thread, idle_us), -EINTR);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    }
    assert_int_equal(write(s.intake, "half", 4), 4);
    assert_int_equal(frame_take(&s.thread, -1), -EBADMSG);
    (void)close(s.intake);
    s.intake = -1;
    assert_int_equal(frame_take(&s.thread, -1), -EPIPE);
    assert_int_equal(frame_take(&s.thread, 1000000), -EPIPE);
    site_end(&s);
}

UNIT_TEST(a_worker_must_fit_its_yard)
{
    struct frame_site s;
    struct frame_worker w;
    static const int none[YARD_EDGES_MAX] = { -1, -1 };
    site_start(&s, 2, 1);
    assert_int_equal(frame_worker_init(&w, s.yard_fd, 1, -1, none, none, 2), -EINVAL);
    assert_int_equal(frame_worker_init(&w, s.yard_fd, 0, -1, none, none, 1), -EINVAL);
    assert_int_equal(frame_worker_init(&w, -1, 0, -1, none, none, 2), -EBADF);
    assert_int_equal(yard_worker(&s.yard, 0)->pid, getpid());
    yard_worker(&s.yard, 0)->tickets_read = 5;                 /* by the process before */
    assert_int_equal(frame_worker_init(&w, s.yard_fd, 0, -1, none, none, 2), 0);
    assert_int_equal(yard_worker(&s.yard, 0)->tickets_read, 0);
    frame_worker_done(&w);
    site_end(&s);
}

UNIT_TEST(a_broken_request_is_refused)
{
    static const struct {
        const char *why;
        uint32_t kind, vars;
        uint64_t body;
        int got;
    } cases[] = {
        { "none", FRAME_BODY_NONE, 10, 99, FRAME_BODY_NONE },
        { "inline to the brim", FRAME_BODY_INLINE, 10, YARD_REQUEST_BYTES - 10, FRAME_BODY_INLINE },
        { "inline beyond", FRAME_BODY_INLINE, 10, YARD_REQUEST_BYTES - 9, -EBADMSG },
        { "inline far beyond", FRAME_BODY_INLINE, 10, UINT64_MAX, -EBADMSG },
        { "variables beyond", FRAME_BODY_NONE, YARD_REQUEST_BYTES + 1, 0, -EBADMSG },
        { "unknown kind", FRAME_BODY_STREAM + 1, 10, 0, -EBADMSG },
        { "no descriptor came", FRAME_BODY_FD, 10, 10, -ENOENT },
        { "no pipe came", FRAME_BODY_STREAM, 10, 10, -ENOENT },
    };
    struct frame_site s;
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct yard_slot *line = yard_slot(&s.yard, 0);
        struct span body;
        uint64_t bytes;
        int fd;
        line->body_kind = cases[i].kind;
        line->vars_bytes = cases[i].vars;
        line->body_bytes = cases[i].body;
        assert_true(frame_vars(&s.thread).len <= YARD_REQUEST_BYTES);
        if (frame_body(&s.thread, &body, &fd, &bytes) != cases[i].got)
            fail_msg("%s", cases[i].why);
    }
    site_end(&s);
}

/* ---- the ring ---- */

UNIT_TEST(the_ring_wraps_at_every_position)
{
    struct frame_site s;
    struct span runs[2];
    char block[97], got[97];
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)('!' + i);
    for (uint64_t at = 0; at < YARD_RESPONSE_BYTES; at++) {
        s.thread.written = at;
        frame_consumed(&s.yard, 0, at);
        assert_int_equal(frame_write(&s.thread, bytes_of(block, sizeof block)), sizeof block);
        frame_publish(&s.thread);
        assert_int_equal(frame_readable(&s.yard, 0, at, runs), sizeof block);
        memcpy(got, runs[0].at, runs[0].len);
        memcpy(got + runs[0].len, runs[1].at, runs[1].len);
        assert_memory_equal(got, block, sizeof block);
    }
    site_end(&s);
}

UNIT_TEST(a_write_takes_what_fits)
{
    struct frame_site s;
    char *big = calloc(1, YARD_RESPONSE_BYTES + 1);
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    assert_int_equal(frame_head(&s.thread, 200, bytes_of(big, YARD_HEAD_BYTES + 1)), -EMSGSIZE);
    assert_int_equal(frame_head(&s.thread, 200, bytes_of(big, YARD_HEAD_BYTES)), 0);
    assert_int_equal(frame_write(&s.thread, bytes_of(big, YARD_RESPONSE_BYTES + 1)),
                     YARD_RESPONSE_BYTES - YARD_HEAD_BYTES);
    assert_int_equal(frame_write(&s.thread, bytes_of(big, 1)), 0);
    frame_consumed(&s.yard, 0, 3);
    assert_int_equal(frame_write(&s.thread, bytes_of(big, 5)), 3);
    assert_int_equal(frame_write(&s.thread, SPAN("")), 0);
    frame_finish(&s.thread, FRAME_OK);
    take_slot(&s, 1);
    assert_int_equal(frame_write(&s.thread, bytes_of(big, 1)), 1);
    assert_int_equal(frame_head(&s.thread, 200, SPAN("OK\r\n")), -EALREADY);
    free(big);
    site_end(&s);
}

UNIT_TEST(waiting_is_no_running)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    clock_us += 100;
    s.thread.waited_us = 40;
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(yard_slot(&s.yard, 0)->run_us, 60);
    site_end(&s);
}

/* ---- bells ---- */

static void run_one(struct frame_site *s)
{
    assert_int_equal(frame_take(&s->thread, 0), 0);
    frame_finish(&s->thread, FRAME_OK);
}

UNIT_TEST(an_empty_intake_rings_a_sleeper_once)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    (void)offer_and_send(&s, 0);
    sleep_as_edge(&s, 0);
    run_one(&s);
    assert_int_equal(yard_edge(&s.yard, 0)->sleeps, YARD_RUNG);
    assert_int_equal(rung(&s, 0), 1);
    (void)offer_and_send(&s, 1);
    run_one(&s);                                               /* it is waking up already */
    assert_int_equal(rung(&s, 0), 0);
    sleep_as_edge(&s, 0);
    assert_int_equal(frame_take(&s.thread, 0), -ETIMEDOUT);    /* and is owed nothing */
    assert_int_equal(rung(&s, 0), 0);
    site_end(&s);
}

UNIT_TEST(a_full_intake_defers_the_bell)
{
    struct frame_site s;
    struct ticket tickets[12];
    site_start(&s, 1, 1);
    for (uint32_t i = 0; i < ARRAY_LEN(tickets); i++)
        tickets[i] = offer(&s, i, "vars");
    send_tickets(&s, 0, tickets, ARRAY_LEN(tickets));
    sleep_as_edge(&s, 0);
    for (unsigned i = 1; i <= ARRAY_LEN(tickets); i++) {
        run_one(&s);
        uint64_t want = i == FRAME_UNRUNG_MAX || i == ARRAY_LEN(tickets);
        if (rung(&s, 0) != want)
            fail_msg("after %u responses", i);
        sleep_as_edge(&s, 0);
    }
    site_end(&s);
}

/* Tickets in the pipe, read by nobody yet, count as much as those in the own hands. */
UNIT_TEST(unread_tickets_defer_the_bell)
{
    struct frame_site s;
    site_start(&s, 2, 1);
    take_slot(&s, 0);
    (void)offer_and_send(&s, 30);                              /* the other edge's */
    sleep_as_edge(&s, 0);
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(rung(&s, 0), 0);
    run_one(&s);                                              /* the last one: rings who is owed? */
    assert_int_equal(rung(&s, 0), 0);                          /* no: edge 1 is awake */
    assert_int_equal(frame_take(&s.thread, 0), -ETIMEDOUT);
    assert_int_equal(rung(&s, 0), 1);                          /* but nobody waits with a debt */
    assert_int_equal(rung(&s, 1), 0);
    site_end(&s);
}

UNIT_TEST(three_hundred_microseconds_are_enough)
{
    struct frame_site s;
    struct ticket tickets[4];
    site_start(&s, 1, 1);
    for (uint32_t i = 0; i < ARRAY_LEN(tickets); i++)
        tickets[i] = offer(&s, i, "vars");
    send_tickets(&s, 0, tickets, ARRAY_LEN(tickets));
    sleep_as_edge(&s, 0);
    run_one(&s);
    clock_us += FRAME_UNRUNG_US - 1;
    run_one(&s);
    assert_int_equal(rung(&s, 0), 0);
    clock_us += 1;
    run_one(&s);
    assert_int_equal(rung(&s, 0), 1);
    site_end(&s);
}

UNIT_TEST(an_edge_that_woke_is_owed_nothing)
{
    struct frame_site s;
    struct ticket tickets[3];
    site_start(&s, 1, 1);
    for (uint32_t i = 0; i < ARRAY_LEN(tickets); i++)
        tickets[i] = offer(&s, i, "vars");
    send_tickets(&s, 0, tickets, ARRAY_LEN(tickets));
    sleep_as_edge(&s, 0);
    run_one(&s);
    assert_int_equal(s.thread.unrung, 1);
    yard_edge(&s.yard, 0)->sleeps = YARD_AWAKE;
    run_one(&s);
    assert_int_equal(s.thread.unrung, 0);
    assert_int_equal(s.thread.unrung_edges, 0);
    site_end(&s);
}

UNIT_TEST(publishing_rings_who_wants_it)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    struct ticket more[2] = { offer(&s, 1, "vars"), offer(&s, 2, "vars") };
    take_slot(&s, 0);
    send_tickets(&s, 0, more, 2);
    sleep_as_edge(&s, 0);
    frame_publish(&s.thread);                                  /* nothing new */
    assert_int_equal(rung(&s, 0), 0);
    assert_int_equal(frame_write(&s.thread, SPAN("a")), 1);
    frame_publish(&s.thread);
    assert_int_equal(rung(&s, 0), 1);
    sleep_as_edge(&s, 0);
    yard_slot(&s.yard, 0)->edge_wants_bell = 0;
    assert_int_equal(frame_write(&s.thread, SPAN("b")), 1);
    frame_publish(&s.thread);
    assert_int_equal(rung(&s, 0), 0);
    clock_us += FRAME_UNRUNG_US;
    assert_int_equal(frame_write(&s.thread, SPAN("c")), 1);
    frame_publish(&s.thread);
    assert_int_equal(rung(&s, 0), 1);
    site_end(&s);
}

/* ---- the completion ring ---- */

UNIT_TEST(an_unread_entry_is_not_doubled)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    take_slot(&s, 4);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frame_write(&s.thread, SPAN("x")), 1);
        frame_publish(&s.thread);
    }
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), 4);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), -EAGAIN);
    assert_int_equal(frame_write(&s.thread, SPAN("x")), 1);
    frame_publish(&s.thread);
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), 4);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), -EAGAIN);
    site_end(&s);
}

/* The flag of an exchange that was over says nothing to the next one. */
UNIT_TEST(a_left_over_flag_silences_nobody)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    take_slot(&s, 4);
    yard_slot(&s.yard, 4)->posted = s.thread.sequence + 1;  /* a taker overtaken after its FINISH */
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), 4);
    site_end(&s);
}

UNIT_TEST(the_completion_ring_goes_round)
{
    struct frame_site s;
    uint32_t next = 0;
    site_start(&s, 1, 1);
    struct yard_ring *ring = yard_ring(&s.yard, 0, 0);
    s.tail[0] = (uint64_t)UINT32_MAX - 300;                  /* the lap goes past 2^32 on the way */
    ring->head = s.tail[0];
    for (uint64_t place = s.tail[0] - 32; place < s.tail[0]; place++)
        ring->entries[place % 32] = (uint32_t)(place + 1);
    for (unsigned round = 0; round < 100; round++) {
        unsigned count = 1 + round % 24;
        for (unsigned i = 0; i < count; i++) {
            take_slot(&s, (next + i) % 24);
            frame_finish(&s.thread, FRAME_OK);
        }
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), (next + i) % 24);
            release(&s, (next + i) % 24);
        }
        assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), -EAGAIN);
        next += count;
    }
    site_end(&s);
}

UNIT_TEST(a_slot_taken_away_is_not_finished)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    assert_true(slot_try(&yard_slot(&s.yard, 0)->word, SLOT_RECLAIM, 0, 0, NULL));
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(state_of(&s, 0), SLOT_FREE);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), -EAGAIN);
    site_end(&s);
}

UNIT_MAIN(an_exchange_from_offer_to_release, tickets_are_only_hints,
          one_thread_reads_many_several_read_one, waiting_ends_by_time_signal_and_close,
          a_worker_must_fit_its_yard, a_broken_request_is_refused,
          the_ring_wraps_at_every_position, a_write_takes_what_fits, waiting_is_no_running,
          an_empty_intake_rings_a_sleeper_once, a_full_intake_defers_the_bell,
          unread_tickets_defer_the_bell, three_hundred_microseconds_are_enough,
          an_edge_that_woke_is_owed_nothing, publishing_rings_who_wants_it,
          an_unread_entry_is_not_doubled, a_left_over_flag_silences_nobody,
          the_completion_ring_goes_round, a_slot_taken_away_is_not_finished)
