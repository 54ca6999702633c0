#include "unit.h"
#include "http/encoding.h"
#include "http/media.h"

static const enum encoding order[] = { ENCODING_BROTLI, ENCODING_GZIP };

static enum encoding chosen(const char *first, const char *second)
{
    struct field fields[3] = {
        { SPAN("Accept"), SPAN("gzip"), FIELD_OTHER },
        { SPAN("Accept-Encoding"), span_of(first ? first : ""), FIELD_ACCEPT_ENCODING },
        { SPAN("accept-encoding"), span_of(second ? second : ""), FIELD_ACCEPT_ENCODING },
    };
    struct request r = { .fields = fields, .fields_count = second ? 3 : first ? 2 : 1 };
    return encoding_choose(&r, order, ARRAY_LEN(order));
}

static const struct { const char *accepts; enum encoding best; } cases[] = {
    { NULL, ENCODING_IDENTITY },                          /* anything would do: the plain one is safe */
    { "", ENCODING_IDENTITY },
    { "gzip", ENCODING_GZIP },
    { "br", ENCODING_BROTLI },
    { "gzip, deflate, br, zstd", ENCODING_BROTLI },       /* all alike: ours is the order */
    { "gzip, br;q=0.9", ENCODING_GZIP },
    { "gzip;q=0.9, br", ENCODING_BROTLI },
    { "gzip;q=0.5,br;q=0.5", ENCODING_BROTLI },
    { "GZip", ENCODING_GZIP },
    { "x-gzip", ENCODING_GZIP },
    { "gzip;q=0", ENCODING_IDENTITY },
    { "gzip;q=0.000", ENCODING_IDENTITY },
    { "gzip;q=0.001", ENCODING_GZIP },
    { "br;q=0, gzip", ENCODING_GZIP },
    { "*", ENCODING_BROTLI },
    { "*;q=0", ENCODING_IDENTITY },
    { "br;q=0, *", ENCODING_GZIP },
    { "gzip;q=0.3, *;q=0.2", ENCODING_GZIP },
    { "identity", ENCODING_IDENTITY },
    { "identity;q=0.5, gzip;q=0.4", ENCODING_IDENTITY },
    { "identity;q=0.5, gzip;q=0.5", ENCODING_GZIP },
    { "identity;q=0", ENCODING_IDENTITY },                /* nothing else is taken: better than 406 */
    { "identity;q=0, deflate", ENCODING_IDENTITY },
    { "identity;q=0, gzip;q=0.1", ENCODING_GZIP },
    { "deflate", ENCODING_IDENTITY },
    { "gzip ; q=0.7 , br;q=0.6", ENCODING_GZIP },
    { "gzip;Q=1.000", ENCODING_GZIP },
    { "gzip;q=1.001", ENCODING_IDENTITY },
    { "gzip;q=2", ENCODING_IDENTITY },
    { "gzip;q=-1", ENCODING_IDENTITY },
    { "gzip;q=0.1234", ENCODING_IDENTITY },
    { "gzip;q=", ENCODING_IDENTITY },
    { "gzip;q", ENCODING_IDENTITY },
    { "gzip;level=9", ENCODING_IDENTITY },
    { "gzip;q=1.", ENCODING_GZIP },
    { ",,gzip,", ENCODING_GZIP },
    { "gzipp, bro", ENCODING_IDENTITY },
    { ";q=1", ENCODING_IDENTITY },
    { ";", ENCODING_IDENTITY },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (chosen(cases[i].accepts, NULL) != cases[i].best)
            fail_msg("%s", cases[i].accepts ? cases[i].accepts : "without the field");
}

UNIT_TEST(two_fields_are_one_list)
{
    assert_int_equal(chosen("gzip;q=0.5", "br;q=0.4"), ENCODING_GZIP);
    assert_int_equal(chosen("gzip", "br"), ENCODING_BROTLI);
    assert_int_equal(chosen("", "gzip"), ENCODING_GZIP);
}

UNIT_TEST(what_is_packed_already_stays)
{
    static const char *const gain[] = { "a.html", "a.css", "a.js", "a.json", "a.svg", "a.ttf", "a.otf",
                                        "a.xml", "a.txt", "a.ico", "a.wasm", "a.rss", "a.webmanifest",
                                        "a.eot", "a.geojson", "a.map" };
    static const char *const do_not[] = { "a.png", "a.jpg", "a.woff2", "a.woff", "a.zip", "a.gz", "a.mp4",
                                          "a.pdf", "a", "a.avif", "a.webp", "a.xlsx" };
    for (size_t i = 0; i < ARRAY_LEN(gain); i++)
        if (!encoding_helps(media_type_of(span_of(gain[i]))))
            fail_msg("%s", gain[i]);
    for (size_t i = 0; i < ARRAY_LEN(do_not); i++)
        if (encoding_helps(media_type_of(span_of(do_not[i]))))
            fail_msg("%s", do_not[i]);
    assert_true(encoding_helps(SPAN("Application/Problem+JSON; charset=utf-8")));
    assert_false(encoding_helps(SPAN("text/event-stream; charset=utf-8")));
    assert_false(encoding_helps(SPAN("text/")));
    assert_false(encoding_helps(SPAN("")));
    assert_false(encoding_helps(SPAN("json")));
}

UNIT_MAIN(every_case, two_fields_are_one_list, what_is_packed_already_stays)
