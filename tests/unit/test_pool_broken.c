#include "pool_stage.h"
#include "link/pool.h"
#include <fcntl.h>

/* ---- the worker that breaks rules ---- */

typedef void (*breakage_fn)(struct stage *s, struct frame_thread *t);

static struct yard_slot *slot_of(struct stage *s, const struct frame_thread *t)
{
    return yard_slot(&s->first->yard, t->slot);
}

static void no_head(struct stage *s, struct frame_thread *t)
{
    (void)s;
    frame_finish(t, FRAME_OK);
}
static void odd_result(struct stage *s, struct frame_thread *t)
{
    (void)s;
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    frame_finish(t, (enum frame_result)77);
}
static void left_unasked(struct stage *s, struct frame_thread *t)
{
    (void)s;
    frame_finish(t, FRAME_LEFT);
}
static void long_head(struct stage *s, struct frame_thread *t)
{
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    atomic_store(&slot_of(s, t)->head_bytes, YARD_HEAD_BYTES + 1);
    frame_finish(t, FRAME_OK);
}
static void long_head_all_there(struct stage *s, struct frame_thread *t)
{
    static const char bytes[YARD_HEAD_BYTES + 1];
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    (void)frame_write(t, (struct span){ bytes, sizeof bytes });
    long_head(s, t);
}
static void left_with_head(struct stage *s, struct frame_thread *t)
{
    (void)s;
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    frame_finish(t, FRAME_LEFT);
}
static void two_descriptors(struct stage *s, struct frame_thread *t)
{
    struct frame_pass pass = { t->slot, t->sequence };
    int fds[2] = { s->first->yard_fd, s->first->yard_fd };
    (void)sys_send_fds(t->worker->passing_fds[0], &pass, sizeof pass, fds, 2, 0);
    (void)frame_file(t, fds[0], 0, 1);
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    atomic_fetch_or(&slot_of(s, t)->what, FRAME_HAS_FILE);
    frame_finish(t, FRAME_OK);
}
static void head_beyond_written(struct stage *s, struct frame_thread *t)
{
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    atomic_store(&slot_of(s, t)->head_bytes, 1000);
    frame_finish(t, FRAME_OK);
}
static void odd_status(struct stage *s, struct frame_thread *t)
{
    (void)s;
    (void)frame_head(t, 99, SPAN("OK\r\n"));
    frame_finish(t, FRAME_OK);
}
static void written_far_ahead(struct stage *s, struct frame_thread *t)
{
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    frame_publish(t);
    atomic_store(&slot_of(s, t)->written, UINT64_MAX / 2);
}
static void written_far_ahead_in_done(struct stage *s, struct frame_thread *t)
{
    (void)s;
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    t->written += 4 * YARD_RESPONSE_BYTES;
    frame_finish(t, FRAME_OK);
}
static void odd_state(struct stage *s, struct frame_thread *t)
{
    struct slot_word w = slot_unpack(atomic_load(&slot_of(s, t)->word));
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    frame_publish(t);
    w.state = 200;
    atomic_store(&slot_of(s, t)->word, slot_pack(w));
}
static void freed_word(struct stage *s, struct frame_thread *t)
{
    odd_state(s, t);
    atomic_store(&slot_of(s, t)->word, 0);
}
static void word_of_another_worker(struct stage *s, struct frame_thread *t)
{
    struct slot_word w = slot_unpack(atomic_load(&slot_of(s, t)->word));
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    frame_finish(t, FRAME_OK);
    w.state = SLOT_DONE;
    w.thread = yard_thread_mark(&s->first->yard, 2, 0);
    atomic_store(&slot_of(s, t)->word, slot_pack(w));
}
static void odd_sequence(struct stage *s, struct frame_thread *t)
{
    struct slot_word w = slot_unpack(atomic_load(&slot_of(s, t)->word));
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    frame_publish(t);
    w.sequence += 5;
    atomic_store(&slot_of(s, t)->word, slot_pack(w));
}
static void file_without_descriptor(struct stage *s, struct frame_thread *t)
{
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    atomic_fetch_or(&slot_of(s, t)->what, FRAME_HAS_FILE);
    frame_finish(t, FRAME_OK);
}
static void pass_raw(struct frame_thread *t, int fd, uint64_t at, uint64_t bytes)
{
    struct frame_pass pass = { t->slot, t->sequence };
    struct yard_slot *slot = yard_slot(&t->worker->yard, t->slot);
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    (void)sys_send_fds(t->worker->passing_fds[0], &pass, sizeof pass, &fd, fd >= 0, 0);
    atomic_store(&slot->file_at, at);
    atomic_store(&slot->file_bytes, bytes);
    atomic_fetch_or(&slot->what, FRAME_HAS_FILE);
    frame_finish(t, FRAME_OK);
}
static void file_that_is_a_socket(struct stage *s, struct frame_thread *t)
{
    (void)s;
    pass_raw(t, t->worker->passing_fds[0], 0, 1);
}
static void file_of_impossible_length(struct stage *s, struct frame_thread *t)
{
    pass_raw(t, s->first->yard_fd, UINT64_MAX - 1, 5);
}
static void message_without_descriptor(struct stage *s, struct frame_thread *t)
{
    (void)s;
    pass_raw(t, -1, 0, 1);
}

