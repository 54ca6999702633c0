#include "unit.h"
#include "base/sys.h"
#include "loop/helpers.h"
#include "no_memory.h"
#include <pthread.h>

struct sum {
    struct helper_job job;
    struct loop *loop;
    unsigned input, output;
    pthread_t worked_on, *loop_thread;
    unsigned *left;                       /* jobs to come; the last one stops the loop */
    int gate;                             /* a pipe to read first; -1: none */
};

static void add_up(struct helper_job *job)
{
    struct sum *s = container_of(job, struct sum, job);
    char byte;
    if (s->gate >= 0)
        (void)sys_read(s->gate, &byte, 1);
    s->worked_on = pthread_self();
    for (unsigned i = 1; i <= s->input; i++)
        s->output += i;
}

static void count_off(struct helper_job *job)
{
    struct sum *s = container_of(job, struct sum, job);
    assert_true(pthread_equal(pthread_self(), *s->loop_thread));
    assert_false(pthread_equal(s->worked_on, *s->loop_thread));
    assert_int_equal(s->output, s->input * (s->input + 1) / 2);
    if (--*s->left == 0 && s->loop)
        loop_stop(s->loop);
    free(s);                              /* the job is the caller's, also inside done() */
}

static void too_late(struct timer *t)
{
    (void)t;
    fail_msg("jobs did not finish");
}

static struct sum *new_sum(struct loop *l, unsigned input, unsigned *left, pthread_t *self)
{
    struct sum *s = calloc(1, sizeof *s);
    *s = (struct sum){ .job = { .work = add_up, .done = count_off }, .loop = l, .input = input,
                       .loop_thread = self, .left = left, .gate = -1 };
    return s;
}

UNIT_TEST(work_runs_elsewhere_and_done_on_the_loop)
{
    struct loop *l = loop_new();
    struct helpers *h = helpers_new(l, 2, 1000);
    struct timer deadline;
    pthread_t self = pthread_self();
    unsigned left = 1000;
    assert_non_null(h);
    timer_init(&deadline, too_late);
    assert_int_equal(timer_set(l, &deadline, unit_deadline_ms), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(helpers_submit(h, &new_sum(l, i, &left, &self)->job), 0);
    assert_int_equal(loop_run(l), 0);
    assert_int_equal(left, 0);
    timer_off(l, &deadline);
    helpers_free(h);
    loop_free(l);
}

UNIT_TEST(more_than_jobs_max_are_refused_until_one_is_done)
{
    struct loop *l = loop_new();
    struct helpers *h = helpers_new(l, 1, 2);
    struct timer deadline;
    pthread_t self = pthread_self();
    unsigned left = 2;
    int gate[2];
    assert_int_equal(sys_pipe(gate, 0), 0);
    timer_init(&deadline, too_late);
    assert_int_equal(timer_set(l, &deadline, unit_deadline_ms), 0);
    for (int i = 0; i < 2; i++) {
        struct sum *s = new_sum(l, 10, &left, &self);
        s->gate = gate[0];
        assert_int_equal(helpers_submit(h, &s->job), 0);
    }
    struct sum *third = new_sum(l, 10, &left, &self);
    assert_int_equal(helpers_submit(h, &third->job), -EAGAIN);
    assert_int_equal(sys_write(gate[1], "ab", 2), 2);
    assert_int_equal(loop_run(l), 0);
    left = 1;
    assert_int_equal(helpers_submit(h, &third->job), 0);
    assert_int_equal(loop_run(l), 0);
    timer_off(l, &deadline);
    helpers_free(h);
    loop_free(l);
    (void)sys_close(gate[0]);
    (void)sys_close(gate[1]);
}

UNIT_TEST(free_waits_for_all_that_was_submitted)
{
    struct loop *l = loop_new();
    struct helpers *h = helpers_new(l, 2, 100);
    pthread_t self = pthread_self();
    unsigned left = 100;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(helpers_submit(h, &new_sum(NULL, i, &left, &self)->job), 0);
    helpers_free(h);                      /* the loop never ran */
    assert_int_equal(left, 0);
    helpers_free(NULL);
    loop_free(l);
}

UNIT_TEST(without_memory_there_are_none)
{
    struct loop *l = loop_new();
    heap_left = 0;
    assert_null(helpers_new(l, 2, 10));
    heap_left = UINT32_MAX;
    loop_free(l);
}

UNIT_MAIN(work_runs_elsewhere_and_done_on_the_loop, more_than_jobs_max_are_refused_until_one_is_done,
          free_waits_for_all_that_was_submitted, without_memory_there_are_none)
