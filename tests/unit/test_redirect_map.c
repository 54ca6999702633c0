/* Files of pages that have moved: where each leads, and what is refused. */
#include "unit.h"
#include <errno.h>
#include "conf/conf.h"
#include "conf/redirect_map.h"
#include "no_memory.h"

static const char moved[] =
    "# old things\n\n"
    "/old            /new\r\n"
    "/temp\t/t 307  \n"
    "/page.php?id=3  /three\n"
    "/page.php       /pages?all=1 308\n"
    "/caf%C3%A9      /coffee\n"
    "/b/*            /a/*\n"
    "/b/c/*          /d\n"
    "/b/c/special    https://example.com:8443/x?y=z#top\n"
    "/bb/*           https://example.com/*\n"
    "/to             /\xc3\xbc\"<\n"
    "/%3Fq           /question\n";

static const struct {
    const char *path, *query, *new, *rest;       /* new NULL: none */
    unsigned status;
} asked[] = {
    { "/old", "", "/new", "", 301 },
    { "/old", "a=b", "/new", "", 301 },
    { "/old/", "", NULL, "", 0 },
    { "/ol", "", NULL, "", 0 },
    { "/temp", "", "/t", "", 307 },
    { "/page.php", "id=3", "/three", "", 301 },
    { "/page.php", "id=4", "/pages?all=1", "", 308 },
    { "/page.php", "", "/pages?all=1", "", 308 },
    { "/page.php?id=3", "", NULL, "", 0 },
    { "/caf\xc3\xa9", "", "/coffee", "", 301 },
    { "/b/", "", "/a/", "", 301 },
    { "/b", "", NULL, "", 0 },
    { "/b/x/y", "q", "/a/", "x/y", 301 },
    { "/b/c", "", "/a/", "c", 301 },
    { "/b/c/z", "", "/d", "z", 301 },
    { "/b/c/special", "", "https://example.com:8443/x?y=z#top", "", 301 },
    { "/b/zz", "", "/a/", "zz", 301 },
    { "/bb/zz", "", "https://example.com/", "zz", 301 },
    { "/bbb", "", NULL, "", 0 },
    { "/to", "", "/%C3%BC%22%3C", "", 301 },
    { "/?q", "", "/question", "", 301 },
    { "/", "q", NULL, "", 0 },
};

UNIT_TEST(where_pages_lead)
{
    struct redirect_map m = { 0 };
    char why[CONF_WHY_BYTES] = "";
    if (redirect_map_read(&m, span_of(moved), "f", why) != 0)
        fail_msg("%s", why);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct span rest;
        const struct redirect_row *row =
            redirect_map_find(&m, span_of(asked[i].path), span_of(asked[i].query), &rest);
        if (!row != !asked[i].new)
            fail_msg("%s?%s: %s", asked[i].path, asked[i].query, row ? "found" : "not found");
        if (!row)
            continue;
        assert_span_equal(row->new, span_of(asked[i].new));
        assert_span_equal(rest, span_of(asked[i].rest));
        assert_int_equal(row->status, asked[i].status);
    }
    redirect_map_done(&m);
}

