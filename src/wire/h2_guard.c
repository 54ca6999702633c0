/* h2_guard.c - frame heads are gathered byte by byte, payloads are only counted.
 *
 *     preface > head > payload > head > payload ...
 *
 * A refusal stops before the frame it is for; of its head, what came in an earlier read has gone on
 * already, which does no harm: the library never sees it whole.
 */
#include "wire/h2_guard.h"

enum frame_type {
    FRAME_DATA, FRAME_HEADERS, FRAME_PRIORITY, FRAME_RST_STREAM, FRAME_SETTINGS, FRAME_PUSH_PROMISE,
    FRAME_PING, FRAME_GOAWAY, FRAME_WINDOW_UPDATE, FRAME_CONTINUATION,
};
enum { FLAG_END_STREAM = 0x1, FLAG_END_HEADERS = 0x4, FLAG_PADDED = 0x8 };
enum { PADDING_BYTES_MAX = 256, BLOCK_FRAMES_FREE = 8, BLOCK_BYTES_A_FRAME = 1024 };
enum { EARNED_A_FRAME = 2, EARNED_MAX = 100000 };

enum { PRIORITY_BYTES = 5, WINDOW_UPDATE_BYTES = 4 };

struct frame {
    uint32_t bytes, stream;
    uint32_t word;             /* the first four bytes of the payload, if has_word() */
    unsigned type, flags;
};

/* Those of the right size only: the library refuses the others. */
static bool has_word(const struct frame *f)
{
    return (f->type == FRAME_PRIORITY && f->bytes == PRIORITY_BYTES) ||
           (f->type == FRAME_WINDOW_UPDATE && f->bytes == WINDOW_UPDATE_BYTES);
}

void h2_guard_init(struct h2_guard *g)
{
    *g = (struct h2_guard){ .preface_left_bytes = H2_PREFACE_BYTES };
}

static bool take_token(struct h2_bucket *b, uint32_t per_s, int64_t now_ms)
{
    const int64_t full = (int64_t)per_s * 1000 * H2_GUARD_BURST_S;
    int64_t passed_ms = now_ms - b->at_ms;
    if (b->at_ms == 0 || passed_ms >= 1000 * H2_GUARD_BURST_S)
        b->thousandths = full;
    else if (passed_ms > 0)
        b->thousandths += passed_ms * per_s;
    if (b->thousandths > full)
        b->thousandths = full;
    b->at_ms = now_ms;
    if (b->thousandths < 1000)
        return false;
    b->thousandths -= 1000;
    return true;
}

/* ---- streams --------------------------------------------------------------------------------- */

static void note_gap(struct h2_guard *g, uint32_t first, uint32_t last)
{
    unsigned place = g->gaps_count++ % H2_GUARD_GAPS;
    g->gaps[place].first = first;
    g->gaps[place].last = last;
}

static bool was_skipped(const struct h2_guard *g, uint32_t stream)
{
    for (unsigned i = 0; i < g->gaps_count && i < H2_GUARD_GAPS; i++)
        if (stream >= g->gaps[i].first && stream <= g->gaps[i].last)
            return true;
    return false;
}

/* A stream below one that was opened can only be one that was opened before (RFC 9113, section
 * 5.1.1): its trailers. */
static bool opens_rightly(struct h2_guard *g, uint32_t stream)
{
    if (stream % 2 == 0)
        return true;                            /* never a client's: the library refuses it */
    if (stream <= g->last_stream)
        return !was_skipped(g, stream);
    uint32_t next = g->last_stream == 0 ? 1 : g->last_stream + 2;
    if (stream > next)
        note_gap(g, next, stream - 2);
    g->last_stream = stream;
    return true;
}

static void note_end(struct h2_guard *g, uint32_t stream)
{
    g->ended[g->ended_count++ % H2_GUARD_ENDED] = stream;
}

static bool has_ended(const struct h2_guard *g, uint32_t stream)
{
    for (unsigned i = 0; i < g->ended_count && i < H2_GUARD_ENDED; i++)
        if (g->ended[i] == stream)
            return true;
    return false;
}

/* ---- one frame ------------------------------------------------------------------------------- */

