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

/* ---- harakiri ---- */

UNIT_TEST(a_late_request_is_reported_and_its_worker_rests)
{
    struct stage s;
    struct client late, behind, next;
    struct channel_msg msg;
    char text[256];
    stage_begin(&s, 1, 2, 1);
    learn_short_runs(&s, 1);
    say(&s, CHANNEL_WORKER_REST, s.first, 0);
    s.conf.harakiri_ms = 5000;
    ask(&late, s.pool, "/late");
    ask(&behind, s.pool, "/behind");
    turn(&s);
    takes(&s, 1, "/late");
    assert_int_equal(in_hand(&s, 1), 2);
    clock_ahead_us += 200 * 1000;
    turn(&s);
    assert_true(late.call.taken_seen_us > 0);              /* from here it is 5 s */
    clock_ahead_us += 4900 * 1000;
    turn(&s);
    assert_int_equal(late.ends, 0);
    clock_ahead_us += 300 * 1000;
    turn(&s);
    has_failed(&late, CALL_LATE);
    assert_in_range(late.call.app_us, 5000000, 5500000);
    assert_true(frame_cancelled(thread_of(&s, 1)));
    assert_int_equal(heard(&s, &msg, text), CHANNEL_LATE);
    assert_int_equal(msg.generation, s.first->number);
    assert_int_equal(msg.worker, 1);
    assert_int_equal(msg.a, 0);
    assert_in_range(msg.b, 5000, 5500);
    assert_string_equal(text, "GET /late");
    assert_int_equal(in_hand(&s, 1), 1);                   /* what was behind it was taken back */
    assert_int_equal(pool_stats(s.pool).queued, 1);

    stage_worker(&s, 0, 2);
    ask(&next, s.pool, "/next");
    turn(&s);
    takes(&s, 2, "/behind");
    answers(&s, 2, "");
    takes(&s, 2, "/next");
    answers(&s, 2, "");
    clock_ahead_us += 100 * 1000 * 1000;
    turn(&s);
    has_answer(&behind, "");
    has_answer(&next, "");
    assert_int_equal(heard_kind(&s), -1);                  /* told once */
    frame_finish(thread_of(&s, 1), FRAME_LEFT);            /* the exception worked */
    turn(&s);
    assert_int_equal(slots_in_use(&s), 0);
    worker_ends(&s, 0, 1);
    stage_end(&s);
}

static bool is_seen_taken(void *of) { return ((struct client *)of)->call.taken_seen_us > 0; }

UNIT_TEST(the_clock_of_harakiri_runs_by_itself)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 300;
    ask(&c, s.pool, "/late");
    turn(&s);
    takes(&s, 0, "/late");
    await(&s, "a look at what was taken", is_seen_taken, &c);
    assert_in_range(c.call.taken_seen_us - c.call.offered_us, 0, 500 * 1000);
    await_end(&s, &c);
    assert_in_range(c.call.app_us, 300 * 1000, 800 * 1000);
    has_failed(&c, CALL_LATE);
    stage_end(&s);
}

UNIT_TEST(without_harakiri_nothing_is_late)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 0;
    ask(&c, s.pool, "/long");
    turn(&s);
    takes(&s, 0, "/long");
    for (unsigned i = 0; i < 5; i++) {
        clock_ahead_us += 3600 * 1000 * 1000LL;
        turn(&s);
    }
    answers(&s, 0, "done");
    turn(&s);
    has_answer(&c, "done");
    stage_end(&s);
}

