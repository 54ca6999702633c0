/* The table of slots: its promises one by one, and every interleaving of it (slot_model.h). */
#include <pthread.h>
#include "unit.h"
#include "link/slot.h"
#include "slot_model.h"

enum { STATES_MAX = 5000000, SMALL_MAX = 500000, RACE_WORDS = 20000 };
enum { ANY_SEQUENCE = 7, ANY_THREAD = 9 };

static uint64_t word(uint32_t sequence, enum slot_state state, uint8_t flags, uint16_t thread)
{
    return slot_pack((struct slot_word){ sequence, (uint8_t)state, flags, thread });
}

/* The table of the header once more, as a matrix: what is not here does not exist. */
static const struct {
    enum slot_event event;
    enum slot_state from, to;
} steps[] = {
    { SLOT_OFFER,    SLOT_FREE,    SLOT_OFFERED },
    { SLOT_TAKE,     SLOT_OFFERED, SLOT_TAKEN },
    { SLOT_FINISH,   SLOT_TAKEN,   SLOT_DONE },
    { SLOT_RELEASE,  SLOT_DONE,    SLOT_FREE },
    { SLOT_WITHDRAW, SLOT_OFFERED, SLOT_FREE },
    { SLOT_RECLAIM,  SLOT_TAKEN,   SLOT_FREE },
    { SLOT_CANCEL,   SLOT_TAKEN,   SLOT_TAKEN },
};

UNIT_TEST(only_these_steps_exist)
{
    assert_int_equal(ARRAY_LEN(steps), SLOT_EVENTS);
    for (unsigned event = 0; event < SLOT_EVENTS; event++)
        for (unsigned from = 0; from < 256; from++) {
            uint64_t next = 42;
            bool fits = slot_next(word(ANY_SEQUENCE, (enum slot_state)from, 0, ANY_THREAD),
                                  (enum slot_event)event, ANY_SEQUENCE, ANY_THREAD, &next);
            if (fits != (from == (unsigned)steps[event].from))
                fail_msg("%s from state %u: %d", slot_table[event].name, from, fits);
            if (fits)
                assert_int_equal(slot_unpack(next).state, steps[event].to);
            else
                assert_int_equal(next, 42);
        }
}

UNIT_TEST(an_offer_begins_anew)
{
    uint64_t next;
    assert_true(slot_next(word(7, SLOT_FREE, SLOT_CANCELLED, 9), SLOT_OFFER, 0, 0, &next));
    assert_int_equal(next, word(8, SLOT_OFFERED, 0, 0));
}

UNIT_TEST(sequence_zero_is_skipped)
{
    uint64_t next;
    assert_true(slot_next(word(UINT32_MAX, SLOT_FREE, 0, 0), SLOT_OFFER, 0, 0, &next));
    assert_int_equal(next, word(1, SLOT_OFFERED, 0, 0));
    assert_true(slot_next(0, SLOT_OFFER, 0, 0, &next));
    assert_int_equal(next, word(1, SLOT_OFFERED, 0, 0));
}

UNIT_TEST(only_the_ticket_of_this_offer_takes)
{
    uint64_t next;
    assert_false(slot_next(word(7, SLOT_OFFERED, 0, 0), SLOT_TAKE, 6, 3, &next));
    assert_false(slot_next(word(7, SLOT_OFFERED, 0, 0), SLOT_TAKE, 8, 3, &next));
    assert_true(slot_next(word(7, SLOT_OFFERED, 0, 0), SLOT_TAKE, 7, 3, &next));
    assert_int_equal(next, word(7, SLOT_TAKEN, 0, 3));
}

UNIT_TEST(only_the_taker_finishes)
{
    uint64_t next;
    assert_false(slot_next(word(7, SLOT_TAKEN, 0, 3), SLOT_FINISH, 7, 4, &next));
    assert_false(slot_next(word(7, SLOT_TAKEN, 0, 3), SLOT_FINISH, 6, 3, &next));
    assert_true(slot_next(word(7, SLOT_TAKEN, SLOT_CANCELLED, 3), SLOT_FINISH, 7, 3, &next));
    assert_int_equal(next, word(7, SLOT_DONE, SLOT_CANCELLED, 3));
}

UNIT_TEST(cancel_flags_and_leaves_the_taker)
{
    uint64_t next;
    assert_true(slot_next(word(7, SLOT_TAKEN, 0, 3), SLOT_CANCEL, 0, 0, &next));
    assert_int_equal(next, word(7, SLOT_TAKEN, SLOT_CANCELLED, 3));
    assert_true(slot_next(next, SLOT_CANCEL, 0, 0, &next));
    assert_int_equal(next, word(7, SLOT_TAKEN, SLOT_CANCELLED, 3));
}