static const struct breakage {
    const char *why;
    breakage_fn breaks;
} breakages[] = {
    { "no head", no_head },
    { "an odd result", odd_result },
    { "left though nobody cancelled", left_unasked },
    { "a head longer than allowed", long_head },
    { "a head longer than allowed, and all there", long_head_all_there },
    { "left, with a head, though nobody cancelled", left_with_head },
    { "two descriptors", two_descriptors },
    { "a head longer than what was written", head_beyond_written },
    { "a status of two digits", odd_status },
    { "a position far ahead", written_far_ahead },
    { "a position far ahead, done", written_far_ahead_in_done },
    { "a state that is none", odd_state },
    { "the word of a free slot", freed_word },
    { "the mark of another worker", word_of_another_worker },
    { "another sequence", odd_sequence },
    { "a file without its descriptor", file_without_descriptor },
    { "a file that is a socket", file_that_is_a_socket },
    { "a file of impossible length", file_of_impossible_length },
    { "a message without a descriptor", message_without_descriptor },
};

static void run_breakage(const struct breakage *b)
{
    struct stage s;
    struct client bad, good;
    stage_begin(&s, 1, 2, 1);
    ask(&bad, s.pool, "/bad");
    turn(&s);
    takes(&s, 1, "/bad");
    b->breaks(&s, thread_of(&s, 1));
    turn(&s);
    if (bad.ends != 1 || !bad.is_failed || bad.why != CALL_BROKEN)
        fail_msg("%s: ends %u, failed %d, why %d", b->why, bad.ends, bad.is_failed, (int)bad.why);
    if (bad.heads != 0)
        fail_msg("%s: a head came", b->why);
    if (heard_kind(&s) != CHANNEL_BROKE || heard_kind(&s) != -1)
        fail_msg("%s: not reported, or twice", b->why);
    client_done(&bad);
    for (unsigned i = 0; i < 2; i++) {
        ask(&good, s.pool, "/good");  /* never to the worker that will be killed */
        turn(&s);
        takes(&s, 0, "/good");
        answers(&s, 0, "good");
        turn(&s);
        has_answer(&good, "good");
    }
    worker_ends(&s, 0, 1);
    if (slots_in_use(&s) != 0)
        fail_msg("%s: the slot is lost", b->why);
    stage_worker(&s, 0, 1);
    learn_short_runs(&s, 1);
    assert_true(pool_is_idle(s.pool));
    stage_end(&s);
}

UNIT_TEST(a_worker_that_breaks_a_rule_is_reported_and_survived)
{
    log_set(LOG_ERROR, "test");
    for (size_t i = 0; i < ARRAY_LEN(breakages); i++)
        run_breakage(&breakages[i]);
    log_set(LOG_WARN, "test");
}

/* Not a broken pipe: nobody would say that it died. */
UNIT_TEST(an_intake_that_takes_nothing_is_reported)
{
    struct stage s;
    struct client c[2];
    int pair[2];
    stage_begin(&s, 1, 2, 1);
    worker_ends(&s, 0, 0);
    assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
    s.first->workers[0].pid = getpid();
    int deaf = sys_open("/dev/null", O_RDONLY, 0);
    assert_int_equal(announce_worker(&s, s.first, 0, 0, deaf, pair[1]), 0);
    ask(&c[0], s.pool, "/x");
    ask(&c[1], s.pool, "/x");
    turn(&s);
    assert_int_equal(heard_kind(&s), CHANNEL_BROKE);
    for (unsigned i = 0; i < 2; i++) {
        turn(&s);
        takes(&s, 1, "/x");
        answers(&s, 1, "x");
        turn(&s);
    }
    has_answer(&c[0], "x");
    has_answer(&c[1], "x");
    (void)sys_close(pair[0]);
    stage_end(&s);
}

UNIT_TEST(a_ring_entry_that_makes_no_sense_is_reported)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 2, 1);
    ask(&c, s.pool, "/x");
    turn(&s);
    takes(&s, 1, "/x");
    struct yard_ring *ring = yard_ring(&s.first->yard, 1, 0);
    uint64_t at = atomic_load(&ring->head);
    atomic_store(&ring->entries[at & (s.first->yard.shape.ring - 1)],
                 (uint64_t)12345678 << 32 | (uint32_t)(at + 1));
    turn(&s);
    assert_int_equal(heard_kind(&s), CHANNEL_BROKE);
    assert_int_equal(c.ends, 0);      /* the request itself is not judged yet */
    assert_true(wait_of_turn(&s) > 0);                     /* and nobody runs in circles for it */
    worker_ends(&s, 0, 1);
    turn(&s);
    takes(&s, 0, "/x");
    answers(&s, 0, "x");
    turn(&s);
    has_answer(&c, "x");
    stage_end(&s);
}

