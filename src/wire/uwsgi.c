/* uwsgi.c - the request as variables.  This is what every worker is handed, so it is also the
 * place where the application is kept from believing a client: see withheld() and
 * put_forwarding().
 */
#include "wire/uwsgi.h"
#include <errno.h>

/* Where the next byte goes.  Once something did not fit nothing more is written and is_full stays.
 */
struct writer {
    char *at, *end;
    bool is_full;
};

static size_t read_u16(const char *at)
{
    return (size_t)(unsigned char)at[0] | (size_t)(unsigned char)at[1] << 8;
}

static inline char *put_u16(char *at, size_t value)
{
    at[0] = (char)(value & 0xff);
    at[1] = (char)(value >> 8);
    return at + 2;
}

/* Takes {u16 bytes, bytes} off the block. */
static int next_part(struct span *block, struct span *part)
{
    if (block->len < 2 || read_u16(block->at) > block->len - 2)
        return -EBADMSG;
    *part = (struct span){ block->at + 2, read_u16(block->at) };
    *block = span_skip(*block, 2 + part->len);
    return 0;
}

int uwsgi_next_var(struct span *block, struct span *name, struct span *value)
{
    struct span rest = *block, first, second;
    if (rest.len == 0)
        return 0;
    if (next_part(&rest, &first) < 0 || next_part(&rest, &second) < 0)
        return -EBADMSG;
    *block = rest;
    *name = first;
    *value = second;
    return 1;
}

/* Room for a variable of these lengths? */
static inline bool has_room(const struct writer *w, size_t name_bytes, size_t value_bytes)
{
    return name_bytes <= UWSGI_PART_BYTES_MAX && value_bytes <= UWSGI_PART_BYTES_MAX && !w->is_full &&
        4 + name_bytes + value_bytes <= (size_t)(w->end - w->at);
}

static inline char *put_bytes(char *at, struct span s)
{
    return s.len > 0 ? mempcpy(at, s.at, s.len) : at;
}

/* Inline, so that a name known here is a few moves and no call. */
static inline __attribute__((always_inline)) void put(struct writer *w, struct span name,
                                                      struct span value)
{
    if (!has_room(w, name.len, value.len)) {
        w->is_full = true;
        return;
    }
    char *at = put_u16(w->at, name.len);
    memcpy(at, name.at, name.len);
    at = put_u16(at + name.len, value.len);
    w->at = put_bytes(at, value);
}

int uwsgi_put_var(char *into, size_t room_bytes, size_t *used, struct span name, struct span value)
{
    struct writer w = { into + *used, into + room_bytes, false };
    if (!has_room(&w, name.len, value.len))
        return -EMSGSIZE;
    char *at = put_bytes(put_u16(w.at, name.len), name);
    at = put_bytes(put_u16(at, value.len), value);
    *used = (size_t)(at - into);
    return 0;
}

int uwsgi_put_header(char into[UWSGI_HEADER_BYTES], size_t block_bytes)
{
    if (block_bytes > UWSGI_PART_BYTES_MAX)
        return -EMSGSIZE;
    into[0] = 0;               /* modifier1: a Python WSGI request */
    put_u16(into + 1, block_bytes);
    into[3] = 0;
    return 0;
}

static bool starts(struct span name, struct span lower)
{
    return (name.at[0] | 0x20) == lower.at[0] && name.len >= lower.len &&
        span_eq_nocase((struct span){ name.at, lower.len }, lower);
}

/* Fields that have their own variable, mean this hop only, or are what a client could lie with; a
 * trusted peer is believed what it says beyond that (X-Forwarded-User, X-Forwarded-Prefix). */
static bool withheld(const struct request *r, const struct field *f)
{
    static const uint64_t ids = 1ull << FIELD_UNDERSCORED | 1ull << FIELD_HOST | 1ull << FIELD_CONTENT_LENGTH |
        1ull << FIELD_EXPECT | 1ull << FIELD_PROXY | 1ull << FIELD_FORWARDED |
        1ull << FIELD_X_FORWARDED_FOR | 1ull << FIELD_X_FORWARDED_HOST |
        1ull << FIELD_X_FORWARDED_PORT | 1ull << FIELD_X_FORWARDED_PROTO | 1ull << FIELD_X_REAL_IP;
    if (r->names_hop_fields && f->id == FIELD_OTHER && request_is_hop_field(r, f->name))
        return true;
    if (f->id != FIELD_OTHER)
        return (ids >> f->id & 1) != 0 || field_is_hop_by_hop(f->id);
    return !r->from.is_trusted && (starts(f->name, SPAN("x-forwarded")) || starts(f->name, SPAN("forwarded")));
}

