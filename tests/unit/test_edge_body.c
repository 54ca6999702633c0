/* test_edge_body.c - request bodies on their way through memory, memfd and file, and what ends them. */
#include "edge/edge_private.h"
#include "edge_stage.h"

enum { BODY_BYTES_MAX = 1 << 20 };
static char sent[BODY_BYTES_MAX], got[BODY_BYTES_MAX];
static int64_t got_bytes;
static bool was_memory;

static void take_body(struct exchange *x)
{
    got_bytes = x->body.bytes;
    was_memory = x->body.memory.at != NULL;
    if (was_memory)
        memcpy(got, x->body.memory.at, x->body.memory.len);
    else if (got_bytes > 0)
        assert_int_equal(pread(x->body.fd, got, sizeof got, 0) >= got_bytes, 1);
    answer_ok(x);
}

static void open_body(size_t body_memory)
{
    stage_open();
    stage.answer = take_body;
    stage.edge->conf->body_memory_bytes = (int64_t)body_memory;
    stage.edge->bodies.cap_bytes = body_memory;
    got_bytes = -1;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 7 + i / 251);
    memset(got, 0, sizeof got);
}

static size_t piece_bytes = SIZE_MAX;

/* All of it, in pieces that arrive one by one, turning the loop whenever the socket is full, and helpers when need be. */
static void push(int peer, const char *at, size_t bytes)
{
    stage.wait_us = piece_bytes == SIZE_MAX ? 1000 : 0;
    for (size_t done = 0; done < bytes;) {
        size_t left = bytes - done;
        ssize_t n = write(peer, at + done, left < piece_bytes ? left : piece_bytes);
        assert_true(n > 0 || errno == EAGAIN);
        done += n > 0 ? (size_t)n : 0;
        if (n <= 0 || piece_bytes != SIZE_MAX)
            turns(1);
    }
    stage.wait_us = 0;
}

static void expect(int peer, const char *status)
{
    char head[4096];
    ssize_t n = hear_some(peer, head, sizeof head - 1);
    assert_true(n > 0);
    head[n] = '\0';
    if (strncmp(head + 9, status, 3) != 0)
        fail_msg("%.60s instead of %s", head, status);
    settle();
}

static const size_t sizes[] = { 1, 100, 32767, 32768, 32769, 65535, 65536, 65537, 262144, 400000, 1000000 };

UNIT_TEST(bodies_with_a_length)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        int peer;
        char head[200];
        open_body(65536);
        client_open(&peer);
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
        say(peer, head);
        push(peer, sent, sizes[i]);
        expect(peer, "200");
        assert_int_equal(got_bytes, sizes[i]);
        assert_memory_equal(got, sent, sizes[i]);
        assert_int_equal(was_memory, sizes[i] <= BODY_MEMORY_BYTES);
        close(peer);
        stage_close();
    }
}

static void push_chunked(int peer, size_t bytes, size_t chunk)
{
    char line[32];
    for (size_t at = 0; at < bytes;) {
        size_t n = bytes - at < chunk ? bytes - at : chunk;
        push(peer, line, (size_t)snprintf(line, sizeof line, "%zx;x=y\r\n", n));
        push(peer, sent + at, n);
        push(peer, "\r\n", 2);
        at += n;
    }
    push(peer, "0\r\n\r\n", 5);
}

/* From memory to memfd to file, also where the memory is no multiple of a file's block, and where
 * a call brings only a few bytes. */
