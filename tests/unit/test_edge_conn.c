/* test_edge_conn.c - a connection's phases, one turn of the loop at a time. */
#include "edge/h1.h"
#include "edge_stage.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

UNIT_TEST(a_head_may_be_cut_anywhere)
{
    for (size_t cut = 1; cut < sizeof get - 1; cut++) {
        int peer;
        char first[sizeof get] = "";
        stage_open();
        stage.answer = answer_ok;
        client_open(&peer);
        memcpy(first, get, cut);
        say(peer, first);
        settle();
        say(peer, get + cut);
        settle();
        const char *got = hear(peer, NULL);
        if (strncmp(got, "HTTP/1.1 200 ", 13) != 0)
            fail_msg("cut at %zu: %.40s", cut, got);
        close(peer);
        stage_close();
    }
}

UNIT_TEST(a_head_may_come_byte_by_byte)
{
    int peer;
    stage_open();
    stage.answer = answer_ok;
    client_open(&peer);
    for (size_t i = 0; i < sizeof get - 1; i++) {
        say(peer, (const char[]){ get[i], '\0' });
        settle();
    }
    assert_memory_equal(hear(peer, NULL), "HTTP/1.1 200 ", 13);
    close(peer);
    stage_close();
}

UNIT_TEST(a_refused_head_is_logged_with_its_address_and_time)
{
    int peer;
    bool is_over;
    stage_open();
    struct h1_conn *c = client_open(&peer);
    snprintf(c->base.address, sizeof c->base.address, "192.0.2.7");
    say(peer, "BAD\r\n\r\n");
    settle();
    assert_memory_equal(hear(peer, &is_over), "HTTP/1.1 400 ", 13);
    unsigned status = 0;
    double ms = -1;
    const char *line = logged();
    assert_memory_equal(line, "192.0.2.7 - - [", 15);
    assert_int_equal(sscanf(strchr(line, ']'), "] \"-\" %u %*u \"-\" \"-\" %lf -\n", &status, &ms), 2);
    assert_int_equal(status, 400);
    assert_true(ms >= 0 && ms < 10000);
    close(peer);
    stage_close();
}

/* Each time all of it, however often a helper has to write first. */
static void give_body(struct exchange *x, int times)
{
    static const char text[65536];
    for (size_t given = 0; given < (size_t)times * sizeof text;) {
        size_t left = (size_t)times * sizeof text - given;
        struct span runs[2] = { { text, left < sizeof text ? left : sizeof text }, { NULL, 0 } };
        ssize_t took = x->out->body(x, runs, false);
        assert_true(took >= 0);
        given += (size_t)took;
        stage.wait_us = took > 0 ? 0 : 1000;
        settle();
    }
    stage.wait_us = 0;
}

static void begin_long(struct exchange *x, int64_t body_bytes)
{
    struct response res = { .status = 200, .body_bytes = body_bytes };
    x->response = res;
    x->has_head = true;
    assert_int_equal(x->out->head(x, &res), 0);
    give_body(x, 16);
}

UNIT_TEST(a_client_that_leaves_within_the_answer_is_logged_once)
{
    int peer;
    static const char text[300000];
    stage_open();
    client_open(&peer);
    say(peer, get);
    settle();
    struct exchange *x = stage.waiting;
    assert_non_null(x);
    answer_small(x, 200, SPAN("text/plain"), NULL, 0, (struct span){ text, sizeof text });
    settle();
    close(peer);
    settle();
    unsigned long long bytes = 0;
    const char *line = logged();
    assert_int_equal(sscanf(strchr(line, '"'), "\"GET /a HTTP/1.1\" 200 %llu ", &bytes), 1);
    assert_true(bytes < sizeof text);          /* what was sent, not what was kept */
    assert_null(strchr(strchr(line, '\n') + 1, '\n'));
    stage_close();
}

UNIT_TEST(a_client_that_leaves_before_the_answer_is_logged)
{
    int peer;
    stage_open();
    client_open(&peer);
    say(peer, get);
    settle();
    close(peer);
    settle();
    assert_non_null(strstr(logged(), "\"GET /a HTTP/1.1\" 499 0 "));
    stage_close();
}

UNIT_TEST(who_takes_nothing_is_cut_though_the_application_goes_on)
{
    int peer;
    stage_open();
    client_open(&peer);
    say(peer, get);
    settle();
    struct exchange *x = stage.waiting;
    begin_long(x, -1);
    settle();
    for (int i = 0; i < 7 && stage.edge->conns_count > 0; i++) {
        clock_ahead_us += 10 * 1000000;
        (void)x->out->body(x, (const struct span[2]){ SPAN("x"), { NULL, 0 } }, false);
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 0);
    close(peer);
    stage_close();
}