UNIT_TEST(a_slot_does_not_go_back_to_offered)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/x");
    turn(&s);
    takes(&s, 0, "/x");
    struct frame_thread *t = thread_of(&s, 0);
    assert_int_equal(frame_head(t, 200, SPAN("OK\r\n")), 0);
    frame_publish(t);
    turn(&s);
    assert_int_equal(c.heads, 1);
    struct slot_word w = slot_unpack(atomic_load(&slot_of(&s, t)->word));
    w.state = SLOT_OFFERED;
    atomic_store(&slot_of(&s, t)->word, slot_pack(w));
    writes(t, SPAN("x"));
    frame_publish(t);
    turn(&s);
    has_failed(&c, CALL_BROKEN);
    assert_int_equal(heard_kind(&s), CHANNEL_BROKE);
    stage_end(&s);
}

UNIT_TEST(a_free_slot_that_was_written_to_is_mended)
{
    struct stage s;
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    for (uint32_t i = 0; i < s.first->yard.shape.slots; i++)
        atomic_store(&yard_slot(&s.first->yard, i)->word, 0xdeadbeef00000000U | i << 24);
    learn_short_runs(&s, 0);
    assert_int_equal(heard_kind(&s), -1);                  /* nobody knows who it was */
    stage_end(&s);
}

UNIT_TEST(a_response_cannot_grow_after_it_was_done)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, "/x");
    c.room = 2;
    turn(&s);
    takes(&s, 0, "/x");
    answers(&s, 0, "abcd");
    turn(&s);
    assert_int_equal(c.body_bytes, 4);
    atomic_fetch_add(&slot_of(&s, thread_of(&s, 0))->written, 100);
    c.room = 1000;
    pool_resume(s.pool, &c.call);
    turn(&s);
    has_answer(&c, "abcd");
    stage_end(&s);
}

/* As well as it can: the damage hits the worker's own lines too. */
static void answers_somehow(struct frame_thread *t)
{
    (void)frame_head(t, 200, SPAN("OK\r\n"));
    (void)frame_write(t, SPAN("x"));
    frame_finish(t, FRAME_OK);
}

/* Random damage to everything a worker can write, while requests run. */
UNIT_TEST(no_damage_to_the_yard_harms_the_edge)
{
    enum { ROUNDS = 300, CALLS = 6 };
    unsigned seed = 20240;
    struct stage s;
    log_set(LOG_ERROR, "test");
    stage_begin(&s, 1, 2, 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct client c[CALLS];
        for (unsigned i = 0; i < CALLS; i++)
            ask(&c[i], s.pool, "/x");
        for (unsigned i = 0; i < 12; i++) {
            struct yard *y = &s.first->yard;
            unsigned w = (unsigned)rand_r(&seed) % 2;
            if (s.first->workers[w].is_up && frame_take(thread_of(&s, w), 0) == 0)
                answers_somehow(thread_of(&s, w));
            uint32_t slot = (uint32_t)rand_r(&seed) % 4;
            size_t at = (size_t)rand_r(&seed) % sizeof(struct yard_slot) & ~(size_t)3;
            if (rand_r(&seed) % 4 != 0)
                *(uint32_t *)((char *)yard_slot(y, slot) + at) =
                    rand_r(&seed) % 2 ? (uint32_t)rand_r(&seed) : (uint32_t)rand_r(&seed) % 5;
            if (rand_r(&seed) % 20 == 0)
                atomic_fetch_add(&yard_ring(y, w, 0)->entries[rand_r(&seed) % 4], 1);
            turn(&s);
        }
        for (unsigned w = 0; w < 2; w++) {
            worker_ends(&s, 0, w);
            stage_worker(&s, 0, w);
        }
        for (unsigned i = 0; i < CALLS; i++) {
            pool_cancel(s.pool, &c[i].call);
            client_done(&c[i]);
        }
        while (heard_kind(&s) >= 0) { }
    }
    assert_true(pool_is_idle(s.pool));
    assert_int_equal(pool_stats(s.pool).in_hand, 0);
    stage_end(&s);
    log_set(LOG_WARN, "test");
}

UNIT_MAIN(a_worker_that_breaks_a_rule_is_reported_and_survived,
          an_intake_that_takes_nothing_is_reported,
          a_ring_entry_that_makes_no_sense_is_reported, a_slot_does_not_go_back_to_offered,
          a_free_slot_that_was_written_to_is_mended, a_response_cannot_grow_after_it_was_done,
          no_damage_to_the_yard_harms_the_edge)