UNIT_TEST(chunked_bodies)
{
    static const size_t memories[] = { 65536, 70001, 300000 }, chunks[] = { 1000, 40000, 1000000 };
    for (size_t i = 0; i < ARRAY_LEN(sizes) * ARRAY_LEN(memories) * ARRAY_LEN(chunks); i++) {
        size_t bytes = sizes[i % ARRAY_LEN(sizes)], chunk = chunks[i / ARRAY_LEN(sizes) % ARRAY_LEN(chunks)];
        int peer;
        open_body(memories[i / ARRAY_LEN(sizes) / ARRAY_LEN(chunks)]);
        piece_bytes = i % 2 || bytes > 65537 ? SIZE_MAX : 997;
        client_open(&peer);
        say(peer, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        push_chunked(peer, bytes, chunk);
        expect(peer, "200");
        assert_int_equal(got_bytes, bytes);
        assert_memory_equal(got, sent, bytes);
        say(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");      /* and the connection goes on */
        expect(peer, "200");
        close(peer);
        stage_close();
    }
}

UNIT_TEST(a_full_disk_is_507)
{
    int peer;
    open_body(65536);
    pwrite_error = -ENOSPC;
    client_open(&peer);
    say(peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    push(peer, sent, 400000);
    expect(peer, "507");
    assert_int_equal(stage.asked, 0);
    assert_non_null(strstr(logged(), "\"POST / HTTP/1.1\" 507 "));
    close(peer);
    stage_close();
}

UNIT_TEST(a_body_that_ends_early_is_nobodys)
{
    int peer;
    open_body(65536);
    client_open(&peer);
    say(peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    settle();
    close(peer);
    settle();
    assert_int_equal(stage.asked, 0);
    assert_non_null(strstr(logged(), "\"POST / HTTP/1.1\" 499 0 "));
    stage_close();
}

UNIT_TEST(a_slow_body_is_408_and_logged_once)
{
    int peer;
    open_body(65536);
    client_open(&peer);
    say(peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        say(peer, "x");
        settle();
        clock_ahead_us += 14 * 1000000;
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 1);
    say(peer, "x");                               /* a byte puts the end off by 2 ms, not by a new start */
    settle();
    clock_ahead_us += 3 * 1000000;
    settle();
    expect(peer, "408");
    const char *line = logged();
    assert_non_null(strstr(line, "\"POST / HTTP/1.1\" 408 "));
    assert_string_equal(strchr(line, '\n'), "\n");
    clock_ahead_us += 3 * 1000000;                /* and lingers only so long */
    settle();
    assert_int_equal(stage.edge->conns_count, 0);
    close(peer);
    stage_close();
}

/* 600 bytes a second, and now and then a tunnel: five minutes, and nothing is wrong. */
UNIT_TEST(a_slow_telephone_is_not_cut)
{
    enum { SECONDS = 300 };
    int peer;
    char head[100], some[600] = { 0 };
    open_body(65536);
    client_open(&peer);
    snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", SECONDS * 600);
    say(peer, head);
    settle();
    for (int s = 0; s < SECONDS; s++) {
        assert_int_equal(write(peer, some, sizeof some), sizeof some);
        settle();
        clock_ahead_us += (s % 150 == 100 ? 20 : 1) * 1000000;
        settle();
        assert_int_equal(stage.edge->conns_count, 1);
    }
    expect(peer, "200");
    assert_int_equal(got_bytes, SECONDS * 600);
    close(peer);
    stage_close();
}

/* What came fast is no account that a drip may live on. */
UNIT_TEST(a_drip_after_a_fast_start_is_408)
{
    enum { FAST_BYTES = 200000 };
    int peer;
    open_body(1 << 20);
    client_open(&peer);
    say(peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n");
    push(peer, sent, FAST_BYTES);
    settle();
    for (int s = 0; s < 29; s++) {
        say(peer, "x");
        settle();
        clock_ahead_us += 1000000;
        settle();
    }
    assert_int_equal(stage.edge->conns_count, 1);
    clock_ahead_us += 2000000;
    settle();
    expect(peer, "408");
    close(peer);
    settle();
    stage_close();
}

/* Chunks of one byte are a body of one byte each, however much framing comes with them. */
UNIT_TEST(framing_is_no_body)
{
    int peer;
    open_body(65536);
    client_open(&peer);
    say(peer, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int s = 0; s < 31; s++) {
        say(peer, "000000000000001;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n");
        settle();
        clock_ahead_us += 1000000;
        settle();
    }
    expect(peer, "408");
    close(peer);
    settle();
    stage_close();
}

UNIT_TEST(memfds_are_used_again_and_given_back)
{
    int peer;
    open_body(65536);
    client_open(&peer);
    for (int i = 0; i < 3; i++) {
        say(peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
        push(peer, sent, 50000);
        expect(peer, "200");
        assert_int_equal(stage.edge->bodies.count, 1);
    }
    close(peer);
    stage_close();
}

static void lend_for_ever(struct exchange *x)
{
    x->is_body_lent = true;
    answer_ok(x);
}

UNIT_TEST(a_memfd_that_a_worker_may_read_is_never_used_again)
{
    int peer;
    open_body(65536);
    stage.answer = lend_for_ever;
    client_open(&peer);
    say(peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
    push(peer, sent, 50000);
    expect(peer, "200");
    assert_int_equal(stage.edge->bodies.count, 0);
    close(peer);
    stage_close();
}

UNIT_MAIN(bodies_with_a_length, chunked_bodies, a_full_disk_is_507,
          a_body_that_ends_early_is_nobodys, a_slow_body_is_408_and_logged_once, a_slow_telephone_is_not_cut,
          a_drip_after_a_fast_start_is_408, framing_is_no_body,
          memfds_are_used_again_and_given_back, a_memfd_that_a_worker_may_read_is_never_used_again)
