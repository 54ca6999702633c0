#include "unit.h"
#include "wire/h1.h"
#include "wire/uwsgi.h"

/* A request as it goes in and the variables that come out, as "NAME=value" lines. */

static const struct request_from tcp = {
    { "192.0.2.1", 9 }, { "50000", 5 }, { "10.0.0.1", 8 }, { "8000", 4 }, .is_tls = false
};
static const struct request_from trusted = {
    { "192.0.2.1", 9 }, { "50000", 5 }, { "10.0.0.1", 8 }, { "8000", 4 }, .is_trusted = true
};
static const struct request_from tls = {
    { "2001:db8::1", 11 }, { "50000", 5 }, { "10.0.0.1", 8 }, { "443", 3 }, .is_tls = true
};
static const struct request_from local = { { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 }, .is_tls = false };

#define BASE(method, uri, path, query) \
    "REQUEST_METHOD=" method "\nREQUEST_URI=" uri "\nSCRIPT_NAME=\nPATH_INFO=" path "\nQUERY_STRING=" query "\n"
#define FROM_TCP "REMOTE_ADDR=192.0.2.1\nREMOTE_PORT=50000\n"
#define FORWARDED(host) \
    "HTTP_X_FORWARDED_FOR=192.0.2.1\nHTTP_X_REAL_IP=192.0.2.1\nHTTP_X_FORWARDED_HOST=" host \
    "\nHTTP_X_FORWARDED_PROTO=http\n"
#define GET_H \
    BASE("GET", "/", "/", "") "SERVER_NAME=h\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=http\n" \
    FROM_TCP "HTTP_HOST=h\n" FORWARDED("h")

UNIT_TEST(who_logged_in_is_the_remote_user)
{
    char block[1000];
    struct span name, value, rest;
    struct request r = { .method_name = SPAN("GET"), .target = SPAN("/"), .path = SPAN("/"), .user = SPAN("zoe") };
    unsigned found = 0;
    ssize_t len = uwsgi_put_request(block, sizeof block, &r, SPAN(""), 0);
    assert_true(len > 0);
    for (rest = (struct span){ block, (size_t)len }; uwsgi_next_var(&rest, &name, &value) > 0;) {
        found += span_eq(name, SPAN("REMOTE_USER")) && span_eq(value, SPAN("zoe"));
        found += span_eq(name, SPAN("AUTH_TYPE")) && span_eq(value, SPAN("Basic"));
    }
    assert_int_equal(found, 2);
}

