#include "unit.h"
#include "conf/listen.h"

static const struct {
    const char *text;
    enum listen_kind kind;
    const char *host;
    unsigned port;
    bool is_ipv6;
} right[] = {
    { "127.0.0.1:8000", LISTEN_INET, "127.0.0.1", 8000, false },
    { "8000", LISTEN_INET, "127.0.0.1", 8000, false },
    { ":8000", LISTEN_INET, "0.0.0.0", 8000, false },
    { "*:80", LISTEN_INET, "0.0.0.0", 80, false },
    { "[::1]:80", LISTEN_INET, "::1", 80, true },
    { "[::]:65535", LISTEN_INET, "::", 65535, true },
    { "localhost:0", LISTEN_INET, "localhost", 0, false },
    { " 127.0.0.1:1\t", LISTEN_INET, "127.0.0.1", 1, false },
    { "systemd", LISTEN_SYSTEMD, "", 0, false },
    { "fd:3", LISTEN_FD, "", 0, false },
    { "fd:web", LISTEN_NAMED, "", 0, false },
    { "unix:/run/x.sock", LISTEN_UNIX, "", 0, false },
    { "unix:@x", LISTEN_ABSTRACT, "", 0, false },
};

/* What is refused, and a word of what it takes instead. */
static const struct { const char *why, *text, *says; } wrong[] = {
    { "no port", "127.0.0.1:", "ADDR:PORT" },
    { "a service's name", "127.0.0.1:http", "ADDR:PORT" },
    { "a port too large", "127.0.0.1:65536", "ADDR:PORT" },
    { "a sign", "127.0.0.1:-1", "ADDR:PORT" },
    { "nothing", "", "ADDR:PORT" },
    { "only blanks", "  ", "ADDR:PORT" },
    { "no port after the bracket", "[::1]", "ADDR:PORT" },
    { "no brackets", "::1:8000", "ADDR:PORT" },
    { "empty brackets", "[]:80", "ADDR:PORT" },
    { "no address inside", "[x]:80", "ADDR:PORT" },
    { "no path", "unix:", "ADDR:PORT" },
    { "no abstract name", "unix:@", "ADDR:PORT" },
    { "a path of 108 bytes",
      "unix:/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/"
      "1234567890/123456789", "ADDR:PORT" },
    { "no descriptor", "fd:", "ADDR:PORT" },
    { "a standard descriptor", "fd:2", "ADDR:PORT" },
    { "a descriptor that nobody has", "fd:99999999999999999999", "ADDR:PORT" },
    { "an unknown word", "127.0.0.1:80 tsl", "mode=0660" },
    { "a mode of a TCP socket", "127.0.0.1:80 mode=0660", "mode=0660" },
    { "a mode of an abstract one", "unix:@x mode=0660", "mode=0660" },
    { "a mode of another's socket", "fd:3 mode=0660", "mode=0660" },
    { "no octal digit", "unix:/x mode=0668", "mode=0660" },
    { "too many", "unix:/x mode=07777", "mode=0660" },
    { "too few", "unix:/x mode=66", "mode=0660" },
    { "five digits", "unix:/x mode=00660", "mode=0660" },
    { "no owner", "unix:/x owner=", "mode=0660" },
    { "a name of 33 bytes", "unix:/x group=123456789012345678901234567890123", "mode=0660" },
    { "no value", "unix:/x mode", "mode=0660" },
};

UNIT_TEST(spellings_of_an_address)
{
    struct listen_spec s;
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        const char *takes = listen_parse(span_of(right[i].text), &s);
        if (takes)
            fail_msg("%s: %s", right[i].text, takes);
        assert_int_equal(s.kind, right[i].kind);
        assert_string_equal(s.host, right[i].host);
        assert_int_equal(s.port, right[i].port);
        assert_int_equal(s.is_ipv6, right[i].is_ipv6);
    }
}

UNIT_TEST(what_an_address_points_to)
{
    struct listen_spec s;
    assert_null(listen_parse(SPAN("unix:/run/x.sock"), &s));
    assert_string_equal(s.path, "/run/x.sock");
    assert_int_equal(s.mode, 0660);
    assert_null(listen_parse(SPAN("unix:@x/y"), &s));
    assert_string_equal(s.path, "x/y");
    assert_null(listen_parse(SPAN("fd:17"), &s));
    assert_int_equal(s.fd, 17);
    assert_null(listen_parse(SPAN("fd:17a"), &s));
    assert_string_equal(s.path, "17a");
}

UNIT_TEST(words_after_the_address)
{
    struct listen_spec s;
    assert_null(listen_parse(SPAN("unix:/x  mode=0600\towner=www-data group=33 "), &s));
    assert_true(span_eq(s.address, SPAN("unix:/x")));
    assert_int_equal(s.mode, 0600);
    assert_string_equal(s.owner, "www-data");
    assert_string_equal(s.group, "33");
    assert_null(listen_parse(SPAN("unix:/x mode=777"), &s));
    assert_int_equal(s.mode, 0777);
    assert_string_equal(s.owner, "");
}

UNIT_TEST(what_clients_speak)
{
    struct listen_spec s;
    assert_null(listen_parse(SPAN("127.0.0.1:80"), &s));
    assert_true(!s.has_proxy && !s.is_tls);
    assert_null(listen_parse(SPAN("127.0.0.1:80 proxy tls"), &s));
    assert_true(s.has_proxy && s.is_tls);
    assert_null(listen_parse(SPAN("unix:/x mode=600 proxy"), &s));
    assert_true(s.has_proxy && !s.is_tls && s.mode == 0600);
    assert_null(listen_parse(SPAN("systemd tls"), &s));
    assert_true(s.is_tls);
}

UNIT_TEST(what_is_no_address_is_refused)
{
    struct listen_spec s;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const char *takes = listen_parse(span_of(wrong[i].text), &s);
        if (!takes || !strstr(takes, wrong[i].says))
            fail_msg("%s, %s: %s", wrong[i].why, wrong[i].text, takes ? takes : "taken");
    }
}

UNIT_MAIN(spellings_of_an_address, what_an_address_points_to, words_after_the_address, what_clients_speak,
          what_is_no_address_is_refused)