UNIT_TEST(a_word_survives_packing)
{
    struct slot_word w = slot_unpack(0x0123456789abcdefU);
    assert_int_equal(w.sequence, 0x01234567);
    assert_int_equal(w.state, 0x89);
    assert_int_equal(w.flags, 0xab);
    assert_int_equal(w.thread, 0xcdef);
    assert_int_equal(slot_pack(w), 0x0123456789abcdefU);
}

UNIT_TEST(try_tells_what_is_there)
{
    _Atomic uint64_t shared = word(7, SLOT_OFFERED, 0, 0);
    uint64_t now = 0;
    assert_false(slot_try(&shared, SLOT_TAKE, 6, 3, &now));
    assert_int_equal(now, word(7, SLOT_OFFERED, 0, 0));
    assert_true(slot_try(&shared, SLOT_TAKE, 7, 3, &now));
    assert_int_equal(now, word(7, SLOT_TAKEN, 0, 3));
    assert_int_equal(shared, now);
    assert_true(slot_try(&shared, SLOT_CANCEL, 0, 0, NULL));
}

/* ---- one winner ---- */

static _Atomic uint64_t race_words[RACE_WORDS];

static void *take_all(void *mark)
{
    uint16_t thread = (uint16_t)(uintptr_t)mark;
    uintptr_t won = 0;
    for (unsigned i = 0; i < RACE_WORDS; i++)
        won += slot_try(&race_words[i], SLOT_TAKE, 1, thread, NULL);
    return (void *)won;
}

UNIT_TEST(of_two_takers_and_a_withdrawal_one_wins)
{
    pthread_t threads[2];
    uintptr_t won = 0;
    for (unsigned i = 0; i < RACE_WORDS; i++)
        race_words[i] = word(1, SLOT_OFFERED, 0, 0);
    for (uintptr_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < RACE_WORDS; i++)
        won += slot_try(&race_words[i], SLOT_WITHDRAW, 0, 0, NULL);
    for (unsigned i = 0; i < 2; i++) {
        void *their = NULL;
        assert_int_equal(pthread_join(threads[i], &their), 0);
        won += (uintptr_t)their;
    }
    assert_int_equal(won, RACE_WORDS);
}

/* ---- every interleaving ---- */

static const struct {
    const char *name;
    struct faults faults;
} worlds[] = {
    { "nothing goes wrong",                   { 0 } },
    { "worker and edge killed",               { .worker_kills = 1, .edge_kills = 1 } },
    { "both workers killed, late, lost",      { .worker_kills = 2, .late = 1, .lost = 1 } },
    { "worker and edge killed, lost",         { .worker_kills = 1, .edge_kills = 1, .lost = 1 } },
    { "worker and edge killed, doubled",      { .worker_kills = 1, .edge_kills = 1, .doubled = 1 } },
    { "worker and edge killed, late",         { .worker_kills = 1, .edge_kills = 1, .late = 1 } },
    { "worker and edge killed, client gone",  { .worker_kills = 1, .edge_kills = 1, .gone = 1 } },
    { "worker and edge killed, done again",   { .worker_kills = 1, .edge_kills = 1, .finished_again = 1 } },
    { "both edges killed, done again",        { .edge_kills = 2, .finished_again = 1 } },
    { "doubled, late, client gone",           { .doubled = 1, .late = 1, .gone = 1 } },
};

UNIT_TEST(no_interleaving_breaks_a_promise)
{
    struct explorer x;
    double states_count = 0, transitions = 0, paths = 0;
    explorer_init(&x, sizeof(struct state), STATES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(worlds); i++) {
        explore(&x, &(struct rules){ slot_table, NULL }, &worlds[i].faults);
        if (x.wrong) {
            print_path(&x);
            fail_msg("%s: %s", worlds[i].name, x.wrong);
        }
        printf("  %-38s %8zu states %9llu transitions %8.1e interleavings\n", worlds[i].name,
               x.states_count, (unsigned long long)x.transitions, x.paths[0]);
        states_count += (double)x.states_count;
        transitions += (double)x.transitions;
        paths += x.paths[0];
    }
    printf("  %-38s %8.0f states %9.0f transitions %8.1e interleavings\n", "all", states_count,
           transitions, paths);
    explorer_done(&x);
}

