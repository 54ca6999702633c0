/* Both ends at once: a flood and its reader, several threads on one intake, two processes. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include "frame_site.h"
#include "link/frame.h"

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
    assert_int_equal(state_of(&s, 1), SLOT_OFFERED);        /* read by the dead one, and not lost */
    assert_true(slot_try(&yard_slot(&s.yard, 0)->word, SLOT_RECLAIM, 0, 0, NULL));
    assert_true(slot_try(&yard_slot(&s.yard, 1)->word, SLOT_WITHDRAW, 0, 0, NULL));
    take_slot(&s, 0);
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(frame_next_posted(&s.yard, 0, 0, &s.tail[0]), 0);
    site_end(&s);
}

UNIT_MAIN(a_flood_waits_for_its_reader, a_waiting_taker_is_cancelled,
          a_waiting_taker_is_interrupted, several_threads_lose_nothing,
          another_process_does_the_same, a_killed_process_leaves_its_word)
