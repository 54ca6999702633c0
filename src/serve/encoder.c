/* encoder.c - gzip by zlib, br by libbrotlienc, zstd by libzstd.
 *
 * Levels of a page: where text costs little more than a millisecond per 100 KiB; what a better one
 * would save is lost in the time it takes.  jquery.js of 285 KB: zstd 1.3 ms and 87,600 bytes, br
 * 3.8 ms and 85,300, gzip 6.4 ms and 85,400.
 */
#include "serve/encoder.h"
#include <brotli/encode.h>
#include <errno.h>
#include <zlib.h>
#include <zstd.h>
#include "base/sys.h"

enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };      /* + 16: with gzip's header */
enum { ROOM_BYTES = 4096 };
/* A window of 8 MiB is the largest that every client has room for (RFC 9659). */
enum { ZSTD_HEAD_BYTES = 6, ZSTD_EMPTY_BYTES = 3, ZSTD_WINDOW_MOST = 23 };

static const struct effort {
    int gzip, brotli, brotli_window, zstd;
    int zstd_window, zstd_tables;           /* tables: binary logarithm of their entries; 0: of the level */
} efforts[] = {
    [ENCODER_PAGE] = { 5, 4, 18, 3, 18, 15 },
    [ENCODER_KEPT] = { 9, 6, 22, 9, 0, 0 },
    [ENCODER_ASSET] = { 9, 11, 24, 19, ZSTD_WINDOW_MOST, 0 },
};

struct encoder {
    enum encoding encoding;
    z_stream zlib;
    gz_header header;
    BrotliEncoderState *brotli;
    ZSTD_CCtx *zstd;
    char padding[ENCODER_PADDING_MOST_BYTES + 1];
    size_t padding_bytes;
};

static void *zlib_alloc(void *user, unsigned count, unsigned bytes)
{
    (void)user;
    return sys_calloc(count, bytes);
}

static void zlib_free(void *user, void *block)
{
    (void)user;
    sys_free(block);
}

static void *brotli_alloc(void *user, size_t bytes)
{
    (void)user;
    return sys_malloc(bytes);
}

static void brotli_free(void *user, void *block)
{
    (void)user;
    sys_free(block);
}

