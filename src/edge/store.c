/* store.c - once something was spilled, all that follows is, until the spill was read to its end. */
#include "edge/store.h"
#include <errno.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/edge_private.h"
#include "serve/files.h"

enum { KEPT_MEMORY_BYTES = 16 * 1024 };

void store_done(struct store *s, struct files *files)
{
    spill_close(&s->spill);
    if (s->file)
        file_release(files, s->file);
    else
        (void)sys_close(s->fd);
    s->file = NULL;
    s->fd = -1;
    s->file_left_bytes = s->before.len = s->pieces_left = 0;
    buf_take(&s->memory, buf_len(&s->memory));
    if (s->memory.cap_bytes > KEPT_MEMORY_BYTES)
        buf_shrink(&s->memory);
}

/* ---- in -------------------------------------------------------------------------------------- */

bool store_open_spill(struct edge *e, const struct conf *conf, struct spill *spill,
                      void (*wake)(struct spill *s))
{
    if (conf->response_spool_bytes == 0)
        return false;
    int rc = body_pool_spill(&e->bodies, spill, wake);
    if (rc < 0)
        log_warn("no spool file: the worker waits for its client", "folder=%s error=%d",
                 e->bodies.folder, -rc);
    return rc == 0;
}

static size_t copy_runs(char *into, size_t room_bytes, const struct span runs[2])
{
    size_t put = 0;
    for (int i = 0; i < 2; i++) {
        size_t bytes = runs[i].len < room_bytes - put ? runs[i].len : room_bytes - put;
        if (bytes > 0)
            memcpy(into + put, runs[i].at, bytes);
        put += bytes;
    }
    return put;
}

static size_t spill_some(struct store *s, struct edge *e, const struct conf *conf,
                         const struct span runs[2], void (*wake)(struct spill *s))
{
    size_t room_bytes;
    if (!s->spill.job && !store_open_spill(e, conf, &s->spill, wake))
        return 0;
    char *room = spill_room(&s->spill, &room_bytes);
    if (!room || spill_ready_bytes(&s->spill) >= (uint64_t)conf->response_spool_bytes)
        return 0;
    size_t put = copy_runs(room, room_bytes, runs);
    spill_filled(&s->spill, put);
    (void)spill_flush(&s->spill);
    return put;
}

static ssize_t keep_some(struct store *s, const struct span runs[2], size_t room_bytes)
{
    size_t offered = runs[0].len + runs[1].len, bytes = offered < room_bytes ? offered : room_bytes;
    int rc = buf_reserve(&s->memory, bytes);
    if (rc < 0)
        return rc;
    buf_added(&s->memory, copy_runs(buf_tail(&s->memory), bytes, runs));
    return (ssize_t)bytes;
}

ssize_t store_put(struct store *s, struct edge *e, const struct conf *conf,
                  const struct span given[2], void (*wake)(struct spill *s))
{
    struct span runs[2] = { given[0], given[1] };
    size_t limit = (size_t)conf->response_memory_bytes, taken = 0;
    ssize_t took;
    do {
        size_t held = buf_len(&s->memory);
        if (!s->spill.job && held < limit)
            took = keep_some(s, runs, limit - held);
        else
            took = (ssize_t)spill_some(s, e, conf, runs, wake);
        if (took < 0)
            return -ENOMEM;
        span_skip_runs(runs, (size_t)took);
        taken += (size_t)took;
    } while (took > 0 && runs[0].len + runs[1].len > 0);
    return (ssize_t)taken;
}

void store_put_file(struct store *s, struct file *file, int fd, uint64_t at, uint64_t bytes)
{
    s->file = file;
    s->fd = fd;
    s->file_at = at;
    s->file_left_bytes = bytes;
}

void store_put_pieces(struct store *s, struct file *file, int fd, const struct file_piece *pieces,
                      size_t count)
{
    store_put_file(s, file, fd, 0, 0);
    s->pieces = pieces;
    s->pieces_left = count;
}