static enum h2_error refuse(struct h2_guard *g, enum h2_error error, const char *why)
{
    g->why = why;
    return error;
}

static enum h2_error spend(struct h2_guard *g, const struct h2_guard_limits *limits, int64_t now_ms)
{
    if (take_token(&g->idle, limits->idle_frames_per_s, now_ms))
        return H2_NO_ERROR;
    return refuse(g, H2_ENHANCE_YOUR_CALM, "too many frames that ask for nothing");
}

/* Many small CONTINUATIONs are as bad as a large block, and nobody has a use for them. */
static enum h2_error look_at_block(struct h2_guard *g, const struct h2_guard_limits *limits,
                                   const struct frame *f)
{
    if (f->bytes > limits->block_bytes || g->block_bytes > limits->block_bytes - f->bytes)
        return refuse(g, H2_ENHANCE_YOUR_CALM, "a header block far over head-limit");
    g->block_bytes += f->bytes;
    if (++g->block_frames > BLOCK_FRAMES_FREE + g->block_bytes / BLOCK_BYTES_A_FRAME)
        return refuse(g, H2_ENHANCE_YOUR_CALM, "a header block in too many frames");
    g->is_in_block = !(f->flags & FLAG_END_HEADERS);
    return H2_NO_ERROR;
}

static enum h2_error look_at_headers(struct h2_guard *g, const struct h2_guard_limits *limits,
                                     const struct frame *f)
{
    if (!opens_rightly(g, f->stream))
        return refuse(g, H2_PROTOCOL_ERROR, "a stream below one that was opened");
    if (has_ended(g, f->stream))
        return refuse(g, H2_STREAM_CLOSED, "HEADERS on a stream that the client ended");
    if (f->flags & FLAG_END_STREAM)
        note_end(g, f->stream);
    g->block_bytes = g->block_frames = 0;
    return look_at_block(g, limits, f);
}

/* Padding alone is as empty as nothing. */
static bool may_be_empty(const struct frame *f)
{
    return f->bytes == 0 || ((f->flags & FLAG_PADDED) && f->bytes <= PADDING_BYTES_MAX);
}

static enum h2_error look_at_data(struct h2_guard *g, const struct h2_guard_limits *limits,
                                  const struct frame *f, int64_t now_ms)
{
    if (has_ended(g, f->stream))
        return refuse(g, H2_STREAM_CLOSED, "DATA on a stream that the client ended");
    if (f->flags & FLAG_END_STREAM)
        note_end(g, f->stream);
    else if (may_be_empty(f))
        return spend(g, limits, now_ms);
    return H2_NO_ERROR;
}

/* Priorities of RFC 7540 mean nothing here, but a malformed frame is one. */
static enum h2_error look_at_priority(struct h2_guard *g, const struct h2_guard_limits *limits,
                                      const struct frame *f, int64_t now_ms)
{
    if (f->stream == 0)
        return refuse(g, H2_PROTOCOL_ERROR, "PRIORITY of no stream");
    if (has_word(f) && f->word == f->stream)
        return refuse(g, H2_PROTOCOL_ERROR, "a stream that depends on itself");
    return spend(g, limits, now_ms);
}

static enum h2_error look_at_window(struct h2_guard *g, const struct h2_guard_limits *limits,
                                    const struct frame *f, int64_t now_ms)
{
    if (has_word(f) && f->word == 0)
        return refuse(g, H2_PROTOCOL_ERROR, "WINDOW_UPDATE by nothing");
    if (g->earned_updates == 0)
        return spend(g, limits, now_ms);
    g->earned_updates--;
    return H2_NO_ERROR;
}

static enum h2_error look_at_reset(struct h2_guard *g, const struct h2_guard_limits *limits,
                                   const struct frame *f, int64_t now_ms)
{
    note_end(g, f->stream);
    return h2_guard_reset(g, limits, now_ms) ? H2_NO_ERROR : H2_ENHANCE_YOUR_CALM;
}

