/* file_answer.c - conditions first, then the range, then the bytes (RFC 9110, section 13.2.2).
 */
#include "serve/file_answer.h"
#include <stdio.h>
#include "base/sys.h"
#include "http/condition.h"
#include "http/media.h"
#include "serve/cors.h"
#include "serve/files_private.h"
#include "serve/finish.h"
#include "serve/made_files.h"
#include "serve/siblings.h"
#include "serve/multipart.h"
#include "serve/refuse.h"
#include "serve/handover.h"
#include "serve/stage.h"

enum {
    AT_ONCE_BYTES = 16 * 1024,
    FIELDS_MAX = 16,            /* of ours, in one answer */
};

static bool reads(const struct exchange *x)
{
    return x->request.method == METHOD_GET || x->request.method == METHOD_HEAD;
}

static struct files *files_of(const struct exchange *x)
{
    return x->serve->files;
}

/* What is kept in memory goes out together with the head.  A small one at once, for what the socket
 * does not take of it may be copied: how many bytes went that way. */
static uint64_t send_content(struct exchange *x, struct file *file, size_t first, size_t bytes)
{
    struct span content = memory_files_use(&files_of(x)->memory, file);
    if (bytes > AT_ONCE_BYTES || content.len < first + bytes)
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
                         const struct range *range)
{
    char text[80];
    int len = snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)range->first,
                       (long long)range->last, (long long)file->bytes);
    fields[count++] = (struct field){ SPAN("Content-Range"), { text, (size_t)len }, FIELD_OTHER };
    x->response = (struct response){
        .status = 206, .fields = fields, .fields_count = count,
        .body_bytes = range->last - range->first + 1,
    };
    send_file(x, file, range->first);
}

static void answer_ranges(struct exchange *x, struct file *file, struct field *fields, size_t count,
                          const struct range *ranges, size_t ranges_count)
{
    struct multipart m;
    struct field *type = fields;
    while (type->id != FIELD_CONTENT_TYPE)
        type++;
    int rc = multipart_make(&m, &x->arena, ranges, ranges_count, file->bytes, type->value);
    if (rc < 0) {
        x->failure = "no memory for its ranges";
        serve_refuse(x, 503);
        return;
    }
    type->value = m.type;
    x->response = (struct response){
        .status = 206, .fields = fields, .fields_count = count, .body_bytes = m.bytes,
    };
    rc = finish_head(x);
    x->response.fields = NULL;      /* they are the caller's */
    x->response.fields_count = 0;
    if (rc < 0)
        return;
    files_used(files_of(x), file);
    x->out->pieces(x, file, file->fd, m.pieces, m.count);
}

static void answer_unsatisfiable(struct exchange *x, const struct file *file)
{
    char text[48];
    int len = snprintf(text, sizeof text, "bytes */%lld", (long long)file->bytes);
    const struct field range = { SPAN("Content-Range"), { text, (size_t)len }, FIELD_OTHER };
    refuse_with(x, &(struct refusal){ .status = 416, .extra = &range, .extras = 1 });
}

/* The application may have said it already of a file that it names. */
static size_t add_missing(struct field *fields, size_t count, struct field field)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(fields[i].name, field.name))
            return count;
    fields[count] = field;
    return count + 1;
}

/* Uploads come from anybody: the type is what we say, a page of theirs runs nothing, and what a
 * browser would run is saved instead of shown.  A sandbox keeps browsers' own PDF viewers away. */
static size_t add_media_fields(struct field *fields, size_t count, struct span type)
{
    static const struct span policy =
        SPAN("default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
             "sandbox");
    count = add_missing(fields, count, (struct field){ SPAN("X-Content-Type-Options"), SPAN("nosniff"), FIELD_OTHER });
    if (media_type_runs(type))
        count = add_missing(fields, count,
                            (struct field){ SPAN("Content-Disposition"), SPAN("attachment"), FIELD_OTHER });
    if (!span_eq(type, SPAN("application/pdf")))
        count = add_missing(fields, count, (struct field){ SPAN("Content-Security-Policy"), policy, FIELD_OTHER });
    return count;
}

/* A browser and what lies between may use its copy: for a year under a name that stands for its
 * content (what RFC 9111 calls heuristic is a tenth of its age otherwise, and too long for the rest). */
static struct field cache_policy(const struct exchange *x, struct file *file)
{
    const struct files *f = files_of(x);
    struct span policy = f->roots[file->root].is_protected ? SPAN("private")
                         : files_is_hashed(f, file)        ? SPAN("public, max-age=31536000, immutable")
                                                           : span_of(x->route->files_policy);
    return (struct field){ SPAN("Cache-Control"), policy, FIELD_CACHE_CONTROL };
}

/* False: all of the file is to be sent.  Only GET knows ranges (RFC 9110, section 14.2). */
static bool answer_as_asked(struct exchange *x, struct file *file, struct field *fields, size_t count,
                            bool is_allowed)
{
    const struct field *f = request_field(&x->request, FIELD_RANGE);
    struct range ranges[RANGES_MAX];
    size_t ranges_count, most = (size_t)x->conf->ranges_limit;
    if (!f || x->request.method != METHOD_GET || !is_allowed)
        return false;
    switch (range_read(f->value, file->bytes, most, ranges, &ranges_count)) {
    case RANGE_SOME:
        if (ranges_count == 1)
            answer_range(x, file, fields, count, &ranges[0]);
        else
            answer_ranges(x, file, fields, count, ranges, ranges_count);
        return true;
    case RANGE_UNSATISFIABLE:
        answer_unsatisfiable(x, file);
        return true;
    case RANGE_NONE:
        break;
    }
    return false;
}