static const struct {
    const char *why, *in;
    const struct request_from *from;
    int64_t body_bytes;
    const char *want;
} cases[] = {
    { "the plain case", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", &tcp, 0, GET_H },
    { "path, query, port", "GET /a%20b?c=%20 HTTP/1.1\r\nHost: h.x:8000\r\n\r\n", &tcp, 0,
      BASE("GET", "/a%20b?c=%20", "/a b", "c=%20")
      "SERVER_NAME=h.x\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=http\n" FROM_TCP
      "HTTP_HOST=h.x:8000\n" FORWARDED("h.x:8000") },
    { "the host of an absolute target", "GET http://b/c HTTP/1.1\r\nHost: h\r\n\r\n", &tcp, 0,
      BASE("GET", "http://b/c", "/c", "")
      "SERVER_NAME=b\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=http\n" FROM_TCP
      "HTTP_HOST=b\n" FORWARDED("b") },
    { "TLS", "GET / HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", &tls, 0,
      BASE("GET", "/", "/", "")
      "SERVER_NAME=[::1]\nSERVER_PORT=443\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=https\nHTTPS=on\n"
      "REMOTE_ADDR=2001:db8::1\nREMOTE_PORT=50000\nHTTP_HOST=[::1]:443\nHTTP_X_FORWARDED_FOR=2001:db8::1\n"
      "HTTP_X_REAL_IP=2001:db8::1\nHTTP_X_FORWARDED_HOST=[::1]:443\nHTTP_X_FORWARDED_PROTO=https\n" },
    { "1.0 without a host", "GET / HTTP/1.0\r\n\r\n", &tcp, 0,
      BASE("GET", "/", "/", "")
      "SERVER_NAME=10.0.0.1\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.0\nREQUEST_SCHEME=http\n" FROM_TCP
      "HTTP_X_FORWARDED_FOR=192.0.2.1\nHTTP_X_REAL_IP=192.0.2.1\nHTTP_X_FORWARDED_PROTO=http\n" },
    { "a Unix socket: name and port are never empty", "GET / HTTP/1.0\r\n\r\n", &local, 0,
      BASE("GET", "/", "/", "")
      "SERVER_NAME=localhost\nSERVER_PORT=80\nSERVER_PROTOCOL=HTTP/1.0\nREQUEST_SCHEME=http\n"
      "REMOTE_ADDR=\nREMOTE_PORT=\nHTTP_X_FORWARDED_PROTO=http\n" },
    { "a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 005\r\nContent-Type: a/b\r\n\r\n", &tcp, 5,
      BASE("POST", "/", "/", "")
      "SERVER_NAME=h\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=http\n" FROM_TCP "HTTP_HOST=h\n"
      FORWARDED("h") "CONTENT_LENGTH=5\nCONTENT_TYPE=a/b\n" },
    { "a chunked body has a length here",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n", &tcp, 9223372036854775807,
      BASE("POST", "/", "/", "")
      "SERVER_NAME=h\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=http\n" FROM_TCP "HTTP_HOST=h\n"
      FORWARDED("h") "CONTENT_LENGTH=9223372036854775807\n" },
    { "a chunked body of none",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", &tcp, 0,
      BASE("POST", "/", "/", "")
      "SERVER_NAME=h\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=http\n" FROM_TCP "HTTP_HOST=h\n"
      FORWARDED("h") "CONTENT_LENGTH=0\n" },
    { "a body of none that was announced", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", &tcp, 0,
      GET_H "CONTENT_LENGTH=0\n" },
    { "names are spelt as CGI does", "GET / HTTP/1.1\r\nHost: h\r\nx-aBc-1!z: v\r\nUSER-AGENT: u\r\n\r\n", &tcp, 0,
      GET_H "HTTP_X_ABC_1!Z=v\nHTTP_USER_AGENT=u\n" },
    { "repeated fields are joined at the first one's place",
      "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nCookie: a=1\r\nB: 2\r\na: 3\r\ncookie: b=2\r\nAB: 4\r\nA: 5\r\n\r\n",
      &tcp, 0,
      GET_H "HTTP_A=1, 3, 5\nHTTP_COOKIE=a=1; b=2\nHTTP_B=2\nHTTP_AB=4\n" },
    { "Content-Type too", "GET / HTTP/1.1\r\nHost: h\r\nContent-Type: a\r\nContent-type: b\r\n\r\n", &tcp, 0,
      GET_H "CONTENT_TYPE=a, b\n" },
    { "empty values are kept and joined", "GET / HTTP/1.1\r\nHost: h\r\nA:\r\nA:\r\n\r\n",
      &tcp, 0, GET_H "HTTP_A=, \n" },
    { "same length and ends, other names", "GET / HTTP/1.1\r\nHost: h\r\nA-b-zzzz: 1\r\nA-c-zzzz: 2\r\n\r\n", &tcp, 0,
      GET_H "HTTP_A_B_ZZZZ=1\nHTTP_A_C_ZZZZ=2\n" },
    { "an underscore is never taken for a hyphen",
      "GET / HTTP/1.1\r\nHost: h\r\nX_Real-IP: 1\r\nContent_Length: 9\r\nA_: 2\r\n_: 3\r\nA: 4\r\n\r\n", &tcp, 0,
      GET_H "HTTP_A=4\n" },
    { "Proxy is the name of a variable that programs obey", "GET / HTTP/1.1\r\nHost: h\r\nproxy: http://x\r\n\r\n",
      &tcp, 0,
      GET_H },
    { "what is for one hop only",
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nKeep-Alive: 5\r\nProxy-Authenticate: a\r\nTE: t\r\nTrailer: x\r\n"
      "Proxy-Authorization: a\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n\r\n",
      &tcp, 0, GET_H },
    { "what Connection names, unless it is for everybody",
      "GET / HTTP/1.1\r\nHost: h\r\nX-Hop: 1\r\nConnection: x-hop, HTTP2-Settings, Cookie\r\nCookie: a=1\r\n"
      "HTTP2-Settings: AA\r\nX-Hop-Not: 2\r\n\r\n",
      &tcp, 0, GET_H "HTTP_COOKIE=a=1\nHTTP_X_HOP_NOT=2\n" },
    { "nobody forwards himself",
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1\r\nX-Forwarded-Proto: https\r\nx-forwarded-host: evil\r\n"
      "X-Forwarded-Port: 1\r\nX-FORWARDED-SSL: on\r\nx-forwarded-: a\r\nForwarded: for=1\r\nX-Real-IP: 1\r\n"
      "X-Forwarded: for=1\r\nForwarded-For: 1\r\nX_Forwarded_For: 1\r\nX-Forwarded_Proto: https\r\n\r\n",
      &tcp, 0,
      GET_H },
    { "a trusted peer is believed", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-User: ann\r\nX_Forwarded_User: eve\r\n"
      "X-Forwarded-For: 1\r\nForwarded: for=1\r\nX-Real-IP: 1\r\n\r\n",
      &trusted, 0,
      GET_H "HTTP_X_FORWARDED_PORT=8000\nHTTP_X_FORWARDED_USER=ann\n" },
    { "what only looks like it", "GET / HTTP/1.1\r\nHost: h\r\nX-Forward: 1\r\nXX-Forwarded-For: 2\r\n\r\n",
      &tcp, 0,
      GET_H "HTTP_X_FORWARD=1\nHTTP_XX_FORWARDED_FOR=2\n" },
    { "authorization is for the application", "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic x\r\n\r\n", &tcp, 0,
      GET_H "HTTP_AUTHORIZATION=Basic x\n" },
    { "asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", &tcp, 0,
      BASE("OPTIONS", "*", "*", "")
      "SERVER_NAME=h\nSERVER_PORT=8000\nSERVER_PROTOCOL=HTTP/1.1\nREQUEST_SCHEME=http\n" FROM_TCP "HTTP_HOST=h\n"
      FORWARDED("h") },
};

static void understand(struct request *r, struct arena *arena, const char *in,
                       const struct request_from *from)
{
    struct h1_limits limits = { .head_bytes = 1 << 20, .fields = 1000 };
    size_t scanned = 0;
    *r = (struct request){ .from = *from };
    arena_init(arena, 1 << 22);
    assert_int_equal(h1_read_head(r, span_of(in), &scanned, &limits, arena), strlen(in));
    assert_int_equal(request_understand(r, arena), 0);
}

static void render(char *text, struct span block)
{
    struct span name, value;
    int rc;
    *text = '\0';
    while ((rc = uwsgi_next_var(&block, &name, &value)) > 0)
        text += sprintf(text, "%.*s=%.*s\n", (int)name.len, name.at, (int)value.len, value.at);
    assert_int_equal(rc, 0);
}

UNIT_TEST(every_case_and_every_room_that_is_too_small)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct request r;
        char into[2048], text[2048];
        understand(&r, &arena, cases[i].in, cases[i].from);
        ssize_t used = uwsgi_put_request(into, sizeof(into), &r, SPAN(""), cases[i].body_bytes);
        assert_true(used > 0);
        render(text, (struct span){ into, (size_t)used });
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("%s:\n%s", cases[i].why, text);
        for (size_t room = 0; room <= (size_t)used; room++) {
            char *small = malloc(room > 0 ? room : 1); /* own block: overruns are caught */
            ssize_t got = uwsgi_put_request(small, room, &r, SPAN(""), cases[i].body_bytes);
            assert_int_equal(got, room == (size_t)used ? used : -EMSGSIZE);
            assert_true(got < 0 || memcmp(small, into, room) == 0);
            free(small);
        }
        arena_done(&arena);
    }
}

