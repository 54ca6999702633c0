#include "unit.h"
#include "conf/conf.h"
#include "serve/routes.h"

static char why[CONF_WHY_BYTES];

static struct conf *with_routes(const char *const *patterns)
{
    struct conf *c = conf_new();
    for (; *patterns; patterns++)
        assert_int_equal(conf_begin_route(c, span_of(*patterns), "here", why), 0);
    assert_int_equal(conf_make_routes(c, why), 0);
    return c;
}

static const char *const patterns[] = { "/api", "/api/v2/", "/api/v2/up", "*.csv", "/a*z", "/api/*.csv", "/", "*", NULL };

static const struct {
    const char *path, *pattern;
} wanted[] = {
    { "/api", "/api" },
    { "/api/", "/api" },
    { "/api/x", "/api" },
    { "/apix", "/" },
    { "/api/v2", "/api" },
    { "/api/v2/", "/api/v2/" },
    { "/api/v2/upper", "/api/v2/" },
    { "/api/v2/up", "/api/v2/up" },
    { "/api/v2/up/x", "/api/v2/up" },
    { "/x.csv", "*.csv" },
    { "/x.csv/y", "/" },
    { "/api/x.csv", "/api/*.csv" },
    { "/api/x/y.csv", "/api/*.csv" },
    { "/api/v2/up.csv", "/api/*.csv" },
    { "/az", "/a*z" },
    { "/abz", "/a*z" },
    { "/abzc", "/" },
    { "/aazzaz", "/a*z" },
    { "*", "*" },
    { "", "*" },
};

UNIT_TEST(the_most_specific_pattern_counts)
{
    struct conf *c = with_routes(patterns);
    struct routes *r = routes_new(c, NULL, true);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct route *found = routes_find(r, span_of(wanted[i].path));
        if (!span_eq(found->pattern, span_of(wanted[i].pattern)))
            fail_msg("%s: %.*s, not %s", wanted[i].path, (int)found->pattern.len, found->pattern.at,
                     wanted[i].pattern);
    }
    routes_let(r);
    conf_free(c);
}

UNIT_TEST(without_sections_the_site_counts)
{
    struct conf *c = with_routes((const char *const[]){ NULL });
    struct routes *r = routes_new(c, NULL, true);
    assert_ptr_equal(routes_find(r, SPAN("/x"))->conf, c);
    routes_let(r);
    conf_free(c);
}

UNIT_TEST(of_equals_the_first_counts)
{
    struct conf *c = with_routes((const char *const[]){ "*ab", "/a*", NULL });
    struct routes *r = routes_new(c, NULL, true);
    assert_ptr_equal(routes_find(r, SPAN("/ab"))->conf, c->routes[0].conf);
    routes_let(r);
    conf_free(c);
}

UNIT_TEST(many_stars_cost_no_more_than_pairs_of_places)
{
    char path[4096], pattern[1000];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    for (size_t i = 0; i + 2 < sizeof pattern; i += 2)
        memcpy(pattern + i, "*a", 2);
    memcpy(pattern + sizeof pattern - 2, "b", 2);
    struct conf *c = with_routes((const char *const[]){ pattern, NULL });
    struct routes *r = routes_new(c, NULL, true);
    assert_ptr_equal(routes_find(r, span_of(path)), &r->site);
    routes_let(r);
    conf_free(c);
}

UNIT_MAIN(the_most_specific_pattern_counts, without_sections_the_site_counts, of_equals_the_first_counts,
          many_stars_cost_no_more_than_pairs_of_places)