UNIT_TEST(who_takes_a_little_is_not_cut)
{
    int peer;
    char some[65536];
    stage_open();
    client_open(&peer);
    say(peer, get);
    settle();
    struct exchange *x = stage.waiting;
    begin_long(x, -1);
    settle();
    for (int i = 0; i < 7; i++) {
        clock_ahead_us += 30 * 1000000;
        for (int n = 0; n < 4; n++) {
            assert_true(hear_some(peer, some, sizeof some) > 0);
            settle();
        }
        give_body(x, 4);
    }
    assert_int_equal(stage.edge->conns_count, 1);
    close(peer);
    stage_close();
}

/* More than its one byte each second, so that any time-out alone would let it go on for ever. */
UNIT_TEST(who_takes_too_little_is_reset)
{
    int peer;
    char some[64];
    stage_open();
    client_open(&peer);
    say(peer, get);
    settle();
    begin_long(stage.waiting, -1);
    settle();
    for (int s = 0; s < 59; s++) {
        clock_ahead_us += 1000000;
        assert_true(read(peer, some, sizeof some) > 0);
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 1);
    for (int s = 0; s < 31; s++) {
        clock_ahead_us += 1000000;
        (void)!read(peer, some, sizeof some);
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 0);
    assert_int_equal(stage.reset_closes, 1);
    close(peer);
    stage_close();
}

UNIT_TEST(with_a_rate_of_0_any_byte_will_do)
{
    int peer;
    char some[64 * 1024];
    stage_open();
    stage.edge->conf->send_rate_bytes = 0;
    client_open(&peer);
    say(peer, get);
    settle();
    begin_long(stage.waiting, -1);
    settle();
    for (int s = 0; s < 10; s++) {
        clock_ahead_us += 25 * 1000000;
        assert_true(read(peer, some, sizeof some) > 0);
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 1);
    for (int s = 0; s < 7; s++) {
        clock_ahead_us += 25 * 1000000;
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 0);
    close(peer);
    stage_close();
}

UNIT_TEST(a_first_request_is_waited_for_as_long_as_a_head)
{
    int peer;
    bool is_over;
    stage_open();
    stage.answer = answer_ok;
    client_open(&peer);
    settle();
    clock_ahead_us += 14 * 1000000;
    settle();
    assert_int_equal(stage.edge->conns_count, 1);
    clock_ahead_us += 2 * 1000000;
    settle();
    assert_string_equal(hear(peer, &is_over), "");              /* no 408: a browser would show it */
    assert_true(is_over);
    close(peer);
    client_open(&peer);
    say(peer, get);
    settle();
    clock_ahead_us += 74 * 1000000;                             /* and a next one, longer */
    settle();
    assert_int_equal(stage.edge->conns_count, 1);
    close(peer);
    stage_close();
}

UNIT_TEST(a_body_that_ends_with_the_connection_is_reset_when_cut)
{
    int peer;
    stage_open();
    client_open(&peer);
    say(peer, "GET /a HTTP/1.0\r\n\r\n");
    settle();
    begin_long(stage.waiting, -1);
    settle();
    for (int i = 0; i < 2; i++) {
        clock_ahead_us += 31 * 1000000;
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 0);
    assert_int_equal(stage.reset_closes, 1);
    close(peer);
    stage_close();
}

UNIT_TEST(an_empty_file_ends_a_chunked_answer)
{
    int peer;
    stage_open();
    client_open(&peer);
    say(peer, get);
    settle();
    struct exchange *x = stage.waiting;
    struct response res = { .status = 200, .body_bytes = -1 };
    x->has_head = true;
    assert_int_equal(x->out->head(x, &res), 0);
    x->out->file(x, NULL, open("/dev/null", O_RDONLY | O_CLOEXEC), 0, 0);
    settle();
    const char *got = hear(peer, NULL);
    assert_non_null(strstr(got, "\r\n\r\n0\r\n\r\n"));
    close(peer);
    stage_close();
}

/* Takes the chunked coding off; the bytes of the body, or -1. */
static ssize_t unchunk(const char *text)
{
    ssize_t total = 0;
    for (const char *at = strstr(text, "\r\n\r\n") + 4;;) {
        char *end;
        size_t n = strtoul(at, &end, 16);
        if (end == at || memcmp(end, "\r\n", 2) != 0)
            return -1;
        if (n == 0)
            return total;
        total += (ssize_t)n;
        at = end + 2 + n;
        if (memcmp(at, "\r\n", 2) != 0)
            return -1;
        at += 2;
    }
}

