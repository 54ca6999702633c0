/* file_answer.c - conditions first, then the range, then the bytes (RFC 9110, section 13.2.2).
 */
#include "serve/file_answer.h"
#include <stdio.h>
#include "base/sys.h"
#include "http/condition.h"
#include "http/media.h"
#include "http/range.h"
#include "serve/files_private.h"
#include "serve/finish.h"
#include "serve/stage.h"

static struct files *files_of(const struct exchange *x)
{
    return x->serve->files;
}

/* What is kept in memory goes out together with the head, in one call to the kernel instead of two:
 * how many bytes went that way. */
static uint64_t send_content(struct exchange *x, struct file *file, size_t first, size_t bytes)
{
    struct span content = files_content(files_of(x), file);
    if (content.len < first + bytes)
        return 0;
    const struct span runs[2] = { { content.at + first, bytes }, { NULL, 0 } };
    ssize_t took = x->out->body(x, runs, true);
    return took < 0 ? bytes : (uint64_t)took;          /* negative: nobody is there */
}

/* The head in x->response, then its bytes of the file. */
static void send_file(struct exchange *x, struct file *file, int64_t first)
{
    int rc = finish_head(x);
    x->response.fields = NULL;      /* they are the caller's */
    x->response.fields_count = 0;
    if (rc < 0)
        return;
    files_used(files_of(x), file);
    uint64_t bytes = x->request.method == METHOD_HEAD ? 0 : (uint64_t)x->response.body_bytes;
    uint64_t sent = bytes > 0 ? send_content(x, file, (size_t)first, (size_t)bytes) : 0;
    if (sent > 0 && sent == bytes)
        file_release(files_of(x), file);
    else
        x->out->file(x, file, file->fd, (uint64_t)first + sent, bytes - sent);
}

static void answer_range(struct exchange *x, struct file *file, struct field *fields, size_t count,
                         int64_t first, int64_t last)
{
    char text[80];
    int len = snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)first, (long long)last,
                       (long long)file->bytes);
    fields[count++] = (struct field){ SPAN("Content-Range"), { text, (size_t)len }, FIELD_OTHER };
    x->response = (struct response){
        .status = 206, .fields = fields, .fields_count = count, .body_bytes = last - first + 1,
    };
    send_file(x, file, first);
}

static void answer_unsatisfiable(struct exchange *x, const struct file *file)
{
    char text[48];
    int len = snprintf(text, sizeof text, "bytes */%lld", (long long)file->bytes);
    const struct field range = { SPAN("Content-Range"), { text, (size_t)len }, FIELD_OTHER };
    answer_small(x, 416, SPAN("text/plain; charset=utf-8"), &range, 1, status_page(416));
}

/* Uploads come from anybody: the type is what we say, a page of theirs runs nothing, and what a
 * browser would run is saved instead of shown.  A sandbox keeps browsers' own PDF viewers away. */
static size_t add_media_fields(struct field *fields, size_t count, struct span type)
{
    static const struct span policy =
        SPAN("default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
             "sandbox");
    fields[count++] = (struct field){ SPAN("X-Content-Type-Options"), SPAN("nosniff"),
                                      FIELD_OTHER };
    if (media_type_runs(type))
        fields[count++] = (struct field){ SPAN("Content-Disposition"), SPAN("attachment"),
                                          FIELD_OTHER };
    if (!span_eq(type, SPAN("application/pdf")))
        fields[count++] = (struct field){ SPAN("Content-Security-Policy"), policy, FIELD_OTHER };
    return count;
}

/* A browser and what lies between may use its copy: for a year under a name that stands for its
 * content (what RFC 9111 calls heuristic is a tenth of its age otherwise, and too long for the rest). */
static struct field cache_policy(const struct files *f, struct file *file)
{
    struct span policy = files_is_hashed(f, file) ? SPAN("public, max-age=31536000, immutable")
                                                  : span_of(f->policy);
    return (struct field){ SPAN("Cache-Control"), policy, FIELD_CACHE_CONTROL };
}

void file_answer(struct exchange *x, struct file *file)
{
    const struct request *r = &x->request;
    int64_t now_s = sys_wall_us() / 1000000, first = 0, last = file->bytes - 1;
    struct validators v = { { file->etag, file->etag_bytes }, file->modified_s };
    struct field fields[10];
    size_t count = 0;
    fields[count++] = (struct field){ SPAN("ETag"), v.etag, FIELD_ETAG };
    fields[count++] = (struct field){ SPAN("Last-Modified"), span_of(file->modified), FIELD_LAST_MODIFIED };
    fields[count++] = cache_policy(files_of(x), file);
    switch (condition_check(r, &v, now_s)) {
    case CONDITION_NOT_MODIFIED:
        answer_small(x, 304, SPAN(""), fields, count, SPAN(""));
        return;
    case CONDITION_FAILED:
        answer_small(x, 412, SPAN("text/plain; charset=utf-8"), NULL, 0, status_page(412));
        return;
    case CONDITION_SERVE:
        break;
    }
    fields[count++] = (struct field){ SPAN("Accept-Ranges"), SPAN("bytes"), FIELD_OTHER };
    fields[count++] = (struct field){ SPAN("Content-Type"), file->type, FIELD_CONTENT_TYPE };
    if (files_of(x)->roots[file->root].is_media)
        count = add_media_fields(fields, count, file->type);
    const struct field *range = request_field(r, FIELD_RANGE);
    if (range && r->method == METHOD_GET && condition_allows_range(r, &v, now_s)) {
        switch (range_read(range->value, file->bytes, &first, &last)) {
        case RANGE_ONE:
            answer_range(x, file, fields, count, first, last);
            return;
        case RANGE_UNSATISFIABLE:
            answer_unsatisfiable(x, file);
            return;
        case RANGE_NONE:
            break;
        }
    }
    x->response = (struct response){
        .status = 200, .fields = fields, .fields_count = count, .body_bytes = file->bytes,
    };
    send_file(x, file, 0);
}

