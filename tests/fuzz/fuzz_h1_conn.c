/* fuzz_h1_conn.c - a whole connection, twice with the same bytes: at once, and cut and slowed by
 * the input; then a third time with a client that leaves midway.
 *
 * Input: a byte that says how many bytes of script follow, the script, what the client sends.  The
 * script begins anew when it is used up.
 * Must hold: the application sees the same requests, the client the same responses, the access log
 * is the same; no crash, no leak; and once the client is gone or its time is up the connection is
 * gone, too.
 */
#include "h1_stage.h"
#include "base/arena.h"

enum { ENOUGH_TURNS = 60, ENOUGH_MOVES = 4000, LONG_US = 3600 * 1000000LL * 30 };

struct script {
    struct span bytes;
    size_t pos;
};

struct result {
    char *seen, *answers, *access;
    size_t seen_bytes, answers_bytes, access_bytes;
};

static unsigned next_byte(struct script *s)
{
    return s->bytes.len > 0 ? (unsigned char)s->bytes.at[s->pos++ % s->bytes.len] : 0;
}

/* ---- what the client got, without what may differ: interim answers, the sizes of chunks -------- */

static bool is_start(struct span s) { return span_starts(s, SPAN("HTTP/1.1 ")); }

static size_t head_bytes(struct span s)
{
    const char *end = memmem(s.at, s.len, "\r\n\r\n", 4);
    return end ? (size_t)(end - s.at) + 4 : 0;
}

static size_t copy_chunks(struct span s, struct buf *into)
{
    size_t pos = 0;
    while (pos < s.len) {
        char *end;
        unsigned long long size = strtoull(s.at + pos, &end, 16);
        size_t line = (size_t)(end - (s.at + pos)) + 2;
        must(line > 2 && line <= s.len - pos && end[0] == '\r' && end[1] == '\n');
        pos += line;
        if (size == 0) {
            must(s.len - pos >= 2 && memcmp(s.at + pos, "\r\n", 2) == 0);
            must(buf_add(into, SPAN("\nwhole\n")) == 0);
            return pos + 2;
        }
        must(size <= s.len - pos && s.len - pos - size >= 2);
        must(buf_add(into, (struct span){ s.at + pos, size }) == 0);
        pos += size + 2;
    }
    return pos;                        /* cut */
}

/* The bytes of the body behind a head; an answer to HEAD has none, whatever the head says. */
static size_t copy_body(struct span head, struct span rest, struct buf *into)
{
    const char *length = memmem(head.at, head.len, "\r\nContent-Length: ", 18);
    if (rest.len == 0 || is_start(rest))
        return 0;
    if (memmem(head.at, head.len, "\r\nTransfer-Encoding: chunked", 28))
        return copy_chunks(rest, into);
    size_t bytes = length ? (size_t)strtoull(length + 18, NULL, 10) : rest.len;
    bytes = bytes < rest.len ? bytes : rest.len;
    must(buf_add(into, (struct span){ rest.at, bytes }) == 0);
    return bytes;
}

static void keep(const struct buf *b, char **at, size_t *bytes)
{
    struct span s = own_copy(buf_span(b));
    *at = (char *)s.at;
    *bytes = s.len;
}

static void read_answers(struct buf *into)
{
    struct span s;
    must(buf_add(&stage.out, (struct span){ "", 1 }) == 0);          /* for strtoull() */
    s = buf_span(&stage.out);
    s.len--;
    if (s.len > 0 && s.at[0] == '\0') {                                /* frames of HTTP/2: GOAWAY */
        must(buf_add(into, s) == 0);
        s.len = 0;
    }
    while (s.len > 0) {
        size_t bytes = head_bytes(s);
        must(is_start(s) && bytes > 0);
        struct span head = { s.at, bytes };
        bool is_interim = s.at[9] == '1';
        s = span_skip(s, bytes);
        if (is_interim)
            continue;
        must(buf_add(into, head) == 0);
        s = span_skip(s, copy_body(head, s, into));
    }
}

/* ---- one run --------------------------------------------------------------------------------- */

/* Until nothing moves any more: the client reads all, the application has all its time. */
static void come_to_rest(void)
{
    socket_room(LIMIT_BYTES);
    for (unsigned i = 0, still = 0; i < ENOUGH_MOVES && still < 6; i++) {
        size_t before = buf_len(&stage.out) + buf_len(&stage.seen) + stage.to_read.len + stage.done_bytes;
        app_go_on(UINT64_MAX);
        turns(2);
        size_t after = buf_len(&stage.out) + buf_len(&stage.seen) + stage.to_read.len + stage.done_bytes;
        still = after == before ? still + 1 : 0;
    }
    must(!stage.call);
}