static int begin_gzip(struct encoder *e, const struct effort *effort)
{
    enum { OS_UNKNOWN = 255 };
    e->zlib = (z_stream){ .zalloc = zlib_alloc, .zfree = zlib_free };
    if (deflateInit2(&e->zlib, effort->gzip, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    e->header = (gz_header){ .os = OS_UNKNOWN, .name = e->padding_bytes > 0 ? (Bytef *)e->padding : NULL };
    return deflateSetHeader(&e->zlib, &e->header) == Z_OK ? 0 : -EINVAL;
}

static int begin_brotli(struct encoder *e, const struct effort *effort)
{
    e->brotli = BrotliEncoderCreateInstance(brotli_alloc, brotli_free, NULL);
    if (!e->brotli)
        return -ENOMEM;
    bool is_set = BrotliEncoderSetParameter(e->brotli, BROTLI_PARAM_QUALITY, (uint32_t)effort->brotli) &&
                  BrotliEncoderSetParameter(e->brotli, BROTLI_PARAM_LGWIN, (uint32_t)effort->brotli_window);
    return is_set ? 0 : -EINVAL;
}

static bool set_zstd(struct encoder *e, ZSTD_cParameter what, int value)
{
    return value == 0 || !ZSTD_isError(ZSTD_CCtx_setParameter(e->zstd, what, value));
}

static int begin_zstd(struct encoder *e, const struct effort *effort)
{
    e->zstd = ZSTD_createCCtx();
    if (!e->zstd)
        return -ENOMEM;
    /* Without the size of the content a head has always ZSTD_HEAD_BYTES. */
    bool is_set = set_zstd(e, ZSTD_c_compressionLevel, effort->zstd) &&
                  set_zstd(e, ZSTD_c_windowLog, effort->zstd_window) &&
                  set_zstd(e, ZSTD_c_hashLog, effort->zstd_tables) &&
                  set_zstd(e, ZSTD_c_chainLog, effort->zstd_tables) &&
                  !ZSTD_isError(ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_contentSizeFlag, 0));
    return is_set ? 0 : -EINVAL;
}

static void choose_padding(struct encoder *e)
{
    unsigned char random = 0;
    enum { CHOICES = ENCODER_PADDING_MOST_BYTES - ENCODER_PADDING_LEAST_BYTES + 1 };
    (void)sys_random(&random, 1);               /* without it: always the same, and still a right body */
    e->padding_bytes = ENCODER_PADDING_LEAST_BYTES + random % CHOICES;
    memset(e->padding, 'a', e->padding_bytes);
}

static int begin(struct encoder *e, const struct effort *effort)
{
    switch (e->encoding) {
    case ENCODING_GZIP:
        return begin_gzip(e, effort);
    case ENCODING_BROTLI:
        return begin_brotli(e, effort);
    case ENCODING_ZSTD:
        return begin_zstd(e, effort);
    case ENCODING_IDENTITY: case ENCODING_COUNT:
        break;
    }
    return -EINVAL;
}

struct encoder *encoder_new(enum encoding encoding, enum encoder_effort effort)
{
    struct encoder *e = sys_calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->encoding = encoding;
    if (effort == ENCODER_PAGE)
        choose_padding(e);
    if (begin(e, &efforts[effort]) == 0)
        return e;
    encoder_free(e);
    return NULL;
}

void encoder_free(struct encoder *e)
{
    if (!e)
        return;
    (void)deflateEnd(&e->zlib);                 /* says so when it never began, and does nothing */
    if (e->brotli)
        BrotliEncoderDestroyInstance(e->brotli);
    (void)ZSTD_freeCCtx(e->zstd);
    sys_free(e);
}

/* ---- one piece ------------------------------------------------------------------------------- */

static int put_gzip(struct encoder *e, struct span in, enum encoder_then then, struct buf *out)
{
    static const int flush[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
    z_stream *z = &e->zlib;
    z->next_in = (Bytef *)in.at;
    z->avail_in = (uInt)in.len;
    do {
        int rc = buf_reserve(out, ROOM_BYTES);
        if (rc < 0)
            return rc;
        size_t room = buf_room(out) < UINT32_MAX ? buf_room(out) : UINT32_MAX;
        z->next_out = (Bytef *)buf_tail(out);
        z->avail_out = (uInt)room;
        rc = deflate(z, flush[then]);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return -EINVAL;
        buf_added(out, room - z->avail_out);
    } while (z->avail_out == 0);                /* else all that went in is out, as far as it shall be */
    return 0;
}

static int run_brotli(struct encoder *e, BrotliEncoderOperation what, struct span in, struct buf *out)
{
    const uint8_t *at = (const uint8_t *)in.at;
    size_t left = in.len;
    for (;;) {
        int rc = buf_reserve(out, ROOM_BYTES);
        if (rc < 0)
            return rc;
        uint8_t *to = (uint8_t *)buf_tail(out);
        size_t room = buf_room(out), before = room;
        if (!BrotliEncoderCompressStream(e->brotli, what, &left, &at, &room, &to, NULL))
            return -ENOMEM;                     /* the only failure that is not a mistake of ours */
        buf_added(out, before - room);
        if (left == 0 && !BrotliEncoderHasMoreOutput(e->brotli))
            return 0;
    }
}

static int put_brotli(struct encoder *e, struct span in, enum encoder_then then, struct buf *out)
{
    static const BrotliEncoderOperation what[] = {
        BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH,
    };
    struct span padding = { e->padding, e->padding_bytes };
    e->padding_bytes = 0;
    int rc = padding.len > 0 ? run_brotli(e, BROTLI_OPERATION_EMIT_METADATA, padding, out) : 0;
    return rc < 0 ? rc : run_brotli(e, what[then], in, out);
}

/* An empty block that is not the last: three bytes of zero (RFC 8878, section 3.1.1.2).  Decoders pass
 * over it, as they do over the empty one that ends most streams; a skippable frame would be foreign to
 * those that read one frame only. */
static int pad_zstd(struct encoder *e, size_t at, struct buf *out)
{
    size_t bytes = (e->padding_bytes / ZSTD_EMPTY_BYTES + 1) * ZSTD_EMPTY_BYTES;
    e->padding_bytes = 0;
    int rc = buf_reserve(out, bytes);
    if (rc < 0)
        return rc;
    char *behind = out->block + out->start + at + ZSTD_HEAD_BYTES;
    memmove(behind + bytes, behind, (size_t)(buf_tail(out) - behind));
    memset(behind, 0, bytes);
    buf_added(out, bytes);
    return 0;
}

static int run_zstd(struct encoder *e, struct span in, ZSTD_EndDirective what, struct buf *out)
{
    ZSTD_inBuffer from = { in.at, in.len, 0 };
    size_t left;
    do {
        int rc = buf_reserve(out, ROOM_BYTES);
        if (rc < 0)
            return rc;
        ZSTD_outBuffer to = { buf_tail(out), buf_room(out), 0 };
        left = ZSTD_compressStream2(e->zstd, &to, &from, what);
        if (ZSTD_isError(left))
            return -ENOMEM;                     /* the only failure that is not a mistake of ours */
        buf_added(out, to.pos);
    } while (from.pos < from.size || (what != ZSTD_e_continue && left > 0));
    return 0;
}

static int put_zstd(struct encoder *e, struct span in, enum encoder_then then, struct buf *out)
{
    static const ZSTD_EndDirective what[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
    size_t before = buf_len(out);
    int rc = run_zstd(e, in, what[then], out);
    if (rc == 0 && e->padding_bytes > 0 && buf_len(out) > before)
        rc = pad_zstd(e, before, out);
    return rc;
}

int encoder_put(struct encoder *e, struct span in, enum encoder_then then, struct buf *out)
{
    if (in.len > UINT32_MAX)
        return -EMSGSIZE;
    switch (e->encoding) {
    case ENCODING_GZIP:
        return put_gzip(e, in, then, out);
    case ENCODING_BROTLI:
        return put_brotli(e, in, then, out);
    case ENCODING_ZSTD:
        return put_zstd(e, in, then, out);
    case ENCODING_IDENTITY: case ENCODING_COUNT:
        break;
    }
    return -EINVAL;
}
