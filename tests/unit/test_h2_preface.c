#include "unit.h"
#include "wire/h2_preface.h"

UNIT_TEST(the_preface_and_its_beginnings)
{
    static const char text[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore";
    for (size_t bytes = 0; bytes < sizeof text - 1; bytes++)
        assert_int_equal(h2_preface_begins((struct span){ text, bytes }), bytes >= 3);
    assert_false(h2_preface_begins(SPAN("PRI / HTTP/1.1\r\n")));
    assert_false(h2_preface_begins(SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\rx")));
    assert_false(h2_preface_begins(SPAN("pri * HTTP/2.0\r\n")));
}

UNIT_TEST(what_is_no_http)
{
    assert_true(h2_preface_is_no_http(SPAN("INVALID CONNECTION PREFACE\r\n\r\n")));
    assert_true(h2_preface_is_no_http(SPAN("a b c\r")));
    assert_false(h2_preface_is_no_http(SPAN("a b c")));               /* more may come */
    assert_false(h2_preface_is_no_http(SPAN("GET / HTTP\r\n")));
    assert_false(h2_preface_is_no_http(SPAN("GET x\r\n")));
    assert_false(h2_preface_is_no_http(SPAN("a b c d\r\n")));
    assert_false(h2_preface_is_no_http(SPAN("HTTP/1.1 200 OK\r\n")));
    assert_false(h2_preface_is_no_http(SPAN("a b \x01\r\n")));
    assert_false(h2_preface_is_no_http(SPAN("a b {\r\n")));
    assert_false(h2_preface_is_no_http(SPAN("")));
}

UNIT_MAIN(the_preface_and_its_beginnings, what_is_no_http)
