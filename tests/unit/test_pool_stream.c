/* Request bodies that a worker reads while they come. */
#include "pool_stage.h"
#include "link/pool.h"

static void open_pipe(struct client *c, int ends[2], int64_t bytes)
{
    assert_int_equal(sys_pipe(ends, 0), 0);
    c->request.body_bytes = bytes;
    c->call.body = (struct call_body){ .fd = ends[0], .bytes = bytes, .is_stream = true };
}

static void post(struct stage *s, struct client *c, int ends[2], int64_t bytes)
{
    client_init(c, s->pool, "POST", "/post");
    open_pipe(c, ends, bytes);
    c->call.body.asks = bytes < 0;
    pool_submit(s->pool, &c->call);
    turn(s);
}

/* The worker's end of the pipe. */
static int taken(struct stage *s, unsigned worker, uint64_t want_bytes)
{
    struct span here = { NULL, 0 };
    uint64_t bytes = 0;
    int fd = -1;
    takes(s, worker, "/post");
    assert_int_equal(frame_body(thread_of(s, worker), &here, &fd, &bytes), FRAME_BODY_STREAM);
    assert_true(bytes == want_bytes);
    return fd;
}

/* Theirs is `fd`. */
static void close_all(int fd, int ends[2])
{
    (void)sys_close(fd);
    (void)sys_close(ends[0]);
    (void)sys_close(ends[1]);
}

/* The first worker does. */
static void is_answered(struct stage *s, struct client *c, int fd, int ends[2])
{
    answers(s, 0, "");
    turn(s);
    has_answer(c, "");
    close_all(fd, ends);
}

UNIT_TEST(a_worker_has_the_pipe_and_is_told_what_its_end_means)
{
    struct stage s;
    struct client c;
    int ends[2];
    char got[8];
    stage_begin(&s, 1, 1, 1);
    post(&s, &c, ends, 5);
    int fd = taken(&s, 0, 5);
    assert_span_equal(variable(thread_of(&s, 0), "CONTENT_LENGTH"), SPAN("5"));
    assert_int_equal(sys_write(ends[1], "12345", 5), 5);
    assert_int_equal(sys_read_once(fd, got, sizeof got), 5);
    assert_int_equal(frame_body_end(thread_of(&s, 0)), FRAME_END_OPEN);
    pool_body_end(s.pool, &c.call, FRAME_END_CUT);
    assert_int_equal(frame_body_end(thread_of(&s, 0)), FRAME_END_CUT);
    is_answered(&s, &c, fd, ends);
    stage_end(&s);
}

UNIT_TEST(an_end_said_before_the_offer_is_kept_for_it)
{
    struct stage s;
    struct client first, c;
    int ends[2];
    stage_begin(&s, 1, 1, 1);
    ask(&first, s.pool, "/first");
    turn(&s);
    takes(&s, 0, "/first");
    post(&s, &c, ends, -1);           /* waits behind it */
    assert_true(c.call.lease == NULL);
    pool_body_end(s.pool, &c.call, FRAME_END_WHOLE);
    answers(&s, 0, "");
    turn(&s);
    has_answer(&first, "");
    int fd = taken(&s, 0, FRAME_BYTES_UNKNOWN);
    assert_span_equal(variable(thread_of(&s, 0), "CONTENT_LENGTH"), SPAN("(none)"));
    assert_int_equal(frame_body_end(thread_of(&s, 0)), FRAME_END_WHOLE);
    is_answered(&s, &c, fd, ends);
    stage_end(&s);
}

UNIT_TEST(what_is_in_the_pipe_goes_elsewhere_with_the_offer)
{
    struct stage s;
    struct client c;
    int ends[2];
    char got[8];
    stage_begin(&s, 1, 2, 1);
    post(&s, &c, ends, 4);
    assert_int_equal(sys_write(ends[1], "body", 4), 4);
    clock_ahead_us += 3000;
    turn(&s);                         /* withdrawn from 1, which has the pipe too and leaves it alone */
    int fd = taken(&s, 0, 4);
    assert_int_equal(sys_read_once(fd, got, sizeof got), 4);
    answers(&s, 0, "");
    takes(&s, 1, NULL);
    turn(&s);
    has_answer(&c, "");
    close_all(fd, ends);
    stage_end(&s);
}

UNIT_TEST(who_asks_is_told_once_that_it_is_read)
{
    struct stage s;
    struct client c;
    int ends[2];
    stage_begin(&s, 1, 1, 1);
    post(&s, &c, ends, 4);            /* does not ask */
    int fd = taken(&s, 0, 4);
    frame_reads_body(thread_of(&s, 0));
    turn(&s);
    assert_int_equal(c.readings, 0);
    is_answered(&s, &c, fd, ends);

    post(&s, &c, ends, -1);
    fd = taken(&s, 0, FRAME_BYTES_UNKNOWN);
    turn(&s);
    assert_int_equal(c.readings, 0);
    frame_reads_body(thread_of(&s, 0));
    turn(&s);
    frame_reads_body(thread_of(&s, 0));
    turn(&s);
    assert_int_equal(c.readings, 1);
    is_answered(&s, &c, fd, ends);
    stage_end(&s);
}

static void passes(struct stage *s, int64_t ms)
{
    clock_ahead_us += ms * 1000;
    turn(s);
}

UNIT_TEST(harakiri_does_not_count_the_clients_time)
{
    struct stage s;
    struct client c;
    int ends[2];
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 5000;
    post(&s, &c, ends, 1000);
    pool_body_awaits(s.pool, &c.call, true);
    int fd = taken(&s, 0, 1000);
    passes(&s, 200);
    assert_true(c.call.taken_seen_us > 0);
    passes(&s, 60000);                /* the client sends slowly */
    pool_body_awaits(s.pool, &c.call, false);
    passes(&s, 3000);                 /* the application does not take it */
    pool_body_awaits(s.pool, &c.call, true);
    passes(&s, 60000);
    assert_int_equal(c.ends, 0);
    pool_body_awaits(s.pool, &c.call, false);
    passes(&s, 1500);
    assert_int_equal(c.ends, 0);
    passes(&s, 800);
    has_failed(&c, CALL_LATE);
    assert_in_range(c.call.app_us, 5000000, 5500000);
    close_all(fd, ends);
    stage_end(&s);
}

UNIT_TEST(the_clock_of_one_that_nobody_wants_runs)
{
    struct stage s;
    struct client c;
    struct channel_msg msg;
    int ends[2];
    stage_begin(&s, 1, 1, 1);
    s.conf.harakiri_ms = 5000;
    post(&s, &c, ends, 1000);
    pool_body_awaits(s.pool, &c.call, true);
    int fd = taken(&s, 0, 1000);
    passes(&s, 200);
    passes(&s, 60000);
    pool_cancel(s.pool, &c.call);     /* its read ends; it goes on all the same */
    passes(&s, 4000);
    assert_int_equal(heard(&s, &msg, NULL), -1);
    passes(&s, 2000);
    assert_int_equal(heard(&s, &msg, NULL), CHANNEL_LATE);
    close_all(fd, ends);
    stage_end(&s);
}

UNIT_MAIN(a_worker_has_the_pipe_and_is_told_what_its_end_means, an_end_said_before_the_offer_is_kept_for_it,
          what_is_in_the_pipe_goes_elsewhere_with_the_offer, who_asks_is_told_once_that_it_is_read,
          harakiri_does_not_count_the_clients_time, the_clock_of_one_that_nobody_wants_runs)
