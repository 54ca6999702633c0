/* Sections of slipway.ini: options of some paths. */
#include "conf_stage.h"
#include "conf/conf.h"
#include "no_memory.h"

UNIT_TEST(a_section_is_the_site_with_its_own_options)
{
    struct conf *c = conf_new();
    assert_int_equal(read_ini(c, "[slipway]\nbody-limit = 1M\nmask-query=a\n[route /api]\nbody-limit = 2M\n"
                                 "[route /api/upload]\n[route *.csv] ; comment\ncompress=no\nbody-limit=3M\n"),
                     0);
    assert_int_equal(ENVIRONMENT(c, "SLIPWAY_BODY_LIMIT=5M", "SLIPWAY_HARAKIRI=7"), 0);
    assert_int_equal(conf_make_routes(c, why), 0);
    assert_int_equal(c->routes_count, 3);
    assert_string_equal(c->routes[0].pattern, "/api");
    assert_int_equal(c->routes[0].conf->body_limit_bytes, 2 << 20);
    assert_int_equal(c->routes[0].conf->harakiri_ms, 7000);
    assert_string_equal(conf_origin_text(c->routes[0].conf, CONF_body_limit_bytes), "slipway.ini:5");
    assert_int_equal(c->routes[1].conf->body_limit_bytes, 5 << 20);
    assert_string_equal(c->routes[1].conf->mask_query, "a");
    assert_string_equal(c->routes[2].pattern, "*.csv");
    assert_false(c->routes[2].conf->compress);
    assert_true(c->compress);
    conf_free(c);
}

UNIT_TEST(sections_go_to_text_and_back)
{
    struct conf *c = conf_new(), *copy = conf_new();
    struct buf text = { 0 }, again = { 0 };
    assert_int_equal(read_ini(c, "[route /a]\nbody-limit=9\nwall=no\n[route /b c=d]\n[route /[x]]\nretry=no\n"), 0);
    assert_int_equal(conf_make_routes(c, why), 0);
    assert_int_equal(conf_write(c, &text), 0);
    assert_int_equal(conf_read_text(copy, buf_span(&text), why), 0);
    assert_int_equal(copy->routes_count, 3);
    assert_int_equal(copy->routes[0].conf->body_limit_bytes, 9);
    assert_string_equal(copy->routes[1].pattern, "/b c=d");
    assert_string_equal(copy->routes[2].pattern, "/[x]");
    assert_int_equal(conf_write(copy, &again), 0);
    assert_true(span_eq(buf_span(&text), buf_span(&again)));
    buf_done(&text);
    buf_done(&again);
    conf_free(c);
    conf_free(copy);
}

static const struct {
    const char *text, *sentence;
} bad_sections[] = {
    { "[route /a]\nworkers=2\n", "slipway.ini:2: 'workers' is an option of the whole site: it stands under [slipway]" },
    { "[route /a]\nlisten=:1\n", "slipway.ini:2: 'listen' is an option of the whole server: it stands under [slipway]" },
    { "[route /a]\nretry=yes\nretry=no\n", "slipway.ini:3: 'retry' was set in line 2 already" },
    { "[route a]\n", "slipway.ini:1: [route ...] takes a path such as /api, or a pattern such as *.pdf (no regular expressions), not 'a'" },
    { "[route /a]\n[route /a]\n", "slipway.ini:2: [route ...] takes a path that has no section yet, not '/a'" },
    { "[route /a]\n[slipway]\n", "slipway.ini:2: [slipway] stands above all [route] sections" },
    { "[route /a]\nretry=no\n= 5\n", "slipway.ini:3: an option without a name" },
    { "[rout /a]\n", "slipway.ini:1: section [rout /a] is unknown, options stand under [slipway], or for some paths "
                     "under [route /PATH]" },
    { "nonsense\n[rout /a]\n", "slipway.ini:1: neither 'name = value' nor '[slipway]'" },
    { "[rout /a]\nnonsense\n", "slipway.ini:1: section [rout /a] is unknown, options stand under [slipway], or for "
                               "some paths under [route /PATH]" },
    { "[route /a]\nbody-limit=much\n", NULL },
    { "[route /a]\nbody-limt=1\n", NULL },
};

UNIT_TEST(wrong_sections_are_refused_with_their_line)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_sections); i++) {
        struct conf *c = conf_new();
        int rc = read_ini(c, bad_sections[i].text);
        if (bad_sections[i].sentence) {
            assert_int_equal(rc, -EBADMSG);
            assert_string_equal(why, bad_sections[i].sentence);
        } else {
            assert_int_equal(rc, 0);
        }
        rc = conf_make_routes(c, why);
        assert_int_equal(rc, bad_sections[i].sentence ? 0 : -EBADMSG);
        assert_int_equal(c->routes_count, 0);
        conf_free(c);
    }
    assert_string_equal(why, "slipway.ini:2: unknown option 'body-limt', did you mean 'body-limit'?");
}

UNIT_TEST(a_thousand_sections_are_the_most)
{
    struct conf *c = conf_new();
    char pattern[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(pattern, sizeof pattern, "/%d", i);
        assert_int_equal(conf_begin_route(c, span_of(pattern), "here", why), 0);
        for (int line = 0; line < 50; line++)
            assert_int_equal(conf_set_in_route(c, SPAN("header"), SPAN("A: b"), "here", why), 0);
    }
    assert_int_equal(conf_begin_route(c, SPAN("/more"), "here:9", why), -EBADMSG);
    assert_string_equal(why, "here:9: [route ...] takes its place among at most 1000 sections, not '/more'");
    assert_int_equal(conf_begin_route(c, SPAN("/0"), "here:9", why), -EBADMSG);
    assert_int_equal(conf_make_routes(c, why), 0);
    assert_int_equal(c->routes_count, 1000);
    assert_string_equal(c->routes[999].pattern, "/999");
    assert_int_equal(c->routes[999].conf->header.count, 50);
    conf_free(c);
}

UNIT_TEST(without_memory_there_are_no_routes)
{
    struct conf *c = conf_new();
    assert_int_equal(read_ini(c, "[route /a]\nmask-query=x\n[route /b]\n"), 0);
    int rc = -ENOMEM;
    for (unsigned n = 0; rc < 0; n++) {
        heap_left = n;
        rc = conf_make_routes(c, why);
        heap_left = UINT32_MAX;
        assert_true(rc == 0 || (rc == -ENOMEM && c->routes_count == 0));
    }
    assert_int_equal(c->routes_count, 2);
    conf_free(c);
}

UNIT_MAIN(a_section_is_the_site_with_its_own_options, sections_go_to_text_and_back,
          wrong_sections_are_refused_with_their_line, a_thousand_sections_are_the_most,
          without_memory_there_are_no_routes)
