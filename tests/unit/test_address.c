#include "unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include "base/address.h"

static const struct { const char *text, *want; } spellings[] = {       /* want NULL: refused */
    { "192.0.2.1", "192.0.2.1" },
    { "0.0.0.0", "0.0.0.0" },
    { "2001:DB8:0::1", "2001:db8::1" },
    { "::ffff:192.0.2.1", "192.0.2.1" },
    { "::", "::" },
    { "", NULL },
    { "192.0.2", NULL },
    { "192.0.2.256", NULL },
    { "192.0.2.01", NULL },
    { " 192.0.2.1", NULL },
    { "192.0.2.1:80", NULL },
    { "[::1]", NULL },
    { "fe80::1%lo", NULL },
    { "localhost", NULL },
    { "2001:0db8:0000:0000:0000:0000:0000:0001:0002", NULL },
    { "1111:1111:1111:1111:1111:1111:111.111.111.1111", NULL },
};

UNIT_TEST(an_address_is_read_and_spelled)
{
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        char text[ADDRESS_TEXT_BYTES];
        struct address a;
        bool is_read = address_read(span_of(spellings[i].text), &a);
        if (is_read != (spellings[i].want != NULL))
            fail_msg("%s: %d", spellings[i].text, is_read);
        if (is_read)
            assert_string_equal(address_text(&a, text).at, spellings[i].want);
    }
}

static bool is_loopback(const char *text)
{
    struct address a;
    assert_true(address_read(span_of(text), &a));
    return address_is_loopback(&a);
}

UNIT_TEST(which_addresses_are_this_machine_itself)
{
    assert_true(is_loopback("127.0.0.1") && is_loopback("127.255.255.255") && is_loopback("::1"));
    assert_true(is_loopback("::ffff:127.0.0.1"));
    assert_false(is_loopback("126.255.255.255") || is_loopback("128.0.0.1") || is_loopback("::2"));
    assert_false(is_loopback("::") || is_loopback("0.0.0.0") || is_loopback("7f00::1"));
}

UNIT_TEST(a_nul_does_not_end_an_address)
{
    struct address a;
    assert_false(address_read((struct span){ "1.2.3.4\0x", 9 }, &a));
}

UNIT_TEST(the_address_of_a_socket)
{
    char text[ADDRESS_TEXT_BYTES];
    struct address a;
    uint16_t port = 0;
    union {                          /* room for every family, as accept() is given it */
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } from;
    from.four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(80) };
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &from.four.sin_addr), 1);
    assert_true(address_of_peer(&from.any, &a, &port));
    assert_string_equal(address_text(&a, text).at, "192.0.2.1");
    assert_int_equal(port, 80);
    from.six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(81) };
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.2", &from.six.sin6_addr), 1);
    assert_true(address_of_peer(&from.any, &a, &port));
    assert_string_equal(address_text(&a, text).at, "192.0.2.2");     /* of a socket of both families */
    assert_int_equal(port, 81);
    from.any.sa_family = AF_UNIX;
    assert_false(address_of_peer(&from.any, &a, NULL));
}

static const struct { const char *why, *networks, *address; bool is_in; } members[] = {
    { "one address", "192.0.2.1", "192.0.2.1", true },
    { "its neighbour", "192.0.2.1", "192.0.2.2", false },
    { "a prefix", "10.0.0.0/8", "10.255.0.1", true },
    { "beyond it", "10.0.0.0/8", "11.0.0.0", false },
    { "a prefix within a byte, the first", "172.16.0.0/12", "172.16.0.0", true },
    { "... the last", "172.16.0.0/12", "172.31.255.255", true },
    { "... the next", "172.16.0.0/12", "172.32.0.0", false },
    { "bits past the prefix do not count", "10.1.2.3/8", "10.9.9.9", true },
    { "one bit", "128.0.0.0/1", "255.0.0.0", true },
    { "... the other half", "128.0.0.0/1", "127.0.0.0", false },
    { "31 bits", "192.0.2.2/31", "192.0.2.3", true },
    { "all of IPv4", "0.0.0.0/0", "203.0.113.1", true },
    { "... and none of IPv6", "0.0.0.0/0", "2001:db8::1", false },
    { "all of IPv6", "::/0", "2001:db8::1", true },
    { "... and none of IPv4", "::/0", "192.0.2.1", false },
    { "IPv6", "2001:db8::/32", "2001:db8:ffff::1", true },
    { "... beyond it", "2001:db8::/32", "2001:db9::1", false },
    { "127 bits", "2001:db8::2/127", "2001:db8::3", true },
    { "IPv4 as IPv6 spells it", "::ffff:192.0.2.0/120", "192.0.2.9", true },
    { "several", "192.0.2.1, 2001:db8::1 198.51.100.0/24", "198.51.100.7", true },
    { "loopback", "loopback", "127.9.9.9", true },
    { "loopback is not private", "loopback", "10.0.0.1", false },
    { "private", "private", "192.168.1.1", true },
    { "private: unique local", "private", "fd00::1", true },
    { "private: link local is not", "private", "fe80::1", false },
    { "private has loopback", "private", "::1", true },
    { "public is not private", "private", "8.8.8.8", false },
    { "unix is nobody with an address", "unix", "127.0.0.1", false },
};

UNIT_TEST(who_is_in_a_network)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct networks n = { 0 };
        struct address a;
        assert_int_equal(networks_add(&n, span_of(members[i].networks)), 0);
        assert_true(address_read(span_of(members[i].address), &a));
        if (networks_have(&n, &a) != members[i].is_in)
            fail_msg("%s", members[i].why);
    }
}

UNIT_TEST(what_is_no_network_is_refused)
{
    static const char *const wrong[] = { "", " ", ",", "*", "all", "10", "10.0.0.0/33", "::/129", "10.0.0.0/",
                                         "10.0.0.0/-1", "/8", "10.0.0.0/8x", "localhost", "10.0.0.1 x",
                                         "UNIX" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct networks n = { 0 };
        if (networks_add(&n, span_of(wrong[i])) != -EINVAL)
            fail_msg("'%s'", wrong[i]);
    }
}

UNIT_TEST(a_set_has_a_bound)
{
    struct networks n = { 0 };
    for (unsigned i = 0; i < NETWORKS_MAX; i++)
        assert_int_equal(networks_add(&n, SPAN("192.0.2.1")), 0);
    assert_int_equal(networks_add(&n, SPAN("192.0.2.1")), -E2BIG);
    assert_int_equal(networks_add(&n, SPAN("unix")), 0);
    assert_true(n.has_unix);
}

UNIT_MAIN(an_address_is_read_and_spelled, which_addresses_are_this_machine_itself,
          a_nul_does_not_end_an_address, the_address_of_a_socket, who_is_in_a_network, what_is_no_network_is_refused, a_set_has_a_bound)
