/* fuzz_h2_conn.c - a whole HTTP/2 connection: frames of a client as the input says, whole and broken
 * ones, and between them turns of the loop, the application, room to send and time.
 *
 * The input is a program: a byte says what happens next, those after it with what.  Most frames are
 * well-formed, or nothing behind HPACK would ever be reached; any bytes can be sent, too.
 * Must hold: no crash, no leak; what the client gets is frames, heads that decode, for each stream a
 * head before its DATA, nothing behind its end, and as many bytes as Content-Length says; and once the
 * client is gone or its time is up the connection is gone, too.
 */
#include <nghttp2/nghttp2.h>
#include "h1_stage.h"
#include "edge/h2_conn.h"

enum { STREAM_BYTES = 1 << 18, STREAMS = 16384, REST_MOVES = 4000, TIME_MOVES = 2000,
       HOURS_US = 3600 * 1000000LL };
enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING = 6, GOAWAY, WINDOW_UPDATE, CONTINUATION,
       PRIORITY_UPDATE = 16 };
enum { END_STREAM = 1, END_HEADERS = 4 };

struct script {
    const uint8_t *at;
    size_t left;
};

static char client_bytes[STREAM_BYTES];
static size_t client_end;
static uint32_t next_stream;
static struct loop_hook flush_hook;

static unsigned take(struct script *s)
{
    if (s->left == 0)
        return 0;
    s->left--;
    return *s->at++;
}

/* ---- what the client sends ------------------------------------------------------------------- */

static void say(const void *bytes, size_t count)
{
    if (count > STREAM_BYTES - client_end || !stage.is_open)
        return;
    memcpy(client_bytes + client_end, bytes, count);
    client_end += count;
    socket_give(count);
}

static void say_frame(unsigned type, unsigned flags, uint32_t stream, const void *payload, size_t bytes)
{
    const unsigned char head[9] = {
        0, (unsigned char)(bytes >> 8), (unsigned char)bytes, (unsigned char)type, (unsigned char)flags,
        (unsigned char)(stream >> 24), (unsigned char)(stream >> 16), (unsigned char)(stream >> 8),
        (unsigned char)stream,
    };
    say(head, sizeof head);
    say(payload, bytes);
}

/* GET or POST, and a path that says what the application answers. */
static size_t write_block(char *at, struct script *s)
{
    unsigned what = take(s);
    char *from = at;
    *at++ = what & 1 ? '\x83' : '\x82';
    at = mempcpy(at, "\x86\x41\x01" "a", 4);
    at = mempcpy(at, "\x04\x03/", 3);
    *at++ = (char)('a' + take(s) % 26);
    *at++ = (char)('a' + what / 2 % 26);
    switch (take(s) & 7) {
    case 0: at = mempcpy(at, "\x0f\x0d\x01" "5", 4); break;                      /* content-length: 5 */
    case 1: at = mempcpy(at, "\x60\x03" "a=b\x60\x01" "c", 8); break;            /* two cookies */
    case 2: at = mempcpy(at, "\x40\x08" "priority\x03u=1", 14); break;
    case 3: at = mempcpy(at, "\x0f\x14\x0c" "100-continue", 15); break;          /* expect */
    case 4: at = mempcpy(at, "\x26\x01" "b", 3); break;                          /* host: b */
    case 5: *at++ = (char)take(s); break;                                        /* any index */
    default: break;
    }
    return (size_t)(at - from);
}

static void send_head(struct script *s, unsigned how)
{
    char block[128];
    size_t bytes = write_block(block, s), first = how & 2 ? bytes / 2 : bytes;
    unsigned end = how & 1 ? END_STREAM : 0;
    uint32_t stream = how & 4 ? (take(s) | 1u) : next_stream;
    next_stream = stream >= next_stream ? stream + 2 : next_stream;
    say_frame(HEADERS, end | (first == bytes ? END_HEADERS : 0), stream, block, first);
    if (first < bytes)
        say_frame(CONTINUATION, END_HEADERS, stream, block + first, bytes - first);
}

