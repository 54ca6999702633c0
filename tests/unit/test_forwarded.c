#include "unit.h"
#include <errno.h>
#include "base/log.h"
#include "http/forwarded.h"

/* ---- nodes ---- */

static const struct { const char *why, *text, *address, *port; } nodes[] = {       /* NULL: none */
    { "IPv4", "192.0.2.1", "192.0.2.1", "" },
    { "IPv4 and port", "192.0.2.1:8080", "192.0.2.1", "8080" },
    { "IPv6", "[2001:db8::1]", "2001:db8::1", "" },
    { "IPv6 and port", "[2001:db8::1]:8080", "2001:db8::1", "8080" },
    { "an obfuscated port", "192.0.2.1:_p-1.x", "192.0.2.1", "" },
    { "IPv4 in IPv6", "[::ffff:192.0.2.1]", "192.0.2.1", "" },
    { "bare IPv6, where that is allowed", "2001:db8::1", "2001:db8::1", "" },
    { "unknown", "unknown", NULL, "" },
    { "obfuscated", "_hidden", NULL, "" },
    { "nothing", "", NULL, "" },
    { "a name", "localhost", NULL, "" },
    { "no port after the colon", "192.0.2.1:", NULL, "" },
    { "a port of 6 digits", "192.0.2.1:000080", NULL, "" },
    { "port 0", "192.0.2.1:0", NULL, "" },
    { "port 65536", "192.0.2.1:65536", NULL, "" },
    { "a port with a sign", "192.0.2.1:+80", NULL, "" },
    { "an empty obfuscated port", "192.0.2.1:_", NULL, "" },
    { "bytes after the bracket", "[2001:db8::1]x", NULL, "" },
    { "no end of the bracket", "[2001:db8::1", NULL, "" },
    { "empty brackets", "[]", NULL, "" },
    { "IPv4 in brackets", "[192.0.2.1]", NULL, "" },
    { "a zone", "[fe80::1%eth0]", NULL, "" },
    { "a blank", "192.0.2.1 ", NULL, "" },
    { "a single bracket", "[", NULL, "" },
};

UNIT_TEST(each_node)
{
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        char text[ADDRESS_TEXT_BYTES] = "";
        struct address a;
        struct span port = SPAN("");
        bool is_node = forwarded_node(span_of(nodes[i].text), true, &a, &port);
        if (is_node != (nodes[i].address != NULL))
            fail_msg("%s: %d", nodes[i].why, is_node);
        if (is_node && (strcmp(address_text(&a, text).at, nodes[i].address) != 0 ||
                        !span_eq(port, span_of(nodes[i].port))))
            fail_msg("%s: %s", nodes[i].why, text);
    }
    struct address a;
    struct span port;
    assert_false(forwarded_node(SPAN("2001:db8::1"), false, &a, &port));
}

/* ---- the elements of Forwarded: "for|host|proto" each, NULL: refused ---- */

static const struct { const char *why, *value, *want; } elements[] = {
    { "one", "for=192.0.2.1", "192.0.2.1||;" },
    { "all of it", "for=\"[::1]:1\";host=\"a:80\";proto=https;by=_x", "[::1]:1|a:80|https;" },
    { "any case of the names", "FOR=a;Host=b;PROTO=c", "a|b|c;" },
    { "two", "for=a, for=b", "a||;b||;" },
    { "no blank between", "for=a,for=b", "a||;b||;" },
    { "blanks around the signs", " for=a ; proto=b\t,\tfor=c ", "a||b;c||;" },
    { "unknown parameters", "x=y;for=a;z=\"q\"", "a||;" },
    { "empty pairs", "for=a;;proto=b;", "a||b;" },
    { "an element of nothing", ";", "||;" },
    { "empty elements", ",,for=a,,", "a||;" },
    { "a comma in quotes", "for=\"a,b\";proto=c", "a,b||c;" },
    { "a semicolon in quotes", "for=\"a;b\"", "a;b||;" },
    { "an escaped quote", "for=\"a\\\"b\"", "a\"b||;" },
    { "an escaped backslash", "for=\"a\\\\\";proto=x", "a\\||x;" },
    { "empty quotes", "for=\"\"", "||;" },
    { "a node without the quotes it needs", "for=[2001:db8::1]:80;proto=http", "[2001:db8::1]:80||http;" },
    { "empty", "", "" },
    { "no value", "for=", NULL },
    { "no value before a comma", "for=,for=a", NULL },
    { "no sign", "for", NULL },
    { "a blank before the sign", "for =a", NULL },
    { "a blank after the sign", "for= a", NULL },
    { "no end of the quotes", "for=\"a", NULL },
    { "an escape at the end", "for=\"a\\", NULL },
    { "an escaped end", "for=\"a\\\"", NULL },
    { "bytes after the quotes", "for=\"a\"b", NULL },
    { "two values", "for=a b", NULL },
    { "for twice", "for=a;for=b", NULL },
    { "proto twice, in another case", "proto=a;Proto=b", NULL },
    { "by twice", "by=a;by=b", NULL },
    { "no name", "=a", NULL },
    { "a quote in a token", "for=a\"b\"", NULL },
    { "a slash", "for=a/b", NULL },
};

