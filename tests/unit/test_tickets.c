/* test_tickets.c - which key seals, which still opens. */
#include "unit.h"
#include "tls/tickets.h"

enum { LIFE_S = 3000, PERIOD_S = 1000, START_S = 1000000 };

static struct tickets t;

static void renew(int64_t now_s, char name)
{
    unsigned char random[TICKET_RANDOM_BYTES];
    memset(random, name, sizeof random);
    tickets_renew(&t, now_s, random);
}

static const struct ticket_key *find(int64_t now_s, char name)
{
    unsigned char text[TICKET_NAME_BYTES];
    memset(text, name, sizeof text);
    return tickets_find(&t, text, now_s, LIFE_S);
}

UNIT_TEST(without_a_key)
{
    memset(&t, 0, sizeof t);
    assert_null(tickets_newest(&t));
    assert_null(find(START_S, '\0'));
}

UNIT_TEST(a_ticket_opens_for_all_of_its_life)
{
    memset(&t, 0, sizeof t);
    assert_int_equal(tickets_period_s(LIFE_S), PERIOD_S);
    renew(START_S, 'a');
    assert_int_equal(tickets_newest(&t)->name[0], 'a');
    for (int i = 1; i < 40; i++) {
        int64_t now_s = START_S + i * PERIOD_S;
        char before = (char)('a' + i - 1);
        renew(now_s, (char)('a' + i));
        assert_ptr_equal(tickets_newest(&t), find(now_s, (char)('a' + i)));
        /* Sealed in the last second of its time, wanted at the end of the session's life. */
        assert_non_null(find(now_s - 1 + LIFE_S, before));
        assert_null(find(now_s + LIFE_S, before));
        if (i >= TICKETS_KEPT)
            assert_null(find(now_s, (char)('a' + i - TICKETS_KEPT)));
    }
}

UNIT_TEST(a_short_life_has_a_period)
{
    assert_int_equal(tickets_period_s(1), 1);
    assert_int_equal(tickets_period_s(0), 1);
}

UNIT_MAIN(without_a_key, a_ticket_opens_for_all_of_its_life, a_short_life_has_a_period)