UNIT_TEST(a_file_after_a_spill_comes_after_it)
{
    static char text[1 << 20], got[1 << 21];
    int peer, fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    size_t len = 0;
    memset(text, 'x', sizeof text);
    assert_int_equal(write(fd, "file", 4), 4);
    stage_open();
    client_open(&peer);
    say(peer, get);
    settle();
    struct exchange *x = stage.waiting;
    struct response res = { .status = 200, .body_bytes = -1 };
    x->has_head = true;
    assert_int_equal(x->out->head(x, &res), 0);
    size_t taken = 0;
    while (taken < sizeof text) {
        struct span runs[2] = { { text + taken, sizeof text - taken }, { NULL, 0 } };
        taken += (size_t)x->out->body(x, runs, false);
        settle();
    }
    x->out->file(x, NULL, fd, 0, 4);
    while (!strstr(got + (len > 8 ? len - 8 : 0), "0\r\n\r\n")) {
        ssize_t n = hear_some(peer, got + len, sizeof got - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        settle();
    }
    assert_int_equal(unchunk(got), sizeof text + 4);
    close(peer);
    stage_close();
}

/* The application's end may come with no bytes, and just when the spill has no room. */
UNIT_TEST(a_chunked_answer_ends_also_while_its_spill_is_written)
{
    static char text[1 << 20], got[1 << 21];
    static const struct span none[2];
    int peer;
    memset(text, 'x', sizeof text);
    for (int has_spill = 0; has_spill < 2; has_spill++) {
        size_t len = 0, taken = 0;
        ssize_t n = 1;
        memset(got, 0, sizeof got);
        stage_open();
        stage.edge->conf->response_spool_bytes = has_spill ? 1 << 30 : 0;
        client_open(&peer);
        say(peer, get);
        settle();
        struct exchange *x = stage.waiting;
        struct response res = { .status = 200, .body_bytes = -1 };
        x->has_head = true;
        assert_int_equal(x->out->head(x, &res), 0);
        for (ssize_t took = 1; took > 0; taken += (size_t)took) {
            struct span runs[2] = { { text + taken, sizeof text - taken }, { NULL, 0 } };
            took = x->out->body(x, runs, false);
        }
        assert_in_range(taken, 1, sizeof text - 1);           /* there is no room for more */
        assert_int_equal(x->out->body(x, none, true), 0);
        while (n > 0 && (len < 5 || memcmp(got + len - 5, "0\r\n\r\n", 5) != 0)) {
            n = hear_some(peer, got + len, sizeof got - 1 - len);
            len += n > 0 ? (size_t)n : 0;
        }
        assert_int_equal(unchunk(got), taken);
        close(peer);
        stage_close();
    }
}

UNIT_TEST(many_pipelined_requests_take_several_turns)
{
    int peer;
    char line[4096] = "";
    stage_open();
    stage.answer = answer_ok;
    client_open(&peer);
    for (int i = 0; i < 100; i++)
        strcat(line, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    say(peer, line);
    turns(1);
    assert_true(stage.asked > 0 && stage.asked < 100);
    settle();
    assert_int_equal(stage.asked, 100);
    close(peer);
    stage_close();
}

UNIT_TEST(continue_that_does_not_fit_comes_later)
{
    int peer;
    stage_open();
    stage.answer = answer_ok;
    client_open(&peer);
    send_most = 10;
    say(peer, "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    settle();
    send_most = SIZE_MAX;
    say(peer, "x");
    settle();
    say(peer, "x");
    settle();
    const char *got = hear(peer, NULL);
    assert_memory_equal(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ", 38);
    close(peer);
    stage_close();
}

UNIT_TEST(a_connection_without_a_timer_is_none)
{
    int fds[2];
    struct sockaddr_un from = { .sun_family = AF_UNIX };
    stage_open();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    heap_left = 1;             /* the connection itself, and not its place in the heap of timers */
    int rc = h1_conn_new(&stage.listener, fds[0], (struct sockaddr *)&from);
    heap_left = UINT32_MAX;
    assert_int_equal(rc, -ENOMEM);
    assert_int_equal(stage.edge->conns_count, 0);
    close(fds[0]);
    close(fds[1]);
    stage_close();
}

UNIT_TEST(bytes_after_the_last_request_do_not_reset_its_answer)
{
    int peer;
    bool is_over;
    stage_open();
    stage.edge->conf->requests_limit = 1;
    client_open(&peer);
    say(peer, get);
    settle();
    say(peer, get);                 /* stays in the socket */
    settle();
    answer_ok(stage.waiting);
    settle();
    assert_non_null(strstr(hear(peer, &is_over), "ok\n"));
    assert_true(is_over);           /* of its direction */
    say(peer, get);                 /* would be -EPIPE were it closed */
    close(peer);
    stage_close();
}

UNIT_MAIN(a_head_may_be_cut_anywhere, a_head_may_come_byte_by_byte,
          a_refused_head_is_logged_with_its_address_and_time,
          a_client_that_leaves_within_the_answer_is_logged_once,
          a_client_that_leaves_before_the_answer_is_logged,
          who_takes_nothing_is_cut_though_the_application_goes_on, who_takes_a_little_is_not_cut, who_takes_too_little_is_reset,
          with_a_rate_of_0_any_byte_will_do, a_first_request_is_waited_for_as_long_as_a_head,
          a_body_that_ends_with_the_connection_is_reset_when_cut,
          an_empty_file_ends_a_chunked_answer, a_file_after_a_spill_comes_after_it,
          a_chunked_answer_ends_also_while_its_spill_is_written,
          many_pipelined_requests_take_several_turns, continue_that_does_not_fit_comes_later,
          a_connection_without_a_timer_is_none,
          bytes_after_the_last_request_do_not_reset_its_answer)
