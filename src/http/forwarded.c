/* forwarded.c - who the client is when a proxy stands between.
 *
 * Lists are read from the right and no further than the client: what strangers put at the left costs
 * nothing.  Forwarded has quotes, which only reading from the left gets right; one that cannot be read
 * is refused, or a client could spoil what the proxy adds behind his own and be taken for the proxy.
 */
#include "http/forwarded.h"
#include <errno.h>

enum { BAD_REQUEST = 400, NO_MEMORY = 503, PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

/* What the proxies said, once the client is found. */
struct told {
    bool has_address;
    struct address address;
    struct span port, proto, host;
    size_t hops;             /* trusted proxies between the client and our peer */
};

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct span own_port(struct span text)
{
    uint64_t port;
    bool is_port = text.len <= PORT_DIGITS_MAX && span_to_u64(text, &port) == 0 && port > 0 &&
                   port <= PORT_MAX;
    return is_port ? text : SPAN("");
}

static bool is_obfuscated(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return text.len > 1 && text.at[0] == '_';
}

/* ":80", ":_hidden" or nothing. */
static bool read_port(struct span rest, struct span *port)
{
    *port = SPAN("");
    if (rest.len == 0)
        return true;
    if (rest.at[0] != ':')
        return false;
    rest = span_skip(rest, 1);
    *port = own_port(rest);
    return port->len > 0 || is_obfuscated(rest);
}

bool forwarded_node(struct span text, bool is_bare_allowed, struct address *a, struct span *port)
{
    struct address found;
    struct span said = SPAN("");
    size_t end = span_find(text, ':');
    bool is_right;
    if (text.len > 0 && text.at[0] == '[') {
        size_t close = span_find(text, ']');
        struct span inside = { text.at + 1, close > 0 ? close - 1 : 0 };
        is_right = close < text.len && span_find(inside, ':') < inside.len &&
                   address_read(inside, &found) && read_port(span_skip(text, close + 1), &said);
    } else if (is_bare_allowed && end < text.len && span_find(span_skip(text, end + 1), ':') <
                                                         text.len - end - 1) {
        is_right = address_read(text, &found);
    } else {
        is_right = address_read((struct span){ text.at, end }, &found) &&
                   read_port(span_skip(text, end), &said);
    }
    if (!is_right)
        return false;
    *a = found;
    *port = said;
    return true;
}

/* ---- Forwarded ------------------------------------------------------------------------------- */

static void skip_blanks(struct span *s)
{
    while (s->len > 0 && (s->at[0] == ' ' || s->at[0] == '\t'))
        *s = span_skip(*s, 1);
}

/* Behind the opening quote.  Only a value with a backslash needs a place of its own. */
static int read_quoted(struct span *list, struct span *value, struct arena *arena)
{
    size_t end = 0, escapes = 0;
    while (end < list->len && list->at[end] != '"') {
        bool is_escape = list->at[end] == '\\';
        escapes += is_escape;
        end += 1 + is_escape;
    }
    if (end >= list->len)
        return -EBADMSG;
    *value = (struct span){ list->at, end };
    *list = span_skip(*list, end + 1);
    if (escapes == 0)
        return 0;
    char *copy = arena_alloc(arena, value->len);
    if (!copy)
        return -ENOMEM;
    size_t used = 0;
    for (size_t i = 0; i < value->len; i++) {
        i += value->at[i] == '\\';
        copy[used++] = value->at[i];
    }
    *value = (struct span){ copy, used };
    return 0;
}

/* A token; and, because some write them without the quotes, a node with its colons and brackets. */
static int read_plain(struct span *list, struct span *value)
{
    size_t end = 0;
    while (end < list->len) {
        size_t token = field_token_bytes(span_skip(*list, end));
        bool is_of_node = token == 0 && memchr(":[]", list->at[end], 3);
        if (token == 0 && !is_of_node)
            break;
        end += token + is_of_node;
    }
    *value = (struct span){ list->at, end };
    *list = span_skip(*list, end);
    return end > 0 ? 0 : -EBADMSG;
}

static int read_pair(struct span *list, struct forwarded_element *element, unsigned *seen,
                     struct arena *arena)
{
    const struct { struct span name; struct span *into; } known[] = {
        { SPAN("for"), &element->for_node }, { SPAN("host"), &element->host },
        { SPAN("proto"), &element->proto },  { SPAN("by"), NULL },
    };
    struct span name = { list->at, field_token_bytes(*list) }, value;
    *list = span_skip(*list, name.len);
    if (name.len == 0 || list->len == 0 || list->at[0] != '=')
        return -EBADMSG;
    *list = span_skip(*list, 1);
    bool is_quoted = list->len > 0 && list->at[0] == '"';
    if (is_quoted)
        *list = span_skip(*list, 1);
    int rc = is_quoted ? read_quoted(list, &value, arena) : read_plain(list, &value);
    for (unsigned i = 0; i < ARRAY_LEN(known) && rc == 0; i++) {
        if (!span_eq_nocase(name, known[i].name))
            continue;
        if (*seen & 1u << i)                            /* at most once an element (section 4) */
            return -EBADMSG;
        *seen |= 1u << i;
        if (known[i].into)
            *known[i].into = value;
    }
    return rc;
}

int forwarded_next(struct span *list, struct forwarded_element *element, struct arena *arena)
{
    unsigned seen = 0;
    *element = (struct forwarded_element){ { 0 }, { 0 }, { 0 } };
    skip_blanks(list);
    while (list->len > 0 && list->at[0] == ',') {       /* empty elements (RFC 9110, 5.6.1) */
        *list = span_skip(*list, 1);
        skip_blanks(list);
    }
    if (list->len == 0)
        return 0;
    while (list->len > 0 && list->at[0] != ',') {
        int rc = list->at[0] == ';' ? 0 : read_pair(list, element, &seen, arena);
        if (rc < 0)
            return rc;
        skip_blanks(list);
        if (list->len > 0 && list->at[0] != ',' && list->at[0] != ';')
            return -EBADMSG;
        if (list->len > 0 && list->at[0] == ';')
            *list = span_skip(*list, 1);
        skip_blanks(list);
    }
    return 1;
}

/* From the left: each stranger begins anew, for whoever named him stands at his right. */
static void add_hop(const struct forwarded_rules *rules, const struct forwarded_element *e,
                    struct told *told, bool is_first)
{
    struct address address;
    struct span port = SPAN("");
    bool is_known = forwarded_node(e->for_node, false, &address, &port);
    if (is_first || !is_known || !networks_have(&rules->trusted, &address)) {
        *told = (struct told){ is_known, told->address, port, e->proto, e->host, 0 };
        if (is_known)
            told->address = address;
        return;
    }
    if (!told->has_address) {                           /* who hides his client stands for him */
        told->has_address = true;
        told->address = address;
        told->port = port;
    }
    told->proto = told->proto.len > 0 ? told->proto : e->proto;
    told->host = told->host.len > 0 ? told->host : e->host;
}

static int read_forwarded(const struct forwarded_rules *rules, const struct request *r,
                          struct told *told, struct arena *arena)
{
    struct forwarded_element element;
    bool is_first = true;
    for (size_t i = 0; i < r->fields_count; i++) {
        struct span list = r->fields[i].value;
        int rc = r->fields[i].id == FIELD_FORWARDED ? 1 : 0;
        while (rc > 0 && (rc = forwarded_next(&list, &element, arena)) > 0) {
            add_hop(rules, &element, told, is_first);
            is_first = false;
        }
        if (rc < 0)
            return rc == -ENOMEM ? -NO_MEMORY : -BAD_REQUEST;
    }
    return 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Elements of all fields of one name, from the right. */
struct backwards {
    const struct request *r;
    const struct field *name;
    size_t field;            /* those from here on are done */
    struct span rest;        /* of the one before */
};

static bool previous(struct backwards *b, struct span *element)
{
    for (;;) {
        while (b->rest.len == 0) {
            while (b->field > 0 && !field_is_same(&b->r->fields[b->field - 1], b->name))
                b->field--;
            if (b->field == 0)
                return false;
            b->rest = b->r->fields[--b->field].value;
        }
        const char *comma = memrchr(b->rest.at, ',', b->rest.len);
        size_t from = comma ? (size_t)(comma - b->rest.at) + 1 : 0;
        *element = span_trim(span_skip(b->rest, from));
        b->rest.len = comma ? from - 1 : 0;
        if (element->len > 0)
            return true;
    }
}

static void read_list(const struct forwarded_rules *rules, const struct request *r, struct told *told)
{
    struct backwards b = { r, &rules->field, r->fields_count, { NULL, 0 } };
    struct address address;
    struct span element, port;
    for (size_t hop = 0; previous(&b, &element) && forwarded_node(element, true, &address, &port);
         hop++) {
        told->has_address = true;
        told->address = address;
        told->port = port;
        told->hops = hop;
        if (!networks_have(&rules->trusted, &address))
            return;
    }
}

/* What stands as far from the right as the client does: each proxy adds to both lists, or writes this
 * one anew; so never further left than what trusted peers wrote. */
static struct span beside(const struct request *r, enum field_id id, size_t hops)
{
    const struct field name = { { NULL, 0 }, { NULL, 0 }, id };
    struct backwards b = { r, &name, r->fields_count, { NULL, 0 } };
    struct span element = SPAN(""), last = SPAN("");
    for (size_t hop = 0; hop <= hops && previous(&b, &element); hop++)
        last = element;
    return last;
}

/* ---- all of it ------------------------------------------------------------------------------- */

void forwarded_name_field(struct forwarded_rules *rules, struct span name)
{
    if (name.len == 0)
        name = SPAN("X-Forwarded-For");
    rules->field = (struct field){ name, { NULL, 0 }, field_id_of(name) };
    rules->kind = rules->field.id == FIELD_FORWARDED         ? FORWARDED_RFC7239
                  : rules->field.id == FIELD_X_FORWARDED_FOR ? FORWARDED_LIST
                                                             : FORWARDED_OTHER;
}

/* The client's own word in the field that proxies are asked for. */
static void take_out(struct request *r, const struct field *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->fields_count; i++)
        if (!field_is_same(&r->fields[i], name))
            r->fields[kept++] = r->fields[i];
    r->fields_count = kept;
}

static void set_scheme(struct request *r, struct span proto)
{
    bool is_secure = span_eq_nocase(proto, SPAN("https")) || span_eq_nocase(proto, SPAN("wss"));
    if (!is_secure && !span_eq_nocase(proto, SPAN("http")) && !span_eq_nocase(proto, SPAN("ws")))
        return;
    if (is_secure != r->is_http_scheme_tls)
        r->from.server_port = is_secure ? SPAN("443") : SPAN("80");
    r->is_http_scheme_tls = is_secure;
}

static int set_client(struct request *r, const struct told *told, struct arena *arena)
{
    char *into = arena_alloc(arena, ADDRESS_TEXT_BYTES);
    if (!into)
        return -NO_MEMORY;
    r->from.address = address_text(&told->address, into);
    r->from.port = told->port;
    r->from.is_named = true;
    return 0;
}

int forwarded_apply(const struct forwarded_rules *rules, struct request *r, struct arena *arena)
{
    struct told told = { 0 };
    int rc = 0;
    if (!r->from.is_trusted) {
        if (rules->kind == FORWARDED_OTHER)
            take_out(r, &rules->field);
        return 0;
    }
    if (rules->kind == FORWARDED_RFC7239) {
        rc = read_forwarded(rules, r, &told, arena);
    } else {
        read_list(rules, r, &told);
        told.proto = beside(r, FIELD_X_FORWARDED_PROTO, told.hops);
        told.host = beside(r, FIELD_X_FORWARDED_HOST, told.hops);
    }
    if (rc == 0 && told.has_address)
        rc = set_client(r, &told, arena);
    if (rc < 0)
        return rc;
    set_scheme(r, told.proto);
    struct span port = own_port(beside(r, FIELD_X_FORWARDED_PORT, told.hops));
    if (rules->kind != FORWARDED_RFC7239 && port.len > 0)
        r->from.server_port = port;
    if (rules->takes_host && told.host.len > 0 && request_host_is_valid(told.host))
        r->host = told.host;
    return 0;
}