UNIT_TEST(harakiri_names_the_thread_and_reaches_cancelled_requests)
{
    struct stage s;
    struct client c[2];
    struct channel_msg msg;
    char text[256];
    stage_begin(&s, 1, 1, 4);
    s.conf.harakiri_ms = 1000;
    for (unsigned i = 0; i < 2; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    assert_int_equal(frame_take(&s.first->workers[0].threads[3], 0), 0);
    assert_int_equal(frame_take(&s.first->workers[0].threads[1], 0), 0);
    pool_cancel(s.pool, &c[0].call);
    clock_ahead_us += 100 * 1000;
    turn(&s);
    frame_finish(&s.first->workers[0].threads[1], FRAME_CUT);
    turn(&s);
    has_failed(&c[1], CALL_BROKEN);
    clock_ahead_us += 2000 * 1000;
    turn(&s);
    assert_int_equal(heard(&s, &msg, text), CHANNEL_LATE);
    assert_int_equal(msg.a, 3);
    assert_string_equal(text, "(cancelled)");
    assert_int_equal(c[0].ends, 0);
    stage_end(&s);
}

UNIT_TEST(time_blocked_on_the_client_does_not_count)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 1000;
    ask(&c, s.pool, "/x");
    c.room = 0;
    turn(&s);
    takes(&s, 0, "/x");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);
    writes(thread_of(&s, 0), SPAN("abc"));
    frame_publish(thread_of(&s, 0));
    turn(&s);
    for (unsigned i = 0; i < 5; i++) {
        clock_ahead_us += 1000 * 1000;
        turn(&s);
    }
    assert_int_equal(c.ends, 0);
    c.room = 100;
    pool_resume(s.pool, &c.call);
    turn(&s);
    clock_ahead_us += 900 * 1000;
    turn(&s);
    assert_int_equal(c.ends, 0);
    clock_ahead_us += 200 * 1000;
    turn(&s);
    has_failed(&c, CALL_LATE);
    stage_end(&s);
}

UNIT_TEST(the_clock_goes_on_when_a_blocked_client_leaves)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 3000;
    ask(&c, s.pool, "/x");
    c.room = 0;
    turn(&s);
    takes(&s, 0, "/x");
    assert_int_equal(frame_head(thread_of(&s, 0), 200, SPAN("OK\r\n")), 0);
    writes(thread_of(&s, 0), SPAN("abc"));
    frame_publish(thread_of(&s, 0));
    turn(&s);
    clock_ahead_us += 5000 * 1000;
    turn(&s);
    pool_cancel(s.pool, &c.call);
    clock_ahead_us += 1500 * 1000;
    turn(&s);
    assert_int_equal(heard_kind(&s), -1);
    clock_ahead_us += 2000 * 1000;
    turn(&s);
    assert_int_equal(heard_kind(&s), CHANNEL_LATE);
    client_done(&c);
    stage_end(&s);
}

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

UNIT_MAIN(what_a_dead_worker_had_not_taken_goes_to_another,
          what_a_dead_worker_had_finished_is_delivered, a_safe_request_runs_once_more,
          a_request_that_killed_two_workers_kills_no_more,
          deaths_of_different_requests_prove_nothing, a_response_that_began_is_not_run_again,
          the_slots_of_cancelled_requests_come_back_with_a_death,
          a_late_request_is_reported_and_its_worker_rests,
          harakiri_names_the_thread_and_reaches_cancelled_requests,
          time_blocked_on_the_client_does_not_count,
          the_clock_of_harakiri_runs_by_itself, without_harakiri_nothing_is_late,
          the_clock_goes_on_when_a_blocked_client_leaves,
          a_worker_that_breaks_a_rule_is_reported_and_survived,
          a_ring_entry_that_makes_no_sense_is_reported, a_slot_does_not_go_back_to_offered,
          a_free_slot_that_was_written_to_is_mended, a_response_cannot_grow_after_it_was_done,
          no_damage_to_the_yard_harms_the_edge, a_reborn_edge_inherits_and_forgets,
          what_was_inherited_is_looked_at, what_was_inherited_from_a_dead_worker_comes_back,
          a_switch_of_generations_loses_nothing,
          a_retired_generation_gets_nothing_even_if_no_other_serves,
          what_is_left_in_a_forgotten_generation_fails,
          a_resting_worker_gets_no_more_and_gives_back_what_it_has_not_taken,
          messages_that_make_no_sense_are_refused,
          without_memory_there_is_no_generation_and_no_leak, edges_share_the_workers,
          a_busy_edge_leaves_another_its_share,
          hands_left_to_another_edge_are_not_left_for_ever)