static void answer_not_modified(struct exchange *x, struct field *fields, size_t count)
{
    static const struct span nothing[2];
    x->response = (struct response){ .status = 304, .fields = fields, .fields_count = count };
    if (finish_head(x) >= 0)
        (void)x->out->body(x, nothing, true);
    x->response.fields = NULL;      /* they are the caller's */
    x->response.fields_count = 0;
}

/* Room for all fields of the answer, and of a file that the application names what it said: NULL, no
 * memory. */
static struct field *begin_fields(struct exchange *x, struct field *own, size_t *count)
{
    const struct handover *n = x->handover;
    struct field *fields = n ? arena_alloc(&x->arena, (n->fields_count + FIELDS_MAX) * sizeof *fields) : own;
    *count = fields && n ? n->fields_count : 0;
    if (*count > 0)
        memcpy(fields, n->fields, *count * sizeof *fields);
    return fields;
}

/* Conditions are of GET and HEAD: the answer to another method, which the application names a file
 * for, is not the state of what they speak of. */
static enum condition check(const struct exchange *x, const struct validators *v, int64_t now_s)
{
    return reads(x) ? condition_check(&x->request, v, now_s) : CONDITION_SERVE;
}

static struct file *choose(const struct exchange *x, struct file *of, bool has_siblings, bool may_be_made)
{
    struct file *file = has_siblings ? siblings_choose(x, of) : of;
    return may_be_made ? made_files_choose(x, of, file) : file;
}

static size_t add_vary(const struct exchange *x, struct field *fields, size_t count, bool by_encoding)
{
    bool by_origin = !x->handover && cors_varies(x);
    struct span vary = by_encoding && by_origin ? SPAN("Accept-Encoding, Origin")
                       : by_encoding             ? SPAN("Accept-Encoding")
                       : by_origin               ? SPAN("Origin")
                                                 : SPAN("");
    if (vary.len > 0)
        fields[count++] = (struct field){ SPAN("Vary"), vary, FIELD_VARY };
    return count;
}

/* has_ranges: parts of it may be asked for; may_be_part: the request's conditions let it have one. */
static void answer_bytes(struct exchange *x, struct file *file, struct field *fields, size_t count, bool has_ranges,
                         bool may_be_part)
{
    struct span type = x->handover && x->handover->type.len > 0 ? x->handover->type : file->type;
    if (has_ranges)
        fields[count++] = (struct field){ SPAN("Accept-Ranges"), SPAN("bytes"), FIELD_OTHER };
    fields[count++] = (struct field){ SPAN("Content-Type"), type, FIELD_CONTENT_TYPE };
    if (file->encoding != ENCODING_IDENTITY)
        fields[count++] = (struct field){ SPAN("Content-Encoding"), encoding_name(file->encoding),
                                          FIELD_CONTENT_ENCODING };
    if (files_of(x)->roots[file->root].is_media)
        count = add_media_fields(fields, count, type);
    if (answer_as_asked(x, file, fields, count, may_be_part))
        return;
    x->response = (struct response){
        .status = 200, .fields = fields, .fields_count = count, .body_bytes = file->bytes,
    };
    send_file(x, file, 0);
}

static void answer_content(struct exchange *x, struct file *of)
{
    bool may_be_made = !x->handover && made_files_may_be(x, of);
    bool has_siblings = x->conf->static_siblings && !x->handover && siblings_count(of) > 0;
    struct file *file = choose(x, of, has_siblings, may_be_made);
    int64_t now_s = sys_wall_us() / 1000000;
    const struct file *judged = file->fd < 0 ? of : file;      /* what we made stands for its file */
    struct validators v = { { judged->etag, judged->etag_bytes }, judged->modified_s };
    struct field own[FIELDS_MAX];
    size_t count;
    struct field *fields = begin_fields(x, own, &count);
    if (!fields) {
        x->failure = "no memory";
        serve_refuse(x, 503);
        return;
    }
    x->is_of_app = x->handover != NULL;
    fields[count++] = (struct field){ SPAN("ETag"), { file->etag, file->etag_bytes }, FIELD_ETAG };
    fields[count++] = (struct field){ SPAN("Last-Modified"), span_of(file->modified), FIELD_LAST_MODIFIED };
    if (!x->handover || !x->handover->has_policy)
        fields[count++] = cache_policy(x, file);
    count = add_vary(x, fields, count, has_siblings || may_be_made);
    if (!x->handover)
        count = cors_add(x, fields, count, false);
    switch (check(x, &v, now_s)) {
    case CONDITION_NOT_MODIFIED:
        answer_not_modified(x, fields, count);
        return;
    case CONDITION_FAILED:
        serve_refuse(x, 412);
        return;
    case CONDITION_SERVE:
        break;
    }
    answer_bytes(x, file, fields, count, x->conf->ranges_limit > 0 && judged == file,
                 condition_allows_range(&x->request, &v, now_s));
}

/* What a file cannot be asked for (RFC 9110, sections 9.3.7 and 15.5.6). */
static void answer_method(struct exchange *x)
{
    static const struct field allow = { SPAN("Allow"), SPAN("GET, HEAD, OPTIONS"), FIELD_ALLOW };
    struct field fields[CORS_FIELDS_MAX + 2] = { allow };
    if (x->request.method == METHOD_OPTIONS)
        answer_small(x, 204, SPAN(""), fields, cors_add(x, fields, add_vary(x, fields, 1, false), true), SPAN(""));
    else
        refuse_with(x, &(struct refusal){ .status = 405, .extra = &allow, .extras = 1 });
}

void file_answer(struct exchange *x, struct file *file)
{
    if (x->handover || reads(x))
        answer_content(x, file);
    else
        answer_method(x);
}
