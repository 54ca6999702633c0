/* body.c - memory, then memfd, then file; see body.h. */
#include "edge/body.h"
#include <errno.h>
#include <stdlib.h>
#include "base/sys.h"

enum { TRIM_AFTER_MS = 10000 };

/* ---- pooled memfds --------------------------------------------------------------------------- */

static void trim(struct timer *t)
{
    struct body_pool *p = container_of(t, struct body_pool, trim);
    for (struct body_memfd *m = p->free; m; m = m->next)
        (void)sys_fallocate_punch(m->fd, 0, (off_t)m->cap_bytes);
}

const char *body_folder(const struct conf *conf)
{
    const char *folder = conf->spool_dir[0] ? conf->spool_dir : getenv("TMPDIR");
    if (!folder || !folder[0])
        return "/var/tmp";
    int fd = conf->spool_dir[0] ? -1 : sys_open_unlinked(folder);
    (void)sys_close(fd);
    /* TMPDIR may be of the user who starts us alone, and an edge is somebody else. */
    return fd == -EACCES ? "/var/tmp" : folder;
}

void body_pool_init(struct body_pool *p, struct loop *l, const struct conf *conf, struct helpers *helpers)
{
    *p = (struct body_pool){
        .cap_bytes = (size_t)conf->body_memory_bytes, .helpers = helpers, .loop = l,
        .folder = body_folder(conf),
    };
    timer_init(&p->trim, trim);
}

int body_pool_spill(struct body_pool *p, struct spill *s, void (*wake)(struct spill *s))
{
    int rc = spill_open(s, p->helpers, p->folder, wake);
    p->is_refused |= rc == -EACCES;
    return rc;
}

static void free_memfd(struct body_memfd *m)
{
    (void)sys_munmap(m->map, m->cap_bytes);
    (void)sys_close(m->fd);
    sys_free(m);
}

void body_pool_done(struct body_pool *p)
{
    timer_off(p->loop, &p->trim);
    while (p->free) {
        struct body_memfd *m = p->free;
        p->free = m->next;
        free_memfd(m);
    }
}

static int make_memfd(struct body_pool *p, struct body_memfd **made)
{
    struct body_memfd *m = sys_calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    void *map = NULL;
    m->cap_bytes = p->cap_bytes;
    m->fd = sys_memfd("slipway-body", 0);
    int rc = m->fd < 0 ? m->fd : sys_ftruncate(m->fd, (off_t)m->cap_bytes);
    if (rc == 0)
        rc = sys_mmap(m->fd, m->cap_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, &map);
    if (rc < 0) {
        (void)sys_close(m->fd);
        sys_free(m);
        return rc;
    }
    m->map = map;
    *made = m;
    return 0;
}

static int take_memfd(struct body_pool *p, struct body_memfd **taken)
{
    if (!p->free)
        return make_memfd(p, taken);
    *taken = p->free;
    p->free = (*taken)->next;
    p->count--;
    return 0;
}

static void give_memfd(struct body_pool *p, struct body_memfd *m)
{
    if (p->count == BODY_POOL_MAX) {
        free_memfd(m);
        return;
    }
    m->next = p->free;
    p->free = m;
    p->count++;
    (void)timer_set(p->loop, &p->trim, TRIM_AFTER_MS);      /* without memory for it: the pages stay */
}

/* ---- one body -------------------------------------------------------------------------------- */

static int to_memfd(struct body *b)
{
    int rc = take_memfd(b->pool, &b->memfd);
    if (rc < 0)
        return rc;
    if (b->memory)
        memcpy(b->memfd->map, b->memory, (size_t)b->bytes);
    b->memory = NULL;
    return 0;
}

static int to_file(struct body *b, void (*wake)(struct spill *s))
{
    return body_pool_spill(b->pool, &b->spill, wake);
}

bool body_is_streamed(const struct conf *conf, const struct request *r, size_t here_bytes)
{
    bool is_known = r->body_bytes >= 0, is_here = is_known && (uint64_t)r->body_bytes <= here_bytes;
    char how = conf->stream_request_body[0];
    return !is_here && (how == 'a' || (how == 'y' && is_known));
}

int body_begin_stream(struct body *b, struct body_pool *pool, const struct conf *conf,
                      const struct request *r, void (*wake)(struct feed *f), struct call_body *call)
{
    *b = (struct body){ .pool = pool };
    int rc = feed_open(&b->feed, pool->loop, (size_t)conf->stream_request_buffer_bytes, wake);
    if (rc == 0)
        *call = (struct call_body){ .fd = b->feed.read_fd, .bytes = r->body_bytes, .is_stream = true };
    return rc;
}

