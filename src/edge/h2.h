/* h2.h - what the files of HTTP/2 share (RFC 9113): a connection and its streams.
 *
 *     h2_conn     the socket's bytes in and out, limits, the end        h2_session   what nghttp2 calls
 *     h2_request  fields > struct request                               h2_stream    life of one, its body
 *     h2_answer   struct answer_out > frames                            h2_shared    what all of them share
 *
 * nghttp2 speaks the protocol: frames, HPACK, flow control, priorities (RFC 9218).  It never touches
 * the socket: bytes are put in (nghttp2_session_mem_recv) and taken out (nghttp2_session_mem_send).
 * Rule  what serve and pool call only leaves marks and submits frames; bytes are taken out in one
 *       place, once a turn (h2_flush), and serve is called in one other (the connection's run).
 */
#pragma once
#include <nghttp2/nghttp2.h>
#include "base/cell.h"
#include "edge/edge_private.h"
#include "edge/store.h"
#include "wire/h2_guard.h"

enum { H2_CLASSES = 32 };
struct h2_block;

struct h2_shared {                    /* of all connections of an edge */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    struct cells cells;               /* of sessions */
    struct { struct h2_block *first; unsigned count; } kept[H2_CLASSES];       /* small blocks between two uses */
    struct list due;                  /* h2_conns whose frames go out when this turn ends */
    struct list spare;                /* h2_streams between two uses */
    unsigned spare_count;
};

enum h2_ending { H2_GOES_ON, H2_NOTICE, H2_LAST, H2_LINGER };

struct h2_conn {
    struct conn base;
    nghttp2_session *session;
    struct cell cell;                 /* its large blocks, which sleep while the connection is idle: h2_wake() */
    struct h2_guard guard;
    struct list streams;              /* every h2_stream */
    struct list marked;               /* those that serve has to do with again */
    struct list due;                  /* in h2_shared.due, or alone */
    struct buf out;                   /* frames that the socket has not taken */
    unsigned streams_count;
    enum h2_ending ending;            /* GOAWAY that all may still come, that nothing more may; closing */
    bool is_running;                  /* inside run: marks are looked at before it ends */
    bool is_refused;                  /* the guard or a limit said no: nothing more is read */
    bool may_sleep;                   /* it was idle for http2-sleep when time was looked at */
    int64_t idle_since_ms;            /* no stream is there */
    int64_t amid_since_ms;            /* a frame or a header block is not whole; 0: none */
    uint32_t amid_in;                 /* guard.begun then */
    struct pace_out pace;             /* of the socket, while `out` waits for it or the connection lingers */
    int64_t pace_due_ms;              /* when it is looked at; 0: nothing waits */
    uint64_t framed_bytes;            /* of DATA */
    int64_t ending_since_ms;
    uint64_t requests;
};

struct h2_stream {                    /* spare ones keep the first block of their arena, and memory */
    struct exchange x;
    struct h2_conn *conn;
    int32_t id;
    struct list node;                 /* in the connection's streams, or spare */
    struct list mark;                 /* in the connection's marked, or alone */
    int64_t deadline_ms;              /* a look at how its answer is taken, or the end of its input; 0: none */
    int64_t body_deadline_ms;         /* for its body to go on; 0: it is not waited for */

    /* the head as it comes */
    struct span authority;
    size_t head_bytes;                /* as SETTINGS_MAX_HEADER_LIST_SIZE counts them */
    unsigned cookies;                 /* how many fields */
    uint32_t late_bytes;              /* of the body that came after the answer went out */
    unsigned refusal;                 /* 0, or the status to refuse it with when the head is there */

    /* the body */
    struct buf early;                 /* came before it was asked for, or while it had no place */
    struct body body;
    bool wants_body;                  /* serve asked for it: body_begin() was called */
    bool is_continue_due;             /* of a streamed one: the client waits for 100 */
    bool has_input_ended;             /* the client's END_STREAM was seen */
    bool is_body_complete;            /* serve has it, or needs none: what still comes is dropped */
    struct pace_in body_pace;

