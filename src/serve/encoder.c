/* encoder.c - gzip by zlib, br by libbrotlienc.
 *
 * Levels: where a page of text costs little more than a millisecond per 100 KiB; what a better one
 * would save is lost in the time it takes.
 */
#include "serve/encoder.h"
#include <brotli/encode.h>
#include <errno.h>
#include <zlib.h>
#include "base/sys.h"

enum { GZIP_LEVEL = 5, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };      /* + 16: with gzip's header */
enum { BROTLI_LEVEL = 4, BROTLI_WINDOW = 18 };
enum { ROOM_BYTES = 4096 };

struct encoder {
    enum encoding encoding;
    z_stream zlib;
    gz_header header;
    BrotliEncoderState *brotli;
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

static int begin_gzip(struct encoder *e)
{
    enum { OS_UNKNOWN = 255 };
    e->zlib = (z_stream){ .zalloc = zlib_alloc, .zfree = zlib_free };
    if (deflateInit2(&e->zlib, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    e->header = (gz_header){ .os = OS_UNKNOWN, .name = (Bytef *)e->padding };
    return deflateSetHeader(&e->zlib, &e->header) == Z_OK ? 0 : -EINVAL;
}

static int begin_brotli(struct encoder *e)
{
    e->brotli = BrotliEncoderCreateInstance(brotli_alloc, brotli_free, NULL);
    if (!e->brotli)
        return -ENOMEM;
    bool is_set = BrotliEncoderSetParameter(e->brotli, BROTLI_PARAM_QUALITY, BROTLI_LEVEL) &&
                  BrotliEncoderSetParameter(e->brotli, BROTLI_PARAM_LGWIN, BROTLI_WINDOW);
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

struct encoder *encoder_new(enum encoding encoding)
{
    struct encoder *e = sys_calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->encoding = encoding;
    choose_padding(e);
    if ((encoding == ENCODING_GZIP ? begin_gzip(e) : begin_brotli(e)) == 0)
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

int encoder_put(struct encoder *e, struct span in, enum encoder_then then, struct buf *out)
{
    if (in.len > UINT32_MAX)
        return -EMSGSIZE;
    return e->encoding == ENCODING_GZIP ? put_gzip(e, in, then, out) : put_brotli(e, in, then, out);
}