/* Which fields may occur more than once: ids exactly, other names by a sieve that can only say
 * "surely not".  So an ordinary request is (nearly) never searched for repetitions. */
enum { SIEVE_WORDS = 4 };
struct repeats {
    uint64_t ids, names[SIEVE_WORDS];
};

/* The ends of names differ most: Sec-Fetch-Dest, Sec-Fetch-Mode, Sec-Fetch-Site. */
static unsigned sieve_place(struct span name)
{
    uint32_t tail = 0;
    memcpy(&tail, name.len >= 4 ? name.at + name.len - 4 : name.at, name.len >= 4 ? 4 : name.len);
    uint32_t mixed = ((tail | 0x20202020) + (uint32_t)name.len * 0x01000193) * 0x9e3779b1;
    return mixed >> 24;
}

static struct repeats find_repeats(const struct request *r)
{
    struct repeats once = { 0 }, twice = { 0 };
    for (size_t i = 0; i < r->fields_count; i++) {
        const struct field *f = &r->fields[i];
        if (f->id == FIELD_OTHER) {
            unsigned place = sieve_place(f->name);
            uint64_t bit = 1ull << place % 64;
            twice.names[place / 64] |= once.names[place / 64] & bit;
            once.names[place / 64] |= bit;
        } else {
            twice.ids |= once.ids & 1ull << f->id;
            once.ids |= 1ull << f->id;
        }
    }
    return twice;
}

static bool may_repeat(const struct repeats *repeats, const struct field *f)
{
    if (f->id != FIELD_OTHER)
        return (repeats->ids >> f->id & 1) != 0;
    unsigned place = sieve_place(f->name);
    return (repeats->names[place / 64] >> place % 64 & 1) != 0;
}

static bool is_first(const struct request *r, const struct field *f)
{
    for (const struct field *other = r->fields; other < f; other++)
        if (field_is_same(other, f))
            return false;
    return true;
}

/* The values of f and of every later field of its name, joined at `at`; NULL measures only.
 * The length. */
static size_t join(const struct request *r, const struct field *f, char *at)
{
    struct span between = f->id == FIELD_COOKIE ? SPAN("; ") : SPAN(", ");
    size_t len = f->value.len;
    if (at != NULL)
        at = put_bytes(at, f->value);
    for (const struct field *other = f + 1; other < r->fields + r->fields_count; other++) {
        if (!field_is_same(other, f))
            continue;
        len += between.len + other->value.len;
        if (at != NULL)
            at = put_bytes(put_bytes(at, between), other->value);
    }
    return len;
}

/* "Accept-Language" as "ACCEPT_LANGUAGE". */
static char *put_cgi_name(char *at, struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        at[i] = c >= 'a' && c <= 'z' ? (char)(c - 0x20) : c == '-' ? '_' : c;
    }
    return at + name.len;
}

static void put_field(struct writer *w, const struct request *r, const struct field *f,
                      bool repeated)
{
    struct span prefix = f->id == FIELD_CONTENT_TYPE ? SPAN("") : SPAN("HTTP_");
    size_t name_bytes = prefix.len + f->name.len;
    if (repeated && !is_first(r, f))
        return;
    size_t value_bytes = repeated ? join(r, f, NULL) : f->value.len;
    if (!has_room(w, name_bytes, value_bytes)) {
        w->is_full = true;
        return;
    }
    char *at = put_bytes(put_u16(w->at, name_bytes), prefix);
    at = put_u16(put_cgi_name(at, f->name), value_bytes);
    if (repeated)
        join(r, f, at);
    else
        put_bytes(at, f->value);
    w->at = at + value_bytes;
}

static void put_length(struct writer *w, int64_t body_bytes)
{
    char digits[20], *from = digits + sizeof(digits);
    do {
        *--from = (char)('0' + body_bytes % 10);
        body_bytes /= 10;
    } while (body_bytes > 0);
    put(w, SPAN("CONTENT_LENGTH"), (struct span){ from, (size_t)(digits + sizeof(digits) - from) });
}

static void put_fields(struct writer *w, const struct request *r)
{
    struct repeats repeats = find_repeats(r);
    for (size_t i = 0; i < r->fields_count && !w->is_full; i++) {
        const struct field *f = &r->fields[i];
        if (!withheld(r, f))
            put_field(w, r, f, may_repeat(&repeats, f));
    }
}