UNIT_TEST(each_element)
{
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        struct arena arena;
        struct forwarded_element e;
        char got[256] = "";
        size_t bytes = strlen(elements[i].value);
        char *block = memcpy(malloc(bytes + 1), elements[i].value, bytes);   /* no NUL behind it */
        block = realloc(block, bytes > 0 ? bytes : 1);
        struct span list = { block, bytes };
        int rc;
        arena_init(&arena, 65536);
        while ((rc = forwarded_next(&list, &e, &arena)) > 0) {
            size_t len = strlen(got);
            snprintf(got + len, sizeof got - len, "%.*s|%.*s|%.*s;", (int)e.for_node.len,
                     e.for_node.len ? e.for_node.at : "", (int)e.host.len, e.host.len ? e.host.at : "",
                     (int)e.proto.len, e.proto.len ? e.proto.at : "");
        }
        if (elements[i].want ? rc != 0 || strcmp(got, elements[i].want) != 0 : rc != -EBADMSG)
            fail_msg("%s: %d, %s", elements[i].why, rc, got);
        arena_done(&arena);
        free(block);
    }
}

/* ---- the client ---- */

#define XFF "X-Forwarded-For: "
#define PROTO "X-Forwarded-Proto: "

/* Our peer is 10.0.0.1:4444 on http://...:8000, and trusted are 10.0.0.0/8.  The fields end with '\n'
 * each.  want: "address|port|scheme|server port|host". */
