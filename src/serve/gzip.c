/* gzip.c - one loop over zlib's stream for both ways. */
#include "serve/gzip.h"
#include <errno.h>
#include <zlib.h>
#include "base/sys.h"

enum { LEVEL = 6, WINDOW = 15 + 16 /* with gzip's header */, MEMORY = 8, STEP_BYTES = 16 * 1024,
       PIECE_BYTES_MAX = 1 << 30 };

struct gzip {
    z_stream zlib;
    bool packs;
    bool is_between;              /* a member has ended, or none has begun */
};

static void *allocate(void *user, unsigned count, unsigned bytes)
{
    (void)user;
    return sys_calloc(count, bytes);
}

static void release(void *user, void *block)
{
    (void)user;
    sys_free(block);
}

static struct gzip *make(bool packs)
{
    struct gzip *g = sys_calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->packs = packs;
    g->is_between = true;
    g->zlib.zalloc = allocate;
    g->zlib.zfree = release;
    int rc = packs ? deflateInit2(&g->zlib, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY)
                   : inflateInit2(&g->zlib, WINDOW);
    if (rc == Z_OK)
        return g;
    sys_free(g);
    return NULL;
}

struct gzip *gzip_packer(void)
{
    return make(true);
}

struct gzip *gzip_unpacker(void)
{
    return make(false);
}

void gzip_free(struct gzip *g)
{
    if (!g)
        return;
    (void)(g->packs ? deflateEnd(&g->zlib) : inflateEnd(&g->zlib));
    sys_free(g);
}

static int step(struct gzip *g, bool is_last, struct buf *out)
{
    int rc = buf_reserve(out, STEP_BYTES);
    if (rc < 0)
        return rc;
    g->zlib.next_out = (Bytef *)buf_tail(out);
    g->zlib.avail_out = STEP_BYTES;
    rc = g->packs ? deflate(&g->zlib, is_last ? Z_FINISH : Z_NO_FLUSH) : inflate(&g->zlib, Z_NO_FLUSH);
    buf_added(out, STEP_BYTES - g->zlib.avail_out);
    return rc == Z_MEM_ERROR ? -ENOMEM : rc == Z_OK || rc == Z_BUF_ERROR ? 0 : rc == Z_STREAM_END ? 1 : -EBADMSG;
}

static int put(struct gzip *g, bool is_last, struct buf *out)
{
    int rc = 0;
    for (;;) {
        if (!g->packs && g->zlib.avail_in > 0 && g->is_between) {
            g->is_between = false;
            if (inflateReset(&g->zlib) != Z_OK)
                return -EBADMSG;
        }
        if (!g->packs && g->zlib.avail_in == 0 && g->is_between)
            return 0;
        rc = step(g, is_last, out);
        if (rc < 0)
            return rc;
        if (rc == 1)
            g->is_between = true;
        if (rc == 1 && (g->packs || g->zlib.avail_in == 0))
            return 0;
        bool is_stuck = g->zlib.avail_in == 0 && g->zlib.avail_out > 0;
        if (rc == 0 && is_stuck)
            return is_last && !g->packs ? -EBADMSG : 0;
    }
}

int gzip_put(struct gzip *g, struct span in, bool is_last, struct buf *out)
{
    int rc = 0;
    do {
        size_t bytes = in.len < PIECE_BYTES_MAX ? in.len : PIECE_BYTES_MAX;
        g->zlib.next_in = (Bytef *)(uintptr_t)in.at;
        g->zlib.avail_in = (uInt)bytes;
        in = span_skip(in, bytes);
        rc = put(g, is_last && in.len == 0, out);
    } while (rc == 0 && in.len > 0);
    return rc;
}