static void send_any(struct script *s)
{
    char payload[64];
    unsigned type = take(s), flags = take(s), stream = take(s);
    size_t bytes = take(s) % sizeof payload;
    for (size_t i = 0; i < bytes; i++)
        payload[i] = (char)take(s);
    say_frame(type, flags, stream, payload, bytes);
}

static void send_words(struct script *s, unsigned type, uint32_t stream, unsigned words)
{
    unsigned char at[12];
    for (size_t i = 0; i < 4u * words; i++)
        at[i] = (unsigned char)(i % 4 < 2 ? 0 : take(s));
    say_frame(type, 0, stream, at, 4u * words);
}

static void say_setting(struct script *s)
{
    const unsigned char at[6] = { 0, (unsigned char)(take(s) % 10), 0, (unsigned char)(take(s) & 3),
                                  (unsigned char)take(s), (unsigned char)take(s) };
    say_frame(SETTINGS, 0, 0, at, sizeof at);
}

static void say_bytes(struct script *s, unsigned count)
{
    char some[16];
    for (unsigned i = 0; i < count; i++)
        some[i] = (char)take(s);
    say(some, count);
}

static void time_passes(unsigned how)
{
    stage.now_us += how < 12 ? how * 3000000LL : HOURS_US;
}

static void play(struct script *s)
{
    while (s->left > 0 && stage.is_open) {
        unsigned what = take(s), how = what & 15;
        switch (what >> 4) {
        case 0: send_head(s, how | 1); break;
        case 1: send_head(s, how & ~1u); break;
        case 2: say_frame(DATA, how & 1, take(s), text, how << 4 | take(s)); break;
        case 3: say_frame(DATA, how & 1, next_stream - 2, text, (how >> 1) * 1500u); break;
        case 4: send_words(s, WINDOW_UPDATE, how & 1 ? take(s) : 0, 1); break;
        case 5: send_words(s, RST_STREAM, how & 1 ? take(s) : next_stream - 2, 1); break;
        case 6: say_setting(s); break;
        case 7: send_words(s, how & 1 ? PING : GOAWAY, 0, 2); break;
        case 8: send_words(s, how & 1 ? PRIORITY_UPDATE : PRIORITY, 0, 1); break;
        case 9: say_frame(HEADERS, END_STREAM | END_HEADERS, how & 1 ? take(s) : next_stream - 2, "\x40\1t\1u", 5); break;
        case 10: send_any(s); break;
        case 11: say_bytes(s, how + 1); break;
        case 12: turns(1 + (how & 1)); break;
        case 13: app_go_on(how == 15 ? UINT64_MAX : how * 997u + 1); turns(1); break;
        case 14: socket_room(how * how * 400u); turns(1); break;
        case 15: if (how == 15) stage.edge->is_draining = true; time_passes(how); turns(1); break;
        }
    }
}

/* ---- what the client got --------------------------------------------------------------------- */

static struct seen {
    bool has_head, has_ended, is_bare;
    int64_t promised_bytes;            /* -1: none */
    int64_t bytes;
} seen[STREAMS];

static void read_fields(nghttp2_hd_inflater *inflater, struct seen *s, const uint8_t *at, size_t left)
{
    int flags = 0;
    unsigned status = 0;
    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv nv;
        ssize_t took = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, left, 1);
        must(took >= 0);
        at += took;
        left -= (size_t)took;
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
            continue;
        must(nghttp2_check_header_value(nv.value, nv.valuelen));
        must(nv.name[0] == ':' || nghttp2_check_header_name(nv.name, nv.namelen));
        if (nv.namelen == 7 && memcmp(nv.name, ":status", 7) == 0)
            status = (unsigned)strtoul((const char *)nv.value, NULL, 10);
        if (nv.namelen == 14 && memcmp(nv.name, "content-length", 14) == 0)
            s->promised_bytes = strtoll((const char *)nv.value, NULL, 10);
    }
    must(nghttp2_hd_inflate_end_headers(inflater) == 0 && left == 0);
    must(status >= 100 && !s->has_head);
    s->has_head = status >= 200;
}

