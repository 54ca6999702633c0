/* h2_answer.c - how an answer leaves on a stream of HTTP/2 (struct answer_out of serve).
 *
 *     head > HEADERS, submitted at once       body, file, pieces > store > DATA, when nghttp2 asks for some
 *
 * nghttp2 asks as the client's windows and the priorities of its streams allow (RFC 9113, section
 * 5.2; RFC 9218, section 10).  The bytes of a frame are read to where the socket takes them from.
 */
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/h2.h"
#include "http/query_mask.h"
#include "serve/access.h"

enum { ADDED_FIELDS_MAX = 4, STATUS_DIGITS = 3, LENGTH_DIGITS_MAX = 20 };

static struct h2_stream *of(struct exchange *x)
{
    return container_of(x, struct h2_stream, x);
}

static void store_woke(struct spill *s)
{
    struct store *store = container_of(s, struct store, spill);
    struct h2_stream *st = container_of(store, struct h2_stream, store);
    if (st->is_deferred) {
        st->is_deferred = false;
        (void)nghttp2_session_resume_data(st->conn->session, st->id);
    }
    h2_mark(st);
    h2_due(st->conn);
}

/* There is something for nghttp2 to ask for. */
static void tell(struct h2_stream *st)
{
    if (st->is_deferred) {
        st->is_deferred = false;
        (void)nghttp2_session_resume_data(st->conn->session, st->id);
    }
    /* An end of no bytes waits for a window, too: nghttp2 asks for none without one. */
    if (st->deadline_ms == 0 && (store_bytes(&st->store) > 0 || st->is_ended) && !st->is_bare)
        h2_stream_awaits(st);
    h2_due(st->conn);
}

/* The client sees that it is cut, whatever its window. */
static void reset(struct h2_stream *st)
{
    (void)nghttp2_submit_rst_stream(st->conn->session, NGHTTP2_FLAG_NONE, st->id,
                                    NGHTTP2_INTERNAL_ERROR);
    h2_due(st->conn);
}

static void end(struct h2_stream *st, bool is_cut)
{
    st->is_ended = true;
    st->is_cut = is_cut;
    if (st->body.feed.is_open)        /* the application is done: what it did not read is for nobody */
        h2_mark(st);
    if (is_cut && store_bytes(&st->store) == 0)
        reset(st);
    else
        tell(st);
}

static void out_wake(struct exchange *x)
{
    of(x)->is_woken = true;
    h2_mark(of(x));
}

static void out_reads_body(struct exchange *x)
{
    h2_stream_read(of(x));
}

/* ---- DATA ------------------------------------------------------------------------------------ */

