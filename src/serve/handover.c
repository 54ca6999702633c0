/* handover.c - from a field of the application's answer to a file of a root.
 *
 * The value is a path in percent-coding, as nginx and Apache read it; one that is none is taken as it
 * stands ("/srv/100%.pdf").  A URL with a segment ".." is refused, as nginx does it: it is a name that
 * somebody else chose ("/protected/" + name), and would be another's file.
 */
#include "http/query_mask.h"
#include "serve/handover.h"
#include "base/log.h"
#include "http/path.h"
#include "serve/stage.h"
#include "serve/access.h"

/* They would describe the body that is not sent, or are the edge's own. */
static bool is_of_the_body(const struct field *f)
{
    static const struct span names[] = {
        SPAN("Content-Encoding"), SPAN("Content-Range"), SPAN("Accept-Ranges"), SPAN("ETag"),
        SPAN("Last-Modified"), SPAN("Content-Digest"), SPAN("Repr-Digest"), SPAN("Digest"),
        SPAN("Content-MD5"), SPAN("Date"), SPAN("Server"), SPAN("Content-Type"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq_nocase(f->name, names[i]))
            return true;
    return false;
}

static void keep_fields(struct handover *n, const struct response *res)
{
    for (size_t i = 0; i < res->fields_count; i++) {
        const struct field *f = &res->fields[i];
        if (f->id == FIELD_CONTENT_TYPE)
            n->type = f->value;
        n->has_policy |= f->id == FIELD_CACHE_CONTROL || span_eq_nocase(f->name, SPAN("Expires"));
        if (!is_of_the_body(f))
            n->fields[n->fields_count++] = *f;
    }
}

static struct span decode(struct exchange *x, struct span value, bool is_on_disk)
{
    struct span query;
    struct span raw = is_on_disk ? value : path_split_query(value, &query);
    if (!is_on_disk && path_climbs(raw))
        return SPAN("");
    char *into = arena_alloc(&x->arena, raw.len + 1);
    ssize_t len = into ? path_decode(raw, into) : 0;
    return len < 0 ? raw : (struct span){ into, (size_t)len };
}

static struct handover *make(struct exchange *x)
{
    const struct response *res = &x->response;
    struct handover *n = arena_alloc(&x->arena, sizeof *n);
    struct field *fields = arena_alloc(&x->arena, (res->fields_count + 1) * sizeof *fields);
    if (!n || !fields)
        return NULL;
    bool is_on_disk = res->redirect.len == 0;
    struct span value = is_on_disk ? res->sendfile : res->redirect;
    *n = (struct handover){
        .is_on_disk = is_on_disk, .name = is_on_disk ? SPAN("X-Sendfile") : SPAN("X-Accel-Redirect"),
        .value = value, .path = decode(x, value, is_on_disk), .fields = fields,
    };
    keep_fields(n, res);
    return n;
}

bool handover_begin(struct exchange *x)
{
    if (x->response.redirect.len == 0 && x->response.sendfile.len == 0)
        return false;
    x->handover = make(x);
    x->response = (struct response){ .body_bytes = -1 };
    x->file_root = 0;
    if (!x->handover) {
        x->failure = "no memory";
        serve_refuse(x, 503);
    } else if (files_look(x) == STAGE_PASS) {
        handover_missing(x);
    }
    return true;
}

void handover_missing(struct exchange *x)
{
    char target[200], value[400];
    log_warn("the application names a file that is not to be had in a protected folder (option protected)",
             "%.*s=\"%s\" request=\"%s\"", (int)x->handover->name.len, x->handover->name.at,
             log_escape(value, sizeof value, x->handover->value),
             query_mask_log(target, sizeof target, x->request.target, access_secrets(x)));
    x->failure = "the application names a file that is not there";
    serve_refuse(x, 404);
}
