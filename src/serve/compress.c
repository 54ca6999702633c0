/* compress.c - decides which bodies are worth it, and keeps what came out of the encoder until the wire
 * has room.
 *
 * Owns   struct compression: from compress_begin() to compress_leave(); while a helper reads a file for
 *        it, to the end of that.
 * Woken  by app.c (bytes, a file), the edge (room again), helpers (a piece of the file).
 */
#include "serve/compress.h"
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "serve/encoder.h"
#include "serve/serve.h"

/* Pieces are small enough for a turn of the loop: 64 KiB of text are about 2 ms for gzip. */
enum { PIECE_BYTES = 64 * 1024, OUT_BYTES_MAX = 1024 * 1024 };

struct compression {
    struct exchange *x;               /* NULL: it left while a helper was reading */
    struct encoder *encoder;
    struct buf out;                   /* encoded, and not taken by the wire yet */
    bool is_ended;                    /* the encoder was told the end */
    /* of a file */
    struct helper_job job;
    bool is_reading;
    int fd;                           /* -1: none */
    uint64_t at, left_bytes;
    ssize_t got;                      /* of the last read, or -errno */
    char *piece;
};

/* ---- which bodies ---------------------------------------------------------------------------- */

static struct field *find(const struct response *res, enum field_id id)
{
    for (size_t i = 0; i < res->fields_count; i++)
        if (res->fields[i].id == id)
            return &res->fields[i];
    return NULL;
}

/* What was computed over the body as it is would be wrong of another spelling of it. */
static bool is_sealed(const struct response *res)
{
    static const struct span names[] = { SPAN("Content-Digest"), SPAN("Digest"), SPAN("Content-MD5") };
    for (size_t i = 0; i < res->fields_count; i++) {
        const struct field *f = &res->fields[i];
        if (f->id == FIELD_CONTENT_ENCODING)
            return true;
        if (f->id == FIELD_CACHE_CONTROL && field_list_has(f->value, SPAN("no-transform")))
            return true;
        for (size_t n = 0; n < ARRAY_LEN(names) && f->id == FIELD_OTHER; n++)
            if (span_eq_nocase(f->name, names[n]))
                return true;
    }
    return false;
}

static bool is_worth_it(const struct exchange *x)
{
    const struct response *res = &x->response;
    const struct conf *conf = x->conf;
    const struct field *type = find(res, FIELD_CONTENT_TYPE);
    if (!conf->compress || res->status == 206 || status_has_no_body(res->status))
        return false;
    if (res->body_bytes >= 0 && res->body_bytes < conf->compress_min_bytes)
        return false;
    return type && encoding_helps(type->value) && !is_sealed(res);
}

/* ---- the head -------------------------------------------------------------------------------- */

static int add_field(struct exchange *x, struct span name, struct span value, enum field_id id)
{
    struct response *res = &x->response;
    struct field *fields = field_array_room(res->fields, res->fields_count, &x->arena);
    if (!fields)
        return -ENOMEM;
    res->fields = fields;
    fields[res->fields_count++] = (struct field){ name, value, id };
    return 0;
}

/* The answer depends on what the client takes, also where it takes nothing. */
static int add_vary(struct exchange *x)
{
    struct response *res = &x->response;
    for (size_t i = 0; i < res->fields_count; i++) {
        const struct field *f = &res->fields[i];
        if (f->id == FIELD_VARY &&
            (field_list_has(f->value, SPAN("Accept-Encoding")) || field_list_has(f->value, SPAN("*"))))
            return 0;
    }
    return add_field(x, SPAN("Vary"), SPAN("Accept-Encoding"), FIELD_VARY);
}

/* Two spellings of one thing: the same, but not byte for byte (RFC 9110, section 8.8.1). */
static int weaken_etag(struct exchange *x)
{
    struct field *etag = find(&x->response, FIELD_ETAG);
    if (!etag || span_starts(etag->value, SPAN("W/")))
        return 0;
    char *weak = arena_alloc(&x->arena, etag->value.len + 2);
    if (!weak)
        return -ENOMEM;
    memcpy(weak, "W/", 2);
    memcpy(weak + 2, etag->value.at, etag->value.len);
    etag->value = (struct span){ weak, etag->value.len + 2 };
    return 0;
}

static void drop_ranges(struct response *res)
{
    size_t kept = 0;
    for (size_t i = 0; i < res->fields_count; i++)
        if (res->fields[i].id != FIELD_OTHER ||
            !span_eq_nocase(res->fields[i].name, SPAN("Accept-Ranges")))
            res->fields[kept++] = res->fields[i];
    res->fields_count = kept;
}

static int rewrite_head(struct exchange *x, enum encoding encoding)
{
    int rc = weaken_etag(x);
    if (rc == 0)
        rc = add_field(x, SPAN("Content-Encoding"), encoding_name(encoding), FIELD_CONTENT_ENCODING);
    if (rc == 0) {
        drop_ranges(&x->response);
        x->response.body_bytes = -1;
    }
    return rc;
}

static void free_compression(struct compression *c)
{
    encoder_free(c->encoder);
    buf_done(&c->out);
    (void)sys_close(c->fd);
    sys_free(c->piece);
    sys_free(c);
}

static struct compression *new_compression(struct exchange *x, enum encoding encoding)
{
    struct compression *c = sys_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->x = x;
    c->fd = -1;
    c->out.limit_bytes = OUT_BYTES_MAX;
    c->encoder = encoder_new(encoding, ENCODER_PAGE);
    if (c->encoder)
        return c;
    free_compression(c);
    return NULL;
}

