#include "pool_stage.h"
#include "link/pool.h"

static unsigned trims_seen;

int sys_fallocate_punch(int fd, off_t at, off_t bytes)
{
    trims_seen++;
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, bytes) < 0 ? -errno : 0;
}

/* ---- slots ---- */

UNIT_TEST(slots_run_out_and_requests_wait_for_them)
{
    struct stage s;
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    unsigned slots = s.first->yard.shape.slots, count = slots + 5;
    struct client *c = calloc(count, sizeof *c);
    for (unsigned i = 0; i < count; i++) {
        ask(&c[i], s.pool, "/x");
        c[i].room = 0;                /* a client that takes nothing keeps its slot */
    }
    for (unsigned i = 0; i < slots; i++) {
        turn(&s);
        takes(&s, 0, "/x");
        answers(&s, 0, "held");
    }
    turn(&s);
    takes(&s, 0, NULL);
    assert_int_equal(slots_in_use(&s), slots);
    assert_int_equal(pool_stats(s.pool).queued, 5);
    for (unsigned i = 0; i < slots; i++) {
        c[i].room = SIZE_MAX;
        pool_resume(s.pool, &c[i].call);
        pool_resume(s.pool, &c[i].call);
    }
    turn(&s);
    for (unsigned i = 0; i < slots; i++)
        has_answer(&c[i], "held");
    assert_int_equal(pool_stats(s.pool).queued, 0);
    for (unsigned i = slots; i < count; i++)
        pool_cancel(s.pool, &c[i].call);
    free(c);
    stage_end(&s);
}

UNIT_TEST(the_slot_used_last_is_used_next)
{
    struct stage s;
    struct client c[3], d;
    uint32_t last = 0;
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    for (unsigned i = 0; i < 3; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    for (unsigned i = 0; i < 3; i++) {
        takes(&s, 0, "/x");
        last = thread_of(&s, 0)->slot;
        answers(&s, 0, "");
    }
    turn(&s);
    for (unsigned i = 0; i < 3; i++)
        has_answer(&c[i], "");
    for (unsigned i = 0; i < 5; i++) {
        ask(&d, s.pool, "/y");
        turn(&s);
        takes(&s, 0, "/y");
        assert_int_equal(thread_of(&s, 0)->slot, last);    /* its pages are there already */
        answers(&s, 0, "");
        turn(&s);
        has_answer(&d, "");
    }
    stage_end(&s);
}

static bool has_trimmed(void *of) { return trims_seen >= *(unsigned *)of; }

UNIT_TEST(slots_long_idle_give_their_pages_back)
{
    struct stage s;
    struct client c[12];
    unsigned wanted = 12 - 8;
    stage_begin(&s, 1, 1, 1);
    learn_short_runs(&s, 0);
    for (unsigned i = 0; i < 12; i++)
        ask(&c[i], s.pool, "/x");
    turn(&s);
    for (unsigned i = 0; i < 12; i++) {
        takes(&s, 0, "/x");
        answers(&s, 0, "");
    }
    turn(&s);
    trims_seen = 0;
    clock_ahead_us += 5 * 1000 * 1000;
    turn(&s);
    assert_int_equal(trims_seen, 0);
    clock_ahead_us += 6 * 1000 * 1000;
    await(&s, "pages given back", has_trimmed, &wanted);
    assert_int_equal(trims_seen, wanted);
    for (unsigned i = 0; i < 12; i++)
        has_answer(&c[i], "");
    learn_short_runs(&s, 0);          /* and the slots still work */
    stage_end(&s);
}

UNIT_MAIN(slots_run_out_and_requests_wait_for_them, the_slot_used_last_is_used_next,
          slots_long_idle_give_their_pages_back)