int body_begin(struct body *b, struct body_pool *pool, struct arena *arena, int64_t expected_bytes,
               void (*wake)(struct spill *s))
{
    *b = (struct body){ .pool = pool, .spill = { .wake = wake } };
    if (expected_bytes > (int64_t)pool->cap_bytes)
        return to_file(b, wake);
    if (expected_bytes > BODY_MEMORY_BYTES)
        return to_memfd(b);
    b->memory_cap = expected_bytes < 0 ? BODY_MEMORY_BYTES : (size_t)expected_bytes;
    b->memory = arena_alloc(arena, b->memory_cap);
    return b->memory ? 0 : -ENOMEM;
}

void body_done(struct body *b, bool is_let_go)
{
    if (b->memfd && is_let_go)
        give_memfd(b->pool, b->memfd);
    else if (b->memfd)
        free_memfd(b->memfd);
    spill_close(&b->spill);
    feed_close(&b->feed);
    *b = (struct body){ 0 };
}

/* What a memfd holds moves into a file, block by block as the file has room. */
static int move_to_file(struct body *b)
{
    size_t room_bytes;
    if (!b->spill.job) {
        int rc = to_file(b, b->spill.wake);
        if (rc < 0)
            return rc;
    }
    while (b->memfd) {
        uint64_t moved = b->spill.written_bytes + b->spill.filled_bytes;
        if (b->spill.is_writing)
            return -EAGAIN;
        if (moved == (uint64_t)b->bytes) {
            give_memfd(b->pool, b->memfd);
            b->memfd = NULL;
            return 0;
        }
        char *room = spill_room(&b->spill, &room_bytes);
        if (!room)
            return b->spill.error;
        size_t left_bytes = (size_t)((uint64_t)b->bytes - moved);
        size_t bytes = left_bytes < room_bytes ? left_bytes : room_bytes;
        memcpy(room, b->memfd->map + moved, bytes);
        spill_filled(&b->spill, bytes);
    }
    return 0;
}

char *body_room(struct body *b, size_t *room_bytes, int *error)
{
    *error = 0;
    if (b->memory && (size_t)b->bytes == b->memory_cap)
        *error = to_memfd(b);
    if (*error == 0 && b->memfd && (size_t)b->bytes == b->memfd->cap_bytes)
        *error = move_to_file(b);
    if (*error < 0)
        return NULL;
    if (b->memory) {
        *room_bytes = b->memory_cap - (size_t)b->bytes;
        return b->memory + b->bytes;
    }
    if (b->memfd) {
        *room_bytes = b->memfd->cap_bytes - (size_t)b->bytes;
        return b->memfd->map + b->bytes;
    }
    char *room = spill_room(&b->spill, room_bytes);
    if (!room)
        *error = b->spill.error < 0 ? b->spill.error : -EAGAIN;
    return room;
}

void body_added(struct body *b, size_t bytes)
{
    b->bytes += (int64_t)bytes;
    if (!b->memory && !b->memfd)
        spill_filled(&b->spill, bytes);
}

ssize_t body_put(struct body *b, struct span bytes)
{
    size_t done = 0, room_bytes;
    int error;
    if (b->feed.is_open) {
        ssize_t put = feed_put(&b->feed, bytes);
        b->bytes += put > 0 ? put : 0;
        return put;
    }
    while (done < bytes.len) {
        char *room = body_room(b, &room_bytes, &error);
        if (!room)
            return error == -EAGAIN ? (ssize_t)done : error;
        size_t n = bytes.len - done < room_bytes ? bytes.len - done : room_bytes;
        memcpy(room, bytes.at + done, n);
        body_added(b, n);
        done += n;
    }
    return (ssize_t)done;
}

int body_end(struct body *b, struct call_body *call)
{
    if (!b->memory && !b->memfd) {
        int rc = spill_flush(&b->spill);
        if (rc < 0)
            return rc;
    }
    *call = (struct call_body){ .fd = -1, .bytes = b->bytes };
    if (b->memory)
        call->memory = (struct span){ b->memory, (size_t)b->bytes };
    else
        call->fd = b->memfd ? b->memfd->fd : spill_fd(&b->spill);
    return 0;
}