static enum h2_error look(struct h2_guard *g, const struct h2_guard_limits *limits,
                          const struct frame *f, int64_t now_ms)
{
    switch (f->type) {
    case FRAME_HEADERS:
        return look_at_headers(g, limits, f);
    case FRAME_CONTINUATION:
        return look_at_block(g, limits, f);
    case FRAME_DATA:
        return look_at_data(g, limits, f, now_ms);
    case FRAME_PRIORITY:
        return look_at_priority(g, limits, f, now_ms);
    case FRAME_WINDOW_UPDATE:
        return look_at_window(g, limits, f, now_ms);
    case FRAME_RST_STREAM:
        return look_at_reset(g, limits, f, now_ms);
    default:
        return spend(g, limits, now_ms);
    }
}

/* ---- the bytes ------------------------------------------------------------------------------- */

/* 31 bits: the first one is reserved in all that we look at, or "exclusive". */
static uint32_t read_word(const unsigned char *at)
{
    return ((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]) & 0x7fffffff;
}

static struct frame read_head(const unsigned char head[H2_FRAME_LOOK_BYTES])
{
    return (struct frame){
        .bytes = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2],
        .type = head[3],
        .flags = head[4],
        .stream = read_word(head + 5),
    };
}

/* Counts off what needs no look: how many bytes of `in`. */
static size_t pass(unsigned *left_bytes, struct span in)
{
    size_t bytes = in.len < *left_bytes ? in.len : *left_bytes;
    *left_bytes -= (unsigned)bytes;
    return bytes;
}

static size_t gather(struct h2_guard *g, struct span in, size_t until_bytes)
{
    size_t want = until_bytes - g->head_bytes, bytes = in.len < want ? in.len : want;
    memcpy(g->head + g->head_bytes, in.at, bytes);
    g->head_bytes += (unsigned)bytes;
    return bytes;
}

/* Takes a frame's head and what else is to be looked at off *in.  False: more of it must come. */
static bool next_frame(struct h2_guard *g, struct span *in, struct frame *f)
{
    if (g->head_bytes < H2_FRAME_HEAD_BYTES)
        *in = span_skip(*in, gather(g, *in, H2_FRAME_HEAD_BYTES));
    if (g->head_bytes < H2_FRAME_HEAD_BYTES)
        return false;
    *f = read_head(g->head);
    g->left_bytes = f->bytes;
    if (has_word(f)) {
        *in = span_skip(*in, gather(g, *in, H2_FRAME_LOOK_BYTES));
        g->left_bytes = f->bytes - (g->head_bytes - H2_FRAME_HEAD_BYTES);
        if (g->head_bytes < H2_FRAME_LOOK_BYTES)
            return false;
        f->word = read_word(g->head + H2_FRAME_HEAD_BYTES);
    }
    g->head_bytes = 0;
    g->is_data = f->type == FRAME_DATA;
    g->begun += f->type != FRAME_CONTINUATION;
    return true;
}

size_t h2_guard_read(struct h2_guard *g, const struct h2_guard_limits *limits, struct span in,
                     int64_t now_ms, enum h2_error *error)
{
    struct span rest = span_skip(in, pass(&g->preface_left_bytes, in));
    *error = H2_NO_ERROR;
    while (rest.len > 0) {
        struct frame f;
        if (g->head_bytes == 0)
            rest = span_skip(rest, pass(&g->left_bytes, rest));
        const struct span before = rest;
        if (rest.len == 0 || !next_frame(g, &rest, &f))
            break;
        *error = look(g, limits, &f, now_ms);
        if (*error != H2_NO_ERROR)
            return in.len - before.len;
    }
    return in.len;
}

void h2_guard_sent_data(struct h2_guard *g)
{
    g->earned_updates += g->earned_updates < EARNED_MAX ? EARNED_A_FRAME : 0;
}

bool h2_guard_reset(struct h2_guard *g, const struct h2_guard_limits *limits, int64_t now_ms)
{
    if (take_token(&g->resets, limits->resets_per_s, now_ms))
        return true;
    g->why = "too many streams were reset";
    return false;
}

bool h2_guard_is_amid(const struct h2_guard *g)
{
    return g->preface_left_bytes > 0 || g->head_bytes > 0 || g->is_in_block ||
           (g->left_bytes > 0 && !g->is_data);
}