/* How much of it the next frame has: the bytes themselves are read by h2_send_data(). */
static ssize_t offer(nghttp2_session *session, int32_t id, uint8_t *into, size_t room_bytes,
                     uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_stream *st = source->ptr;
    (void)session, (void)id, (void)into, (void)user;
    int64_t ready_bytes = store_ready(&st->store);
    uint64_t all_bytes = store_bytes(&st->store);
    if (ready_bytes < 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (ready_bytes == 0 && (!st->is_ended || st->is_cut || all_bytes > 0)) {
        st->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t bytes = (uint64_t)ready_bytes < room_bytes ? (size_t)ready_bytes : room_bytes;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (st->is_ended && !st->is_cut && bytes == all_bytes)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)bytes;
}

/* Not the client's doing: somebody must know why it was cut. */
static void log_own_failure(const struct h2_stream *st, int error)
{
    const struct request *r = &st->x.request;
    char target[200];
    log_warn("response cut", "request=\"%.*s %s\" left_bytes=%llu error=\"%s\"",
             (int)r->method_name.len, r->method_name.at,
             query_mask_log(target, sizeof target, r->target, access_secrets(&st->x)),
             (unsigned long long)store_bytes(&st->store),
             error == -EIO ? "the file became shorter or cannot be read" : strerror(-error));
}

int h2_send_data(struct h2_stream *st, const uint8_t head[H2_FRAME_HEAD_BYTES], size_t bytes)
{
    struct h2_conn *c = st->conn;
    int rc = buf_reserve(&c->out, H2_FRAME_HEAD_BYTES + bytes);
    if (rc < 0)
        return rc;
    char *at = buf_tail(&c->out);
    memcpy(at, head, H2_FRAME_HEAD_BYTES);
    rc = store_read(&st->store, at + H2_FRAME_HEAD_BYTES, bytes);
    if (rc < 0) {
        log_own_failure(st, rc);
        return rc == -ENOMEM ? -EIO : rc;
    }
    buf_added(&c->out, H2_FRAME_HEAD_BYTES + bytes);
    st->framed_bytes += bytes;
    c->framed_bytes += bytes;
    if (store_bytes(&st->store) == 0) {
        st->deadline_ms = 0;
        if (st->is_cut)
            reset(st);
    }
    if (st->is_full && store_takes_more(&st->store, st->x.conf))
        h2_mark(st);
    return 0;
}

/* ---- head ------------------------------------------------------------------------------------ */

struct head {                         /* a head as nghttp2 wants it, being written */
    nghttp2_nv *nv;
    size_t count;
    char *at;
};

/* Names are in small letters on this wire (RFC 9113, section 8.2.1). */
static uint8_t *put_name(struct head *h, struct span name)
{
    char *to = h->at;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    h->at += name.len;
    return (uint8_t *)to;
}

static uint8_t *put_value(struct head *h, struct span value)
{
    char *to = h->at;
    if (value.len > 0)
        memcpy(to, value.at, value.len);
    h->at += value.len;
    return (uint8_t *)to;
}

static void put(struct head *h, struct span name, struct span value)
{
    uint8_t *n = put_name(h, name);
    h->nv[h->count++] = (nghttp2_nv){
        .name = n, .namelen = name.len, .value = put_value(h, value), .valuelen = value.len,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
}

static void put_number(struct head *h, struct span name, uint64_t value)
{
    char digits[LENGTH_DIGITS_MAX], *from = digits + sizeof digits;
    do {
        *--from = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(h, name, (struct span){ from, (size_t)(digits + sizeof digits - from) });
}

/* Room for all of it: in the arena, for nghttp2 reads it when the frame is made. */
static bool make_room(struct h2_stream *st, struct head *h, const struct response *res)
{
    size_t bytes = 128, count = res->fields_count + ADDED_FIELDS_MAX;
    for (size_t i = 0; i < res->fields_count; i++)
        bytes += res->fields[i].name.len + res->fields[i].value.len;
    h->nv = arena_alloc(&st->x.arena, count * sizeof *h->nv + bytes);
    h->count = 0;
    h->at = (char *)(h->nv + count);
    return h->nv != NULL;
}

static void spell(struct head *h, const struct response *res, struct span date)
{
    put_number(h, SPAN(":status"), res->status);
    for (size_t i = 0; i < res->fields_count; i++)
        put(h, res->fields[i].name, res->fields[i].value);
    if (!res->has_date)
        put(h, SPAN("date"), date);
    if (!res->has_server)
        put(h, SPAN("server"), SPAN("slipway"));
    if (res->body_bytes >= 0 && !status_has_no_body(res->status))
        put_number(h, SPAN("content-length"), (uint64_t)res->body_bytes);
}

static int out_head(struct exchange *x, const struct response *res)
{
    struct h2_stream *st = of(x);
    struct head h;
    const nghttp2_data_provider body = { .source.ptr = st, .read_callback = offer };
    st->is_bare = x->request.method == METHOD_HEAD || status_has_no_body(res->status) ||
                  res->body_bytes == 0;
    st->is_counted = !st->is_bare && res->body_bytes >= 0;
    st->promised_left_bytes = st->is_counted ? (uint64_t)res->body_bytes : 0;
    int rc = -ENOMEM;
    if (make_room(st, &h, res)) {
        spell(&h, res, serve_date(x->serve));
        rc = nghttp2_submit_response(st->conn->session, st->id, h.nv, h.count, st->is_bare ? NULL : &body);
    }
    if (rc < 0) {
        log_warn("response head dropped", "error=%d", -rc);
        reset(st);
        return rc;
    }
    h2_due(st->conn);
    return 0;
}

void h2_say_continue(struct h2_stream *st)
{
    static const uint8_t name[] = ":status", value[] = "100";
    const nghttp2_nv nv = { (uint8_t *)name, (uint8_t *)value, sizeof name - 1, sizeof value - 1,
                            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
    (void)nghttp2_submit_headers(st->conn->session, NGHTTP2_FLAG_NONE, st->id, NULL, &nv, 1, NULL);
    h2_due(st->conn);
}

/* ---- body ------------------------------------------------------------------------------------ */

static ssize_t out_body(struct exchange *x, const struct span runs[2], bool is_last)
{
    struct h2_stream *st = of(x);
    size_t offered = runs[0].len + runs[1].len;
    if (st->is_counted && offered > st->promised_left_bytes) {
        log_error("response longer than its Content-Length", "over_bytes=%llu",
                  (unsigned long long)(offered - st->promised_left_bytes));
        end(st, true);
        return -EMSGSIZE;
    }
    ssize_t took = st->is_bare ? (ssize_t)offered
                               : store_put(&st->store, h2_edge(st->conn), x->conf, runs, store_woke);
    if (took < 0) {
        end(st, true);
        return took;
    }
    x->sent_body_bytes += st->is_bare ? 0 : (uint64_t)took;
    if (st->is_counted)
        st->promised_left_bytes -= (size_t)took;
    if ((size_t)took < offered)
        st->is_full = true;
    if ((size_t)took == offered && is_last)
        end(st, st->is_counted && st->promised_left_bytes > 0);
    else
        tell(st);
    return took;
}

static void out_file(struct exchange *x, struct file *file, int fd, uint64_t at, uint64_t bytes)
{
    struct h2_stream *st = of(x);
    if (st->is_bare || (st->is_counted && bytes > st->promised_left_bytes))
        bytes = st->promised_left_bytes;
    bool is_short = st->is_counted && bytes < st->promised_left_bytes;
    store_put_file(&st->store, file, fd, at, bytes);
    x->sent_body_bytes += bytes;
    end(st, is_short);
}

static void out_pieces(struct exchange *x, struct file *file, int fd, const struct file_piece *pieces,
                       size_t count)
{
    struct h2_stream *st = of(x);
    store_put_pieces(&st->store, file, fd, pieces, count);
    x->sent_body_bytes += st->promised_left_bytes;
    end(st, false);
}

static void out_cut(struct exchange *x)
{
    struct h2_stream *st = of(x);
    if (st->is_bare)
        st->is_ended = true;
    else
        end(st, true);
}

const struct answer_out h2_answer_out = { out_head, out_body, out_file, out_pieces, out_cut, out_wake, out_reads_body };
