/* allow and deny: who comes in, in which order the lines ever stand. */
#include "unit.h"
#include <errno.h>
#include "conf/visitors.h"

static const struct {
    const char *why, *allow, *deny, *client;         /* client "": on a Unix socket */
    bool enters;
} cases[] = {
    { "no rule",                    "", "", "192.0.2.1", true },
    { "only deny, another",         "", "10.0.0.0/8", "192.0.2.1", true },
    { "only deny, him",             "", "10.0.0.0/8", "10.1.2.3", false },
    { "only allow, another",        "10.0.0.0/8", "", "192.0.2.1", false },
    { "only allow, him",            "10.0.0.0/8", "", "10.1.2.3", true },
    { "a host of a denied network", "10.0.0.5", "10.0.0.0/8", "10.0.0.5", true },
    { "... and its neighbour",      "10.0.0.5", "10.0.0.0/8", "10.0.0.6", false },
    { "a denied host of a network", "10.0.0.0/8", "10.0.0.5", "10.0.0.5", false },
    { "... and its neighbour",      "10.0.0.0/8", "10.0.0.5", "10.0.0.6", true },
    { "the same in both",           "10.0.0.0/8", "10.0.0.0/8", "10.0.0.1", false },
    { "deny all",                   "", "all", "192.0.2.1", false },
    { "deny all but",               "10.0.0.0/8", "all", "10.0.0.1", true },
    { "deny all, another",          "10.0.0.0/8", "all", "192.0.2.1", false },
    { "allow all but",              "all", "10.0.0.0/8", "10.0.0.1", false },
    { "allow all, another",         "all", "10.0.0.0/8", "2001:db8::1", true },
    { "all in both",                "all", "all", "192.0.2.1", false },
    { "IPv6",                       "2001:db8::/32", "", "2001:db8:1::1", true },
    { "... another",                "2001:db8::/32", "", "2001:db9::1", false },
    { "IPv4 is in no IPv6 network", "::/0", "", "192.0.2.1", false },
    { "IPv4 in IPv6",               "192.0.2.0/24", "", "::ffff:192.0.2.7", true },
    { "all of IPv4",                "0.0.0.0/0", "", "192.0.2.1", true },
    { "private",                    "private", "", "172.16.3.4", true },
    { "several words",              "10.0.0.0/8, 192.0.2.0/24 unix", "", "192.0.2.1", true },
    { "a Unix socket",              "unix", "", "", true },
    { "... not named",              "10.0.0.0/8", "", "", false },
    { "... is one of all",          "", "all", "", false },
    { "... named, of all",          "unix", "all", "", true },
    { "... denied",                 "", "unix", "", false },
};

static size_t read_list(struct visitors *v, const char *text)
{
    *v = (struct visitors){ .has_all = false };
    if (text[0])
        assert_int_equal(visitors_add(v, span_of(text)), 0);
    return text[0] ? 1 : 0;
}

UNIT_TEST(who_comes_in)
{
    static struct visitors allow, deny;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address client;
        bool has_address = address_read(span_of(cases[i].client), &client);
        size_t allows = read_list(&allow, cases[i].allow), denies = read_list(&deny, cases[i].deny);
        if (visitors_may_enter(&allow, allows, &deny, denies, has_address ? &client : NULL) != cases[i].enters)
            fail_msg("%s", cases[i].why);
    }
}

UNIT_TEST(the_order_of_lines_says_nothing)
{
    static struct visitors lists[2];
    struct address client;
    assert_true(address_read(SPAN("10.1.1.1"), &client));
    static const char *const texts[2] = { "10.0.0.0/8", "10.1.0.0/16" };
    for (int turn = 0; turn < 2; turn++) {
        static struct visitors deny;
        read_list(&lists[0], texts[turn]);
        read_list(&lists[1], texts[1 - turn]);
        read_list(&deny, "10.0.0.0/9");
        assert_true(visitors_may_enter(lists, 2, &deny, 1, &client));
        read_list(&deny, "10.1.1.0/24");
        assert_false(visitors_may_enter(lists, 2, &deny, 1, &client));
    }
}

UNIT_TEST(what_is_refused)
{
    static const char *const bad[] = { "", " ", ",", "everybody", "10.0.0.0/33", "10.0.0", "all10", "ALL", "::/129",
                                       "10.0.0.0/8 x", "example.com" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        static struct visitors v;
        v = (struct visitors){ .has_all = false };
        if (visitors_add(&v, span_of(bad[i])) != -EINVAL)
            fail_msg("\"%s\" is taken", bad[i]);
    }
    static struct visitors many;
    for (unsigned i = 0; i < NETWORKS_MAX; i++)
        assert_int_equal(visitors_add(&many, SPAN("10.0.0.1")), 0);
    assert_int_equal(visitors_add(&many, SPAN("10.0.0.1")), -E2BIG);
}

UNIT_MAIN(who_comes_in, the_order_of_lines_says_nothing, what_is_refused)