/* Every wait has its limit, and what was refused for it (408) is an answer as any other. */
static void let_time_pass(void)
{
    for (int i = 0; i < ENOUGH_TURNS && stage.edge->conns_count > 0; i++) {
        stage.now_us += LONG_US;
        turns(2);
    }
    must(stage.edge->conns_count == 0 && !stage.is_open && !stage.call);
}

static struct result finish(void)
{
    struct result r;
    struct buf answers = { .limit_bytes = LIMIT_BYTES };
    int64_t started_us = stage.now_us;
    come_to_rest();
    keep(&stage.edge->serve.access, &r.access, &r.access_bytes);
    let_time_pass();
    stage.now_us = started_us;
    read_answers(&answers);
    keep(&answers, &r.answers, &r.answers_bytes);
    keep(&stage.seen, &r.seen, &r.seen_bytes);
    buf_done(&answers);
    return r;
}

static struct result run_whole(struct span stream)
{
    connect_client(stream, LIMIT_BYTES);
    socket_give(stream.len);
    return finish();
}

/* One byte of the script: bytes of the client, then turns, room to send and the application. */
static size_t step(struct script *s, size_t left)
{
    static const unsigned short sizes[16] = { 1, 1, 2, 3, 4, 5, 7, 9, 13, 17, 31, 64, 127, 255, 511, 4096 };
    static const unsigned rooms[4] = { 0, 1, 700, 70000 };
    unsigned what = next_byte(s);
    size_t bytes = sizes[what & 15] < left ? sizes[what & 15] : left;
    if (!stage.is_open)
        return left;                   /* nobody takes them */
    socket_give(bytes);
    socket_room(rooms[what >> 4 & 3]);
    if (what & 64)
        app_go_on(1 + (what >> 4) * 997u);
    if (what & 128)
        turns(1 + (what & 1));
    return bytes;
}

static void run_cut_until(struct script *s, struct span stream, size_t steps_most)
{
    connect_client(stream, 0);
    for (size_t left = stream.len; left > 0 && steps_most > 0; steps_most--)
        left -= step(s, left);
    turns(1);
}

/* The client half-closes, resets, falls silent, or the edge is told to stop. */
static void run_broken(struct script *s, struct span stream)
{
    unsigned how = next_byte(s);
    run_cut_until(s, stream, how >> 3);
    if (!stage.is_open)
        return;
    switch (how & 7) {
    case 0: case 1: socket_half_close(); break;
    case 2: case 3: socket_reset(); break;
    case 4: stage.now_us += 20 * 1000000; break;
    case 5: stage.now_us += LONG_US; break;
    case 6: stage.edge->is_draining = true; break;
    case 7: socket_half_close(); stage.edge->is_draining = true; break;
    }
    turns(1 + (how & 1));
    app_go_on(how * 100u);
    turns(1);
    if (how & 64)
        socket_reset();
    come_to_rest();
    let_time_pass();
}

/* ---- the comparison -------------------------------------------------------------------------- */

static void must_be_same(const char *what, const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    if (a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0)
        return;
    fprintf(stderr, "%s differ\n---- whole\n%.*s\n---- cut\n%.*s\n", what, (int)a_bytes, a, (int)b_bytes, b);
    abort();
}

static void forget(struct result *r)
{
    free(r->seen);
    free(r->answers);
    free(r->access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 2)
        return 0;
    size_t script_bytes = data[0] % 32u < bytes - 1 ? data[0] % 32u : bytes - 1;
    struct script s = { { (const char *)data + 1, script_bytes }, 0 };
    struct span stream = { (const char *)data + 1 + script_bytes, bytes - 1 - script_bytes };
    if (span_starts(stream, SPAN("PRI * HTTP/2.0\r\n\r\n")))
        return 0;                      /* fuzz_h2_conn.c */
    struct result whole = run_whole(stream);
    run_cut_until(&s, stream, SIZE_MAX);
    struct result cut = finish();
    must_be_same("requests", whole.seen, whole.seen_bytes, cut.seen, cut.seen_bytes);
    must_be_same("answers", whole.answers, whole.answers_bytes, cut.answers, cut.answers_bytes);
    must_be_same("access logs", whole.access, whole.access_bytes, cut.access, cut.access_bytes);
    forget(&whole);
    forget(&cut);
    run_broken(&s, stream);
    return 0;
}
