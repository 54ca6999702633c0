/* h1_answer.c - how an answer leaves on an HTTP/1 connection (struct answer_out of serve).
 *
 *     head > out
 *     body > the socket at once, from where it lies; what it does not take > out (memory) > spill (file) > back-pressure
 *     file, pieces > sendfile, after all of that
 *
 * So the worker's ring is empty as soon as the worker is done, however slow the client; and a short answer is one send.
 * Not    when a connection ends or goes on: h1_conn.c.
 */
#include <errno.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/h1.h"
#include "edge/store.h"
#include "http/query_mask.h"
#include "serve/files.h"
#include "serve/access.h"

enum {
    CHUNK_OVERHEAD = 32,
    COPIED_BYTES_MAX = 24 * 1024,     /* of a file: the kernel's way to hand over pages is shorter from here on */
};

static struct h1_exchange *of(struct exchange *x)
{
    return container_of(x, struct h1_exchange, x);
}

/* A mark was left: the connection looks at it when its step under way returns, or in the next turn.  Never at once:
 * serve and pool may still hold the exchange further up the stack. */
static void tell(struct h1_exchange *hx)
{
    if (!hx->conn->is_running)
        loop_again(&hx->conn->base.watch);
}

static void end(struct h1_exchange *hx, bool is_cut)
{
    hx->is_ended = true;
    hx->is_cut = is_cut;
    tell(hx);
}

bool h1_has_unsent(const struct h1_exchange *hx)
{
    return buf_len(&hx->out) > 0 || hx->spill.job || hx->file_left_bytes > 0 || hx->is_file_due ||
           hx->pieces_left > 0;
}

uint64_t h1_unsent_bytes(const struct h1_exchange *hx)
{
    uint64_t bytes = buf_len(&hx->out) + spill_left_bytes(&hx->spill) + hx->file_left_bytes;
    for (size_t i = 0; i < hx->pieces_left; i++)
        bytes += hx->pieces[i].before.len + hx->pieces[i].bytes;
    return bytes;
}

static void out_wake(struct exchange *x)
{
    of(x)->is_woken = true;
    tell(of(x));
}

static void out_reads_body(struct exchange *x)
{
    of(x)->is_body_read = true;
    tell(of(x));
}

/* ---- head ------------------------------------------------------------------------------------ */

static int out_head(struct exchange *x, const struct response *res)
{
    struct h1_exchange *hx = of(x);
    const struct h1_conn *c = hx->conn;
    const struct conf *conf = c->base.edge->conf;
    bool is_last = conf->requests_limit > 0 && c->requests >= (uint64_t)conf->requests_limit;
    hx->spelled = (struct h1_answer){
        .version = x->request.version ? x->request.version : 11,
        .is_head = x->request.method == METHOD_HEAD,
        .keeps_alive = x->request.keeps_alive && hx->is_body_complete && !is_last &&
                       !c->base.is_half_closed && !c->base.edge->is_draining,
    };
    int rc = h1_write_head(&hx->out, res, &hx->spelled, serve_date(x->serve));
    if (rc < 0) {
        log_warn("response head dropped", "error=%d", -rc);
        end(hx, true);
        return rc;
    }
    hx->promised_left_bytes = hx->spelled.body == H1_BODY_LENGTH ? (uint64_t)res->body_bytes : 0;
    return 0;
}

/* ---- body ------------------------------------------------------------------------------------ */

struct piece {                        /* body bytes as they are framed */
    char size_line[24];
    struct span parts[5];             /* size line, run, run, end of chunk, end of body */
    size_t count;
    size_t body_bytes;
};

static void frame(const struct h1_exchange *hx, struct piece *p, const struct span runs[2], size_t take, bool is_last)
{
    bool is_chunked = hx->spelled.body == H1_BODY_CHUNKED;
    p->count = 0;
    p->body_bytes = take;
    if (is_chunked && take > 0)
        p->parts[p->count++] = (struct span){ p->size_line, h1_write_chunk_size(p->size_line, take) };
    for (int i = 0; i < 2 && take > 0; i++) {
        size_t bytes = runs[i].len < take ? runs[i].len : take;
        if (bytes > 0)
            p->parts[p->count++] = (struct span){ runs[i].at, bytes };
        take -= bytes;
    }
    if (is_chunked && p->body_bytes > 0)
        p->parts[p->count++] = SPAN("\r\n");
    if (is_chunked && is_last)
        p->parts[p->count++] = SPAN("0\r\n\r\n");
}

