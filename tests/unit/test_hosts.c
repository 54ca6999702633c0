#include <errno.h>
#include <stdio.h>
#include "unit.h"
#include "no_memory.h"
#include "serve/hosts.h"

static int one, two, rest;

static int add(struct hosts *h, const char *name, void *whose)
{
    return hosts_add(h, span_of(name), whose);
}

static const struct {
    const char *host;
    void *whose;
} wanted[] = {
    { "example.com", &one },        { "EXAMPLE.com", &one },     { "example.com:8443", &one },
    { "example.com.", &one },       { "example.com.:80", &one }, { "www.example.com", &two },
    { "a.b.example.com", &two },    { "special.example.com", &one }, { "x.special.example.com", &two },
    { "com", &rest },               { "xexample.com", &rest },   { ".example.com", &two },
    { "", &rest },                  { ".", &rest },              { "[::1]", &two },
    { "[::1]:80", &two },           { "[::2]", &rest },          { "127.0.0.1:80", &one },
};

UNIT_TEST(a_host_leads_to_its_site)
{
    struct hosts h = { 0 };
    assert_null(hosts_find(&h, SPAN("example.com")));
    assert_int_equal(add(&h, "example.com", &one), 0);
    assert_int_equal(add(&h, "*.example.com", &two), 0);
    assert_int_equal(add(&h, "Special.Example.com", &one), 0);
    assert_int_equal(add(&h, "[::1]", &two), 0);
    assert_int_equal(add(&h, "127.0.0.1", &one), 0);
    assert_null(hosts_find(&h, SPAN("other.org")));
    assert_int_equal(add(&h, "*", &rest), 0);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (hosts_find(&h, span_of(wanted[i].host)) != wanted[i].whose)
            fail_msg("%s", wanted[i].host);
    hosts_done(&h);
}

UNIT_TEST(a_name_is_one_site_s)
{
    struct hosts h = { 0 };
    assert_int_equal(add(&h, "example.com", &one), 0);
    assert_int_equal(add(&h, "EXAMPLE.com.", &one), 0);
    assert_int_equal(h.count, 1);
    assert_int_equal(add(&h, "example.com", &two), -EEXIST);
    assert_int_equal(add(&h, "*", &one), 0);
    assert_int_equal(add(&h, "*", &two), -EEXIST);
    hosts_remove(&h, &one);
    assert_int_equal(h.count, 0);
    assert_null(hosts_find(&h, SPAN("example.com")));
    assert_int_equal(add(&h, "example.com", &two), 0);
    hosts_done(&h);
}

UNIT_TEST(a_name_changes_its_owner)
{
    struct hosts h = { 0 };
    assert_null(hosts_owner(&h, SPAN("*")));
    hosts_give(&h, SPAN("none.org"), &two);              /* nobody's: stays so */
    assert_int_equal(add(&h, "*.example.com", &one), 0);
    assert_int_equal(add(&h, "*", &one), 0);
    assert_null(hosts_owner(&h, SPAN("none.org")));
    assert_null(hosts_owner(&h, SPAN("www.example.com")));
    assert_ptr_equal(hosts_owner(&h, SPAN("*.EXAMPLE.com.")), &one);
    hosts_give(&h, SPAN("*.Example.com"), &two);
    hosts_give(&h, SPAN("*"), &rest);
    assert_ptr_equal(hosts_find(&h, SPAN("www.example.com")), &two);
    assert_ptr_equal(hosts_find(&h, SPAN("none.org")), &rest);
    hosts_remove(&h, &one);
    assert_int_equal(h.count, 1);
    hosts_done(&h);
}

UNIT_TEST(a_thousand_names)
{
    struct hosts h = { 0 };
    char name[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%s%d.example.org", i % 2 ? "*." : "", i * 7919 % 1000);
        assert_int_equal(add(&h, name, i % 2 ? &one : &two), 0);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%s%d.example.org", i % 2 ? "x." : "", i * 7919 % 1000);
        assert_ptr_equal(hosts_find(&h, span_of(name)), i % 2 ? &one : &two);
    }
    hosts_done(&h);
}

UNIT_TEST(names_that_are_too_long_are_nobody_s)
{
    struct hosts h = { 0 };
    char name[300];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(add(&h, "example.com", &one), 0);
    assert_null(hosts_find(&h, span_of(name)));
    assert_int_equal(add(&h, name, &one), -ENAMETOOLONG);
    heap_left = 0;
    assert_int_equal(add(&h, "x", &one), -ENOMEM);
    heap_left = UINT32_MAX;
    assert_int_equal(h.count, 1);
    hosts_done(&h);
}

UNIT_MAIN(a_host_leads_to_its_site, a_name_is_one_site_s, a_name_changes_its_owner, a_thousand_names, names_that_are_too_long_are_nobody_s)
