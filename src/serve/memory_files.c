/* memory_files.c - one job of a helper a file.
 *
 * From memory a file goes out in one call, together with its head, and TLS and HTTP/2 have no other way
 * than to read each byte.  Where sendfile is cheaper nevertheless: docs/architecture.md.
 */
#include "serve/memory_files.h"
#include "base/sys.h"
#include "serve/files_private.h"
#include "serve/siblings.h"

enum {
    USES = 2,                         /* what a crawler asks for once is not worth its memory */
    SETTLED_S = 2,                    /* of the coarsest clock that a file system has */
    UNUSED_MS = 10000,                /* before that it does not make room for another: a site with more
                                       * hot files than memory would read all the time */
    LOOKED_AT = 8,                    /* files in use are passed over, so many a time */
};

struct fill {
    struct helper_job job;
    struct memory_files *memory;
    struct files *files;
    struct file *file;                /* a reference is held */
    struct content *content;
    bool is_whole;
};

void memory_files_init(struct memory_files *m, struct loop *loop, struct helpers *helpers)
{
    *m = (struct memory_files){ .loop = loop, .helpers = helpers };
    list_init(&m->by_age);
}

void memory_files_limit(struct memory_files *m, int64_t limit_bytes, int64_t largest_bytes)
{
    m->limit_bytes = (uint64_t)limit_bytes;
    m->largest_bytes = (uint64_t)largest_bytes;
}

/* ---- room ------------------------------------------------------------------------------------ */

static void drop(struct memory_files *m, struct content *content)
{
    list_remove(&content->age);
    m->bytes -= content->bytes;
    content->file->content = NULL;
    content->file->uses = 0;
    sys_free(content);
}

void memory_files_drop(struct memory_files *m, struct file *file)
{
    if (file->content)
        drop(m, file->content);
}

static bool has_room(const struct memory_files *m, uint64_t bytes)
{
    return m->bytes <= m->limit_bytes && bytes <= m->limit_bytes - m->bytes;
}

bool memory_files_make_room(struct memory_files *m, uint64_t bytes)
{
    int64_t now_ms = loop_now_ms(m->loop);
    struct list *at = m->by_age.prev;
    for (int i = 0; i < LOOKED_AT && !has_room(m, bytes) && at != &m->by_age; i++) {
        struct content *oldest = container_of(at, struct content, age);
        at = at->prev;
        if (now_ms - oldest->used_ms < UNUSED_MS)
            return false;
        if (oldest->file->references > 1)       /* than the table's own */
            continue;
        if (oldest->file->of && oldest->file->fd < 0)
            siblings_set(container_of(m, struct files, memory), oldest->file->of, oldest->file->encoding, NULL);
        else
            drop(m, oldest);
    }
    return has_room(m, bytes);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Another content always shows in the time of change, which nobody can set; but that comes from a
 * clock that ticks, so one that was changed a moment ago may be changed again within the same tick. */
bool memory_files_is_settled(const struct file *file)
{
    return sys_wall_us() / 1000000 - file->changed_s >= SETTLED_S;
}

bool memory_files_is_unchanged(const struct file *file)
{
    struct stat st;
    return sys_fstat(file->fd, &st) == 0 && file_is(file, &st);
}

static void read_all(struct helper_job *job)
{
    struct fill *fill = container_of(job, struct fill, job);
    struct content *content = fill->content;
    fill->is_whole = sys_pread_all(fill->file->fd, content->at, content->bytes, 0) == 0 &&
                     memory_files_is_unchanged(fill->file);
}

void memory_files_put(struct memory_files *m, struct file *file, struct content *content)
{
    content->file = file;
    content->used_ms = loop_now_ms(m->loop);
    m->bytes += content->bytes;
    file->content = content;
    list_add_after(&m->by_age, &content->age);
}

void memory_files_was_read(struct files *f, struct file *file)
{
    f->memory.reading--;
    file_release(f, file);
    if (f->is_done && f->memory.reading == 0)
        sys_free(f);
}

static void was_read(struct helper_job *job)
{
    struct fill *fill = container_of(job, struct fill, job);
    struct memory_files *m = fill->memory;
    struct file *file = fill->file;
    file->is_being_read = false;
    m->bytes -= fill->content->bytes;
    if (fill->is_whole) {
        memory_files_put(m, file, fill->content);
    } else {
        sys_free(fill->content);
        file->uses = 0;
    }
    memory_files_was_read(fill->files, file);
    sys_free(fill);
}

static struct fill *new_fill(struct memory_files *m, struct file *file)
{
    struct fill *fill = sys_calloc(1, sizeof *fill);
    struct content *content = fill ? sys_malloc(sizeof *content + (size_t)file->bytes) : NULL;
    if (!content) {
        sys_free(fill);
        return NULL;
    }
    *content = (struct content){ .file = file, .bytes = (size_t)file->bytes };
    *fill = (struct fill){ .job = { .work = read_all, .done = was_read }, .memory = m,
                           .files = container_of(m, struct files, memory), .file = file, .content = content };
    return fill;
}

static void begin(struct memory_files *m, struct file *file)
{
    struct fill *fill = memory_files_make_room(m, (uint64_t)file->bytes) ? new_fill(m, file) : NULL;
    if (!fill)
        return;
    if (helpers_submit(m->helpers, &fill->job) < 0) {       /* they have more urgent things to do */
        sys_free(fill->content);
        sys_free(fill);
        return;
    }
    m->bytes += (uint64_t)file->bytes;
    file->references++;
    file->is_being_read = true;
    m->reading++;
}

struct span memory_files_use(struct memory_files *m, struct file *file)
{
    struct content *content = file->content;
    if (content) {
        content->used_ms = loop_now_ms(m->loop);
        list_remove(&content->age);
        list_add_after(&m->by_age, &content->age);
        return (struct span){ content->at, content->bytes };
    }
    if (file->bytes == 0 || (uint64_t)file->bytes > m->largest_bytes || file->is_being_read)
        return SPAN("");
    if (file->uses < USES)
        file->uses++;
    if (file->uses == USES && memory_files_is_settled(file))
        begin(m, file);
    return SPAN("");
}