bool store_takes_more(const struct store *s, const struct conf *conf)
{
    if (s->spill.job)
        return spill_takes_more(&s->spill, (uint64_t)conf->response_spool_bytes);
    return buf_len(&s->memory) < (size_t)conf->response_memory_bytes / 2;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* Of the file, or of its pieces. */
static uint64_t file_bytes(const struct store *s)
{
    uint64_t bytes = s->before.len + s->file_left_bytes;
    for (size_t i = 0; i < s->pieces_left; i++)
        bytes += s->pieces[i].before.len + s->pieces[i].bytes;
    return bytes;
}

uint64_t store_bytes(const struct store *s)
{
    return buf_len(&s->memory) + spill_left_bytes(&s->spill) + file_bytes(s);
}

int64_t store_ready(struct store *s)
{
    if (s->spill.job && spill_ready_bytes(&s->spill) == 0) {
        int rc = spill_flush(&s->spill);
        if (rc < 0 && rc != -EAGAIN)
            return rc;
    }
    uint64_t spilled_bytes = s->spill.job ? spill_ready_bytes(&s->spill) : 0;
    bool is_file_next = spill_left_bytes(&s->spill) == spilled_bytes;
    return (int64_t)(buf_len(&s->memory) + spilled_bytes + (is_file_next ? file_bytes(s) : 0));
}

static int read_spill(struct store *s, char *into, size_t bytes)
{
    int rc = sys_pread_all(spill_fd(&s->spill), into, bytes, (off_t)s->spill.read_bytes);
    if (rc < 0)
        return rc;
    spill_was_read(&s->spill, bytes);
    if (spill_left_bytes(&s->spill) == 0 && !s->spill.is_writing)
        spill_close(&s->spill);
    return 0;
}

static size_t least(size_t a, uint64_t b)
{
    return b < a ? (size_t)b : a;
}

static void next_piece(struct store *s)
{
    s->before = s->pieces->before;
    s->file_at = s->pieces->at;
    s->file_left_bytes = s->pieces->bytes;
    s->pieces++;
    s->pieces_left--;
}

static int read_content(const struct store *s, char *into, size_t bytes)
{
    struct span content = s->file ? file_content(s->file) : SPAN("");
    if (s->file_at > content.len || bytes > content.len - s->file_at)
        return sys_pread_all(s->fd, into, bytes, (off_t)s->file_at);
    memcpy(into, content.at + s->file_at, bytes);
    return 0;
}

/* `bytes` is no more than file_bytes(). */
static int read_file(struct store *s, char *into, size_t bytes)
{
    int rc = 0;
    while (bytes > 0 && rc == 0) {
        if (s->before.len == 0 && s->file_left_bytes == 0 && s->pieces_left == 0)
            return -EIO;
        if (s->before.len == 0 && s->file_left_bytes == 0)
            next_piece(s);
        size_t of_before = least(bytes, s->before.len);
        if (of_before > 0)
            memcpy(into, s->before.at, of_before);
        s->before = span_skip(s->before, of_before);
        into += of_before;
        bytes -= of_before;
        size_t of_file = least(bytes, s->file_left_bytes);
        rc = read_content(s, into, of_file);
        s->file_at += of_file;
        s->file_left_bytes -= of_file;
        into += of_file;
        bytes -= of_file;
    }
    return rc;
}

int store_read(struct store *s, char *into, size_t bytes)
{
    size_t of_memory = least(bytes, buf_len(&s->memory));
    if (of_memory > 0)
        memcpy(into, buf_span(&s->memory).at, of_memory);
    buf_take(&s->memory, of_memory);
    size_t of_spill = 0, rest = bytes - of_memory;
    if (s->spill.job) {
        of_spill = least(rest, spill_ready_bytes(&s->spill));
        int rc = of_spill > 0 ? read_spill(s, into + of_memory, of_spill) : 0;
        if (rc < 0)
            return rc;
    }
    return read_file(s, into + of_memory + of_spill, rest - of_spill);
}
