/* made_files.c - one job of a helper a coding of a file.
 */
#include "serve/made_files.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "serve/encoder.h"
#include "serve/files_private.h"
#include "serve/serve.h"
#include "serve/siblings.h"

enum { MOST_BYTES = 4 * 1024 * 1024, USES = 2 };      /* 4 MiB keep a helper for 0.3 s */

struct making {
    struct helper_job job;
    struct files *files;
    struct file *file;                /* a reference is held */
    enum encoding encoding;
    uint64_t reserved_bytes;          /* of the memory for all */
    struct content *content;          /* the result; NULL: none */
    bool is_useless;                  /* it would not be smaller */
};

bool made_files_may_be(const struct exchange *x, const struct file *file)
{
    const struct files *f = x->serve->files;
    return x->conf->compress && f->trust_ms > 0 && f->memory.limit_bytes > 0 && file->bytes > 0 &&
           file->bytes >= x->conf->compress_min_bytes && file->bytes <= MOST_BYTES &&
           encoding_helps(file->type);
}

/* ---- making, on a helper's thread ------------------------------------------------------------ */

static int read_whole(const struct file *file, char *into)
{
    int rc = sys_pread_all(file->fd, into, (size_t)file->bytes, 0);
    if (rc < 0)
        return rc;
    return memory_files_is_unchanged(file) ? 0 : -EBUSY;
}

static int encode(const struct making *m, struct span plain, struct buf *coded)
{
    struct encoder *e = encoder_new(m->encoding, ENCODER_KEPT);
    int rc = e ? encoder_put(e, plain, ENCODER_END, coded) : -ENOMEM;
    encoder_free(e);
    return rc;
}

static struct content *content_of(struct span bytes)
{
    struct content *content = sys_malloc(sizeof *content + bytes.len);
    if (content) {
        *content = (struct content){ .bytes = bytes.len };
        memcpy(content->at, bytes.at, bytes.len);
    }
    return content;
}

static void make(struct helper_job *job)
{
    struct making *m = container_of(job, struct making, job);
    size_t bytes = (size_t)m->file->bytes;
    struct buf coded = { .limit_bytes = bytes + 4096 };         /* the room that encoders ask for */
    char *plain = sys_malloc(bytes);
    int rc = plain ? read_whole(m->file, plain) : -ENOMEM;
    if (rc == 0)
        rc = encode(m, (struct span){ plain, bytes }, &coded);
    m->is_useless = rc == -EMSGSIZE || (rc == 0 && buf_len(&coded) >= bytes - bytes / 20);
    if (rc == 0 && !m->is_useless)
        m->content = content_of(buf_span(&coded));
    sys_free(plain);
    buf_done(&coded);
}

/* ---- before and after ------------------------------------------------------------------------ */

/* The same thing in another spelling, but not byte for byte (RFC 9110, section 8.8.1). */
static struct file *new_made(const struct making *m)
{
    const struct file *of = m->file;
    const struct stat st = {
        .st_size = (off_t)m->content->bytes, .st_ino = of->inode, .st_dev = of->device,
        .st_mtim = { .tv_sec = of->modified_s, .tv_nsec = of->modified_ns },
        .st_ctim = { .tv_sec = of->changed_s, .tv_nsec = of->changed_ns },
    };
    struct file *made = files_make(-1, &st, of->root, (struct span){ of->path, of->path_bytes }, m->encoding);
    if (made)
        made->etag_bytes = (unsigned)snprintf(made->etag, sizeof made->etag, "W/%s", of->etag);
    return made;
}

static void keep(struct making *m)
{
    bool is_wanted = m->file->references > 1 && !m->file->siblings[m->encoding];
    struct file *made = m->content && is_wanted ? new_made(m) : NULL;
    if (!made) {
        sys_free(m->content);
        return;
    }
    siblings_set(m->files, m->file, m->encoding, made);
    memory_files_put(&m->files->memory, made, m->content);
}

static void was_made(struct helper_job *job)
{
    struct making *m = container_of(job, struct making, job);
    struct files *f = m->files;
    struct file *file = m->file;
    f->memory.bytes -= m->reserved_bytes;
    f->memory.is_making = false;
    file->coding_uses = 0;
    if (m->is_useless)
        file->useless_codings |= 1u << m->encoding;
    keep(m);
    sys_free(m);
    memory_files_was_read(f, file);
}

static void begin(struct files *f, struct file *file, enum encoding encoding)
{
    struct memory_files *memory = &f->memory;
    if (memory->is_making || !memory_files_is_settled(file) ||
        !memory_files_make_room(memory, (uint64_t)file->bytes))
        return;
    struct making *m = sys_calloc(1, sizeof *m);
    if (!m)
        return;
    *m = (struct making){ .job = { .work = make, .done = was_made }, .files = f, .file = file,
                          .encoding = encoding, .reserved_bytes = (uint64_t)file->bytes };
    if (helpers_submit(f->helpers, &m->job) < 0) {        /* they have more urgent things to do */
        sys_free(m);
        return;
    }
    memory->bytes += m->reserved_bytes;
    memory->is_making = true;
    memory->reading++;
    file->references++;
}

struct file *made_files_choose(const struct exchange *x, struct file *file, struct file *otherwise)
{
    static const enum encoding order[] = { ENCODING_BROTLI, ENCODING_ZSTD, ENCODING_GZIP };
    bool is_owners = otherwise != file && otherwise->fd >= 0;
    /* A part is of the file as it lies there, or of a sibling that does. */
    if (is_owners || x->request.version < 11 || request_field(&x->request, FIELD_RANGE))
        return is_owners ? otherwise : file;
    enum encoding wanted = encoding_choose(&x->request, order, ARRAY_LEN(order));
    if (wanted == ENCODING_IDENTITY || file->useless_codings & 1u << wanted)
        return file;
    if (file->siblings[wanted])
        return file->siblings[wanted];
    if (file->coding_uses < USES)
        file->coding_uses++;
    if (file->coding_uses == USES)
        begin(x->serve->files, file, wanted);
    return otherwise;
}
