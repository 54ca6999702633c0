/* h2_request.c - the fields of a head become a struct request (RFC 9113, section 8.3).
 *
 * nghttp2 has seen to the rules of one field (names, values, pseudo fields, fields of a connection);
 * what remains is what HTTP/1 gets from its reader: limits, one Host, one Cookie.
 * Names and values are copied into the exchange's arena: nghttp2 forgets them.
 */
#include "edge/h2.h"
#include "edge/peer.h"

enum { FIELD_OVERHEAD_BYTES = 32, FAR_OVER = 4 };        /* RFC 9113, section 6.5.2 */
enum { BAD_REQUEST = 400, HEAD_TOO_LARGE = 431, NOT_IMPLEMENTED = 501, NO_MEMORY = 503 };

static void refuse(struct h2_stream *st, unsigned status)
{
    if (st->refusal == 0)
        st->refusal = status;
}

static struct span keep(struct h2_stream *st, struct span s)
{
    struct span copy = s.len > 0 ? arena_copy(&st->x.arena, s) : SPAN("");
    if (!copy.at)
        refuse(st, NO_MEMORY);
    return copy;
}

static void add_pseudo(struct h2_stream *st, struct span name, struct span value)
{
    struct request *r = &st->x.request;
    if (span_eq(name, SPAN(":method")))
        r->method_name = keep(st, value);
    else if (span_eq(name, SPAN(":path")))
        r->target = keep(st, value);
    else if (span_eq(name, SPAN(":authority")))
        st->authority = keep(st, value);
}

static void add_field(struct h2_stream *st, struct span name, struct span value, enum field_id id)
{
    struct request *r = &st->x.request;
    if (r->fields_count >= (size_t)h2_edge(st->conn)->conf->fields_limit) {
        refuse(st, HEAD_TOO_LARGE);
        return;
    }
    struct field *fields = field_array_room(r->fields, r->fields_count, &st->x.arena);
    if (!fields) {
        refuse(st, NO_MEMORY);
        return;
    }
    r->fields = fields;
    r->fields[r->fields_count++] = (struct field){ name, value, id };
}

int h2_request_add(struct h2_stream *st, struct span name, struct span value, bool is_static)
{
    size_t limit = (size_t)h2_edge(st->conn)->conf->head_limit_bytes;
    st->head_bytes += name.len + value.len + FIELD_OVERHEAD_BYTES;
    if (st->head_bytes > FAR_OVER * limit)
        return -1;
    if (st->head_bytes > limit)
        refuse(st, HEAD_TOO_LARGE);
    if (st->refusal != 0 || st->x.began_us != 0)        /* trailers are only counted */
        return 0;
    if (name.at[0] == ':') {
        add_pseudo(st, name, value);
        return 0;
    }
    enum field_id id = field_id_of(name);
    st->cookies += id == FIELD_COOKIE;
    name = is_static ? name : keep(st, name);
    add_field(st, name, keep(st, value), id);
    return 0;
}

/* ---- when it is whole ------------------------------------------------------------------------ */

/* Split for compression's sake, one again for the application (RFC 9113, section 8.2.3). */
static void join_cookies(struct h2_stream *st)
{
    struct request *r = &st->x.request;
    size_t bytes = 0, kept = 0;
    for (size_t i = 0; i < r->fields_count; i++)
        bytes += r->fields[i].id == FIELD_COOKIE ? r->fields[i].value.len + 2 : 0;
    char *text = arena_alloc(&st->x.arena, bytes), *at = text;
    struct field *cookie = NULL;
    if (!text) {
        refuse(st, NO_MEMORY);
        return;
    }
    for (size_t i = 0; i < r->fields_count; i++) {
        struct field *f = &r->fields[kept], from = r->fields[i];
        if (from.id != FIELD_COOKIE || !cookie)
            r->fields[kept++] = from;
        if (from.id != FIELD_COOKIE)
            continue;
        at = cookie ? mempcpy(at, "; ", 2) : at;
        at = from.value.len > 0 ? mempcpy(at, from.value.at, from.value.len) : at;
        cookie = cookie ? cookie : f;
    }
    cookie->value = (struct span){ text, (size_t)(at - text) };
    r->fields_count = kept;
}

/* :authority is the host.  A Host beside it must say the same (section 8.3.1); alone it counts, too. */
static void settle_host(struct h2_stream *st)
{
    const struct field *host = request_field(&st->x.request, FIELD_HOST);
    if (st->authority.len == 0)
        return;
    if (!host)
        add_field(st, SPAN("host"), st->authority, FIELD_HOST);
    else if (!span_eq_nocase(host->value, st->authority))
        refuse(st, BAD_REQUEST);
}

/* nghttp2 looks at :path only where the scheme is http or https.  One that names a host would be a second
 * word on whom the request is for (section 8.3.1). */
static void check_pseudo(struct h2_stream *st)
{
    struct span path = st->x.request.target;
    if (path.len > 0 && path.at[0] != '/' && !span_eq(path, SPAN("*")))
        refuse(st, BAD_REQUEST);
    if (st->x.request.method_name.len > REQUEST_METHOD_BYTES_MAX)
        refuse(st, NOT_IMPLEMENTED);
}

int h2_request_end(struct h2_stream *st)
{
    struct request *r = &st->x.request;
    r->version = 20;
    if (st->refusal == 0)
        check_pseudo(st);
    if (st->refusal == 0 && st->cookies > 1)
        join_cookies(st);
    if (st->refusal == 0)
        settle_host(st);
    if (st->refusal != 0)
        return -(int)st->refusal;
    int rc = peer_understand(&st->conn->base, r, &st->x.arena);
    if (rc < 0)
        return rc;
    if (!st->has_input_ended && !request_field(r, FIELD_CONTENT_LENGTH)) {
        r->body_bytes = -1;
        r->expects_continue = request_field(r, FIELD_EXPECT) != NULL;
    }
    return 0;
}
