/* The files that options name: read once each, looked at, and taken apart again. */
#include "unit.h"
#include <errno.h>
#include "conf/annex.h"
#include "temp_folder.h"

static char why[CONF_WHY_BYTES];

static struct conf *with(struct temp_folder *t, const char *site, const char *route)
{
    struct conf *c = conf_new();
    assert_int_equal(conf_set(c, SPAN("redirects"), span_of(temp_path(t, site)), CONF_INI, "f:1", why), 0);
    assert_int_equal(conf_begin_route(c, SPAN("/a"), "f:2", why), 0);
    assert_int_equal(conf_set_in_route(c, SPAN("basic-auth"), span_of(temp_path(t, route)), "f:3", why), 0);
    assert_int_equal(conf_make_routes(c, why), 0);
    return c;
}

UNIT_TEST(files_of_the_site_and_its_routes)
{
    struct temp_folder t;
    temp_make(&t);
    temp_write(&t, "moved", "/a /b\n");
    temp_write(&t, "people", "zoe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    struct conf *c = with(&t, "moved", "people");
    struct buf text = { 0 };
    struct annex_item item;
    assert_int_equal(annex_read(c, &text, why), 0);
    struct span rest = buf_span(&text);
    assert_int_equal(annex_next(&rest, &item), 1);           /* the route has it, too: sent once */
    assert_int_equal(item.kind, ANNEX_REDIRECTS);
    assert_span_equal(item.text, SPAN("/a /b\n"));
    assert_int_equal(annex_next(&rest, &item), 1);
    assert_int_equal(item.kind, ANNEX_PASSWORDS);
    assert_span_equal(item.path, span_of(c->routes[0].conf->basic_auth));
    assert_int_equal(annex_next(&rest, &item), 0);
    for (size_t cut = 1; cut < buf_len(&text); cut++) {
        int rc;
        rest = (struct span){ buf_span(&text).at, cut };
        while ((rc = annex_next(&rest, &item)) > 0)
            continue;
        assert_true(rc == -EBADMSG || (rc == 0 && rest.len == 0));
    }
    buf_done(&text);
    uint64_t stamp = annex_stamp(c);
    assert_true(stamp != 0 && stamp == annex_stamp(c));
    temp_write(&t, "people", "");
    assert_true(stamp != annex_stamp(c));
    conf_free(c);
    temp_done(&t);
}

UNIT_TEST(an_item_goes_in_whole_or_not_at_all)
{
    const struct annex_item page = { ANNEX_PAGE, SPAN("/a/404.html"), SPAN("<p>gone") };
    const struct annex_item empty = { ANNEX_TEMPLATE, SPAN("500"), SPAN("") };
    struct buf text = { .limit_bytes = 50 };
    struct annex_item item;
    assert_int_equal(annex_add(&text, &page), 0);
    assert_int_equal(annex_add(&text, &page), -EMSGSIZE);
    assert_int_equal(annex_add(&text, &empty), 0);
    struct span rest = buf_span(&text);
    assert_int_equal(annex_next(&rest, &item), 1);
    assert_true(item.kind == ANNEX_PAGE && span_eq(item.path, page.path) && span_eq(item.text, page.text));
    assert_int_equal(annex_next(&rest, &item), 1);
    assert_true(item.kind == ANNEX_TEMPLATE && span_eq(item.path, empty.path) && item.text.len == 0);
    assert_int_equal(annex_next(&rest, &item), 0);
    buf_done(&text);
}

UNIT_TEST(what_is_wrong_is_said)
{
    struct temp_folder t;
    char want[400];
    temp_make(&t);
    struct buf text = { 0 };
    temp_write(&t, "moved", "/a /b\n");
    temp_write(&t, "people", "zoe:secret\n");
    struct conf *c = with(&t, "moved", "people");
    assert_int_equal(annex_read(c, &text, why), -EBADMSG);
    (void)snprintf(want, sizeof want, "%s:1: a password in plain text: make it anew by htpasswd -B",
                   temp_path(&t, "people"));
    assert_string_equal(why, want);
    conf_free(c);
    c = with(&t, "moved", "nobody");
    assert_int_equal(annex_read(c, &text, why), -ENOENT);
    (void)snprintf(want, sizeof want, "cannot read %s: No such file or directory", temp_path(&t, "nobody"));
    assert_string_equal(why, want);
    conf_free(c);
    buf_done(&text);
    temp_done(&t);
}

UNIT_TEST(nothing_is_named)
{
    struct conf *c = conf_new();
    struct buf text = { 0 };
    assert_int_equal(annex_read(c, &text, why), 0);
    assert_int_equal(buf_len(&text), 0);
    assert_int_equal(annex_stamp(c), 0);
    conf_free(c);
}

UNIT_MAIN(files_of_the_site_and_its_routes, an_item_goes_in_whole_or_not_at_all, what_is_wrong_is_said, nothing_is_named)
