#include "unit.h"
#include "wire/h1.h"

/* Each case is a whole head: first read by the wire, then understood. */

#define OPTIONS_16 "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,"

static const struct { const char *why, *in; int want; } framing[] = {
    { "no body", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "a length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 0 },
    { "the largest length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", 0 },
    { "one more", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", -400 },
    { "over 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", -400 },
    { "two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", -400 },
    { "two other lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", -400 },
    { "a list of equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", -400 },
    { "a signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", -400 },
    { "a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", -400 },
    { "a hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", -400 },
    { "an empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", -400 },
    { "a blank in a length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\n", -400 },
    { "chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
    { "chunked in any case", "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n", 0 },
    { "length and chunked", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      -400 },
    { "chunked and length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
      -400 },
    { "length and another coding",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", -400 },
    { "chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
    { "another coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", -400 },
    { "another coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", -501 },
    { "identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", -501 },
    { "a coding that only ends so", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", -501 },
    { "another before chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -501 },
    { "the same in two fields",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", -501 },
    { "chunked twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", -400 },
    { "chunked in two fields",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
    { "chunked before another", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", -400 },
    { "chunked before another field",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", -400 },
    { "chunked with a parameter", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", -400 },
    { "chunked in quotes", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", -400 },
    { "an empty coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", -400 },
    { "an empty element before", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n", -400 },
    { "an empty element after", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", -400 },
    { "an empty coding before chunked",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
    { "a blank in the coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunk ed\r\n\r\n", -400 },
    { "a known expectation", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n", 0 },
    { "another", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 200-ok\r\n\r\n", -417 },
    { "a known and another", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n", -417 },
    { "another and a known", "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nExpect: 100-continue\r\n\r\n", -417 },
    { "framing is judged first", "POST / HTTP/1.1\r\nExpect: x\r\nContent-Length: x\r\n\r\n", -400 },
    { "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", -501 },
    { "TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", -501 },
    { "32 connection options", "GET / HTTP/1.1\r\nHost: a\r\nConnection: " OPTIONS_16 OPTIONS_16 "\r\n\r\n", 0 },
    { "33 connection options", "GET / HTTP/1.1\r\nHost: a\r\nConnection: " OPTIONS_16
      "\r\nConnection: " OPTIONS_16 "a\r\n\r\n", -400 },

    { "no Host in 1.1", "GET / HTTP/1.1\r\n\r\n", -400 },
    { "no length in 1.0", "POST / HTTP/1.0\r\n\r\n", -411 },
    { "no length, PUT in 1.0", "PUT / HTTP/1.0\r\n\r\n", -411 },
    { "no length, DELETE in 1.0", "DELETE / HTTP/1.0\r\n\r\n", 0 },
    { "no length in 1.1", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "no Host in 1.0", "GET / HTTP/1.0\r\n\r\n", 0 },
    { "no Host beside an absolute target", "GET http://a/ HTTP/1.1\r\n\r\n", -400 },
    { "two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", -400 },
    { "two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", -400 },
    { "two Hosts beside an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", -400 },
    { "a bad Host beside an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", -400 },
    { "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", -400 },

    { "a target without a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "a target that is only a query", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "an authority", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "a scheme without slashes", "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "a scheme without a host", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "a query as the host", "GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "user information", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "a fragment in the query", "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "asterisk and more", "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "a cut escape", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "NUL in the path", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "above the root", "GET /../a HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
    { "above the root, absolute", "GET http://a/%2e%2e/a HTTP/1.1\r\nHost: a\r\n\r\n", -400 },
};

struct unit { struct arena arena; struct request r; };

static int understand(struct unit *u, const char *in)
{
    struct h1_limits limits = { .head_bytes = 4096, .fields = 50 };
    size_t scanned = 0;
    u->r = (struct request){ .from = { .is_tls = false } };
    arena_init(&u->arena, 1 << 16);
    ssize_t got = h1_read_head(&u->r, span_of(in), &scanned, &limits, &u->arena);
    assert_int_equal(got, strlen(in));
    return request_understand(&u->r, &u->arena);
}

UNIT_TEST(what_is_ambiguous_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(framing); i++) {
        struct unit u;
        int got = understand(&u, framing[i].in);
        if (got != framing[i].want)
            fail_msg("%s: %d", framing[i].why, got);
        arena_done(&u.arena);
    }
}

static const struct { const char *why, *in, *path, *query, *host; } targets[] = {
    { "origin form", "GET /a/b?c=d HTTP/1.1\r\nHost: h:80\r\n\r\n", "/a/b", "c=d", "h:80" },
    { "no query", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a", "", "h" },
    { "an empty query", "GET /a? HTTP/1.1\r\nHost: h\r\n\r\n", "/a", "", "h" },
    { "a second question mark", "GET /?a?b HTTP/1.1\r\nHost: h\r\n\r\n", "/", "a?b", "h" },
    { "the path is decoded, the query is not", "GET /%61%2fb?%63 HTTP/1.1\r\nHost: h\r\n\r\n", "/a/b", "%63", "h" },
    { "dots are removed", "GET /a/./b/%2e%2e/c HTTP/1.1\r\nHost: h\r\n\r\n", "/a/c", "", "h" },
    { "dots stay in a query", "GET /a?/../b HTTP/1.1\r\nHost: h\r\n\r\n", "/a", "/../b", "h" },
    { "two slashes are a path, not a host", "GET //b/c HTTP/1.1\r\nHost: h\r\n\r\n", "//b/c", "", "h" },
    { "absolute form wins over Host", "GET http://b:8/c?d HTTP/1.1\r\nHost: h\r\n\r\n", "/c", "d", "b:8" },
    { "absolute form, any case", "GET HTTPS://b/ HTTP/1.1\r\nHost: h\r\n\r\n", "/", "", "b" },
    { "absolute form without a path", "GET http://b HTTP/1.1\r\nHost: h\r\n\r\n", "/", "", "b" },
    { "absolute form, query only", "GET http://b?c/d HTTP/1.1\r\nHost: h\r\n\r\n", "/", "c/d", "b" },
    { "absolute form in 1.0", "GET http://b/c HTTP/1.0\r\n\r\n", "/c", "", "b" },
    { "asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "*", "", "h" },
    { "no host in 1.0", "GET /a HTTP/1.0\r\n\r\n", "/a", "", "" },
};

UNIT_TEST(targets_of_every_form)
{
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct unit u;
        if (understand(&u, targets[i].in) != 0 || !span_eq(u.r.path, span_of(targets[i].path)) ||
            !span_eq(u.r.query, span_of(targets[i].query)) ||
            !span_eq(u.r.host, span_of(targets[i].host)))
            fail_msg("%s: %.*s, %.*s, %.*s", targets[i].why, (int)u.r.path.len, u.r.path.at,
                     (int)u.r.query.len, u.r.query.at, (int)u.r.host.len, u.r.host.at);
        assert_false(u.r.is_http_scheme_tls);
        arena_done(&u.arena);
    }
}

static const struct { const char *in; bool keeps_alive; } connections[] = {
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: x\r\n\r\n", false },
    { "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: x\r\n\r\n", true },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true },
    { "GET / HTTP/1.0\r\n\r\n", false },
    { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", false },
};

UNIT_TEST(who_keeps_the_connection)
{
    for (size_t i = 0; i < ARRAY_LEN(connections); i++) {
        struct unit u;
        assert_int_equal(understand(&u, connections[i].in), 0);
        if (u.r.keeps_alive != connections[i].keeps_alive)
            fail_msg("%s", connections[i].in);
        arena_done(&u.arena);
    }
}

UNIT_TEST(what_is_said_of_the_body)
{
    struct unit u;
    assert_int_equal(understand(&u, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n"
                                    "Expect: 100-continue\r\n\r\n"), 0);
    assert_int_equal(u.r.body_bytes, 5);
    assert_true(u.r.expects_continue && !u.r.is_chunked && u.r.method == METHOD_POST);
    arena_done(&u.arena);
    assert_int_equal(
        understand(&u, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    assert_int_equal(u.r.body_bytes, -1);
    assert_true(u.r.is_chunked && !u.r.expects_continue);
    arena_done(&u.arena);
    /* 1.0 must not be asked to wait (RFC 9110, section 10.1.1), and without a body there is nothing
     * to wait for */
    assert_int_equal(
        understand(&u, "POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"), 0);
    assert_false(u.r.expects_continue);
    arena_done(&u.arena);
    assert_int_equal(understand(&u, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
                     0);
    assert_false(u.r.expects_continue);
    assert_int_equal(u.r.body_bytes, 0);
    arena_done(&u.arena);
}

UNIT_TEST(a_plain_path_is_not_copied)
{
    struct unit u;
    assert_int_equal(understand(&u, "GET /a/b.css?c HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_ptr_equal(u.r.path.at, u.r.target.at);
    arena_done(&u.arena);
}

static const struct { const char *fields; bool names_fields; unsigned underscored; } hops[] = {
    { "Connection: close, keep-alive, Upgrade, TE, , ", false, 0 },
    { "Connection: X-Hop", true, 0 },
    { "Connection: close\r\nConnection: upgrade, x-hop", true, 0 },
    { "Connection: Host, Content-Length, X-Forwarded-For, Cookie", false, 0 },
    { "X_A: b\r\nConnection: x_a", false, 1 },
    { "X_A: b\r\nX_A: c\r\nX-A: d", false, 2 },
};

UNIT_TEST(fields_for_this_hop_and_for_nobody)
{
    for (size_t i = 0; i < ARRAY_LEN(hops); i++) {
        struct unit u;
        char in[200];
        snprintf(in, sizeof in, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", hops[i].fields);
        assert_int_equal(understand(&u, in), 0);
        if (u.r.names_hop_fields != hops[i].names_fields || u.r.underscored != hops[i].underscored)
            fail_msg("%s", hops[i].fields);
        assert_int_equal(request_is_hop_field(&u.r, SPAN("X-HOP")), hops[i].names_fields);
        arena_done(&u.arena);
    }
}

UNIT_TEST(https_is_a_fact_of_the_connection)
{
    struct field host = { SPAN("Host"), SPAN("a"), FIELD_HOST };
    struct request r = { .method_name = SPAN("GET"), .target = SPAN("http://a/"), .version = 11,
                         .fields = &host, .fields_count = 1, .from = { .is_tls = true } };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    assert_int_equal(request_understand(&r, &arena), 0);
    assert_true(r.is_http_scheme_tls);
    arena_done(&arena);
}

UNIT_TEST(no_memory_is_503)
{
    struct request r = { .method_name = SPAN("GET"), .target = SPAN("/%61"), .version = 10 };
    struct arena arena;
    arena_init(&arena, 2);
    assert_int_equal(request_understand(&r, &arena), -503);
    arena_done(&arena);
}

static const struct { const char *host; bool is_valid; } hosts[] = {
    { "example.org", true }, { "a", true }, { "EXAMPLE.org:8000", true }, { "a_b-c~d.", true },
    { "127.0.0.1:0", true }, { "09azAZ", true }, { "[::9f]", true },
    { "[0000:0000:0000:0000:0000:ffff:192.168.100.228]:65535", true }, { "a:", true }, { "a:65535", true }, { "[::]", true }, { "[::1]:80", true },
    { "[2001:db8::192.0.2.1]", true }, { "[2001:DB8::A]:", true },
    { "", false }, { ":80", false }, { "a:65536", false }, { "a:000080", false }, { "a:8x", false },
    { "a:-1", false }, { "a:80:80", false }, { "a b", false }, { "a/b", false }, { "a@b", false },
    { "a,b", false }, { "a%41", false }, { "a\\b", false }, { "\xc3\xa9", false }, { "a?b", false },
    { "[", false }, { "[]", false }, { "[a]", false }, { "[1]", false }, { "[::1", false }, { "[::1]x", false },
    { "[::g]", false }, { "[fe80::1%25eth0]", false }, { "[v1.a:b]", false }, { "x[::1]", false },
    { "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0]", false },
};

UNIT_TEST(hosts_and_what_only_looks_like_one)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        size_t len = strlen(hosts[i].host);
        char *own = memcpy(malloc(len), hosts[i].host, len);     /* overreads are caught */
        if (request_host_is_valid((struct span){ own, len }) != hosts[i].is_valid)
            fail_msg("\"%s\"", hosts[i].host);
        free(own);
    }
}

UNIT_TEST(methods)
{
    static const struct { const char *name; enum method method; bool is_safe; } rows[] = {
        { "GET", METHOD_GET, true }, { "HEAD", METHOD_HEAD, true }, { "OPTIONS", METHOD_OPTIONS, true },
        { "POST", METHOD_POST, false }, { "PUT", METHOD_PUT, false }, { "DELETE", METHOD_DELETE, false },
        { "PATCH", METHOD_PATCH, false }, { "TRACE", METHOD_TRACE, false },
        { "CONNECT", METHOD_CONNECT, false }, { "get", METHOD_OTHER, false }, { "GETS", METHOD_OTHER, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(method_of(span_of(rows[i].name)), rows[i].method);
        assert_int_equal(method_is_safe(rows[i].method), rows[i].is_safe);
    }
}

UNIT_TEST(the_first_field_of_a_name)
{
    struct unit u;
    assert_int_equal(understand(&u, "GET / HTTP/1.1\r\nHost: a\r\nRange: x\r\nrange: y\r\n\r\n"),
                     0);
    assert_span_equal(request_field(&u.r, FIELD_RANGE)->value, SPAN("x"));
    assert_span_equal(request_field(&u.r, FIELD_HOST)->value, SPAN("a"));
    assert_null(request_field(&u.r, FIELD_COOKIE));
    arena_done(&u.arena);
}

UNIT_MAIN(what_is_ambiguous_is_refused, targets_of_every_form, who_keeps_the_connection,
          fields_for_this_hop_and_for_nobody,
          what_is_said_of_the_body, a_plain_path_is_not_copied, https_is_a_fact_of_the_connection,
          no_memory_is_503, hosts_and_what_only_looks_like_one, methods, the_first_field_of_a_name)