/* Known and other names, each in every order with each: the sieve may not lose one. */
UNIT_TEST(no_repetition_is_missed_among_many_names)
{
    enum { NAMES = 60 };
    static const char *const known[] = { "Accept-Encoding", "User-Agent", "Referer", "Vary" };
    struct field fields[2 * NAMES];
    char names[NAMES][24], into[8192];
    struct request r = { .method_name = SPAN("GET"),
                         .target = SPAN("/"),
                         .path = SPAN("/"),
                         .version = 20,
                         .query = SPAN(""),
                         .host = SPAN(""),
                         .fields = fields };
    r.fields_count = ARRAY_LEN(fields);
    for (size_t i = 0; i < NAMES; i++) {
        if (i % 10 == 5 && i / 10 < ARRAY_LEN(known))
            strcpy(names[i], known[i / 10]);
        else
            sprintf(names[i], i % 3 ? "%c%zu" : "X-Name-%c%zu", 'a' + (char)(i % 26), i);
        /* Own blocks of the exact length: overreads are caught. */
        struct span name = { memcpy(malloc(strlen(names[i])), names[i], strlen(names[i])),
                             strlen(names[i]) };
        fields[i] = (struct field){ name, SPAN("1"), field_id_of(name) };
        fields[2 * NAMES - 1 - i] = (struct field){ name, SPAN("2"), field_id_of(name) };
    }
    ssize_t used = uwsgi_put_request(into, sizeof(into), &r, SPAN(""), 0);
    assert_true(used > 0);
    struct span rest = { into, (size_t)used }, name, value;
    size_t joined = 0;
    while (uwsgi_next_var(&rest, &name, &value) > 0) {
        joined += span_eq(value, SPAN("1, 2"));
        assert_true(!span_eq(name, SPAN("SERVER_PROTOCOL")) || span_eq(value, SPAN("HTTP/2.0")));
    }
    assert_int_equal(joined, NAMES);
    for (size_t i = 0; i < NAMES; i++)
        free((char *)fields[i].name.at);
}