static int keep_in_memory(struct h1_exchange *hx, const struct piece *p, size_t skip)
{
    for (size_t i = 0; i < p->count; i++) {
        struct span part = p->parts[i];
        size_t drop = part.len < skip ? part.len : skip;
        skip -= drop;
        int rc = buf_add(&hx->out, span_skip(part, drop));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Head (if it waits) and piece in one call: the bytes of the piece that went, or negative. */
static ssize_t send_piece(struct h1_exchange *hx, const struct piece *p)
{
    struct iovec iov[6];
    size_t count = 0, before = buf_len(&hx->out);
    if (before > 0)
        iov[count++] = (struct iovec){ hx->out.block + hx->out.start, before };
    for (size_t i = 0; i < p->count; i++)
        iov[count++] = (struct iovec){ (char *)p->parts[i].at, p->parts[i].len };
    ssize_t sent = conn_sendv(&hx->conn->base, iov, count, false);
    if (sent < 0)
        return sent;
    size_t of_out = (size_t)sent < before ? (size_t)sent : before;
    buf_take(&hx->out, of_out);
    return sent - (ssize_t)of_out;
}

static void spill_woke(struct spill *s)
{
    struct h1_exchange *hx = container_of(s, struct h1_exchange, spill);
    tell(hx);
}

static ssize_t spill_piece(struct h1_exchange *hx, const struct span runs[2])
{
    const struct conf *conf = hx->x.conf;
    struct piece p;
    size_t room_bytes, offered = runs[0].len + runs[1].len;
    if (!hx->spill.job && !store_open_spill(hx->conn->base.edge, conf, &hx->spill, spill_woke))
        return 0;
    char *room = spill_room(&hx->spill, &room_bytes);
    if (!room || room_bytes <= CHUNK_OVERHEAD ||
        spill_ready_bytes(&hx->spill) >= (uint64_t)conf->response_spool_bytes) {
        (void)spill_flush(&hx->spill);
        return 0;
    }
    size_t take = offered < room_bytes - CHUNK_OVERHEAD ? offered : room_bytes - CHUNK_OVERHEAD, put = 0;
    frame(hx, &p, runs, take, false);
    for (size_t i = 0; i < p.count; i++) {
        memcpy(room + put, p.parts[i].at, p.parts[i].len);
        put += p.parts[i].len;
    }
    spill_filled(&hx->spill, put);
    (void)spill_flush(&hx->spill);
    return (ssize_t)take;
}

/* How many of the offered bytes are taken, by way of socket and memory, or of the spill.  The end of
 * a chunked body is framed with its last bytes only on the first way: a spill may have no room for
 * it just when nothing else is left to be offered again. */
static ssize_t take_body(struct h1_exchange *hx, const struct span runs[2], bool is_last)
{
    size_t limit = (size_t)hx->x.conf->response_memory_bytes;
    size_t offered = runs[0].len + runs[1].len, held = buf_len(&hx->out);
    struct piece p;
    if (hx->spill.job)
        return spill_piece(hx, runs);
    bool is_direct = (hx->conn->base.watch.ready & LOOP_WRITE) != 0;
    size_t room_bytes = held + CHUNK_OVERHEAD < limit ? limit - held - CHUNK_OVERHEAD : 0;
    if (room_bytes == 0 && !is_direct)
        return spill_piece(hx, runs);
    size_t take = offered < room_bytes ? offered : room_bytes;
    frame(hx, &p, runs, take, is_last && take == offered);
    ssize_t sent = is_direct ? send_piece(hx, &p) : 0;
    if (sent < 0)
        return sent;
    hx->is_end_framed = is_last && take == offered;
    return keep_in_memory(hx, &p, (size_t)sent) < 0 ? -ENOMEM : (ssize_t)take;
}

/* Until all of it is taken or nothing more is: what the memory has no room for goes on to the spill. */
static ssize_t take_all(struct h1_exchange *hx, const struct span given[2], bool is_last)
{
    struct span runs[2] = { given[0], given[1] };
    size_t taken = 0;
    ssize_t took;
    do {
        took = take_body(hx, runs, is_last);
        if (took < 0)
            return took;
        span_skip_runs(runs, (size_t)took);
        taken += (size_t)took;
    } while (took > 0 && runs[0].len + runs[1].len > 0);
    return (ssize_t)taken;
}

bool h1_takes_more(const struct h1_exchange *hx)
{
    const struct conf *conf = hx->x.conf;
    if (hx->spill.job)
        return spill_takes_more(&hx->spill, (uint64_t)conf->response_spool_bytes);
    return buf_len(&hx->out) < (size_t)conf->response_memory_bytes / 2;
}

static ssize_t out_body(struct exchange *x, const struct span runs[2], bool is_last)
{
    struct h1_exchange *hx = of(x);
    size_t offered = runs[0].len + runs[1].len;
    bool is_counted = hx->spelled.body == H1_BODY_LENGTH;
    if (is_counted && offered > hx->promised_left_bytes) {
        log_error("response longer than its Content-Length", "over_bytes=%llu",
                  (unsigned long long)(offered - hx->promised_left_bytes));
        end(hx, true);
        return -EMSGSIZE;
    }
    ssize_t took = take_all(hx, runs, is_last);
    if (took < 0) {
        end(hx, true);
        return took;
    }
    x->sent_body_bytes += (uint64_t)took;
    if (is_counted)
        hx->promised_left_bytes -= (size_t)took;
    if ((size_t)took < offered) {
        hx->is_full = true;
    } else if (is_last) {
        hx->is_file_due = hx->spelled.body == H1_BODY_CHUNKED && !hx->is_end_framed;
        end(hx, is_counted && hx->promised_left_bytes > 0);
        return took;
    }
    if (hx->is_full || h1_has_unsent(hx))
        tell(hx);                     /* so that the send timer runs, and somebody resumes */
    return took;
}

static void out_file(struct exchange *x, struct file *file, int fd, uint64_t at, uint64_t bytes)
{
    struct h1_exchange *hx = of(x);
    bool is_counted = hx->spelled.body == H1_BODY_LENGTH;
    if (is_counted && bytes > hx->promised_left_bytes)
        bytes = hx->promised_left_bytes;
    bool is_short = is_counted && bytes < hx->promised_left_bytes;
    hx->is_file_due = hx->spelled.body == H1_BODY_CHUNKED;
    hx->file = file;
    hx->file_fd = fd;
    hx->file_at = at;
    hx->file_left_bytes = bytes;
    x->sent_body_bytes += bytes;
    end(hx, is_short);
}

static void out_pieces(struct exchange *x, struct file *file, int fd, const struct file_piece *pieces, size_t count)
{
    struct h1_exchange *hx = of(x);
    hx->file = file;
    hx->file_fd = fd;
    hx->pieces = pieces;
    hx->pieces_left = count;
    x->sent_body_bytes += hx->promised_left_bytes;
    end(hx, false);
}

static void out_cut(struct exchange *x)
{
    end(of(x), true);
}

const struct answer_out h1_answer_out = { out_head, out_body, out_file, out_pieces, out_cut, out_wake, out_reads_body };

/* ---- sending what is kept -------------------------------------------------------------------- */

static ssize_t send_memory(struct h1_conn *c, struct h1_exchange *hx)
{
    struct span bytes = buf_span(&hx->out);
    bool has_more = hx->file_left_bytes > 0 || hx->spill.job;
    const struct iovec iov = { (char *)bytes.at, bytes.len };
    ssize_t sent = conn_sendv(&c->base, &iov, 1, has_more);
    if (sent < 0)
        return sent;
    buf_take(&hx->out, (size_t)sent);
    return sent;
}

static ssize_t send_spill(struct h1_conn *c, struct h1_exchange *hx)
{
    struct spill *s = &hx->spill;
    if (spill_ready_bytes(s) == 0) {
        int rc = spill_flush(s);
        if (rc == 0 && spill_ready_bytes(s) == 0)            /* it may write at once */
            spill_close(s);
        return rc == -EAGAIN ? 0 : rc;
    }
    ssize_t sent = conn_sendfile(&c->base, SPAN(""), spill_fd(s), s->read_bytes, spill_ready_bytes(s));
    if (sent > 0)
        spill_was_read(s, (size_t)sent);
    return sent;
}

/* One chunk for all of the file: its size is known.  Only now, behind all that was kept; so comes
 * the end of a body that went by way of the spill: it is like an empty file. */
static ssize_t frame_last_file(struct h1_exchange *hx)
{
    char line[H1_CHUNK_SIZE_BYTES_MAX];
    hx->is_file_due = false;
    if (hx->file_left_bytes == 0)
        return buf_add(&hx->out, SPAN("0\r\n\r\n"));
    return buf_add(&hx->out, (struct span){ line, h1_write_chunk_size(line, hx->file_left_bytes) });
}

/* What of it is to be sent yet, where a file that is often asked for lies in memory and a copy of it is
 * what costs least: TLS makes one anyway.  What was made (compressed) lies nowhere else. */
static struct span content_of(const struct h1_exchange *hx)
{
    bool is_copied = hx->conn->base.tls || hx->file_fd < 0 || hx->file_left_bytes <= COPIED_BYTES_MAX;
    struct span content = hx->file && is_copied ? file_content(hx->file) : SPAN("");
    bool has_all = content.len > 0 && hx->file_at + hx->file_left_bytes <= content.len;
    return has_all ? (struct span){ content.at + hx->file_at, (size_t)hx->file_left_bytes } : (struct span){ NULL, 0 };
}

static ssize_t send_some(struct h1_conn *c, const struct h1_exchange *hx, struct span kept)
{
    struct span content = content_of(hx);
    if (content.len == 0)
        return conn_sendfile(&c->base, kept, hx->file_fd, hx->file_at, hx->file_left_bytes);
    const struct iovec iov[2] = { { (char *)(uintptr_t)kept.at, kept.len },
                                  { (char *)(uintptr_t)content.at, content.len } };
    return conn_sendv(&c->base, kept.len > 0 ? iov : iov + 1, kept.len > 0 ? 2 : 1, false);
}

/* What is kept (the head) goes out together with the first bytes of the file. */
static ssize_t send_last_file(struct h1_conn *c, struct h1_exchange *hx)
{
    struct span kept = buf_span(&hx->out);
    ssize_t sent = send_some(c, hx, kept);
    if (sent > 0) {
        size_t of_kept = (size_t)sent < kept.len ? (size_t)sent : kept.len;
        buf_take(&hx->out, of_kept);
        hx->file_at += (size_t)sent - of_kept;
        hx->file_left_bytes -= (size_t)sent - of_kept;
        if (hx->file_left_bytes == 0 && hx->spelled.body == H1_BODY_CHUNKED)
            return buf_add(&hx->out, SPAN("\r\n0\r\n\r\n"));
    }
    return sent;
}

static ssize_t next_piece(struct h1_exchange *hx)
{
    const struct file_piece *p = hx->pieces;
    int rc = buf_add(&hx->out, p->before);
    if (rc < 0)
        return rc;
    hx->file_at = p->at;
    hx->file_left_bytes = p->bytes;
    hx->pieces++;
    hx->pieces_left--;
    return 0;
}

/* A bounded share a turn: a fast reader of a big file does not keep the others waiting. */
int h1_send(struct h1_conn *c)
{
    struct h1_exchange *hx = c->hx;
    int budget = 8;
    while (h1_has_unsent(hx)) {
        ssize_t sent;
        if (!(c->base.watch.ready & LOOP_WRITE))
            return 0;
        if (budget-- == 0) {
            loop_again(&c->base.watch);
            return 0;
        }
        if (hx->pieces_left > 0 && hx->file_left_bytes == 0)
            sent = next_piece(hx);
        else if (hx->file_left_bytes > 0 && !hx->spill.job && !hx->is_file_due)
            sent = send_last_file(c, hx);
        else if (buf_len(&hx->out) > 0)
            sent = send_memory(c, hx);
        else if (hx->spill.job)
            sent = send_spill(c, hx);
        else
            sent = frame_last_file(hx);
        if (sent < 0)
            return (int)sent;
        if (sent == 0 && hx->spill.job && hx->spill.is_writing)
            return 0;                 /* spill_woke follows */
    }
    return 1;
}

/* ---- when it cannot be sent ------------------------------------------------------------------- */

/* Both directions are closed or broken: nobody is there.  A client that only closed its sending side may still want its
 * answer, unless it did so while its request was still waiting for a worker. */
bool h1_is_gone(struct h1_conn *c)
{
    if (!(c->base.watch.ready & LOOP_HANGUP))
        return false;
    if (c->base.watch.ready & LOOP_BROKEN)
        return true;
    if (c->base.is_half_closed || buf_len(&c->in) > 0)
        return false;
    int rc = conn_peek(&c->base);
    if (rc < 0)
        return rc != -EAGAIN;
    return rc == 0 && serve_is_waiting(&c->hx->x) && c->hx->x.began_us != loop_now_us(c->base.edge->loop);
}

/* Not the client's doing: somebody must know why it was cut. */
void h1_log_failure(const struct h1_exchange *hx, int error)
{
    const struct request *r = &hx->x.request;
    char target[200];
    if (error == -EIO || error == -ENOSPC || error == -EDQUOT || error == -EFBIG || error == -ENOMEM)
        log_warn("response cut", "request=\"%.*s %s\" left_bytes=%llu error=\"%s\"",
                 (int)r->method_name.len, r->method_name.at,
                 query_mask_log(target, sizeof target, r->target, access_secrets(&hx->x)),
                 (unsigned long long)h1_unsent_bytes(hx),
                 hx->file_left_bytes > 0 && error == -EIO ? "the file became shorter or cannot be read"
                                                         : strerror(-error));
}

/* ---- exchanges between two uses -------------------------------------------------------------- */

enum { EXCHANGE_ARENA_BYTES = 2 * 1024 * 1024 };

struct h1_exchange *h1_exchange_take(struct edge *e)
{
    struct h1_exchange *hx;
    struct arena arena;
    struct buf out;
    if (list_empty(&e->spare)) {
        hx = sys_malloc(sizeof *hx);
        if (!hx)
            return NULL;
        arena_init(&arena, EXCHANGE_ARENA_BYTES);
        out = (struct buf){ .limit_bytes = (size_t)e->conf->response_memory_bytes + 256 * 1024 };
    } else {
        hx = container_of(e->spare.next, struct h1_exchange, spare);
        list_remove(&hx->spare);
        e->spare_count--;
        arena = hx->x.arena;
        out = hx->out;
    }
    memset(hx, 0, sizeof *hx);
    hx->x.arena = arena;
    hx->out = out;
    hx->file_fd = -1;
    hx->x.out = &h1_answer_out;
    hx->x.serve = &e->serve;
    hx->x.conf = e->conf;
    hx->x.body = (struct call_body){ .fd = -1, .bytes = -1 };
    list_init(&hx->spare);
    return hx;
}

void h1_exchange_give(struct edge *e, struct h1_exchange *hx)
{
    enum { KEPT_OUT_BYTES = 16 * 1024 };
    serve_leave(&hx->x);
    body_done(&hx->body, !hx->x.is_body_lent);
    spill_close(&hx->spill);
    if (hx->file)
        file_release(hx->x.serve->files, hx->file);
    else
        (void)sys_close(hx->file_fd);
    buf_take(&hx->out, buf_len(&hx->out));
    if (e->spare_count == EDGE_EXCHANGES_KEPT || hx->out.cap_bytes > KEPT_OUT_BYTES) {
        arena_done(&hx->x.arena);
        buf_done(&hx->out);
        sys_free(hx);
        return;
    }
    arena_reset(&hx->x.arena);
    list_add_after(&e->spare, &hx->spare);
    e->spare_count++;
}
