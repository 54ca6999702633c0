/* h2_shared.c - what all HTTP/2 connections of an edge share, and nghttp2's memory.
 *
 * nghttp2 takes and gives some ten small blocks a request.  They are kept here by size, last in first
 * out, so that each is warm when it is used again.  The large ones (a frame's room, tables) it takes when a
 * session begins and keeps, 25 KB and nearly all of it zeros: they have a cell, which sleeps while the
 * connection is idle.
 */
#include <errno.h>
#include "base/sys.h"
#include "edge/h2.h"
#include "edge/h2_conn.h"

enum { CLASS_BYTES = 16, KEPT_A_CLASS = 512, CELL_BYTES = 28 * 1024 };
enum { OF_HEAP = H2_CLASSES, OF_CELL };         /* classes of blocks that are of none */

struct h2_block {
    union {
        struct h2_block *next;        /* while it is kept */
        size_t class;                 /* while it is used */
    };
    size_t bytes;                     /* that were asked for */
    max_align_t at[];
};

/* 0 has up to 16 bytes, 1 up to 32, ... */
static size_t class_of(size_t bytes)
{
    return bytes > 0 ? (bytes - 1) / CLASS_BYTES : 0;
}

static struct h2_block *take_small(struct h2_shared *s, size_t class)
{
    struct h2_block *b = s->kept[class].first;
    if (!b)
        return sys_malloc(sizeof *b + (class + 1) * CLASS_BYTES);
    s->kept[class].first = b->next;
    s->kept[class].count--;
    return b;
}

static struct h2_block *take_large(struct h2_conn *c, size_t bytes, size_t *class)
{
    struct h2_block *b = cell_take(&h2_edge(c)->h2->cells, &c->cell, sizeof *b + bytes);
    *class = b ? OF_CELL : OF_HEAP;
    return b ? b : sys_malloc(sizeof *b + bytes);
}

static void *take(size_t bytes, void *user)
{
    struct h2_conn *c = user;
    size_t class = class_of(bytes);
    if (bytes > SIZE_MAX / 2)
        return NULL;
    struct h2_block *b = class < H2_CLASSES ? take_small(h2_edge(c)->h2, class) : take_large(c, bytes, &class);
    if (!b)
        return NULL;
    b->class = class;
    b->bytes = bytes;
    return b->at;
}

static void give_back(void *at, void *user)
{
    struct h2_conn *c = user;
    struct h2_shared *s = h2_edge(c)->h2;
    if (!at)
        return;
    struct h2_block *b = container_of(at, struct h2_block, at);
    size_t class = b->class;
    if (class == OF_CELL) {
        cell_give(&c->cell, b, sizeof *b + b->bytes);
        return;
    }
    if (class == OF_HEAP || s->kept[class].count == KEPT_A_CLASS) {
        sys_free(b);
        return;
    }
    b->next = s->kept[class].first;
    s->kept[class].first = b;
    s->kept[class].count++;
}

static void *take_clear(size_t count, size_t bytes, void *user)
{
    size_t all_bytes;
    if (__builtin_mul_overflow(count, bytes, &all_bytes))
        return NULL;
    void *at = take(all_bytes, user);
    return at ? memset(at, 0, all_bytes) : NULL;
}

static void *take_again(void *old, size_t bytes, void *user)
{
    void *at = take(bytes, user);
    if (!at || !old)
        return at;
    size_t had_bytes = container_of(old, struct h2_block, at)->bytes;
    memcpy(at, old, had_bytes < bytes ? had_bytes : bytes);
    give_back(old, user);
    return at;
}

nghttp2_mem h2_memory(struct h2_conn *c)
{
    return (nghttp2_mem){ c, take, give_back, take_clear, take_again };
}

int h2_set_up(struct edge *e)
{
    struct h2_shared *s = sys_calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    list_init(&s->due);
    list_init(&s->spare);
    cells_init(&s->cells, CELL_BYTES);
    e->h2 = s;
    return h2_callbacks_new(s);
}

void h2_tear_down(struct edge *e)
{
    struct h2_shared *s = e->h2;
    if (!s)
        return;
    h2_spare_free(s);
    nghttp2_session_callbacks_del(s->callbacks);
    nghttp2_option_del(s->option);
    for (size_t i = 0; i < H2_CLASSES; i++) {
        for (struct h2_block *b = s->kept[i].first, *next; b; b = next) {
            next = b->next;
            sys_free(b);
        }
    }
    cells_done(&s->cells);
    sys_free(s);
    e->h2 = NULL;
}
