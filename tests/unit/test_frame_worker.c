/* The worker's end of the link: offers, responses, bells, descriptors; threads and processes. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "frame_site.h"

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count;
}

static void release(struct frame_site *s, uint32_t slot)
{
    assert_true(slot_try(&yard_slot(&s->yard, slot)->word, SLOT_RELEASE, 0, 0, NULL));
}

/* How often the bell was rung since the last look. */
static uint64_t rung(const struct frame_site *s, unsigned edge)
{
    uint64_t count = 0;
    return read(s->bells[edge], &count, sizeof count) == sizeof count ? count : 0;
}

static int64_t real_us(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static struct span bytes_of(const char *at, size_t len) { return (struct span){ at, len }; }

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

static void ignore(int number) { (void)number; }

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
        soon.it_interval = soon.it_value;                      /* again, should one come too early */
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
    int none[YARD_EDGES_MAX] = { -1, -1 };
    site_start(&s, 2, 1);
    assert_int_equal(frame_worker_init(&w, s.yard_fd, 1, -1, none, none, 2), -EINVAL);
    assert_int_equal(frame_worker_init(&w, s.yard_fd, 0, -1, none, none, 1), -EINVAL);
    assert_int_equal(frame_worker_init(&w, -1, 0, -1, none, none, 2), -EBADF);
    assert_int_equal(yard_worker(&s.yard, 0)->pid, getpid());
    site_end(&s);
}

