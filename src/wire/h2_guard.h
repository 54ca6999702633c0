/* h2_guard.h - looks at the frame headers of what an HTTP/2 client sends, before the library that
 * speaks the protocol does (RFC 9113, section 4.1).
 *
 * It answers for what the library lets pass: a stream identifier that was skipped (section 5.1.1),
 * DATA and HEADERS on a stream that the client ended (5.1), PRIORITY that is malformed (6.3) and
 * WINDOW_UPDATE by nothing (6.9) on a stream that is over, and frames that cost work and ask for
 * nothing (10.5).  What is a stream's error there is the connection's here, as section 5.4 allows.
 * Owner  nobody: the struct is plain; h2_guard_init() makes it ready.
 * Limits the caller's, struct h2_guard_limits.  Rates are token buckets that hold what comes in
 *        H2_GUARD_BURST_S seconds.
 */
#pragma once
#include "base/span.h"

enum { H2_GUARD_BURST_S = 10, H2_GUARD_GAPS = 8, H2_GUARD_ENDED = 16 };
enum { H2_PREFACE_BYTES = 24, H2_FRAME_HEAD_BYTES = 9, H2_FRAME_LOOK_BYTES = 13 };

enum h2_error {                /* codes of RST_STREAM and GOAWAY that we say (section 7) */
    H2_NO_ERROR = 0x0, H2_PROTOCOL_ERROR = 0x1, H2_INTERNAL_ERROR = 0x2, H2_STREAM_CLOSED = 0x5,
    H2_CANCEL = 0x8, H2_ENHANCE_YOUR_CALM = 0xb,
};

struct h2_guard_limits {
    uint32_t block_bytes;      /* of a HEADERS frame and its CONTINUATIONs, compressed */
    /* frames that move nothing: PING, SETTINGS, PRIORITY, PRIORITY_UPDATE, unknown ones, empty DATA,
     * and WINDOW_UPDATE beyond two for each frame of DATA that we sent */
    uint32_t idle_frames_per_s;
    uint32_t resets_per_s;     /* streams that end without an answer: rapid reset */
};

struct h2_bucket {
    int64_t at_ms;             /* when it was looked at last; 0: never, then it is full */
    int64_t thousandths;       /* of a token */
};

struct h2_guard {
    unsigned preface_left_bytes;
    /* the frame head under way, and of some frames the four bytes after it */
    unsigned head_bytes;
    unsigned char head[H2_FRAME_LOOK_BYTES];
    uint32_t left_bytes;                            /* of the payload under way */
    uint32_t last_stream;                           /* the highest that a client opened */
    struct { uint32_t first, last; } gaps[H2_GUARD_GAPS];         /* skipped: closed, never used */
    unsigned gaps_count;                            /* ever; the oldest are forgotten */
    uint32_t ended[H2_GUARD_ENDED];                 /* streams that the client ended last */
    unsigned ended_count;                           /* ever */
    uint32_t block_bytes, block_frames;             /* of the header block under way */
    bool is_in_block;
    bool is_data;                                   /* the frame under way */
    uint32_t begun;                                 /* frames ever, without CONTINUATIONs */
    uint32_t earned_updates;                        /* WINDOW_UPDATEs that cost nothing */
    struct h2_bucket idle, resets;
    const char *why;                                /* of the last refusal: static text */
};

void h2_guard_init(struct h2_guard *g);

/* How many bytes of `in` may go on to the library.  Fewer than all of them: *error says with which
 * code the connection has to end, g->why says why, and nothing more may be read. */
size_t h2_guard_read(struct h2_guard *g, const struct h2_guard_limits *limits, struct span in,
                     int64_t now_ms, enum h2_error *error);

void h2_guard_sent_data(struct h2_guard *g);        /* one frame of DATA went to the client */
/* A stream was reset by us for what the client did; false: too many, as if it had reset them. */
bool h2_guard_reset(struct h2_guard *g, const struct h2_guard_limits *limits, int64_t now_ms);

/* Is the preface, a header block or a frame other than DATA only partly there?  (Who waits for the
 * rest of DATA is waiting for a body.)  It is the same one as long as g->begun is. */
bool h2_guard_is_amid(const struct h2_guard *g);
