#include "unit.h"
#include "http/response.h"

/* want: "Name=value;..." of the fields that stay, or NULL: refused. */
static const struct {
    const char *why, *block, *want;
    int64_t body_bytes;
    bool is_streamed;
} cases[] = {
    { "nothing", "", "", -1, false },
    { "fields stay in order and spelling", "content-TYPE: a/b; c=d\r\nX-Y:z\r\n",
      "content-TYPE=a/b; c=d;X-Y=z;", -1, false },
    { "fields may repeat", "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
      "Set-Cookie=a=1;Set-Cookie=b=2;", -1, false },
    { "an empty value", "A:\r\nB: \t\r\n", "A=;B=;", -1, false },
    { "bytes above 0x7f and a tab", "A: \xe9\tb\r\n", "A=\xe9\tb;", -1, false },
    { "the length is taken out", "A: b\r\nContent-Length: 12\r\nC: d\r\n", "A=b;C=d;", 12, false },
    { "a length of none", "content-length: 0\r\n", "", 0, false },
    { "the longest length", "Content-Length: 9223372036854775807\r\n", "", INT64_MAX, false },
    { "the same length twice", "Content-Length: 5\r\nContent-Length: 5\r\n", "", 5, false },
    { "hop-by-hop fields are dropped",
      "Connection: close\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\nTE: a\r\nTrailer: "
      "b\r\nUpgrade: c\r\n"
      "Proxy-Authenticate: d\r\nProxy-Connection: e\r\nA: b\r\n",
      "A=b;", -1, false },
    { "what is for the edge",
      "X-Accel-Redirect: /a\r\nx-accel-expires: 5\r\nX-Accel-Buffering: yes\r\nX-Accel: b\r\n"
      "X-SendFile: /b\r\n",
      "X-Accel=b;", -1, false },
    { "no buffering", "X-Accel-Buffering: No\r\n", "", -1, true },
    { "what asks for no buffering is not taken back",
      "X-Accel-Buffering: no\r\nContent-Type: a/b\r\nX-Accel-Buffering: yes\r\n", "Content-Type=a/b;",
      -1, true },
    { "an event stream", "Content-Type: text/event-stream\r\n", "Content-Type=text/event-stream;",
      -1, true },
    { "an event stream with a parameter", "Content-Type: Text/Event-Stream;charset=utf-8\r\n",
      "Content-Type=Text/Event-Stream;charset=utf-8;", -1, true },
    { "a type that only begins so", "Content-Type: text/event-streams\r\n",
      "Content-Type=text/event-streams;", -1, false },

    { "two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", NULL, 0, false },
    { "none, then a length", "Content-Length: 0\r\nContent-Length: 6\r\n", NULL, 0, false },
    { "a list of lengths", "Content-Length: 5, 5\r\n", NULL, 0, false },
    { "a signed length", "Content-Length: -5\r\n", NULL, 0, false },
    { "an empty length", "Content-Length: \r\n", NULL, 0, false },
    { "a length past 63 bits", "Content-Length: 9223372036854775808\r\n", NULL, 0, false },
    { "no CRLF at the end", "A: b", NULL, 0, false },
    { "only a CR at the end", "A: b\r", NULL, 0, false },
    { "an empty line", "A: b\r\n\r\n", NULL, 0, false },
    { "a bare LF", "A: b\nC: d\r\n", NULL, 0, false },
    { "a bare CR", "A: b\rC: d\r\n", NULL, 0, false },
    { "a control byte", "A: b\x01\r\n", NULL, 0, false },
    { "DEL", "A: \x7f\r\n", NULL, 0, false },
    { "obs-fold", "A: b\r\n c\r\n", NULL, 0, false },
    { "no colon", "A\r\n", NULL, 0, false },
    { "no name", ": b\r\n", NULL, 0, false },
    { "a space before the colon", "A : b\r\n", NULL, 0, false },
    { "a bad name that would be dropped", "Connection : b\r\n", NULL, 0, false },
    { "a bad value that would be dropped", "Connection: \x02\r\n", NULL, 0, false },
};