UNIT_TEST(the_mount_is_taken_off_whole_segments)
{
    static const struct { const char *target, *mount, *script, *path; } mounts[] = {
        { "/app/x", "/app", "/app", "/x" }, { "/app/", "/app", "/app", "/" }, { "/app", "/app", "/app", "" },
        { "/apple", "/app", "", "/apple" }, { "/x", "/app", "", "/x" }, { "/x", "", "", "/x" },
        { "/%61pp/x", "/app", "/app", "/x" },
    };
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
        struct arena arena;
        struct request r;
        char in[100], into[2048], text[2048], want[200];
        sprintf(in, "GET %s HTTP/1.0\r\n\r\n", mounts[i].target);
        understand(&r, &arena, in, &local);
        ssize_t used = uwsgi_put_request(into, sizeof(into), &r, span_of(mounts[i].mount), 0);
        assert_true(used > 0);
        render(text, (struct span){ into, (size_t)used });
        sprintf(want, "REQUEST_METHOD=GET\nREQUEST_URI=%s\nSCRIPT_NAME=%s\nPATH_INFO=%s\nQUERY",
                mounts[i].target, mounts[i].script, mounts[i].path);
        if (strncmp(text, want, strlen(want)) != 0)
            fail_msg("%s\n%s", text, want);
        arena_done(&arena);
    }
}

static char *head_with(const char *name, size_t value_bytes, int times)
{
    char *in = malloc((value_bytes + 100) * (size_t)times + 100), *at = in;
    at += sprintf(at, "GET / HTTP/1.0\r\n");
    for (int i = 0; i < times; i++) {
        at += sprintf(at, "%s: ", name);
        at = (char *)memset(at, 'v', value_bytes) + value_bytes;
        at += sprintf(at, "\r\n");
    }
    sprintf(at, "\r\n");
    return in;
}

