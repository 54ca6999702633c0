#include "unit.h"
#include "http/media.c"       /* the table itself is tested too */

static const struct { const char *file, *type; } cases[] = {
    { "a.css", "text/css; charset=utf-8" }, { "a.js", "text/javascript; charset=utf-8" },
    { "index.HTML", "text/html; charset=utf-8" }, { "a.min.js", "text/javascript; charset=utf-8" },
    { "a.json", "application/json" }, { "a.svg", "image/svg+xml" }, { "a.woff2", "font/woff2" },
    { "a.JPEG", "image/jpeg" }, { "site.webmanifest", "application/manifest+json" },
    { "a.AVIF", "image/avif" }, { "a.ZIP", "application/zip" },
    { "a.3gp", "video/3gpp" }, { "a.zst", "application/zstd" }, { "a.tar.gz", "application/gzip" },
    { "README", "application/octet-stream" }, { "a.", "application/octet-stream" },
    { "", "application/octet-stream" }, { ".", "application/octet-stream" },
    { "a.unknown", "application/octet-stream" }, { "a.longlonglonglong", "application/octet-stream" },
    { "css", "application/octet-stream" }, { "a.css/b", "application/octet-stream" },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!span_eq(media_type_of(span_of(cases[i].file)), span_of(cases[i].type)))
            fail_msg("%s", cases[i].file);
}

UNIT_TEST(types_that_run_scripts)
{
    static const char *const run[] = { "a.html", "a.htm", "a.svg", "a.xml", "a.xhtml", "a.js",
                                       "a.mjs", "a.rss", "a.atom" };
    static const char *const do_not[] = { "a.png", "a.jpg", "a.pdf", "a.txt", "a.css", "a", "a.mp4" };
    for (size_t i = 0; i < ARRAY_LEN(run); i++)
        if (!media_type_runs(media_type_of(span_of(run[i]))))
            fail_msg("%s", run[i]);
    for (size_t i = 0; i < ARRAY_LEN(do_not); i++)
        if (media_type_runs(media_type_of(span_of(do_not[i]))))
            fail_msg("%s", do_not[i]);
}

UNIT_TEST(a_nul_does_not_end_a_suffix)
{
    assert_span_equal(media_type_of(SPAN("a.css\0x")), SPAN("application/octet-stream"));
    assert_span_equal(media_type_of(SPAN("a.\0")), SPAN("application/octet-stream"));
}

UNIT_TEST(every_row_is_found)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char file[32];
        sprintf(file, "a.%s", rows[i].suffix);
        assert_true(strlen(rows[i].suffix) <= SUFFIX_BYTES_MAX);
        assert_span_equal(media_type_of(span_of(file)), rows[i].type);
        assert_true(i == 0 || strcmp(rows[i - 1].suffix, rows[i].suffix) < 0);
    }
}

UNIT_MAIN(every_row_is_found, every_case, a_nul_does_not_end_a_suffix, types_that_run_scripts)
