/* request.c - one pass over the fields gathers what framing needs; then each question is asked
 * once.
 *
 * Framing comes first: whoever cannot say where this request ends may not look at anything else in
 * it.
 */
#include "http/request.h"
#include "http/path.h"

enum { BAD_REQUEST = 400, LENGTH_REQUIRED = 411, EXPECTATION_FAILED = 417, NOT_IMPLEMENTED = 501,
       NO_MEMORY = 503 };
enum { CONNECTION_OPTIONS_MAX = 32 };
enum { PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };
enum { IPV6_BYTES_MIN = 4, IPV6_BYTES_MAX = 47 };        /* with brackets: "[::]" is the shortest */

static const struct {
    struct span name;
    enum method method;
} methods[] = {
    { { "GET", 3 }, METHOD_GET },       { { "POST", 4 }, METHOD_POST },
    { { "HEAD", 4 }, METHOD_HEAD },     { { "PUT", 3 }, METHOD_PUT },
    { { "DELETE", 6 }, METHOD_DELETE }, { { "OPTIONS", 7 }, METHOD_OPTIONS },
    { { "PATCH", 5 }, METHOD_PATCH },   { { "TRACE", 5 }, METHOD_TRACE },
    { { "CONNECT", 7 }, METHOD_CONNECT },
};

/* What the fields say, before it is judged. */
struct said {
    const struct field *host, *length;       /* the last of each */
    unsigned hosts, lengths, codings;        /* how many */
    unsigned options;                        /* of all Connection fields */
    bool close, keep_alive;                  /* ... two of them */
    bool names_fields;                       /* ... any that we do not know */
    bool expects_continue, expects_other;
};

enum method method_of(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (span_eq(methods[i].name, name))
            return methods[i].method;
    return METHOD_OTHER;
}

bool method_is_safe(enum method m)
{
    return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS;
}

const struct field *request_field(const struct request *r, enum field_id id)
{
    for (size_t i = 0; i < r->fields_count; i++)
        if (r->fields[i].id == id)
            return &r->fields[i];
    return NULL;
}