void compress_begin(struct exchange *x)
{
    static const enum encoding order[] = { ENCODING_ZSTD, ENCODING_BROTLI, ENCODING_GZIP };
    struct compression *c = NULL;
    if (!is_worth_it(x) || add_vary(x) < 0)
        return;
    enum encoding encoding = encoding_choose(&x->request, order, ARRAY_LEN(order));
    if (encoding == ENCODING_IDENTITY || x->request.version < 11)
        return;
    bool has_body = x->request.method != METHOD_HEAD;
    if (has_body && !(c = new_compression(x, encoding)))
        return;
    if (rewrite_head(x, encoding) == 0)
        x->compression = c;
    else if (c)
        free_compression(c);
}

/* ---- the body -------------------------------------------------------------------------------- */

/* 1: all that is encoded is taken, 0: the wire is full (compress_resume follows), negative: the client
 * is gone. */
static int push(struct compression *c)
{
    struct exchange *x = c->x;
    const struct span runs[2] = { buf_span(&c->out), { NULL, 0 } };
    if (runs[0].len == 0 && !c->is_ended)
        return 1;
    ssize_t took = x->out->body(x, runs, c->is_ended);
    if (took < 0)
        return (int)took;
    buf_take(&c->out, (size_t)took);
    return (size_t)took == runs[0].len;
}

static int give_up(struct compression *c, const char *what, int error)
{
    log_warn("response cut while it was compressed", "%s error=\"%s\"", what, strerror(-error));
    c->x->failure = "no memory to compress it";
    c->x->out->cut(c->x);
    return error;
}

static int encode(struct compression *c, const struct span runs[2], enum encoder_then then)
{
    int rc = 0;
    if (runs[1].len > 0)
        rc = encoder_put(c->encoder, runs[0], ENCODER_GO_ON, &c->out);
    if (rc == 0)
        rc = encoder_put(c->encoder, runs[1].len > 0 ? runs[1] : runs[0], then, &c->out);
    if (rc < 0)
        return give_up(c, "by=encoder", rc);
    c->is_ended = then == ENCODER_END;
    return push(c);
}

ssize_t compress_body(struct exchange *x, const struct span runs[2], bool is_last)
{
    struct compression *c = x->compression;
    if (!c)
        return x->out->body(x, runs, is_last);
    if (buf_len(&c->out) > 0)
        return 0;
    int rc = encode(c, runs, is_last ? ENCODER_END : ENCODER_FLUSH);
    return rc < 0 ? rc : (ssize_t)(runs[0].len + runs[1].len);
}

/* ---- a file ---------------------------------------------------------------------------------- */

static void read_piece(struct helper_job *job)
{
    struct compression *c = container_of(job, struct compression, job);
    size_t want = c->left_bytes < PIECE_BYTES ? (size_t)c->left_bytes : PIECE_BYTES;
    c->got = sys_pread(c->fd, c->piece, want, (off_t)c->at);
}

/* True: on to the next piece. */
static bool took_piece(struct compression *c)
{
    if (c->got <= 0) {
        (void)give_up(c, "by=file", c->got < 0 ? (int)c->got : -EIO);
        return false;
    }
    const struct span runs[2] = { { c->piece, (size_t)c->got }, { NULL, 0 } };
    c->at += (uint64_t)c->got;
    c->left_bytes -= (uint64_t)c->got;
    return encode(c, runs, c->left_bytes > 0 ? ENCODER_GO_ON : ENCODER_END) == 1 && !c->is_ended;
}

static void read_on(struct compression *c);

static void piece_was_read(struct helper_job *job)
{
    struct compression *c = container_of(job, struct compression, job);
    c->is_reading = false;
    if (!c->x)
        free_compression(c);
    else if (took_piece(c))
        read_on(c);
}

static void read_on(struct compression *c)
{
    do {
        c->job = (struct helper_job){ .work = read_piece, .done = piece_was_read };
        c->is_reading = helpers_submit(c->x->serve->helpers, &c->job) == 0;
        if (c->is_reading)
            return;
        read_piece(&c->job);            /* every helper is busy: better slow than wrong */
    } while (took_piece(c));
}

void compress_file(struct exchange *x, int fd, uint64_t at, uint64_t bytes)
{
    static const struct span nothing[2];
    struct compression *c = x->compression;
    if (!c) {
        x->out->file(x, NULL, fd, at, bytes);
        return;
    }
    c->fd = fd;
    c->at = at;
    c->left_bytes = bytes;
    c->piece = sys_malloc(PIECE_BYTES);
    if (!c->piece)
        (void)give_up(c, "by=file", -ENOMEM);
    else if (bytes == 0)
        (void)encode(c, nothing, ENCODER_END);
    else if (buf_len(&c->out) == 0)
        read_on(c);
}

/* ---- on and out ------------------------------------------------------------------------------ */

bool compress_resume(struct exchange *x)
{
    struct compression *c = x->compression;
    if (!c)
        return true;
    if (c->is_reading || push(c) != 1 || c->is_ended)
        return false;
    if (c->left_bytes > 0)
        read_on(c);
    return c->fd < 0;
}

void compress_leave(struct exchange *x)
{
    struct compression *c = x->compression;
    if (!c)
        return;
    x->compression = NULL;
    c->x = NULL;
    if (!c->is_reading)
        free_compression(c);
}
