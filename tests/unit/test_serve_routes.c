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

UNIT_TEST(the_most_specific_pattern_is_on_top)
{
    struct conf *c = with_routes(patterns);
    struct routes *r = routes_lent(c);
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
    struct routes *r = routes_lent(c);
    assert_ptr_equal(routes_find(r, SPAN("/x"))->conf, c);
    routes_let(r);
    conf_free(c);
}

UNIT_TEST(of_equals_the_first_counts)
{
    struct conf *c = with_routes((const char *const[]){ "*ab", "/a*", NULL });
    struct routes *r = routes_lent(c);
    assert_span_equal(routes_find(r, SPAN("/ab"))->pattern, SPAN("*ab"));
    routes_let(r);
    conf_free(c);
}

/* Lines with '|' between; what the option is for the path. */
static const struct {
    const char *why, *lines, *path;
    enum conf_option option;
    const char *wanted;
} added[] = {
    { "what the inner one leaves unsaid", "[/a]|allow=10.0.0.0/8|[/a/b]|retry=no", "/a/b/c", CONF_allow, "10.0.0.0/8" },
    { "whatever the order in the file", "[/a/b]|retry=no|[/a]|allow=10.0.0.0/8", "/a/b/c", CONF_allow, "10.0.0.0/8" },
    { "across", "[/a]|allow=10.0.0.0/8|[*.aspx]|retry=no", "/a/x.aspx", CONF_allow, "10.0.0.0/8" },
    { "the inner one's word", "[/a]|harakiri=1s|[/a/b]|harakiri=2s", "/a/b", CONF_harakiri_ms, "2s" },
    { "not where it is not", "[/a]|harakiri=1s|[/a/b]|harakiri=2s", "/a/c", CONF_harakiri_ms, "1s" },
    { "fields of all", "header=A: 1|[/a]|header=B: 2|[/a/b]|header=C: 3", "/a/b", CONF_header, "A: 1, B: 2, C: 3" },
    { "one value a field", "header=A: 1|header=B: 2|[/a]|header=a: 3", "/a", CONF_header, "B: 2, a: 3" },
    { "a field is taken off", "header=A: 1|header=B: 2|[/a]|header-remove=A", "/a", CONF_header, "B: 2" },
    { "and given again", "header-remove=A|[/a]|header=A: 1", "/a", CONF_header_remove, "" },
    { "both in one", "[/a]|header-remove=A|header=A: 1", "/a", CONF_header, "A: 1" },
    { "pages of all", "error-page=404 a|[/a]|error-page=413 b", "/a", CONF_error_page, "404 a, 413 b" },
    { "whom the inner one lets in", "allow=10.0.0.0/8|[/a]|allow=private", "/a", CONF_allow, "private" },
    { "who stays out", "deny=10.1.0.0/16|[/a]|deny=10.2.0.0/16", "/a", CONF_deny, "10.1.0.0/16, 10.2.0.0/16" },
    { "closed, and open beneath", "[/a]|deny=all|[/a/b]|allow=all", "/a/b", CONF_deny, "" },
    { "open, and closed beneath", "[/a]|allow=all|[/a/b]|deny=all", "/a/b", CONF_allow, "" },
    { "a password is no more asked for", "[/a]|basic-auth=x|[/a/b]|basic-auth=", "/a/b", CONF_basic_auth, "" },
    { "others only replace", "static-cors=https://a.org|[/a]|static-cors=https://b.org", "/a", CONF_static_cors, "https://b.org" },
};

static struct conf *read(const char *lines)
{
    struct buf text = { 0 };
    struct conf *c = conf_new();
    for (; *lines; lines++)
        assert_int_equal(buf_add(&text, (struct span){ *lines == '|' ? "\n" : lines, 1 }), 0);
    if (conf_read_text(c, buf_span(&text), why) < 0)
        fail_msg("%s", why);
    buf_done(&text);
    return c;
}

UNIT_TEST(sections_add_up)
{
    for (size_t i = 0; i < ARRAY_LEN(added); i++) {
        struct buf text = { 0 };
        struct conf *c = read(added[i].lines);
        struct routes *r = routes_lent(c);
        const struct conf *holds = routes_find(r, span_of(added[i].path))->conf;
        assert_int_equal(conf_value_text(holds, added[i].option, &text), 0);
        if (!span_eq(buf_span(&text), span_of(added[i].wanted)))
            fail_msg("%s: \"%.*s\"", added[i].why, (int)buf_len(&text), buf_span(&text).at);
        buf_done(&text);
        routes_let(r);
        conf_free(c);
    }
}

UNIT_TEST(lists_have_a_bound)
{
    char line[32];
    struct conf *c = conf_new();
    for (unsigned n = 0; n < 3; n++) {
        if (n > 0)
            assert_int_equal(conf_begin_route(c, n == 1 ? SPAN("/a") : SPAN("/a/b"), "here", why), 0);
        for (unsigned i = 0; n > 0 && i < CONF_LIST_MAX / 2 + n - 1; i++) {
            (void)snprintf(line, sizeof line, "X-%u-%u: 1", n, i);
            assert_int_equal(conf_set_in_route(c, SPAN("header"), span_of(line), "here", why), 0);
        }
    }
    assert_int_equal(conf_make_routes(c, why), -EBADMSG);
    assert_string_equal(why, "[route /a/b] and what else holds there have more than 64 lines of one option");
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
    struct routes *r = routes_lent(c);
    assert_ptr_equal(routes_find(r, span_of(path))->conf, c);
    routes_let(r);
    conf_free(c);
}

UNIT_MAIN(the_most_specific_pattern_is_on_top, without_sections_the_site_counts, of_equals_the_first_counts,
          sections_add_up, lists_have_a_bound,
          many_stars_cost_no_more_than_pairs_of_places)
