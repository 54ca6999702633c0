/* h2_session.c - what nghttp2 calls, and what a session is set up with.
 *
 *     nghttp2 --head, data, end, close--> here --> h2_request, h2_stream
 *
 * Not    bytes and time (h2_conn.c), what a request means (h2_request.c).
 */
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/h2.h"

enum { WINDOWS_A_CONNECTION = 4 };
/* Of a head that we send: beyond that nghttp2 resets the stream, and by its default, 64 KB with 12 bytes more
 * a field, also one that the application may send (YARD_HEAD_BYTES, 500 fields) and that is fine over HTTP/1. */
enum { HEAD_BYTES_MAX = 256 * 1024 };

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static struct span span_of_rcbuf(nghttp2_rcbuf *b)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(b);
    return (struct span){ (const char *)v.base, v.len };
}

/* ---- what came ------------------------------------------------------------------------------- */

static int begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_conn *c = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *st = h2_stream_new(c, frame->hd.stream_id);
    if (!st)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, st) < 0
               ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                  nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    struct h2_conn *c = user;
    struct h2_stream *st = stream_of(session, frame->hd.stream_id);
    (void)flags;
    if (!st || h2_request_add(st, span_of_rcbuf(name), span_of_rcbuf(value),
                              nghttp2_rcbuf_is_static(name)) == 0)
        return 0;
    c->guard.why = "a field list far over head-limit";
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* nghttp2 would leave such a field out; a request that holds one is malformed (RFC 9113, section
 * 8.2.1). */
static int bad_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                      nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    (void)session, (void)frame, (void)name, (void)value, (void)flags, (void)user;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void headers_came(struct h2_stream *st, const nghttp2_frame *frame)
{
    bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        st->has_input_ended = is_last;
        h2_stream_begin(st);
    } else if (is_last) {
        h2_stream_input_end(st);         /* trailers: nobody here has a use for them */
    }
}

static int frame_came(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_conn *c = user;
    struct h2_stream *st;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        st = stream_of(session, frame->hd.stream_id);
        if (st)
            headers_came(st, frame);
        break;
    case NGHTTP2_DATA:
        st = stream_of(session, frame->hd.stream_id);
        if (st && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            h2_stream_input_end(st);
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && c->ending == H2_NOTICE)
            h2_go_away(c);
        break;
    default:
        break;
    }
    return 0;
}

static int data_came(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *at, size_t len,
                     void *user)
{
    struct h2_stream *st = stream_of(session, id);
    (void)flags, (void)user;
    if (st)
        h2_stream_data(st, (struct span){ (const char *)at, len });
    else
        (void)nghttp2_session_consume_connection(session, len);
    return 0;
}

static int stream_closed(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct h2_stream *st = stream_of(session, id);
    (void)error, (void)user;
    if (st)
        h2_stream_close(st);
    return 0;
}

/* ---- what goes ------------------------------------------------------------------------------- */

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t bytes,
                     nghttp2_data_source *source, void *user)
{
    (void)session, (void)frame, (void)user;
    int rc = h2_send_data(source->ptr, head, bytes);
    return rc == 0 ? 0 : rc == -ENOMEM ? NGHTTP2_ERR_CALLBACK_FAILURE
                                       : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* A client that makes us reset its streams is as bad as one that does it itself. */
static void count_reset(struct h2_conn *c, uint32_t error)
{
    struct h2_guard_limits limits = h2_limits(c);
    if (error == H2_NO_ERROR || error == H2_INTERNAL_ERROR || error == H2_CANCEL)
        return;                          /* ours */
    if (!h2_guard_reset(&c->guard, &limits, h2_now_ms(c)))
        h2_terminate(c, H2_ENHANCE_YOUR_CALM, c->guard.why);
}

static int frame_went(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_conn *c = user;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        h2_guard_sent_data(&c->guard);
        break;
    case NGHTTP2_RST_STREAM:
        count_reset(c, frame->rst_stream.error_code);
        return 0;
    case NGHTTP2_HEADERS:
        break;
    default:
        return 0;
    }
    struct h2_stream *st = stream_of(session, frame->hd.stream_id);
    if (st && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        h2_stream_out(st);
    return 0;
}

/* A head that nghttp2 cannot send after all: without this its stream would wait for ever. */
static int frame_failed(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct h2_conn *c = user;
    if (frame->hd.type != NGHTTP2_HEADERS || !stream_of(session, frame->hd.stream_id))
        return 0;
    log_warn("response head not sent", "address=%s stream=%d error=\"%s\"", c->base.address,
             frame->hd.stream_id, nghttp2_strerror(error));
    (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

/* ---- setting up ------------------------------------------------------------------------------ */

int h2_callbacks_new(struct h2_shared *s)
{
    nghttp2_session_callbacks *k;
    if (nghttp2_session_callbacks_new(&k) < 0)
        return -ENOMEM;
    s->callbacks = k;
    nghttp2_session_callbacks_set_on_begin_headers_callback(k, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(k, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(k, bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(k, frame_came);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(k, data_came);
    nghttp2_session_callbacks_set_on_stream_close_callback(k, stream_closed);
    nghttp2_session_callbacks_set_send_data_callback(k, send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(k, frame_went);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(k, frame_failed);
    if (nghttp2_option_new(&s->option) < 0)
        return -ENOMEM;
    nghttp2_option_set_no_auto_window_update(s->option, 1);
    nghttp2_option_set_max_send_header_block_length(s->option, HEAD_BYTES_MAX);
    nghttp2_option_set_builtin_recv_extension_type(s->option, NGHTTP2_PRIORITY_UPDATE);
    return 0;
}

int h2_session_new(struct h2_conn *c)
{
    const struct conf *conf = h2_edge(c)->conf;
    struct h2_shared *s = h2_edge(c)->h2;
    uint32_t window = (uint32_t)conf->h2_window_bytes;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)conf->h2_streams },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)conf->head_limit_bytes },
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    };
    nghttp2_mem memory = h2_memory(c);           /* nghttp2 keeps a copy */
    if (nghttp2_session_server_new3(&c->session, s->callbacks, c, s->option, &memory) < 0)
        return -ENOMEM;
    int rc = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                   (int32_t)(window * WINDOWS_A_CONNECTION));
    return rc < 0 ? -ENOMEM : 0;
}