static const struct {
    const char *why, *text, *says;        /* says NULL: taken */
} files[] = {
    { "nothing",            "", NULL },
    { "one word",           "/a\n", "f:1: OLD NEW [STATUS] is expected, such as /old /new 301" },
    { "four words",         "/a /b 301 x", "f:1: OLD NEW [STATUS] is expected, such as /old /new 301" },
    { "another status",     "\n/a /b 200", "f:2: STATUS is 301, 302, 303, 307 or 308" },
    { "no path",            "a /b", "f:1: OLD is a path that begins with '/'" },
    { "a URL",              "http://x/a /b", "f:1: OLD is a path that begins with '/'" },
    { "a fragment",         "/a#b /b", "f:1: OLD is a path that begins with '/'" },
    { "a star within",      "/a*b /b", "f:1: '*' may only stand at the end, behind a '/'" },
    { "a star of a name",   "/a* /b", "f:1: '*' may only stand at the end, behind a '/'" },
    { "a star for nothing", "/a /b/*", "f:1: NEW ends with '*', OLD does not" },
    { "a star in a query",  "/a/* /b?x/*", "f:1: NEW has '*' where no path is" },
    { "a star for a host",  "/a/* https://*", "f:1: a host behind http:// or https://" },
    { "a star in a host",   "/a/* https://example.com*", "f:1: '*' may only stand at the end, behind a '/'" },
    { "above the root",     "/../a /b", "f:1: OLD has a malformed escape, or leads above '/'" },
    { "half an escape",     "/a /b%2", "f:1: NEW has a malformed escape, or leads above '/'" },
    { "another site",       "/a //evil.example/", "f:1: a path with one '/' at its beginning" },
    { "... by browsers",    "/a /\\evil.example/", "f:1: a path with one '/' at its beginning" },
    { "a script",           "/a javascript:alert(1)",
      "f:1: a path that begins with '/', or a URL that begins with http:// or https://" },
    { "a user in a host",   "/a https://a@b/", "f:1: a host behind http:// or https://" },
    { "a control byte",     "/a /b\x01", "f:1: no blank and no control character" },
    { "a page twice",       "/a /b\n/x /y\n/%61 /c\n", "f:3: the page of line 1 again: remove one of them" },
    { "a beginning twice",  "/a/* /b\n/a/* /c\n", "f:2: the page of line 1 again: remove one of them" },
    { "a circle of one",    "/a /a", "f:1: the page leads back to itself" },
    { "... by an escape",   "/a /%61", "f:1: the page leads back to itself" },
    { "... with a query",   "/a /a?x=1", "f:1: the page leads back to itself" },
    { "... for a query",    "/a?x=1 /a?x=1", "f:1: the page leads back to itself" },
    { "out of a query",     "/a?x=1 /a", NULL },
    { "a circle of two",    "/a /b\n/b /a\n", "f:1: the page leads back to itself" },
    { "... through a prefix", "/a/x /b/x\n/b/* /a/*\n", "f:1: the page leads back to itself" },
    { "a beginning that grows", "/a/* /a/b/*", "f:1: the page leads back to itself" },
    { "everything to one page", "/* /new", "f:1: the page leads back to itself" },
    { "... of another site", "/* https://example.com/*", NULL },
    { "a beginning that shrinks", "/a/b/* /a/*", NULL },
    { "a circle of three",  "/c/y/* /a/x/y/*\n/a/* /b/*\n/b/x/* /c/*\n", "f:1: the page leads back to itself" },
    { "a chain",            "/0 /1\n/1 /2\n/2 /3\n/3 /4\n/4 /5\n/5 /6\n/6 /7\n/7 /8\n/8 /9\n/9 /a\n", NULL },
    { "a long chain",       "/0 /1\n/1 /2\n/2 /3\n/3 /4\n/4 /5\n/5 /6\n/6 /7\n/7 /8\n/8 /9\n/9 /a\n/a /b\n",
      "f:1: the page leads through more than 10 redirects" },
};

UNIT_TEST(what_a_file_may_say)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct redirect_map m = { 0 };
        char why[CONF_WHY_BYTES] = "";
        int rc = redirect_map_read(&m, span_of(files[i].text), "f", why);
        if ((rc < 0) != (files[i].says != NULL) || (rc < 0 && strcmp(why, files[i].says) != 0))
            fail_msg("%s: %d \"%s\"", files[i].why, rc, why);
        redirect_map_done(&m);
    }
}

UNIT_TEST(bounds)
{
    struct redirect_map m = { 0 };
    char why[CONF_WHY_BYTES];
    char *text = malloc(REDIRECT_MAP_BYTES_MAX + 1);
    memset(text, '\n', REDIRECT_MAP_BYTES_MAX + 1);
    assert_int_equal(redirect_map_read(&m, (struct span){ text, REDIRECT_MAP_BYTES_MAX + 1 }, "f", why), -EMSGSIZE);
    assert_string_equal(why, "f is larger than 8 MiB");
    memset(text, 'x', 5000);
    memcpy(text, "/a /", 4);
    assert_int_equal(redirect_map_read(&m, (struct span){ text, 4096 }, "f", why), -EBADMSG);
    assert_string_equal(why, "f:1: the line is longer than 4095 bytes");
    assert_int_equal(redirect_map_read(&m, (struct span){ text, 4095 }, "f", why), 0);
    redirect_map_done(&m);
    free(text);
    for (unsigned left = 0; left < 4; left++) {
        heap_left = left;
        assert_int_equal(redirect_map_read(&m, SPAN("/a /b"), "f", why), -ENOMEM);
        heap_left = UINT32_MAX;
        assert_string_equal(why, "no memory for f");
    }
}

UNIT_TEST(a_hundred_thousand_pages)
{
    enum { PAGES = 100000 };
    struct redirect_map m = { 0 };
    char why[CONF_WHY_BYTES] = "", *text = malloc(PAGES * 40), path[32];
    size_t len = 0;
    struct span rest;
    for (unsigned i = 0; i < PAGES; i++)
        len += (size_t)sprintf(text + len, i % 2 ? "/old/%u/* /new/%u/*\n" : "/old/%u /new/%u\n", i, i);
    if (redirect_map_read(&m, (struct span){ text, len }, "f", why) != 0)
        fail_msg("%s", why);
    free(text);
    for (unsigned i = 0; i < PAGES; i += 7) {
        int n = snprintf(path, sizeof path, i % 2 ? "/old/%u/x" : "/old/%u", i);
        const struct redirect_row *row = redirect_map_find(&m, (struct span){ path, (size_t)n }, SPAN(""), &rest);
        assert_non_null(row);
        assert_int_equal(row->line, i + 1);
    }
    redirect_map_done(&m);
}

UNIT_MAIN(where_pages_lead, what_a_file_may_say, bounds, a_hundred_thousand_pages)