/* Our own word for what withheld() took away: who the client is, and how he reached us or the proxy
 * that speaks for him (http/forwarded.h). */
static void put_forwarding(struct writer *w, const struct request *r, struct span scheme)
{
    if (r->from.address.len > 0) {
        put(w, SPAN("HTTP_X_FORWARDED_FOR"), r->from.address);
        put(w, SPAN("HTTP_X_REAL_IP"), r->from.address);
    }
    if (r->host.len > 0)
        put(w, SPAN("HTTP_X_FORWARDED_HOST"), r->host);
    put(w, SPAN("HTTP_X_FORWARDED_PROTO"), scheme);
    if (r->from.is_trusted && r->from.server_port.len > 0)
        put(w, SPAN("HTTP_X_FORWARDED_PORT"), r->from.server_port);
}

/* A host without ":port"; an IPv6 address keeps its brackets (RFC 3875, section 4.1.14). */
static struct span host_name(struct span host)
{
    size_t skip = host.len > 0 && host.at[0] == '[' ? span_find(host, ']') : 0;
    return (struct span){ host.at, skip + span_find(span_skip(host, skip), ':') };
}

static struct span either(struct span s, struct span otherwise)
{
    return s.len > 0 ? s : otherwise;
}

static struct span protocol(unsigned version)
{
    if (version >= 20)
        return SPAN("HTTP/2.0");
    return version >= 11 ? SPAN("HTTP/1.1") : SPAN("HTTP/1.0");
}

/* Names and values, each with a NUL behind it. */
static void put_certificate(struct writer *w, struct span variables)
{
    while (variables.len > 0) {
        struct span name = { variables.at, span_find(variables, '\0') };
        if (name.len == variables.len)
            return;
        variables = span_skip(variables, name.len + 1);
        struct span value = { variables.at, span_find(variables, '\0') };
        put(w, name, value);
        variables = span_skip(variables, value.len < variables.len ? value.len + 1 : value.len);
    }
}

static void put_server(struct writer *w, const struct request *r)
{
    bool is_tls = r->is_http_scheme_tls;
    struct span scheme = is_tls ? SPAN("https") : SPAN("http");
    struct span name = r->host.len > 0 ? host_name(r->host) : r->from.server_address;
    put(w, SPAN("SERVER_NAME"), either(name, SPAN("localhost")));
    put(w, SPAN("SERVER_PORT"), either(r->from.server_port, is_tls ? SPAN("443") : SPAN("80")));
    put(w, SPAN("SERVER_PROTOCOL"), protocol(r->version));
    put(w, SPAN("REQUEST_SCHEME"), scheme);
    if (is_tls)
        put(w, SPAN("HTTPS"), SPAN("on"));
    put_certificate(w, r->from.certificate);
    put(w, SPAN("REMOTE_ADDR"), r->from.address);
    put(w, SPAN("REMOTE_PORT"), r->from.port);
    if (r->user.len > 0) {
        put(w, SPAN("REMOTE_USER"), r->user);
        put(w, SPAN("AUTH_TYPE"), SPAN("Basic"));
    }
    if (r->host.len > 0)
        put(w, SPAN("HTTP_HOST"), r->host);
    put_forwarding(w, r, scheme);
}

/* "/app" holds "/app" and "/app/x", not "/apple". */
static bool is_below(struct span path, struct span mount)
{
    return span_starts(path, mount) && (path.len == mount.len || path.at[mount.len] == '/');
}

ssize_t uwsgi_put_request(char *into, size_t room_bytes, const struct request *r, struct span mount,
                          int64_t body_bytes)
{
    struct writer w = { into, into + room_bytes, false };
    if (!is_below(r->path, mount))
        mount = SPAN("");
    put(&w, SPAN("REQUEST_METHOD"), r->method_name);
    put(&w, SPAN("REQUEST_URI"), r->target);
    put(&w, SPAN("SCRIPT_NAME"), mount);
    put(&w, SPAN("PATH_INFO"), span_skip(r->path, mount.len));
    put(&w, SPAN("QUERY_STRING"), r->query);
    put_server(&w, r);
    if (body_bytes > 0 ||
        (body_bytes == 0 && (r->is_chunked || request_field(r, FIELD_CONTENT_LENGTH) != NULL)))
        put_length(&w, body_bytes);
    put_fields(&w, r);
    return w.is_full ? -EMSGSIZE : w.at - into;
}
