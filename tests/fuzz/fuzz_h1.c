/* fuzz_h1.c - a head means the same however it is cut; what is understood keeps its promises; the
 * variables made of it can be read back, each name once, and tell what was understood.
 */
#include "fuzz.h"
#include "wire/h1.h"
#include "wire/uwsgi.h"

enum { BLOCK_BYTES = 1 << 16 };

static const struct h1_limits limits = { .head_bytes = 2048, .fields = 40 };

struct reading {
    struct arena arena;
    struct request r;
    struct span bytes;         /* the last piece: what r points into */
    ssize_t got;
};

/* Lets the head grow by `step` bytes a call, in a new place each time. */
static void read_cut(struct reading *g, struct span in, size_t step)
{
    size_t scanned = 0, len = 0;
    *g = (struct reading){ .got = 0 };
    arena_init(&g->arena, 1 << 16);
    do {
        free((char *)g->bytes.at);
        len = step < in.len - len ? len + step : in.len;
        g->bytes = own_copy((struct span){ in.at, len });
        g->got = h1_read_head(&g->r, g->bytes, &scanned, &limits, &g->arena);
        must(scanned <= len && g->got <= (ssize_t)len);
    } while (g->got == 0 && len < in.len);
}

static void reading_done(struct reading *g)
{
    arena_done(&g->arena);
    free((char *)g->bytes.at);
}

static void must_agree(const struct reading *a, const struct reading *b)
{
    must(a->got == b->got);
    if (a->got <= 0)
        return;
    must(span_eq(a->r.method_name, b->r.method_name) && span_eq(a->r.target, b->r.target));
    must(a->r.version == b->r.version && a->r.fields_count == b->r.fields_count);
    for (size_t i = 0; i < a->r.fields_count; i++) {
        const struct field *f = &a->r.fields[i], *g = &b->r.fields[i];
        must(span_eq(f->name, g->name) && span_eq(f->value, g->value) && f->id == g->id);
        must(field_name_is_valid(f->name) && field_value_is_valid(f->value));
        must(f->id == field_id_of(f->name));
    }
}

static void must_be_understood_well(const struct request *r)
{
    must(r->path.len > 0 && (r->path.at[0] == '/' || span_eq(r->path, SPAN("*"))));
    must(span_find(r->path, '\0') == r->path.len);
    must(r->host.len == 0 ? r->version == 10 : request_host_is_valid(r->host));
    must(r->is_chunked ? r->body_bytes == -1 && r->version == 11 : r->body_bytes >= 0);
    must(!r->expects_continue || r->body_bytes != 0);
    must(r->method != METHOD_CONNECT && !r->is_http_scheme_tls);
}

static void must_be_a_cgi_name(struct span name)
{
    must(field_name_is_valid(name) && span_find(name, '-') == name.len);
    must(!span_eq(name, SPAN("HTTP_PROXY")) && !span_eq(name, SPAN("HTTP_CONTENT_LENGTH")));
    for (size_t i = 0; i < name.len; i++)
        must(name.at[i] < 'a' || name.at[i] > 'z');
}

static void must_be_the_only_one(struct span rest, struct span name)
{
    struct span other, value;
    while (uwsgi_next_var(&rest, &other, &value) > 0)
        must(!span_eq(other, name));
}

static void must_read_back(const struct request *r, struct span block)
{
    static char again[BLOCK_BYTES];
    struct span rest = block, name, value;
    size_t used = 0;
    int rc;
    while ((rc = uwsgi_next_var(&rest, &name, &value)) > 0) {
        must_be_a_cgi_name(name);
        must_be_the_only_one(rest, name);
        must(!span_eq(name, SPAN("REQUEST_URI")) || span_eq(value, r->target));
        must(!span_eq(name, SPAN("PATH_INFO")) || span_eq(value, r->path));
        must(!span_eq(name, SPAN("HTTP_HOST")) || span_eq(value, r->host));
        must(!span_eq(name, SPAN("HTTP_X_FORWARDED_FOR")) || span_eq(value, r->from.address));
        must(uwsgi_put_var(again, sizeof(again), &used, name, value) == 0);
    }
    must(rc == 0 && used == block.len && memcmp(again, block.at, used) == 0);
}

static void encode(const struct request *r)
{
    static char into[BLOCK_BYTES];
    int64_t body_bytes = r->is_chunked ? 1234 : r->body_bytes;
    ssize_t used = uwsgi_put_request(into, sizeof(into), r, SPAN(""), body_bytes);
    must(used > 0);
    must_read_back(r, (struct span){ into, (size_t)used });
    char *small = malloc((size_t)used - 1);
    must(uwsgi_put_request(small, (size_t)used - 1, r, SPAN(""), body_bytes) < 0);
    free(small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { (const char *)data, size };
    struct reading whole, cut;
    read_cut(&whole, in, size > 0 ? size : 1);
    read_cut(&cut, in, cut_of(in, 32));
    must_agree(&whole, &cut);
    if (whole.got > 0) {
        whole.r.from = (struct request_from){ .address = SPAN("192.0.2.1"), .port = SPAN("5") };
        if (request_understand(&whole.r, &whole.arena) == 0) {
            must_be_understood_well(&whole.r);
            encode(&whole.r);
        }
    }
    reading_done(&whole);
    reading_done(&cut);
    return 0;
}