static int read_block(struct response *r, struct span block, size_t fields_max, char *text)
{
    struct arena arena;
    char *own = memcpy(malloc(block.len > 0 ? block.len : 1), block.at, block.len);
    arena_init(&arena, 1 << 16);
    int rc = response_read_fields(r, (struct span){ own, block.len }, fields_max, &arena);
    *text = '\0';
    for (size_t i = 0; rc == 0 && i < r->fields_count; i++)
        text += sprintf(text, "%.*s=%.*s;", (int)r->fields[i].name.len, r->fields[i].name.at,
                        (int)r->fields[i].value.len, r->fields[i].value.at);
    arena_done(&arena);
    free(own);
    return rc;
}

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct response r = {
            .status = 200, .reason = SPAN("Fine"), .is_streamed = true, .body_bytes = 77
        };
        char text[512];
        int rc = read_block(&r, span_of(cases[i].block), 10, text);
        if (rc != (cases[i].want ? 0 : -EBADMSG))
            fail_msg("%s: %d", cases[i].why, rc);
        if (cases[i].want &&
            (strcmp(text, cases[i].want) != 0 || r.body_bytes != cases[i].body_bytes ||
             r.is_streamed != cases[i].is_streamed))
            fail_msg("%s: %s, %lld, %d", cases[i].why, text, (long long)r.body_bytes,
                     r.is_streamed);
        assert_int_equal(r.status, 200);
        assert_span_equal(r.reason, SPAN("Fine"));
    }
}

UNIT_TEST(a_nul_is_refused)
{
    struct response r = { .status = 200 };
    char text[64];
    assert_int_equal(read_block(&r, SPAN("A: b\0c\r\n"), 10, text), -EBADMSG);
}

UNIT_TEST(date_and_server_of_the_application_are_seen)
{
    struct response r = { .status = 200 };
    char text[64];
    assert_int_equal(read_block(&r, SPAN("date: x\r\nA: b\r\n"), 10, text), 0);
    assert_true(r.has_date && !r.has_server);
    assert_int_equal(read_block(&r, SPAN("SERVER: x\r\nA: b\r\n"), 10, text), 0);
    assert_true(!r.has_date && r.has_server);
}

UNIT_TEST(files_that_the_application_names)
{
    static const struct span block =
        SPAN("X-accel-redirect: /p/a\r\nX-Sendfile: /srv/b\r\nX-Accel-Expires: 5\r\nA: b\r\n");
    struct response r = { .status = 200 };
    char text[128];
    assert_int_equal(read_block(&r, block, 10, text), 0);
    assert_span_equal(r.redirect, SPAN("/p/a"));
    assert_span_equal(r.sendfile, SPAN("/srv/b"));
    assert_string_equal(text, "A=b;");
    r.is_for_front = true;                  /* somebody else's to heed */
    assert_int_equal(read_block(&r, block, 10, text), 0);
    assert_int_equal(r.redirect.len + r.sendfile.len, 0);
    assert_string_equal(text, "X-accel-redirect=/p/a;X-Sendfile=/srv/b;X-Accel-Expires=5;A=b;");
}

UNIT_TEST(fields_have_a_limit)
{
    struct response r = { .status = 200 };
    char text[64];
    assert_int_equal(read_block(&r, SPAN("A:1\r\nContent-Length: 5\r\nTE: x\r\nB:2\r\n"), 2, text),
                     0);
    assert_int_equal(
        read_block(&r, SPAN("A:1\r\nContent-Length: 5\r\nTE: x\r\nB:2\r\nC:3\r\n"), 2, text),
        -EMSGSIZE);
}

UNIT_TEST(memory_has_a_limit)
{
    struct response r = { .status = 200 };
    struct arena arena;
    arena_init(&arena, 16);
    assert_int_equal(response_read_fields(&r, SPAN("A:1\r\n"), 10, &arena), -ENOMEM);
    assert_int_equal(response_read_fields(&r, SPAN("Content-Length:1\r\n"), 10, &arena), 0);
    arena_done(&arena);
}

UNIT_TEST(statuses)
{
    size_t known = 0;
    for (unsigned status = 0; status < 1000; status++) {
        struct span page = status_page(status);
        known += status_reason(status).len > 0;
        if (status >= 400)
            assert_true(page.len > 2 && page.at[page.len - 1] == '\n');
        assert_int_equal(span_find(page, '\r'), page.len);
        assert_int_equal(status_has_no_body(status),
                         status < 200 || status == 204 || status == 304);
    }
    assert_int_equal(known, 60);       /* so none is out of order: the search would miss it */
    assert_span_equal(status_reason(100), SPAN("Continue"));
    assert_span_equal(status_reason(200), SPAN("OK"));
    assert_span_equal(status_reason(421), SPAN("Misdirected Request"));
    assert_span_equal(status_reason(511), SPAN("Network Authentication Required"));
    assert_int_equal(status_reason(299).len, 0);
    assert_span_equal(status_page(414), SPAN("The address of this request is too long.\n"));
    assert_span_equal(status_page(499), SPAN("The request could not be answered.\n"));
}

UNIT_MAIN(every_case, a_nul_is_refused, date_and_server_of_the_application_are_seen, files_that_the_application_names,
          fields_have_a_limit, memory_has_a_limit, statuses)
