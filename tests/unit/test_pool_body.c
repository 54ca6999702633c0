#include "pool_stage.h"
#include "link/pool.h"

static char byte_at(size_t i) { return (char)(i * 7 + i / 251); }

/* ---- request bodies ---- */

static struct client *post(struct stage *s, struct client *c, struct call_body body)
{
    client_init(c, s->pool, "POST", "/post");
    c->request.body_bytes = body.bytes;
    c->call.body = body;
    pool_submit(s->pool, &c->call);
    turn(s);
    return c;
}

static void has_request_body(struct stage *s, unsigned worker, enum frame_body kind,
                             const char *want, size_t want_bytes)
{
    struct frame_thread *t = thread_of(s, worker);
    struct span here = { NULL, 0 };
    uint64_t bytes = 0;
    int fd = -1;
    char length[20];
    takes(s, worker, "/post");
    snprintf(length, sizeof length, "%zu", want_bytes);
    if (want_bytes > 0)
        assert_span_equal(variable(t, "CONTENT_LENGTH"), span_of(length));
    assert_int_equal(frame_body(t, &here, &fd, &bytes), kind);
    assert_int_equal(bytes, want_bytes);
    if (kind == FRAME_BODY_INLINE)
        assert_span_equal(here, ((struct span){ want, want_bytes }));
    if (kind != FRAME_BODY_FD)
        return;
    char *got = malloc(want_bytes);
    assert_int_equal(sys_pread(fd, got, want_bytes, 0), want_bytes);
    assert_memory_equal(got, want, want_bytes);
    free(got);
    (void)sys_close(fd);
}

UNIT_TEST(bodies_come_inline_in_a_memfd_or_as_lent)
{
    enum { LARGE = YARD_REQUEST_BYTES };
    struct stage s;
    struct client c;
    char *large = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = byte_at(i);
    stage_begin(&s, 1, 1, 1);
    int fd = file_of("lent");

    post(&s, &c, (struct call_body){ .memory = SPAN("small"), .fd = -1, .bytes = 5 });
    has_request_body(&s, 0, FRAME_BODY_INLINE, "small", 5);
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");

    post(&s, &c, (struct call_body){ .memory = { large, LARGE }, .fd = -1, .bytes = LARGE });
    has_request_body(&s, 0, FRAME_BODY_FD, large, LARGE);
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");

    post(&s, &c, (struct call_body){ .memory = { NULL, 0 }, .fd = fd, .bytes = 4 });
    has_request_body(&s, 0, FRAME_BODY_FD, "lent", 4);
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");

    post(&s, &c, (struct call_body){ .memory = { NULL, 0 }, .fd = 0, .bytes = 0 });       /* all-zero: none */
    has_request_body(&s, 0, FRAME_BODY_NONE, "", 0);
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");
    (void)sys_close(fd);
    free(large);
    stage_end(&s);
}

UNIT_TEST(a_body_goes_elsewhere_when_the_offer_does)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 2, 1);
    int fd = file_of("lent");
    post(&s, &c, (struct call_body){ .memory = { NULL, 0 }, .fd = fd, .bytes = 4 });
    clock_ahead_us += 3000;
    turn(&s);                         /* withdrawn from 1, whose passing socket has it too */
    has_request_body(&s, 0, FRAME_BODY_FD, "lent", 4);
    answers(&s, 0, "");
    takes(&s, 1, NULL);
    turn(&s);
    has_answer(&c, "");
    (void)sys_close(fd);
    stage_end(&s);
}

/* Fills the passing socket of a worker from the edge's end, as if it had read nothing for long. */
static void fill_passing(struct stage *s, unsigned worker, struct client *c, unsigned count, int fd)
{
    for (unsigned i = 0; i < count; i++) {
        post(s, &c[i], (struct call_body){ .memory = { NULL, 0 }, .fd = fd, .bytes = 4 });
        if (pool_stats(s->pool).queued > 0)
            return;                   /* stays in the queue: the socket is full */
        pool_cancel(s->pool, &c[i].call);
        takes(s, worker, NULL);
    }
    fail_msg("the socket took %u descriptors", count);
}

UNIT_TEST(a_full_passing_socket_leaves_the_request_in_the_queue)
{
    enum { MANY = 5000 };
    struct stage s;
    struct client *c = calloc(MANY, sizeof *c);
    struct client *last = c;
    stage_begin(&s, 1, 1, 1);
    int fd = file_of("lent");
    fill_passing(&s, 0, c, MANY, fd);
    while (last->call.state == 0)
        last++;
    assert_int_equal(slots_in_use(&s), 0);
    assert_in_range(wait_of_turn(&s), 1, 5000);            /* then it is tried again */
    stage_worker(&s, 0, 1);           /* another one, whose socket is empty */
    turn(&s);
    assert_int_equal(pool_stats(s.pool).queued, 0);
    has_request_body(&s, 1, FRAME_BODY_FD, "lent", 4);
    answers(&s, 1, "");
    turn(&s);
    has_answer(last, "");
    say(&s, CHANNEL_WORKER_REST, s.first, 1);
    learn_short_runs(&s, 0);          /* what needs no descriptor is not held up by it */
    (void)sys_close(fd);
    free(c);
    stage_end(&s);
}

UNIT_TEST(a_worker_whose_ends_are_closed_costs_nothing)
{
    struct stage s;
    struct client c;
    stage_begin(&s, 1, 2, 1);
    int fd = file_of("lent");
    (void)sys_close(s.first->workers[1].frame.passing_fds[0]);     /* died; nobody said so yet */
    s.first->workers[1].frame.passing_fds[0] = -1;
    post(&s, &c, (struct call_body){ .memory = { NULL, 0 }, .fd = fd, .bytes = 4 });
    has_request_body(&s, 0, FRAME_BODY_FD, "lent", 4);
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");
    (void)sys_close(fd);
    stage_end(&s);

    stage_begin(&s, 1, 2, 1);
    (void)sys_close(s.first->workers[1].frame.intake_fd);
    s.first->workers[1].frame.intake_fd = -1;
    ask(&c, s.pool, "/x");
    turn(&s);
    assert_int_equal(in_hand(&s, 1), 0);
    turn(&s);
    takes(&s, 0, "/x");
    answers(&s, 0, "");
    turn(&s);
    has_answer(&c, "");
    stage_end(&s);
}

UNIT_TEST(variables_that_do_not_fit_are_refused)
{
    struct stage s;
    struct client c;
    char *path = malloc(60001);
    memset(path, 'x', 60000);
    path[0] = '/';
    path[60000] = '\0';
    stage_begin(&s, 1, 1, 1);
    ask(&c, s.pool, path);            /* REQUEST_URI, PATH_INFO and QUERY_STRING: too much in all */
    c.request.query = span_of(path);
    turn(&s);
    has_failed(&c, CALL_TOO_LARGE);
    assert_int_equal(slots_in_use(&s), 0);
    assert_int_equal(in_hand(&s, 0), 0);
    stage_end(&s);
    free(path);
}

UNIT_MAIN(bodies_come_inline_in_a_memfd_or_as_lent, a_body_goes_elsewhere_when_the_offer_does,
          a_full_passing_socket_leaves_the_request_in_the_queue,
          a_worker_whose_ends_are_closed_costs_nothing, variables_that_do_not_fit_are_refused)