    /* the answer */
    struct store store;
    uint64_t framed_bytes;            /* of its DATA */
    struct pace_out pace, pace_of_all;         /* of its DATA and of its connection's, while some waits */
    uint64_t promised_left_bytes;     /* of Content-Length */
    bool is_bare;                     /* no body follows the head */
    bool is_counted;                  /* promised_left_bytes counts */
    bool is_deferred;                 /* nghttp2 asked for body when none was there */
    bool is_ended;                    /* answer_out was told the end */
    bool is_cut;                      /* ... and the client must see that it is not whole */
    bool is_out;                      /* END_STREAM was framed */
    bool is_full;                     /* body() took less than offered: resume when there is room */
    bool is_woken;                    /* what serve waited for is there: serve_run() */
};

/* ---- h2_conn.c */
/* A frame was submitted, or there is something to send: out it goes when this turn ends. */
void h2_due(struct h2_conn *c);
/* The connection ends by GOAWAY with this code; `why` for the log. */
void h2_terminate(struct h2_conn *c, enum h2_error error, const char *why);
void h2_go_away(struct h2_conn *c);             /* no further stream; the client answered our notice */
/* The timer shall look at or before this time (monotonic); 0 is no wish. */
void h2_look_by(struct h2_conn *c, int64_t deadline_ms);
void h2_is_idle(struct h2_conn *c);             /* from now on no stream is there */
int64_t h2_now_ms(const struct h2_conn *c);
struct pace_limit h2_send_limit(const struct h2_conn *c);
struct h2_guard_limits h2_limits(const struct h2_conn *c);
static inline struct edge *h2_edge(const struct h2_conn *c) { return c->base.edge; }

/* ---- h2_shared.c */
nghttp2_mem h2_memory(struct h2_conn *c);       /* of its session */
/* Before the session of a connection without streams is touched. */
static inline void h2_wake(struct h2_conn *c) { cell_wake(&c->cell); }

/* ---- h2_session.c */
int h2_session_new(struct h2_conn *c);          /* with our SETTINGS submitted; 0 or -ENOMEM */
int h2_callbacks_new(struct h2_shared *s);      /* 0 or -ENOMEM */

/* ---- h2_request.c */
/* One field of a head: 0, or -1 for a field list so far beyond every limit that the connection must
 * end.  What else is wrong is said by h2_request_end().  is_static: name needs no copy. */
int h2_request_add(struct h2_stream *st, struct span name, struct span value, bool is_static);
/* The head is whole: 0 and x.request is understood, or minus the status. */
int h2_request_end(struct h2_stream *st);

/* ---- h2_stream.c */
struct h2_stream *h2_stream_new(struct h2_conn *c, int32_t id);          /* NULL: no memory */
/* It is over, for nghttp2 too: logged, let go of, given back. */
void h2_stream_close(struct h2_stream *st);
void h2_spare_free(struct h2_shared *s);
void h2_mark(struct h2_stream *st);             /* the connection's run calls h2_stream_run() */
void h2_stream_run(struct h2_stream *st);
void h2_stream_begin(struct h2_stream *st);     /* its head is whole */
void h2_stream_data(struct h2_stream *st, struct span data);
void h2_stream_input_end(struct h2_stream *st);
void h2_stream_out(struct h2_stream *st);       /* the end of its answer was framed */
void h2_stream_late(struct h2_stream *st);      /* its deadline passed */
void h2_stream_body_late(struct h2_stream *st);           /* ... that of its body */
void h2_stream_read(struct h2_stream *st);      /* the application waits for its body */
void h2_stream_awaits(struct h2_stream *st);    /* some of its answer waits for the client from now on */

/* ---- h2_answer.c */
extern const struct answer_out h2_answer_out;
int h2_send_data(struct h2_stream *st, const uint8_t head[H2_FRAME_HEAD_BYTES], size_t bytes);
void h2_say_continue(struct h2_stream *st);
