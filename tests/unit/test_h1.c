#include "unit.h"
#include "wire/h1.h"

/* Heads: the verdict and what was read, whole and cut at every byte. */

static const struct h1_limits limits = { .head_bytes = 160, .fields = 4 };

/* want: "METHOD target version;Name=value;..." or NULL with the status of the refusal; 0: more must
 * come */
static const struct { const char *why, *in, *want; int status; } cases[] = {
    { "the plain case", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 11;Host=a", 0 },
    { "1.0, no fields", "HEAD /x?y HTTP/1.0\r\n\r\n", "HEAD /x?y 10", 0 },
    { "a later minor version is 1.1", "GET / HTTP/1.9\r\n\r\n", "GET / 11", 0 },
    { "two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / 11", 0 },
    { "blanks around a value", "GET / HTTP/1.1\r\nA: \t b c\t \r\nB:d\r\n\r\n", "GET / 11;A=b c;B=d", 0 },
    { "empty values", "GET / HTTP/1.1\r\nA:\r\nB: \t\r\n\r\n", "GET / 11;A=;B=", 0 },
    { "a tab inside a value", "GET / HTTP/1.1\r\nA: b\tc\r\n\r\n", "GET / 11;A=b\tc", 0 },
    { "a tab far from its end", "GET / HTTP/1.1\r\nA: \t12345678901234567890\r\n\r\n",
      "GET / 11;A=12345678901234567890", 0 },
    { "bytes above 0x7f", "GET /\xc3\xa9 HTTP/1.1\r\nA: \xff\r\n\r\n", "GET /\xc3\xa9 11;A=\xff", 0 },
    { "colons in a value", "GET / HTTP/1.1\r\nA: b:c: d\r\n\r\n", "GET / 11;A=b:c: d", 0 },
    { "every byte of a token", "GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
      "GET / 11;!#$%&'*+-.^_`|~09azAZ=x", 0 },
    { "an unknown method of 32 bytes", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF * HTTP/1.1\r\n\r\n",
      "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF * 11", 0 },
    { "a method of one byte", "X / HTTP/1.1\r\n\r\n", "X / 11", 0 },
    { "as many fields as are allowed", "GET / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n",
      "GET / 11;A=1;B=2;C=3;D=4", 0 },

    { "third empty line", "\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", NULL, 400 },
    { "only a bare LF before", "\nGET / HTTP/1.1\r\n\r\n", NULL, 400 },
    { "bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", NULL, 400 },
    { "bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", NULL, 400 },
    { "bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", NULL, 400 },
    { "bare CR in the target", "GET /\rx HTTP/1.1\r\n\r\n", NULL, 400 },
    { "bare CR in a value", "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", NULL, 400 },
    { "CR CR LF", "GET / HTTP/1.1\r\nA: b\r\r\n\r\n", NULL, 400 },
    { "bare CR as the empty line", "GET / HTTP/1.1\r\nA: b\r\n\rx", NULL, 400 },
    { "DEL in a value", "GET / HTTP/1.1\r\nA: b\x7f" "c\r\n\r\n", NULL, 400 },
    { "a control byte in a value", "GET / HTTP/1.1\r\nA: 0123456789abcdef\x01\r\n\r\n", NULL, 400 },
    { "a control byte in the target", "GET /\x1f HTTP/1.1\r\n\r\n", NULL, 400 },
    { "a tab in the target", "GET /a\tb HTTP/1.1\r\n\r\n", NULL, 400 },
    { "a tab after the method", "GET\t/ HTTP/1.1\r\n\r\n", NULL, 400 },
    { "a tab before the version", "GET /\tHTTP/1.1\r\n\r\n", NULL, 400 },
    { "another protocol", "\x16\x03\x01\x02", NULL, 400 },

    { "obs-fold with a space", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", NULL, 400 },
    { "obs-fold with a tab", "GET / HTTP/1.1\r\nA: b\r\n\tc: d\r\n\r\n", NULL, 400 },
    { "a blank line that is not empty", "GET / HTTP/1.1\r\nA: b\r\n \r\n\r\n", NULL, 400 },
    { "blank before the first field", "GET / HTTP/1.1\r\n A: b\r\n\r\n", NULL, 400 },
    { "space before the colon", "GET / HTTP/1.1\r\nA : b\r\n\r\n", NULL, 400 },
    { "tab before the colon", "GET / HTTP/1.1\r\nA\t: b\r\n\r\n", NULL, 400 },
    { "empty name", "GET / HTTP/1.1\r\n: b\r\n\r\n", NULL, 400 },
    { "no colon", "GET / HTTP/1.1\r\nAb\r\n\r\n", NULL, 400 },
    { "a name with a space", "GET / HTTP/1.1\r\nA b: c\r\n\r\n", NULL, 400 },
    { "a name with a separator", "GET / HTTP/1.1\r\nA(b): c\r\n\r\n", NULL, 400 },
    { "a name with a byte above 0x7f", "GET / HTTP/1.1\r\n\xc3: c\r\n\r\n", NULL, 400 },

    { "no version: HTTP/0.9", "GET /\r\n", NULL, 400 },
    { "no target", "GET HTTP/1.1\r\n", NULL, 400 },
    { "empty target", "GET  HTTP/1.1\r\n", NULL, 400 },
    { "two spaces before the version", "GET /  HTTP/1.1\r\n", NULL, 400 },
    { "a space after the version", "GET / HTTP/1.1 \r\n", NULL, 400 },
    { "no method", " / HTTP/1.1\r\n", NULL, 400 },
    { "a space before the method", " GET / HTTP/1.1\r\n", NULL, 400 },
    { "a space in the target", "GET /a b HTTP/1.1\r\n", NULL, 400 },
    { "a method that is no token", "G(T / HTTP/1.1\r\n", NULL, 400 },
    { "a method alone", "GET\r\n", NULL, 400 },
    { "lower-case version", "GET / http/1.1\r\n", NULL, 400 },
    { "two digits of minor", "GET / HTTP/1.10\r\n", NULL, 400 },
    { "two digits of major", "GET / HTTP/01.1\r\n", NULL, 400 },
    { "no dot", "GET / HTTP/1,1\r\n", NULL, 400 },
    { "no digit", "GET / HTTP/1.x\r\n", NULL, 400 },
    { "no major digit", "GET / HTTP/x.1\r\n", NULL, 400 },
    { "a longer name of the protocol", "GET / HTTPS/1.1\r\n", NULL, 400 },
    { "HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NULL, 505 },
    { "a version far ahead", "GET / HTTP/9.9\r\n\r\n", NULL, 505 },
    { "HTTP/0.9 that says so", "GET / HTTP/0.9\r\n\r\n", NULL, 505 },
    { "a method of 33 bytes", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", NULL, 501 },

    { "a field too many", "GET / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\n\r\n", NULL, 431 },
    { "a control byte counts before the number of fields",
      "GET / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\nF:\x02\r\n\r\n", NULL, 400 },
    { "a bad field after too many", "GET / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\n:\r\n\r\n", NULL, 431 },
    { "a head of 161 bytes", "GET / HTTP/1.1\r\nA: "
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890123456" "0\r\n\r\n", NULL, 431 },
    { "a head of 160 bytes", "GET / HTTP/1.1\r\nA: "
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890123456\r\n\r\n",
      "GET / 11;A="
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890123456", 0 },
    { "a request line alone over the limit", "GET /"
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345",
      NULL, 414 },
    { "the same behind an empty line", "\r\nGET /"
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345",
      NULL, 414 },
    { "a control byte before the limit", "GET /\x02"
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345",
      NULL, 400 },

    { "nothing yet", "", NULL, 0 },
    { "an empty line and nothing yet", "\r\n", NULL, 0 },
    { "a request line and nothing yet", "GET / HTTP/1.1\r\n", NULL, 0 },
    { "a bad field is not judged before the end", "GET / HTTP/1.1\r\n:\r\n", NULL, 0 },
    { "all but the last byte", "GET / HTTP/1.1\r\nHost: a\r\n\r", NULL, 0 },
};

static void render(char *text, const struct request *r)
{
    text += sprintf(text, "%.*s %.*s %u", (int)r->method_name.len, r->method_name.at,
                    (int)r->target.len, r->target.at, r->version);
    for (size_t i = 0; i < r->fields_count; i++)
        text += sprintf(text, ";%.*s=%.*s", (int)r->fields[i].name.len, r->fields[i].name.at,
                        (int)r->fields[i].value.len, r->fields[i].value.at);
}

/* Lets `in` grow by cut_bytes a call, each time in a block of its own: overreads are caught, and
 * what an earlier call pointed at is gone. */
static ssize_t read_cut(struct span in, size_t cut_bytes, char *text)
{
    struct arena arena;
    struct request r;
    size_t scanned = 0;
    ssize_t got = 0;
    arena_init(&arena, 1 << 16);
    for (size_t n = 0; got == 0 && n < in.len;) {
        n = in.len - n < cut_bytes ? in.len : n + cut_bytes;
        char *piece = memcpy(malloc(n), in.at, n);
        memset(&r, 0xee, sizeof(r));
        got = h1_read_head(&r, (struct span){ piece, n }, &scanned, &limits, &arena);
        if (got > 0)
            render(text, &r);
        assert_true(scanned <= n);
        free(piece);
    }
    arena_done(&arena);
    return got;
}

UNIT_TEST(every_case_at_every_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span in = span_of(cases[i].in);
        ssize_t want = cases[i].want ? (ssize_t)in.len : -cases[i].status;
        for (size_t cut = 1; cut <= in.len; cut++) {
            char text[512] = "";
            ssize_t got = read_cut(in, cut, text);
            if (got != want || (cases[i].want && strcmp(text, cases[i].want) != 0))
                fail_msg("%s, cut at %zu: %zd, \"%s\"", cases[i].why, cut, got, text);
        }
    }
}

UNIT_TEST(nul_is_refused_anywhere)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nCookie: 0123456789abcdef\r\n\r\n";
    for (size_t at = 0; at < sizeof(head) - 2; at++) {
        char bad[sizeof(head)], text[512];
        memcpy(bad, head, sizeof(head));
        bad[at] = '\0';
        for (size_t cut = 1; cut < sizeof(head); cut++)
            assert_int_equal(read_cut((struct span){ bad, sizeof(head) - 1 }, cut, text), -400);
    }
}

UNIT_TEST(what_follows_the_head_is_left_alone)
{
    char text[512];
    struct span one = SPAN("POST / HTTP/1.1\r\nA: b\r\n\r\n"),
                two = SPAN("POST / HTTP/1.1\r\nA: b\r\n\r\n\n\0");
    assert_int_equal(read_cut(two, two.len, text), one.len);
    assert_int_equal(read_cut(two, one.len, text), one.len);
}

UNIT_TEST(a_limit_is_not_passed_by_a_head_that_came_at_once)
{
    struct arena arena;
    struct request r;
    size_t scanned = 0;
    struct h1_limits few = { .head_bytes = 20, .fields = 100 };
    arena_init(&arena, 1 << 16);
    assert_int_equal(
        h1_read_head(&r, SPAN("GET / HTTP/1.1\r\nA: b\r\n\r\n"), &scanned, &few, &arena), -431);
    arena_done(&arena);
}

UNIT_TEST(a_full_buffer_without_an_end_is_refused_at_once)
{
    struct arena arena;
    struct request r;
    size_t scanned = 0;
    struct h1_limits few = { .head_bytes = 20, .fields = 100 };
    arena_init(&arena, 1 << 16);
    assert_int_equal(h1_read_head(&r, SPAN("GET / HTTP/1.1\r\nA: "), &scanned, &few, &arena), 0);
    assert_int_equal(h1_read_head(&r, SPAN("GET / HTTP/1.1\r\nA: b"), &scanned, &few, &arena),
                     -431);
    arena_done(&arena);
}

UNIT_TEST(many_fields_keep_their_order)
{
    struct arena arena;
    struct request r;
    size_t scanned = 0, used = 0;
    char head[2000], name[16];
    struct h1_limits many = { .head_bytes = sizeof(head), .fields = 100 };
    used += (size_t)sprintf(head, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 100; i++)
        used += (size_t)sprintf(head + used, "n%d: %d\r\n", i, i);
    used += (size_t)sprintf(head + used, "\r\n");
    arena_init(&arena, 1 << 16);
    assert_int_equal(h1_read_head(&r, (struct span){ head, used }, &scanned, &many, &arena), used);
    assert_int_equal(r.fields_count, 100);
    for (int i = 0; i < 100; i++) {
        sprintf(name, "n%d", i);
        assert_span_equal(r.fields[i].name, span_of(name));
        assert_span_equal(r.fields[i].value, span_of(name + 1));
    }
    arena_done(&arena);
}

UNIT_TEST(no_memory_is_503)
{
    struct arena arena;
    struct request r;
    size_t scanned = 0;
    arena_init(&arena, 16);
    assert_int_equal(
        h1_read_head(&r, SPAN("GET / HTTP/1.1\r\nA: b\r\n\r\n"), &scanned, &limits, &arena), -503);
    arena_done(&arena);
}

/* Answers. */

static const struct field type = { { "Content-Type", 12 }, { "text/html", 9 }, FIELD_CONTENT_TYPE };
static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";

static const struct {
    const char *why;
    struct response res;
    struct h1_answer a;                    /* in */
    enum h1_body body;                     /* out, with keeps_alive: */
    bool keeps_alive;
    const char *want; /* after the type, before the empty line; DATE: date and server */
} answers[] = {
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: slipway\r\n"
    { "a known length", { .status = 200, .body_bytes = 5 }, { 11, false, true, 0 }, H1_BODY_LENGTH, true,
      DATE "Content-Length: 5\r\n" },
    { "a length of none", { .status = 200, .body_bytes = 0 }, { 11, false, true, 0 }, H1_BODY_LENGTH, true,
      DATE "Content-Length: 0\r\n" },
    { "the longest length", { .status = 200, .body_bytes = INT64_MAX }, { 11, false, true, 0 }, H1_BODY_LENGTH,
      true, DATE "Content-Length: 9223372036854775807\r\n" },
    { "no length in 1.1", { .status = 200, .body_bytes = -1 }, { 11, false, true, 0 }, H1_BODY_CHUNKED, true,
      DATE "Transfer-Encoding: chunked\r\n" },
    { "no length in 1.0", { .status = 200, .body_bytes = -1 }, { 10, false, true, 0 }, H1_BODY_CLOSE, false,
      DATE "Connection: close\r\n" },
    { "1.0 that keeps alive", { .status = 200, .body_bytes = 5 }, { 10, false, true, 0 }, H1_BODY_LENGTH, true,
      DATE "Content-Length: 5\r\nConnection: keep-alive\r\n" },
    { "the end wanted", { .status = 200, .body_bytes = -1 }, { 11, false, false, 0 }, H1_BODY_CHUNKED, false,
      DATE "Transfer-Encoding: chunked\r\nConnection: close\r\n" },
    { "HEAD with a length", { .status = 200, .body_bytes = 5 }, { 11, true, true, 0 }, H1_BODY_NONE, true,
      DATE "Content-Length: 5\r\n" },
    { "HEAD without", { .status = 200, .body_bytes = -1 }, { 11, true, true, 0 }, H1_BODY_NONE, true, DATE },
    { "HEAD without in 1.0", { .status = 200, .body_bytes = -1 }, { 10, true, true, 0 }, H1_BODY_NONE, true,
      DATE "Connection: keep-alive\r\n" },
    { "204 has no length", { .status = 204, .body_bytes = 0 }, { 11, false, true, 0 }, H1_BODY_NONE, true, DATE },
    { "304 has none either", { .status = 304, .body_bytes = 7 }, { 11, false, true, 0 }, H1_BODY_NONE, true,
      DATE },
    { "a date of the application's", { .status = 200, .body_bytes = 1, .has_date = true }, { 11, false, true, 0 },
      H1_BODY_LENGTH, true, "Server: slipway\r\nContent-Length: 1\r\n" },
    { "a server of the application's", { .status = 200, .body_bytes = 1, .has_server = true },
      { 11, false, true, 0 }, H1_BODY_LENGTH, true,
      "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 1\r\n" },
    { "nothing is added to 1xx", { .status = 103, .body_bytes = -1 }, { 11, false, false, 0 }, H1_BODY_NONE,
      false, "" },
#undef DATE
};

UNIT_TEST(every_answer)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct buf out = { 0 };
        struct field fields[] = { type };
        struct response res = answers[i].res;
        struct h1_answer a = answers[i].a;
        char want[512];
        res.fields = fields;
        res.fields_count = 1;
        res.reason = SPAN("Why");
        sprintf(want, "HTTP/1.1 %u Why\r\nContent-Type: text/html\r\n%s\r\n", res.status,
                answers[i].want);
        assert_int_equal(h1_write_head(&out, &res, &a, span_of(date)), 0);
        if (!span_eq(buf_span(&out), span_of(want)) || a.body != answers[i].body ||
            a.keeps_alive != answers[i].keeps_alive)
            fail_msg("%s: %.*s body %d", answers[i].why, (int)buf_len(&out), out.block + out.start,
                     a.body);
        buf_done(&out);
    }
}

UNIT_TEST(the_reason_is_the_standard_one_or_none)
{
    struct buf out = { 0 };
    struct response res = { .status = 404, .body_bytes = 0, .has_date = true, .has_server = true };
    struct h1_answer a = { 11, false, true, 0 };
    assert_int_equal(h1_write_head(&out, &res, &a, span_of(date)), 0);
    assert_span_equal(buf_span(&out), SPAN("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    buf_take(&out, buf_len(&out));
    res.status = 599;
    assert_int_equal(h1_write_head(&out, &res, &a, span_of(date)), 0);
    assert_span_equal(buf_span(&out), SPAN("HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"));
    buf_done(&out);
}

UNIT_TEST(heads_are_appended_and_the_limit_of_the_buf_holds)
{
    struct buf out = { .limit_bytes = 1024 };
    struct field long_one = { SPAN("X"), { NULL, 900 }, FIELD_OTHER };
    struct response res = { .status = 200, .body_bytes = -1 };
    struct h1_answer a = { 10, false, true, H1_BODY_LENGTH };
    char *value = memset(malloc(900), 'v', 900);
    assert_int_equal(buf_add(&out, SPAN("before")), 0);
    long_one.value.at = value;
    res.fields = &long_one;
    res.fields_count = 1;
    assert_int_equal(h1_write_head(&out, &res, &a, span_of(date)), -EMSGSIZE);
    assert_span_equal(buf_span(&out), SPAN("before"));
    assert_true(a.keeps_alive && a.body == H1_BODY_LENGTH);
    res.fields_count = 0;
    assert_int_equal(h1_write_head(&out, &res, &a, span_of(date)), 0);
    assert_true(span_starts(buf_span(&out), SPAN("beforeHTTP/1.1 200 OK\r\n")));
    free(value);
    buf_done(&out);
}

/* A block that is too small by a little shows only where its size happens to be just enough. */
UNIT_TEST(room_is_asked_for_all_of_a_head)
{
    static char reason[3000], value[3000];
    struct field fields[200];
    memset(reason, 'r', sizeof(reason));
    memset(value, 'v', sizeof(value));
    for (size_t n = 0; n < sizeof(value); n += 7) {
        struct buf out = { 0 };
        struct h1_answer a = { 11, false, false, 0 };
        struct response res = { .status = 200, .body_bytes = INT64_MAX, .fields = fields };
        res.reason = (struct span){ reason, n };
        res.fields_count = n % ARRAY_LEN(fields);
        for (size_t i = 0; i < res.fields_count; i++)
            fields[i] = (struct field){ { value, 1 }, { value, i == 0 ? n : 0 }, FIELD_OTHER };
        assert_int_equal(h1_write_head(&out, &res, &a, span_of(date)), 0);
        assert_true(out.end <= out.cap_bytes);
        buf_done(&out);
    }
}

UNIT_TEST(sizes_of_chunks)
{
    static const struct { uint64_t bytes; const char *want; } sizes[] = {
        { 1, "1\r\n" }, { 15, "f\r\n" }, { 16, "10\r\n" }, { 0x1a2b, "1a2b\r\n" },
        { UINT64_MAX, "ffffffffffffffff\r\n" }, { 0, "0\r\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *into = malloc(H1_CHUNK_SIZE_BYTES_MAX);
        size_t len = h1_write_chunk_size(into, sizes[i].bytes);
        assert_span_equal(((struct span){ into, len }), span_of(sizes[i].want));
        free(into);
    }
}

UNIT_MAIN(every_case_at_every_cut, nul_is_refused_anywhere, what_follows_the_head_is_left_alone,
          a_limit_is_not_passed_by_a_head_that_came_at_once,
          a_full_buffer_without_an_end_is_refused_at_once, room_is_asked_for_all_of_a_head,
          many_fields_keep_their_order, no_memory_is_503, every_answer,
          the_reason_is_the_standard_one_or_none, heads_are_appended_and_the_limit_of_the_buf_holds,
          sizes_of_chunks)