static const struct { const char *why, *field, *fields, *want; } clients[] = {
    { "nothing is said", "", "", "10.0.0.1|4444|http|8000|h" },
    { "one client", "", XFF "192.0.2.1\n", "192.0.2.1||http|8000|h" },
    { "with his port", "", XFF "192.0.2.1:7\n", "192.0.2.1|7|http|8000|h" },
    { "IPv6", "", XFF "2001:DB8::1\n", "2001:db8::1||http|8000|h" },
    { "IPv6 with port", "", XFF "[2001:db8::1]:9\n", "2001:db8::1|9|http|8000|h" },
    { "what he forged stands left", "", XFF "1.1.1.1, 192.0.2.1\n", "192.0.2.1||http|8000|h" },
    { "in a field of its own", "", XFF "1.1.1.1\n" XFF "192.0.2.1\n", "192.0.2.1||http|8000|h" },
    { "in another case", "", "x-FORWARDED-for: 1.1.1.1\n" XFF "192.0.2.1\n", "192.0.2.1||http|8000|h" },
    { "over a trusted proxy", "", XFF "1.1.1.1, 192.0.2.1, 10.2.2.2\n", "192.0.2.1||http|8000|h" },
    { "over two, in two fields", "", XFF "192.0.2.1\n" XFF "10.3.3.3,10.2.2.2\n", "192.0.2.1||http|8000|h" },
    { "all are trusted", "", XFF "10.4.4.4, 10.3.3.3\n", "10.4.4.4||http|8000|h" },
    { "garbage at the left", "", XFF "<script>, 192.0.2.1\n", "192.0.2.1||http|8000|h" },
    { "garbage behind a trusted one", "", XFF "unknown, 10.3.3.3\n", "10.3.3.3||http|8000|h" },
    { "only garbage", "", XFF "unknown\n", "10.0.0.1|4444|http|8000|h" },
    { "empty elements", "", XFF "192.0.2.1, ,\n", "192.0.2.1||http|8000|h" },
    { "an empty field", "", XFF "\n", "10.0.0.1|4444|http|8000|h" },
    { "https", "", XFF "192.0.2.1\n" PROTO "https\n", "192.0.2.1||https|443|h" },
    { "https in capitals", "", PROTO "HTTPS\n", "10.0.0.1|4444|https|443|h" },
    { "wss", "", PROTO "wss\n", "10.0.0.1|4444|https|443|h" },
    { "http", "", PROTO "http\n", "10.0.0.1|4444|http|8000|h" },
    { "no scheme", "", PROTO "on\n", "10.0.0.1|4444|http|8000|h" },
    { "a scheme he forged stands left", "", XFF "1.1.1.1, 192.0.2.1\n" PROTO "https, http\n",
      "192.0.2.1||http|8000|h" },
    { "the scheme beside the client", "", XFF "192.0.2.1, 10.2.2.2\n" PROTO "https, http\n",
      "192.0.2.1||https|443|h" },
    { "one scheme for a chain", "", XFF "192.0.2.1, 10.2.2.2\n" PROTO "https\n", "192.0.2.1||https|443|h" },
    { "a port", "", PROTO "https\nX-Forwarded-Port: 8443\n", "10.0.0.1|4444|https|8443|h" },
    { "no port", "", "X-Forwarded-Port: x\n", "10.0.0.1|4444|http|8000|h" },
    { "a host, not asked for", "", "X-Forwarded-Host: evil\n", "10.0.0.1|4444|http|8000|h" },
    { "a host, asked for", "+", "X-Forwarded-Host: shop.example:8443\n",
      "10.0.0.1|4444|http|8000|shop.example:8443" },
    { "a host he forged stands left", "+", XFF "1.1.1.1, 192.0.2.1\nX-Forwarded-Host: evil, shop\n",
      "192.0.2.1||http|8000|shop" },
    { "no host", "+", "X-Forwarded-Host: a/b\n", "10.0.0.1|4444|http|8000|h" },
    { "fields that nobody asked for", "", "Forwarded: for=1.1.1.1;proto=https\nX-Real-IP: 1.1.1.1\n",
      "10.0.0.1|4444|http|8000|h" },

    { "X-Real-IP", "X-Real-IP", "X-Real-IP: 192.0.2.1\n" XFF "1.1.1.1\n", "192.0.2.1||http|8000|h" },
    { "another field", "cf-connecting-ip", "CF-Connecting-IP: 192.0.2.1\n" XFF "1.1.1.1\n",
      "192.0.2.1||http|8000|h" },
    { "... that is not there", "CF-Connecting-IP", XFF "1.1.1.1\n", "10.0.0.1|4444|http|8000|h" },

    { "Forwarded", "Forwarded", "Forwarded: for=192.0.2.1;proto=https;host=x\n", "192.0.2.1||https|443|h" },
    { "Forwarded with host", "+forwarded", "Forwarded: for=192.0.2.1;proto=https;host=x\n",
      "192.0.2.1||https|443|x" },
    { "Forwarded, and nothing else", "Forwarded", "Forwarded: for=192.0.2.1\n" PROTO "https\n" XFF "1.1.1.1\n"
      "X-Forwarded-Port: 1\n", "192.0.2.1||http|8000|h" },
    { "what he forged stands left", "Forwarded", "Forwarded: for=1.1.1.1;proto=https, for=192.0.2.1;proto=http\n",
      "192.0.2.1||http|8000|h" },
    { "over a trusted proxy", "Forwarded",
      "Forwarded: for=192.0.2.1;proto=https, for=10.1.1.1;proto=http\n", "192.0.2.1||https|443|h" },
    { "a scheme said later", "Forwarded", "Forwarded: for=192.0.2.1\nForwarded: for=10.1.1.1;proto=https\n",
      "192.0.2.1||https|443|h" },
    { "IPv6 with port", "Forwarded", "Forwarded: for=\"[2001:db8::1]:77\"\n", "2001:db8::1|77|http|8000|h" },
    { "hidden", "Forwarded", "Forwarded: for=_x;proto=https\n", "10.0.0.1|4444|https|443|h" },
    { "hidden behind a proxy", "Forwarded", "Forwarded: for=unknown;proto=https, for=10.1.1.1;proto=http\n",
      "10.1.1.1||https|443|h" },
    { "hidden behind two", "Forwarded", "Forwarded: for=unknown, for=10.1.1.1, for=10.2.2.2\n",
      "10.1.1.1||http|8000|h" },
    { "hidden left of a stranger", "Forwarded", "Forwarded: for=unknown;proto=https, for=192.0.2.1\n",
      "192.0.2.1||http|8000|h" },
    { "all are trusted", "Forwarded", "Forwarded: for=10.1.1.1, for=10.2.2.2\n", "10.1.1.1||http|8000|h" },
    { "a quote that swallows the next", "Forwarded", "Forwarded: for=\"x, for=192.0.2.1\n", "400" },
    { "... in a field of its own", "Forwarded", "Forwarded: for=\"x\nForwarded: for=192.0.2.1\n", "400" },
};

static struct arena arena;
static struct field fields[16];
static char copy[512];

