#include "unit.h"
#include "base/sys.h"
#include "master/routes.h"

static const struct { const char *why, *option, *report, *rows, *note; } cases[] = {
    { "nothing to serve", NULL, "{}", "", "" },
    { "what Django says", NULL, "{\"static\":[{\"url\":\"/static/\",\"root\":\"/s\"}]}", "/static/=/s;", "" },
    { "an end is added, a relative folder is the project's", "/a=files", "{}", "/a/=/project/files;", "" },
    { "a folder that is left out", NULL,
      "{\"static\":[{\"url\":\"/static/\",\"root\":\"/s\",\"without\":\"up/x\"}]}",
      "/static/=/s-up/x;", "" },
    { "several folders for one URL", NULL,
      "{\"static\":[{\"url\":\"/static/\",\"root\":\"/a\"},{\"url\":\"/static/\",\"root\":\"/b\"}]}",
      "/static/=/a;/static/=/b;", "" },
    { "an option replaces the root at its URL", "/static/=/mine",
      "{\"static\":[{\"url\":\"/static/\",\"root\":\"/s\"}]}", "/static/=/mine;", "" },
    { "but not the one above it", "/static/x=/mine",
      "{\"static\":[{\"url\":\"/static/\",\"root\":\"/s\"}]}", "/static/x/=/mine;/static/=/s;", "" },
    { "not one with a longer name", "/stat=/mine",
      "{\"static\":[{\"url\":\"/static/\",\"root\":\"/s\"}]}", "/stat/=/mine;/static/=/s;", "" },
    { "another server's URL is not served", NULL,
      "{\"static\":[{\"url\":\"https://cdn/static/\",\"root\":\"/s\"},"
      "{\"url\":\"//cdn/x/\",\"root\":\"/s\"}]}", "", "" },
    { "uploads", NULL,
      "{\"media\":{\"url\":\"/media/\",\"root\":\"/m\",\"serve\":true,\"why\":\"\"}}",
      "/media/=/m*;", "/media/ is served from /m" },
    { "uploads beside secrets", NULL,
      "{\"media\":{\"url\":\"/media/\",\"root\":\"/m\",\"serve\":false,\"why\":\"it holds .env\"}}",
      "", "/media/ is left to the application: it holds .env" },
    { "an option replaces the uploads", "/media/=/mine",
      "{\"media\":{\"url\":\"/media/\",\"root\":\"/m\",\"serve\":true,\"why\":\"\"}}",
      "/media/=/mine;", "option static has /media/" },
    { "not one beneath", "/media/a/=/mine",
      "{\"media\":{\"url\":\"/media/\",\"root\":\"/m\",\"serve\":true,\"why\":\"\"}}",
      "/media/a/=/mine;/media/=/m*;", "/media/ is served from /m" },
    { "uploads at the root of the site", NULL,
      "{\"media\":{\"url\":\"/\",\"root\":\"/m\",\"serve\":true,\"why\":\"\"}}", "", "" },
    { "uploads on another server", NULL,
      "{\"media\":{\"url\":\"https://cdn/m/\",\"root\":\"/m\",\"serve\":true,\"why\":\"\"}}", "", "" },
    { "no uploads is nobody's mistake", NULL,
      "{\"media\":{\"url\":\"\",\"root\":\"\",\"serve\":false,\"why\":\"MEDIA_ROOT is empty\"}}", "",
      "" },
    { "foreign shapes do no harm", NULL, "{\"static\":7,\"media\":[1]}", "", "" },
};

static void rows_of(const char *text, char *into, size_t cap_bytes)
{
    char why[160];
    size_t i, at = 0;
    json_t *row, *all = json_read(span_of(text), why);
    assert_non_null(all);
    assert_string_equal(json_text(all, "name", ""), "site");
    into[0] = '\0';
    json_array_foreach(json_object_get(all, "static"), i, row)
        at += (size_t)snprintf(into + at, cap_bytes - at, "%s=%s%s%s%s;",
                               json_text(row, "url", ""), json_text(row, "root", ""),
                               json_flag(row, "media", false) ? "*" : "",
                               json_text(row, "without", "")[0] ? "-" : "",
                               json_text(row, "without", ""));
    json_decref(all);
}

UNIT_TEST(every_case)
{
    static const struct project project = { .folder = "/project", .name = "site" };
    char note[CONF_WHY_BYTES], rows[256], why[160];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t options = cases[i].option ? 1 : 0;
        struct conf conf = { .mount = "", .static_map = { options, { cases[i].option } } };
        const struct master_start start = { .conf = &conf, .project = &project };
        json_t *report = json_read(span_of(cases[i].report), why);
        assert_non_null(report);
        char *text = routes_text(&start, report, note);
        assert_non_null(text);
        rows_of(text, rows, sizeof rows);
        if (strcmp(rows, cases[i].rows) != 0 || strcmp(note, cases[i].note) != 0)
            fail_msg("%s: %s (%s)", cases[i].why, rows, note);
        sys_free(text);
        json_decref(report);
    }
}

UNIT_MAIN(every_case)