UNIT_TEST(a_value_has_at_most_65535_bytes)
{
    static const struct { size_t bytes; int times; bool fits; } rows[] = {
        { 65535, 1, true }, { 65536, 1, false }, { 32766, 2, true }, { 32767, 2, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct request r;
        char *in = head_with("A", rows[i].bytes, rows[i].times), *into = malloc(1 << 18);
        understand(&r, &arena, in, &local);
        ssize_t used = uwsgi_put_request(into, 1 << 18, &r, SPAN(""), 0);
        assert_int_equal(used > 0 ? 1 : used, rows[i].fits ? 1 : -EMSGSIZE);
        free(in);
        free(into);
        arena_done(&arena);
    }
}

UNIT_TEST(a_block_may_be_longer_than_a_packet_to_strangers)
{
    char header[UWSGI_HEADER_BYTES];
    assert_int_equal(uwsgi_put_header(header, 65535), 0);
    assert_memory_equal(header, "\0\xff\xff\0", 4);
    assert_int_equal(uwsgi_put_header(header, 0x1234), 0);
    assert_memory_equal(header, "\0\x34\x12\0", 4);
    assert_int_equal(uwsgi_put_header(header, 65536), -EMSGSIZE);
}

UNIT_TEST(a_block_is_read_whole_or_refused)
{
    static const char block[] = "\3\0ABC\2\0xy\0\0\0\0\1\0D\0\0";
    size_t ends[] = { 0, 9, 13, 18 };
    for (size_t len = 0; len < sizeof(block); len++) {
        char *own = memcpy(malloc(len > 0 ? len : 1), block, len);
        struct span rest = { own, len }, name, value;
        bool is_whole = false;
        int rc;
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            is_whole |= len == ends[i];
        while ((rc = uwsgi_next_var(&rest, &name, &value)) > 0) { }
        assert_int_equal(rc, is_whole ? 0 : -EBADMSG);
        free(own);
    }
    struct span rest = { block, sizeof(block) - 1 }, name, value;
    assert_int_equal(uwsgi_next_var(&rest, &name, &value), 1);
    assert_span_equal(name, SPAN("ABC"));
    assert_span_equal(value, SPAN("xy"));
    assert_int_equal(uwsgi_next_var(&rest, &name, &value), 1);
    assert_true(name.len == 0 && value.len == 0);
    assert_int_equal(uwsgi_next_var(&rest, &name, &value), 1);
    assert_span_equal(name, SPAN("D"));
    assert_int_equal(uwsgi_next_var(&rest, &name, &value), 0);
}

UNIT_TEST(lengths_past_255_are_little_endian)
{
    char into[1024], value[600];
    size_t used = 0;
    struct span rest, name, got;
    memset(value, 'v', sizeof(value));
    assert_int_equal(
        uwsgi_put_var(into, sizeof(into), &used, SPAN("N"), (struct span){ value, 600 }), 0);
    assert_int_equal(used, 605);
    assert_memory_equal(into, "\1\0N\x58\2", 5);
    rest = (struct span){ into, used };
    assert_int_equal(uwsgi_next_var(&rest, &name, &got), 1);
    assert_int_equal(got.len, 600);
}

UNIT_TEST(variables_are_appended_while_there_is_room)
{
    char into[12];
    size_t used = 0;
    assert_int_equal(uwsgi_put_var(into, sizeof(into), &used, SPAN("A"), SPAN("b")), 0);
    assert_int_equal(used, 6);
    assert_int_equal(uwsgi_put_var(into, sizeof(into), &used, SPAN("CD"), SPAN("e")), -EMSGSIZE);
    assert_int_equal(used, 6);
    assert_int_equal(uwsgi_put_var(into, sizeof(into), &used, SPAN("C"), SPAN("d")), 0);
    assert_memory_equal(into, "\1\0A\1\0b\1\0C\1\0d", 12);
    assert_int_equal(uwsgi_put_var(into, sizeof(into), &used, SPAN(""), SPAN("")), -EMSGSIZE);
    used = 0;
    char *large = calloc(1, 65536 + 200);
    assert_int_equal(
        uwsgi_put_var(large, 65536 + 200, &used, SPAN("A"), (struct span){ large + 100, 65536 }),
        -EMSGSIZE);
    free(large);
}

UNIT_MAIN(who_logged_in_is_the_remote_user, every_case_and_every_room_that_is_too_small, no_repetition_is_missed_among_many_names,
          the_mount_is_taken_off_whole_segments,
          a_value_has_at_most_65535_bytes, a_block_may_be_longer_than_a_packet_to_strangers,
          a_block_is_read_whole_or_refused, lengths_past_255_are_little_endian,
          variables_are_appended_while_there_is_room)