static struct request request_of(const char *text, bool is_trusted)
{
    struct request r = { .fields = fields, .host = SPAN("h") };
    struct span rest = { copy, strlen(text) };
    memcpy(copy, text, rest.len);
    while (rest.len > 0) {
        size_t end = span_find(rest, '\n');
        struct field *f = &fields[r.fields_count++];
        assert_int_equal(field_split((struct span){ rest.at, end }, f), 0);
        f->id = field_id_of(f->name);
        rest = span_skip(rest, end + 1);
    }
    r.from = (struct request_from){ .address = SPAN("10.0.0.1"), .port = SPAN("4444"),
                                    .server_port = SPAN("8000"), .is_trusted = is_trusted };
    return r;
}

static void rules_of(struct forwarded_rules *rules, const char *field)
{
    *rules = (struct forwarded_rules){ .takes_host = field[0] == '+' };
    assert_int_equal(networks_add(&rules->trusted, SPAN("10.0.0.0/8")), 0);
    forwarded_name_field(rules, span_of(field + (field[0] == '+')));
}

static const char *apply(const char *field, const char *text, bool is_trusted)
{
    static char got[256];
    struct forwarded_rules rules;
    struct request r = request_of(text, is_trusted);
    rules_of(&rules, field);
    int rc = forwarded_apply(&rules, &r, &arena);
    if (rc < 0)
        snprintf(got, sizeof got, "%d", -rc);
    else
        snprintf(got, sizeof got, "%.*s|%.*s|%s|%.*s|%.*s", (int)r.from.address.len, r.from.address.at,
                 (int)r.from.port.len, r.from.port.len ? r.from.port.at : "",
                 r.is_http_scheme_tls ? "https" : "http", (int)r.from.server_port.len,
                 r.from.server_port.at, (int)r.host.len, r.host.at);
    return got;
}

UNIT_TEST(who_the_client_is)
{
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        arena_init(&arena, 65536);
        const char *got = apply(clients[i].field, clients[i].fields, true);
        if (strcmp(got, clients[i].want) != 0)
            fail_msg("%s: %s, not %s", clients[i].why, got, clients[i].want);
        got = apply(clients[i].field, clients[i].fields, false);
        if (strcmp(got, "10.0.0.1|4444|http|8000|h") != 0)
            fail_msg("%s, from anybody: %s", clients[i].why, got);
        arena_done(&arena);
    }
}

UNIT_TEST(a_field_of_the_proxies_is_taken_from_all_others)
{
    struct forwarded_rules rules;
    struct request r = request_of("a: 1\nCF-Connecting-IP: 1.1.1.1\nb: 2\ncf-connecting-ip: 2.2.2.2\n", false);
    rules_of(&rules, "CF-Connecting-IP");
    assert_int_equal(forwarded_apply(&rules, &r, &arena), 0);
    assert_int_equal(r.fields_count, 2);
    assert_true(span_eq(r.fields[0].name, SPAN("a")) && span_eq(r.fields[1].name, SPAN("b")));
    r = request_of("CF-Connecting-IP: 1.1.1.1\n", true);
    arena_init(&arena, 65536);
    assert_int_equal(forwarded_apply(&rules, &r, &arena), 0);
    assert_int_equal(r.fields_count, 1);
    arena_done(&arena);
}

UNIT_TEST(without_memory_it_is_refused)
{
    struct forwarded_rules rules;
    struct request r = request_of(XFF "192.0.2.1\n", true);
    arena_init(&arena, 0);
    rules_of(&rules, "");
    assert_int_equal(forwarded_apply(&rules, &r, &arena), -503);
    r = request_of("Forwarded: for=\"1\\92.0.2.1\"\n", true);
    rules_of(&rules, "Forwarded");
    assert_int_equal(forwarded_apply(&rules, &r, &arena), -503);
    arena_done(&arena);
}

UNIT_TEST(a_named_client_is_told_from_the_peer)
{
    struct forwarded_rules rules;
    rules_of(&rules, "");
    arena_init(&arena, 65536);
    struct request r = request_of(XFF "192.0.2.1\n", true);
    assert_int_equal(forwarded_apply(&rules, &r, &arena), 0);
    assert_true(r.from.is_named);
    r = request_of(XFF "unknown\n", true);
    assert_int_equal(forwarded_apply(&rules, &r, &arena), 0);
    assert_false(r.from.is_named);
    arena_done(&arena);
}

UNIT_MAIN(each_node, each_element, who_the_client_is, a_field_of_the_proxies_is_taken_from_all_others,
          without_memory_it_is_refused, a_named_client_is_told_from_the_peer)