static bool is_port(struct span digits)
{
    uint64_t port = 0;
    if (digits.len == 0)
        return true;                         /* "host:" is allowed (RFC 3986, section 3.2.3) */
    return digits.len <= PORT_DIGITS_MAX && span_to_u64(digits, &port) == 0 && port <= PORT_MAX;
}

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_name_byte(char c)
{
    return is_alnum((unsigned char)c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_ipv6_byte(char c)
{
    return c == ':' || c == '.' || (is_alnum((unsigned char)c) && (c | 0x20) <= 'f');
}

/* "[...]" at the start: its bytes with the brackets, or 0.  What is inside is looked at byte by
 * byte only; a wrong address is a host that nobody has. */
static size_t ipv6_bytes(struct span host)
{
    size_t close = span_find(host, ']');
    if (close == host.len || close + 1 < IPV6_BYTES_MIN || close + 1 > IPV6_BYTES_MAX)
        return 0;
    if (span_find((struct span){ host.at, close }, ':') == close)
        return 0;
    for (size_t i = 1; i < close; i++)
        if (!is_ipv6_byte(host.at[i]))
            return 0;
    return close + 1;
}

bool request_host_is_valid(struct span host)
{
    size_t used = 0;
    if (host.len > 0 && host.at[0] == '[')
        used = ipv6_bytes(host);
    else
        while (used < host.len && is_name_byte(host.at[used]))
            used++;
    if (used == 0)
        return false;
    return used == host.len || (host.at[used] == ':' && is_port(span_skip(host, used + 1)));
}

static void gather_options(struct span list, struct said *said)
{
    struct span option;
    while (field_list_next(&list, &option)) {
        said->options++;
        if (span_eq_nocase(option, SPAN("close")))
            said->close = true;
        else if (span_eq_nocase(option, SPAN("keep-alive")))
            said->keep_alive = true;
        else
            said->names_fields |= option.len > 0 && field_id_of(option) == FIELD_OTHER;
    }
}

bool request_is_hop_field(const struct request *r, struct span name)
{
    for (size_t i = 0; i < r->fields_count; i++)
        if (r->fields[i].id == FIELD_CONNECTION && field_list_has(r->fields[i].value, name))
            return true;
    return false;
}

static void gather(struct request *r, struct said *said)
{
    r->underscored = 0;
    for (size_t i = 0; i < r->fields_count; i++) {
        const struct field *f = &r->fields[i];
        if (f->id == FIELD_HOST) {
            said->host = f;
            said->hosts++;
        } else if (f->id == FIELD_CONNECTION) {
            gather_options(f->value, said);
        } else if (f->id == FIELD_CONTENT_LENGTH) {
            said->length = f;
            said->lengths++;
        } else if (f->id == FIELD_TRANSFER_ENCODING) {
            said->codings++;
        } else if (f->id == FIELD_EXPECT) {
            bool is_known = span_eq_nocase(f->value, SPAN("100-continue"));
            said->expects_continue |= is_known;
            said->expects_other |= !is_known;
        } else if (f->id == FIELD_UNDERSCORED) {
            r->underscored++;
        }
    }
}

/* All Transfer-Encoding fields as one list: 0 for "chunked" alone.  A body whose last coding is
 * not chunked has no end that both sides agree on, so a misplaced "chunked" is 400; other codings
 * are 501. */
static int read_codings(const struct request *r)
{
    size_t chunked = 0, others = 0;
    bool ends_chunked = false, is_broken = false;
    for (size_t i = 0; i < r->fields_count; i++) {
        struct span list = r->fields[i].value, coding;
        if (r->fields[i].id != FIELD_TRANSFER_ENCODING)
            continue;
        is_broken |= list.len == 0 || list.at[list.len - 1] == ',';
        while (field_list_next(&list, &coding)) {
            ends_chunked = span_eq_nocase(coding, SPAN("chunked"));
            chunked += ends_chunked;
            others += !ends_chunked;
            is_broken |= !field_name_is_valid(coding);       /* parameters, blanks, nothing */
        }
    }
    if (is_broken || chunked > 1 || (chunked == 1 && !ends_chunked))
        return -BAD_REQUEST;
    return others > 0 ? -NOT_IMPLEMENTED : 0;
}

/* In HTTP/1.0 a request has a body when its method means one, and without a length nobody can say
 * where that ends (RFC 1945, section 8.3). */
static bool needs_length(const struct request *r)
{
    return r->version < 11 && (r->method == METHOD_POST || r->method == METHOD_PUT);
}

/* Where the body ends (RFC 9112, section 6.3, without its repairs). */
static int read_framing(struct request *r, const struct said *said)
{
    uint64_t length = 0;
    r->is_chunked = false;
    r->body_bytes = 0;
    if (said->codings > 0) {
        int rc = said->lengths > 0 || r->version < 11 ? -BAD_REQUEST : read_codings(r);
        r->is_chunked = true;
        r->body_bytes = -1;
        return rc;
    }
    if (said->lengths == 0)
        return needs_length(r) ? -LENGTH_REQUIRED : 0;
    if (said->lengths > 1 || span_to_u64(said->length->value, &length) < 0 || length > INT64_MAX)
        return -BAD_REQUEST;
    r->body_bytes = (int64_t)length;
    return 0;
}

static int set_path(struct request *r, struct span raw, struct arena *arena)
{
    if (path_is_plain(raw)) {
        r->path = raw;
        return 0;
    }
    char *into = arena_alloc(arena, raw.len);
    if (into == NULL)
        return -NO_MEMORY;
    ssize_t len = path_decode(raw, into);
    if (len < 0)
        return -BAD_REQUEST;
    r->path = (struct span){ into, (size_t)len };
    return 0;
}

/* The bytes of "http://" or "https://" at the start, or 0. */
static size_t scheme_bytes(struct span target)
{
    static const struct span schemes[] = { { "http://", 7 }, { "https://", 8 } };
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = schemes[i].len;
        if (target.len >= len && span_eq_nocase((struct span){ target.at, len }, schemes[i]))
            return len;
    }
    return 0;
}

/* "http://host/path?query": its host counts, whatever Host says (RFC 9112, section 3.2.2). */
static int read_absolute(struct request *r, struct arena *arena)
{
    size_t scheme = scheme_bytes(r->target);
    if (scheme == 0)
        return -BAD_REQUEST;
    struct span rest = path_split_query(span_skip(r->target, scheme), &r->query);
    size_t slash = span_find(rest, '/');
    r->host = (struct span){ rest.at, slash };
    if (!request_host_is_valid(r->host))
        return -BAD_REQUEST;
    return set_path(r, slash < rest.len ? span_skip(rest, slash) : SPAN("/"), arena);
}

static int read_target(struct request *r, struct arena *arena)
{
    struct span target = r->target;
    if (target.len == 0 || span_find(target, '#') < target.len)
        return -BAD_REQUEST;
    if (target.at[0] == '/')
        return set_path(r, path_split_query(target, &r->query), arena);
    if (r->method == METHOD_OPTIONS && span_eq(target, SPAN("*"))) {
        r->path = target;
        r->query = SPAN("");
        return 0;
    }
    return read_absolute(r, arena);
}

static int read_host(struct request *r, const struct said *said)
{
    r->host = SPAN("");
    if (said->hosts == 0)
        return r->version < 11 ? 0 : -BAD_REQUEST;
    if (said->hosts > 1 || !request_host_is_valid(said->host->value))
        return -BAD_REQUEST;
    r->host = said->host->value;
    return 0;
}

int request_understand(struct request *r, struct arena *arena)
{
    struct said said = { 0 };
    r->method = method_of(r->method_name);
    if (r->method == METHOD_CONNECT || r->method == METHOD_TRACE)
        return -NOT_IMPLEMENTED;
    gather(r, &said);
    int rc = read_framing(r, &said);
    if (rc < 0)
        return rc;
    if (said.expects_other)
        return -EXPECTATION_FAILED;
    if (said.options > CONNECTION_OPTIONS_MAX)
        return -BAD_REQUEST;
    rc = read_host(r, &said);
    if (rc == 0)
        rc = read_target(r, arena);
    if (rc < 0)
        return rc;
    r->keeps_alive = !said.close && (r->version >= 11 || said.keep_alive);
    r->expects_continue = said.expects_continue && r->version >= 11 && r->body_bytes != 0;
    r->names_hop_fields = said.names_fields;
    r->is_http_scheme_tls = r->from.is_tls;
    return 0;
}