/* A frame that is there whole; how many bytes it has. */
static size_t read_frame(nghttp2_hd_inflater *inflater, struct span in)
{
    const uint8_t *h = (const uint8_t *)in.at;
    size_t bytes = in.len < 9 ? 0 : (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
    if (in.len < 9 || in.len - 9 < bytes)
        return in.len;                 /* the client left before */
    uint32_t stream = ((uint32_t)h[5] << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8]) & 0x7fffffff;
    struct seen *s = &seen[stream % STREAMS];
    must(h[3] <= CONTINUATION && bytes <= 16384);
    if (h[3] == HEADERS) {
        must(h[4] & END_HEADERS && stream % 2 == 1 && !s->has_ended);
        read_fields(inflater, s, h + 9, bytes);
        s->is_bare = h[4] & END_STREAM;
    } else if (h[3] == DATA) {
        must(s->has_head && !s->has_ended);
        s->bytes += (int64_t)bytes;
        must(s->promised_bytes < 0 || s->bytes <= s->promised_bytes);
    } else {
        return 9 + bytes;
    }
    s->has_ended = h[4] & END_STREAM;
    must(!s->has_ended || s->is_bare || s->promised_bytes < 0 || s->bytes == s->promised_bytes);
    return 9 + bytes;
}

static void read_all(void)
{
    nghttp2_hd_inflater *inflater;
    struct span out = buf_span(&stage.out);
    must(nghttp2_hd_inflate_new(&inflater) == 0);
    (void)nghttp2_hd_inflate_change_table_size(inflater, 65536);
    for (size_t i = 0; i < STREAMS; i++)
        seen[i] = (struct seen){ .promised_bytes = -1 };
    while (out.len > 0)
        out = span_skip(out, read_frame(inflater, out));
    nghttp2_hd_inflate_del(inflater);
}

/* ---- one run --------------------------------------------------------------------------------- */

static int64_t flush(struct loop_hook *h)
{
    (void)h;
    h2_flush(stage.edge);
    return 0;
}

/* The client takes all and gives all the room that there is, then time passes. */
static void come_to_rest(void)
{
    size_t still = 0;
    socket_room(LIMIT_BYTES);
    for (int i = 0; i < REST_MOVES && still < 6; i++) {
        size_t before = buf_len(&stage.out) + stage.to_read.len + stage.queued + stage.done_bytes;
        app_go_on(UINT64_MAX);
        turns(2);
        still = before == buf_len(&stage.out) + stage.to_read.len + stage.queued + stage.done_bytes ? still + 1 : 0;
    }
    for (int i = 0; i < TIME_MOVES && stage.edge->conns_count > 0; i++) {
        stage.now_us += HOURS_US;
        app_go_on(UINT64_MAX);
        turns(2);
    }
    must(stage.edge->conns_count == 0 && !stage.is_open);
}

static void begin(void)
{
    if (!stage.edge) {
        set_up();
        stage.edge->conf->http2 = true;
        stage.edge->conf->h2_streams = 20;
        must(h2_set_up(stage.edge) == 0);
        flush_hook.turn_end = flush;
        list_init(&flush_hook.node);
        loop_hook_add(stage.edge->loop, &flush_hook);
    }
    stage.queued = 0;
    client_end = 0;
    next_stream = 1;
    connect_client((struct span){ client_bytes, 0 }, 100000);
    say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    say_frame(SETTINGS, 0, 0, "", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct script s = { data, bytes };
    unsigned end = take(&s);
    begin();
    play(&s);
    if (stage.is_open && end & 1)
        socket_half_close();
    if (stage.is_open && end & 2)
        socket_reset();
    come_to_rest();
    read_all();
    return 0;
}