/* A mistake in the table: one row replaced, or a second row of the event that fits too. */
static const struct bug {
    const char *name;
    enum slot_event event;
    bool is_also;
    struct slot_row row;
} bugs[] = {
    { "TAKE ignores the sequence", SLOT_TAKE, false,
      { .from = SLOT_OFFERED, .to = SLOT_TAKEN, .sets_thread = true } },
    { "TAKE also from FREE", SLOT_TAKE, true,
      { .from = SLOT_FREE, .to = SLOT_TAKEN, .checks_sequence = true, .sets_thread = true } },
    { "TAKE also from DONE", SLOT_TAKE, true,
      { .from = SLOT_DONE, .to = SLOT_TAKEN, .checks_sequence = true, .sets_thread = true } },
    { "TAKE does not say who", SLOT_TAKE, false,
      { .from = SLOT_OFFERED, .to = SLOT_TAKEN, .checks_sequence = true } },
    { "OFFER keeps the sequence", SLOT_OFFER, false, { .from = SLOT_FREE, .to = SLOT_OFFERED } },
    { "WITHDRAW also from TAKEN", SLOT_WITHDRAW, true, { .from = SLOT_TAKEN, .to = SLOT_FREE } },
    { "WITHDRAW forgets to free", SLOT_WITHDRAW, false, { .from = SLOT_OFFERED, .to = SLOT_OFFERED } },
    { "RELEASE also from TAKEN", SLOT_RELEASE, true, { .from = SLOT_TAKEN, .to = SLOT_FREE } },
    { "RECLAIM while the taker lives", SLOT_RECLAIM, false, { .from = SLOT_TAKEN, .to = SLOT_FREE } },
    { "RECLAIM never", SLOT_RECLAIM, false, { .from = SLOT_STATES, .after_death = true } },
    { "FINISH ignores the sequence", SLOT_FINISH, false,
      { .from = SLOT_TAKEN, .to = SLOT_DONE, .checks_thread = true } },
    { "FINISH ignores sequence and thread", SLOT_FINISH, false,
      { .from = SLOT_TAKEN, .to = SLOT_DONE } },
    { "FINISH from OFFERED", SLOT_FINISH, false,
      { .from = SLOT_OFFERED, .to = SLOT_DONE, .checks_sequence = true } },
    { "FINISH straight to FREE", SLOT_FINISH, false,
      { .from = SLOT_TAKEN, .to = SLOT_FREE, .checks_sequence = true, .checks_thread = true } },
    { "CANCEL frees", SLOT_CANCEL, false,
      { .from = SLOT_TAKEN, .to = SLOT_FREE, .sets_flags = SLOT_CANCELLED } },
    { "CANCEL also from OFFERED", SLOT_CANCEL, true,
      { .from = SLOT_OFFERED, .to = SLOT_TAKEN, .sets_flags = SLOT_CANCELLED } },
};

static const struct faults small_worlds[] = {
    { 0 }, { .worker_kills = 1 }, { .edge_kills = 1 }, { .late = 1 }, { .doubled = 1 }, { .gone = 1 },
    { .finished_again = 1 }, { .worker_kills = 1, .late = 1 },
};

UNIT_TEST(every_mistake_in_the_table_is_found)
{
    struct explorer x;
    explorer_init(&x, sizeof(struct state), SMALL_MAX);
    for (size_t i = 0; i < ARRAY_LEN(bugs); i++) {
        struct slot_row table[SLOT_EVENTS];
        memcpy(table, slot_table, sizeof table);
        table[bugs[i].event] = bugs[i].row;
        struct rules rules = { table, NULL };
        if (bugs[i].is_also)
            rules = (struct rules){ slot_table, table };
        size_t states_count = 0;
        for (size_t w = 0; w < ARRAY_LEN(small_worlds) && (w == 0 || !x.wrong); w++) {
            explore(&x, &rules, &small_worlds[w]);
            states_count += x.states_count;
        }
        if (!x.wrong)
            fail_msg("%s: not found", bugs[i].name);
        printf("  %-36s %s (after %zu states)\n", bugs[i].name, x.wrong, states_count);
    }
    explorer_done(&x);
}

UNIT_MAIN(only_these_steps_exist, an_offer_begins_anew, sequence_zero_is_skipped,
          only_the_ticket_of_this_offer_takes, only_the_taker_finishes,
          cancel_flags_and_leaves_the_taker, a_word_survives_packing, try_tells_what_is_there,
          of_two_takers_and_a_withdrawal_one_wins, no_interleaving_breaks_a_promise,
          every_mistake_in_the_table_is_found)