UNIT_TEST(a_broken_request_is_refused)
{
    static const struct { const char *why; uint32_t kind, vars; uint64_t body; int got; } cases[] = {
        { "none",                FRAME_BODY_NONE,   10, 99,                      FRAME_BODY_NONE },
        { "inline to the brim",  FRAME_BODY_INLINE, 10, YARD_REQUEST_BYTES - 10, FRAME_BODY_INLINE },
        { "inline beyond",       FRAME_BODY_INLINE, 10, YARD_REQUEST_BYTES - 9,  -EBADMSG },
        { "inline far beyond",   FRAME_BODY_INLINE, 10, UINT64_MAX,              -EBADMSG },
        { "variables beyond",    FRAME_BODY_NONE,   YARD_REQUEST_BYTES + 1, 0,   -EBADMSG },
        { "unknown kind",        3,                 10, 0,                       -EBADMSG },
        { "no descriptor came",  FRAME_BODY_FD,     10, 10,                      -ENOENT },
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

/* ---- back-pressure: the taker in a thread of its own ---- */

enum { FLOOD_BYTES = 16 * 1024 * 1024 };

static unsigned char flood_byte(uint64_t at) { return (unsigned char)(at * 31 + at / 251); }

struct flood { struct frame_site *s; int rc; uint64_t bytes; };

static void *write_flood(void *argument)
{
    struct flood *f = argument;
    unsigned char block[10007];
    while (f->rc == 0 && f->bytes > 0) {
        uint64_t at = f->s->thread.written;
        size_t n = f->bytes < sizeof block ? (size_t)f->bytes : sizeof block;
        for (size_t i = 0; i < n; i++)
            block[i] = flood_byte(at + i);
        size_t took = frame_write(&f->s->thread, bytes_of((char *)block, n));
        f->bytes -= took;
        if (took == 0)
            f->rc = frame_wait_room(&f->s->thread);
    }
    frame_finish(&f->s->thread, f->rc == 0 ? FRAME_OK : FRAME_LEFT);
    return NULL;
}

/* Reads and checks what is there, in bites of an odd size; true when something was. */
static bool drain(struct frame_site *s, uint64_t *consumed)
{
    struct span runs[2];
    ssize_t n = frame_readable(&s->yard, 0, *consumed, runs);
    assert_true(n >= 0);
    size_t bite = runs[0].len < 30011 ? runs[0].len : 30011;
    for (size_t i = 0; i < bite; i++)
        if ((unsigned char)runs[0].at[i] != flood_byte(*consumed + i))
            fail_msg("wrong byte at %llu", (unsigned long long)(*consumed + i));
    *consumed += bite;
    if (bite > 0)
        frame_consumed(&s->yard, 0, *consumed);
    return bite > 0;
}

/* As an edge does it: says that it sleeps, looks again, sleeps. */
static void sleep_until_rung(struct frame_site *s)
{
    struct pollfd want = { .fd = s->bells[0], .events = POLLIN };
    sleep_as_edge(s, 0);
    atomic_thread_fence(memory_order_seq_cst);
    int64_t posted = frame_next_posted(&s->yard, 0, 0, &s->tail[0]);
    if (posted == -EAGAIN && poll(&want, 1, unit_deadline_ms) != 1)
        fail_msg("a bell was lost");
    atomic_store(&yard_edge(&s->yard, 0)->sleeps, YARD_AWAKE);
    (void)rung(s, 0);
    while (posted != -EAGAIN) {
        assert_true(posted >= 0);
        posted = frame_next_posted(&s->yard, 0, 0, &s->tail[0]);
    }
}

UNIT_TEST(a_flood_waits_for_its_reader)
{
    struct frame_site s;
    pthread_t writer;
    uint64_t consumed = 0;
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    struct flood f = { &s, 0, FLOOD_BYTES };
    assert_int_equal(pthread_create(&writer, NULL, write_flood, &f), 0);
    while (state_of(&s, 0) != SLOT_DONE) {
        if (!drain(&s, &consumed))
            sleep_until_rung(&s);
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    while (drain(&s, &consumed))
        ;
    assert_int_equal(consumed, FLOOD_BYTES);
    assert_int_equal(f.rc, 0);
    site_end(&s);
}

static void wait_until_taker_waits(struct frame_site *s)
{
    int64_t end_us = real_us() + unit_deadline_ms * 1000LL;
    while (yard_slot(&s->yard, 0)->taker_waits == 0) {
        if (real_us() > end_us)
            fail_msg("the taker does not wait");
        (void)sched_yield();
    }
}

UNIT_TEST(a_waiting_taker_is_cancelled)
{
    struct frame_site s;
    pthread_t writer;
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    struct flood f = { &s, 0, FLOOD_BYTES };
    assert_int_equal(pthread_create(&writer, NULL, write_flood, &f), 0);
    wait_until_taker_waits(&s);
    int64_t began_us = real_us();
    assert_true(frame_cancel(&s.yard, 0, NULL));
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_true(real_us() - began_us < 900000);                /* woken, not by the second's end */
    assert_int_equal(f.rc, -ECANCELED);
    assert_int_equal(state_of(&s, 0), SLOT_DONE);
    assert_int_equal(yard_slot(&s.yard, 0)->result, FRAME_LEFT);
    assert_int_equal(yard_slot(&s.yard, 0)->taker_waits, 0);
    site_end(&s);
}

UNIT_TEST(a_waiting_taker_is_interrupted)
{
    struct frame_site s;
    pthread_t writer;
    struct sigaction action = { .sa_handler = ignore };
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    site_start(&s, 1, 1);
    take_slot(&s, 0);
    struct flood f = { &s, 0, FLOOD_BYTES };
    assert_int_equal(pthread_create(&writer, NULL, write_flood, &f), 0);
    wait_until_taker_waits(&s);
    while (state_of(&s, 0) != SLOT_DONE) {                     /* it may just be about to wait */
        (void)pthread_kill(writer, SIGUSR1);
        (void)sched_yield();
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(f.rc, -EINTR);
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
    run_one(&s);                                               /* the last one: rings who is owed? */
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
    yard_slot(&s.yard, 4)->posted = s.thread.sequence - 1;     /* a taker overtaken after its FINISH */
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
    s.tail[0] = (uint64_t)UINT32_MAX - 300;                    /* the lap goes past 2^32 on the way */
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

/* ---- descriptors ---- */

/* A memfd that says who it is. */
static int named(const char *text)
{
    int fd = sys_memfd("named", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void pass(struct frame_site *s, struct ticket t, const char *text)
{
    int fd = named(text);
    assert_int_equal(sys_send_fds(s->passing[0], &t, sizeof t, &fd, 1, 0), sizeof t);
    (void)close(fd);
}

static struct ticket offer_with_file(struct frame_site *s, uint32_t slot, const char *text)
{
    struct ticket t = offer(s, slot, "vars");
    yard_slot(&s->yard, slot)->body_kind = FRAME_BODY_FD;
    yard_slot(&s->yard, slot)->body_bytes = strlen(text);
    pass(s, t, text);
    return t;
}

static void check_body(struct frame_thread *thread, const char *want)
{
    struct span body;
    char got[32] = "";
    uint64_t bytes = 0;
    int fd = -1;
    assert_int_equal(frame_body(thread, &body, &fd, &bytes), FRAME_BODY_FD);
    assert_int_equal(bytes, strlen(want));
    assert_true(pread(fd, got, sizeof got - 1, 0) >= 0);
    assert_string_equal(got, want);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    (void)close(fd);
}

UNIT_TEST(a_body_comes_by_descriptor)
{
    struct frame_site s;
    unsigned before = open_descriptors();
    site_start(&s, 1, 2);
    struct frame_thread other;
    struct ticket a = offer_with_file(&s, 0, "first"), b = offer_with_file(&s, 1, "second"),
                  c = offer_with_file(&s, 2, "third");
    frame_thread_init(&other, &s.worker, 1);
    send_tickets(&s, 0, &c, 1);
    send_tickets(&s, 0, &a, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    assert_int_equal(frame_take(&other, 0), 0);
    check_body(&s.thread, "third");
    assert_int_equal(s.worker.stashed, 2);
    check_body(&other, "first");
    assert_int_equal(s.worker.stashed, 1);                     /* b's ticket is on its way */
    frame_finish(&other, FRAME_OK);
    send_tickets(&s, 0, &b, 1);
    assert_int_equal(frame_take(&other, 0), 0);
    check_body(&other, "second");
    assert_int_equal(s.worker.stashed, 0);
    site_end(&s);
    assert_int_equal(open_descriptors(), before);
}

UNIT_TEST(stale_descriptors_are_closed)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    struct ticket gone = offer_with_file(&s, 0, "gone");
    assert_true(slot_try(&yard_slot(&s.yard, 0)->word, SLOT_WITHDRAW, 0, 0, NULL));
    struct ticket early = { 5, slot_unpack(yard_slot(&s.yard, 5)->word).sequence + 1 };
    pass(&s, early, "early");                                  /* its offer comes later */
    struct ticket wanted = offer_with_file(&s, 1, "wanted"), again = offer_with_file(&s, 0, "again");
    unsigned before = open_descriptors();
    send_tickets(&s, 0, &gone, 1);
    send_tickets(&s, 0, &wanted, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "wanted");
    assert_int_equal(s.worker.stashed, 1);                     /* early; gone was closed for it */
    frame_finish(&s.thread, FRAME_OK);
    send_tickets(&s, 0, &again, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "again");
    assert_int_equal(open_descriptors(), before + 1);
    frame_finish(&s.thread, FRAME_OK);
    struct ticket later = offer(&s, 5, "vars");
    yard_slot(&s.yard, 5)->body_kind = FRAME_BODY_FD;
    yard_slot(&s.yard, 5)->body_bytes = 5;
    send_tickets(&s, 0, &later, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "early");
    assert_int_equal(open_descriptors(), before);
    site_end(&s);
}

UNIT_TEST(the_stash_has_room_for_every_slot)
{
    struct frame_site s;
    unsigned before = open_descriptors();
    site_start(&s, 1, 1);
    struct ticket tickets[24];
    for (unsigned twice = 0; twice < 2; twice++)               /* what the first round left is stale */
        for (uint32_t i = 0; i < ARRAY_LEN(tickets); i++) {
            (void)slot_try(&yard_slot(&s.yard, i)->word, SLOT_WITHDRAW, 0, 0, NULL);
            tickets[i] = offer_with_file(&s, i, "body");
        }
    send_tickets(&s, 0, &tickets[23], 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "body");
    assert_int_equal(s.worker.stashed, 23);
    site_end(&s);
    assert_int_equal(open_descriptors(), before);
}

UNIT_TEST(strange_messages_are_skipped)
{
    struct frame_site s;
    int fd = named("x"), two[2] = { fd, fd };
    struct ticket far = { 24, 1 };
    site_start(&s, 1, 1);
    unsigned before = open_descriptors();
    assert_int_equal(sys_send_fds(s.passing[0], "hi", 2, &fd, 1, 0), 2);
    assert_int_equal(sys_send_fds(s.passing[0], "far too long", 12, &fd, 1, 0), 12);
    assert_int_equal(sys_send_fds(s.passing[0], &far, sizeof far, &fd, 1, 0), sizeof far);
    far.slot = 0;
    assert_int_equal(sys_send_fds(s.passing[0], &far, sizeof far, two, 2, 0), sizeof far);
    assert_int_equal(sys_send_fds(s.passing[0], &far, sizeof far, NULL, 0, 0), sizeof far);
    struct ticket t = offer_with_file(&s, 0, "mine");
    send_tickets(&s, 0, &t, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "mine");
    assert_int_equal(open_descriptors(), before);
    (void)close(fd);
    site_end(&s);
}

UNIT_TEST(a_file_follows_the_response)
{
    struct frame_site s;
    int fd = named("content"), fds[SYS_FDS_MAX], pipes[2];
    size_t count = 0;
    struct frame_pass pass_;
    site_start(&s, 1, 1);
    struct yard_slot *line = yard_slot(&s.yard, 6);
    take_slot(&s, 6);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(frame_head(&s.thread, 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_file(&s.thread, pipes[0], 0, 1), -EINVAL);
    assert_int_equal(line->what, FRAME_HAS_HEAD);
    assert_int_equal(frame_file(&s.thread, fd, 2, 5), 0);
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(line->what, FRAME_HAS_HEAD | FRAME_HAS_FILE);
    assert_int_equal(line->file_at, 2);
    assert_int_equal(line->file_bytes, 5);
    assert_int_equal(sys_recv_fds(s.passing[0], &pass_, sizeof pass_, fds, &count, MSG_DONTWAIT), sizeof pass_);
    assert_int_equal(count, 1);
    assert_int_equal(pass_.slot, 6);
    assert_int_equal(pass_.sequence, s.thread.sequence);
    (void)close(fds[0]);
    take_slot(&s, 7);
    int rc = 0;
    for (unsigned i = 0; i < 10000 && rc == 0; i++)            /* nobody receives: it must not hang */
        rc = frame_file(&s.thread, fd, 0, 1);
    assert_int_equal(rc, -EAGAIN);
    (void)close(fd);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    site_end(&s);
}

/* ---- several threads on one intake ---- */

enum { CREW = 4, CREW_EXCHANGES = 20000 };
struct hand { struct frame_thread thread; uint64_t runs; int rc; };

static void *work(void *argument)
{
    struct hand *h = argument;
    while ((h->rc = frame_take(&h->thread, -1)) == 0) {
        char line[32];
        int n = snprintf(line, sizeof line, "%u/%u", h->thread.slot, h->thread.sequence);
        if (frame_head(&h->thread, 200, bytes_of(line, (size_t)n)) != 0)
            abort();
        frame_finish(&h->thread, FRAME_OK);
        h->runs++;
    }
    return NULL;
}

/* What is DONE is checked, released and offered anew until `left` offers are made. */
static unsigned collect(struct frame_site *s, unsigned *left)
{
    int64_t slot;
    unsigned done = 0;
    while ((slot = frame_next_posted(&s->yard, 0, 0, &s->tail[0])) >= 0) {
        struct span runs[2];
        char want[32];
        struct slot_word w = slot_unpack(yard_slot(&s->yard, (uint32_t)slot)->word);
        if (w.state != SLOT_DONE)
            continue;                                          /* a hint that came twice */
        int n = snprintf(want, sizeof want, "%u/%u", (unsigned)slot, w.sequence);
        assert_int_equal(frame_readable(&s->yard, (uint32_t)slot, 0, runs), n);
        assert_memory_equal(runs[0].at, want, (size_t)n);
        release(s, (uint32_t)slot);
        done++;
        if (*left > 0) {
            (void)offer_and_send(s, (uint32_t)slot);
            *left -= 1;
        }
    }
    assert_int_equal(slot, -EAGAIN);
    return done;
}

/* Plays the edge until all are done; a bell that does not come within the deadline fails. */
static void play_edge(struct frame_site *s, unsigned exchanges)
{
    unsigned left = exchanges, done = 0;
    for (uint32_t slot = 0; slot < 16; slot++, left--)
        (void)offer_and_send(s, slot);
    while (done < exchanges) {
        struct pollfd want = { .fd = s->bells[0], .events = POLLIN };
        sleep_as_edge(s, 0);
        atomic_thread_fence(memory_order_seq_cst);
        unsigned came = collect(s, &left);
        if (came == 0 && poll(&want, 1, unit_deadline_ms) != 1)
            fail_msg("a bell was lost after %u exchanges", done);
        atomic_store(&yard_edge(&s->yard, 0)->sleeps, YARD_AWAKE);
        (void)rung(s, 0);
        done += came;
    }
}

UNIT_TEST(several_threads_lose_nothing)
{
    struct frame_site s;
    static struct hand hands[CREW];
    pthread_t threads[CREW];
    uint64_t runs = 0, requests = 0;
    site_start(&s, 1, CREW);
    for (unsigned i = 0; i < CREW; i++) {
        hands[i] = (struct hand){ .runs = 0 };
        frame_thread_init(&hands[i].thread, &s.worker, i);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &hands[i]), 0);
    }
    play_edge(&s, CREW_EXCHANGES);
    (void)close(s.intake);
    s.intake = -1;
    for (unsigned i = 0; i < CREW; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(hands[i].rc, -EPIPE);
        runs += hands[i].runs;
        requests += yard_thread(&s.yard, 0, i)->requests;
    }
    assert_int_equal(runs, CREW_EXCHANGES);
    assert_int_equal(requests, CREW_EXCHANGES);
    site_end(&s);
}

/* ---- two processes ---- */

static pid_t fork_worker(struct frame_site *s)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    (void)close(s->intake);                                    /* else its end is never seen */
    struct hand h = { .runs = 0 };
    frame_thread_init(&h.thread, &s->worker, 0);
    (void)work(&h);
    frame_worker_done(&s->worker);
    _exit(h.rc == -EPIPE ? 0 : 1);
}

UNIT_TEST(another_process_does_the_same)
{
    struct frame_site s;
    int status;
    site_start(&s, 1, 1);
    pid_t pid = fork_worker(&s);
    play_edge(&s, CREW_EXCHANGES);
    (void)close(s.intake);
    s.intake = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    site_end(&s);
}

/* It takes one, begins to answer and is killed: the word says so, and the slot is good again. */
UNIT_TEST(a_killed_process_leaves_its_word)
{
    struct frame_site s;
    struct span runs[2];
    int status;
    site_start(&s, 1, 1);
    struct ticket tickets[2] = { offer(&s, 0, "vars"), offer(&s, 1, "vars") };
    send_tickets(&s, 0, tickets, 2);
    sleep_as_edge(&s, 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool is_taken = frame_take(&s.thread, -1) == 0 && frame_write(&s.thread, SPAN("half")) == 4;
        frame_publish(&s.thread);
        (void)raise(is_taken ? SIGKILL : SIGTERM);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(rung(&s, 0), 1);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), 0);
    assert_int_equal(frame_readable(&s.yard, 0, 0, runs), 4);
    assert_int_equal(state_of(&s, 0), SLOT_TAKEN);
    assert_int_equal(state_of(&s, 1), SLOT_OFFERED);           /* read by the dead one, and not lost */
    assert_true(slot_try(&yard_slot(&s.yard, 0)->word, SLOT_RECLAIM, 0, 0, NULL));
    assert_true(slot_try(&yard_slot(&s.yard, 1)->word, SLOT_WITHDRAW, 0, 0, NULL));
    take_slot(&s, 0);
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), 0);
    site_end(&s);
}

UNIT_MAIN(an_exchange_from_offer_to_release, tickets_are_only_hints, one_thread_reads_many_several_read_one,
          waiting_ends_by_time_signal_and_close, a_worker_must_fit_its_yard, a_broken_request_is_refused,
          the_ring_wraps_at_every_position, a_write_takes_what_fits, a_flood_waits_for_its_reader,
          a_waiting_taker_is_cancelled, a_waiting_taker_is_interrupted, waiting_is_no_running,
          an_empty_intake_rings_a_sleeper_once, a_full_intake_defers_the_bell,
          unread_tickets_defer_the_bell, three_hundred_microseconds_are_enough,
          an_edge_that_woke_is_owed_nothing, publishing_rings_who_wants_it, an_unread_entry_is_not_doubled,
          a_left_over_flag_silences_nobody, the_completion_ring_goes_round,
          a_slot_taken_away_is_not_finished, a_body_comes_by_descriptor, stale_descriptors_are_closed,
          the_stash_has_room_for_every_slot, strange_messages_are_skipped, a_file_follows_the_response,
          several_threads_lose_nothing, another_process_does_the_same, a_killed_process_leaves_its_word)
