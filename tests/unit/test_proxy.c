#include "unit.h"
#include <errno.h>
#include "wire/proxy.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define FOUR "\xc0\x00\x02\x01\x0a\x00\x00\x01\x11\x5c\x01\xbb"          /* 192.0.2.1:4444 to 10.0.0.1:443 */
#define SIX "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\x11\x5c\x01\xbb"
#define NUL8 "\0\0\0\0\0\0\0\0"
#define NUL104 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8 NUL8
#define LOCALS "/run" NUL104 "/run" NUL104

/* want: "address:port", "local", "unix", "unknown" and "+tls", or NULL: refused with rc.  What follows the
 * header is 'G'. */
static const struct { const char *why; struct span in; const char *want; int rc; } cases[] = {
    { "v1, IPv4", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444 443\r\nG"), "192.0.2.1:4444", 0 },
    { "v1, IPv6", SPAN("PROXY TCP6 2001:db8::7 fe80::1 4444 443\r\nG"), "2001:db8::7:4444", 0 },
    { "v1, IPv4 as IPv6", SPAN("PROXY TCP6 ::ffff:192.0.2.1 ::1 4444 443\r\nG"), "192.0.2.1:4444", 0 },
    { "v1, the longest", SPAN("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\nG"),
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:65535", 0 },
    { "v1, port 0", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 0 0\r\nG"), "192.0.2.1:0", 0 },
    { "v1, unknown", SPAN("PROXY UNKNOWN\r\nG"), "unknown", 0 },
    { "v1, unknown with whatever", SPAN("PROXY UNKNOWN  x ffff:f 65535 65536\r\nG"), "unknown", 0 },
    { "v1, unknown, 107 bytes",
      SPAN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "65535 65535\r\nG"), "unknown", 0 },
    { "v1, 108 bytes",
      SPAN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "65535 65535 \r\nG"), NULL, -EBADMSG },
    { "v1, no family", SPAN("PROXY \r\nG"), NULL, -EBADMSG },
    { "v1, another family", SPAN("PROXY UDP4 192.0.2.1 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, a longer word", SPAN("PROXY UNKNOWNS\r\nG"), NULL, -EBADMSG },
    { "v1, small letters", SPAN("proxy TCP4 192.0.2.1 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, two blanks", SPAN("PROXY  TCP4 192.0.2.1 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, two blanks later", SPAN("PROXY TCP4 192.0.2.1  10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, a blank at the end", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444 443 \r\nG"), NULL, -EBADMSG },
    { "v1, a tab", SPAN("PROXY TCP4\t192.0.2.1 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, a port too few", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444\r\nG"), NULL, -EBADMSG },
    { "v1, a word too many", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444 443 1\r\nG"), NULL, -EBADMSG },
    { "v1, a port with a heading 0", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 04444 443\r\nG"), NULL, -EBADMSG },
    { "v1, port 65536", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\nG"), NULL, -EBADMSG },
    { "v1, a sign", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 -1 443\r\nG"), NULL, -EBADMSG },
    { "v1, the other port is none", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444 x\r\nG"), NULL, -EBADMSG },
    { "v1, IPv6 said to be IPv4", SPAN("PROXY TCP4 ::1 ::1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, IPv4 said to be IPv6", SPAN("PROXY TCP6 192.0.2.1 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, no address", SPAN("PROXY TCP4 192.0.2.256 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, the other is no address", SPAN("PROXY TCP4 192.0.2.1 10.0.0 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, a heading 0", SPAN("PROXY TCP4 192.0.2.01 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "v1, only LF", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444 443\nG"), NULL, -EBADMSG },
    { "v1, only CR", SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444 443\rG"), NULL, -EBADMSG },
    { "v1, a NUL", SPAN("PROXY TCP4 192.0.2.1\0 10.0.0.1 4444 443\r\nG"), NULL, -EBADMSG },
    { "a request", SPAN("GET / HTTP/1.1\r\nG"), NULL, -EBADMSG },
    { "TLS", SPAN("\x16\x03\x01\x02"), NULL, -EBADMSG },
    { "another method that begins so", SPAN("PROPFIND / HTTP/1.1\r\nG"), NULL, -EBADMSG },

    { "v2, IPv4", SPAN(V2 "\x21\x11\0\x0c" FOUR "G"), "192.0.2.1:4444", 0 },
    { "v2, IPv6", SPAN(V2 "\x21\x21\0\x24" SIX "G"), "2001:db8::7:4444", 0 },
    { "v2, Unix", SPAN(V2 "\x21\x31\0\xd8" LOCALS "G"), "unix", 0 },
    { "v2, local", SPAN(V2 "\x20\x00\0\0G"), "local", 0 },
    { "v2, local with a block", SPAN(V2 "\x20\x11\0\x0c" FOUR "G"), "local", 0 },
    { "v2, local with an unknown family", SPAN(V2 "\x20\x99\0\x03xxxG"), "local", 0 },
    { "v2, unspecified", SPAN(V2 "\x21\x00\0\0G"), "unknown", 0 },
    { "v2, unspecified with bytes", SPAN(V2 "\x21\x00\0\x05xxxxxG"), "unknown", 0 },
    { "v2, unspecified transport", SPAN(V2 "\x21\x10\0\x0c" FOUR "G"), "unknown", 0 },
    { "v2, UDP", SPAN(V2 "\x21\x12\0\x0c" FOUR "G"), "unknown", 0 },
    { "v2, a TLV", SPAN(V2 "\x21\x11\0\x12" FOUR "\x04\0\x03xyz" "G"), "192.0.2.1:4444", 0 },
    { "v2, an empty TLV", SPAN(V2 "\x21\x11\0\x0f" FOUR "\x04\0\0G"), "192.0.2.1:4444", 0 },
    { "v2, TLS", SPAN(V2 "\x21\x11\0\x14" FOUR "\x20\0\x05\x01\0\0\0\0G"), "192.0.2.1:4444+tls", 0 },
    { "v2, TLS with more inside", SPAN(V2 "\x21\x11\0\x18" FOUR "\x20\0\x09\x01\0\0\0\0\x21\0\x01xG"),
      "192.0.2.1:4444+tls", 0 },
    { "v2, a certificate and no TLS", SPAN(V2 "\x21\x11\0\x14" FOUR "\x20\0\x05\x06\0\0\0\0G"),
      "192.0.2.1:4444", 0 },
    { "v2, TLS too short", SPAN(V2 "\x21\x11\0\x13" FOUR "\x20\0\x04\x01\0\0\0G"), NULL, -EBADMSG },
    { "v2, half a TLV", SPAN(V2 "\x21\x11\0\x0e" FOUR "\x04\0G"), NULL, -EBADMSG },
    { "v2, a TLV past the end", SPAN(V2 "\x21\x11\0\x11" FOUR "\x04\0\x03xyG"), NULL, -EBADMSG },
    { "v2, block too short", SPAN(V2 "\x21\x11\0\x0b" FOUR "G"), NULL, -EBADMSG },
    { "v2, block too short for IPv6", SPAN(V2 "\x21\x21\0\x0c" FOUR "G"), NULL, -EBADMSG },
    { "v2, block too short for Unix", SPAN(V2 "\x21\x31\0\x24" SIX "G"), NULL, -EBADMSG },
    { "v2, another version", SPAN(V2 "\x11\x11\0\x0c" FOUR "G"), NULL, -EBADMSG },
    { "v2, another command", SPAN(V2 "\x22\x11\0\x0c" FOUR "G"), NULL, -EBADMSG },
    { "v2, another family", SPAN(V2 "\x21\x41\0\x0c" FOUR "G"), NULL, -EBADMSG },
    { "v2, another transport", SPAN(V2 "\x21\x13\0\x0c" FOUR "G"), NULL, -EBADMSG },
    { "v2, too long", SPAN(V2 "\x21\x11\x0f\xf1" FOUR), NULL, -EMSGSIZE },
    { "v2, as long as can be said", SPAN(V2 "\x21\x11\xff\xff" FOUR), NULL, -EMSGSIZE },
    { "v2, a wrong beginning", SPAN("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c" FOUR "G"), NULL, -EBADMSG },
};

static const char *spell(const struct proxy_header *h)
{
    static char text[80];
    char address[ADDRESS_TEXT_BYTES];
    static const char *const kinds[] = { "local", "", "unix", "unknown" };
    if (h->kind == PROXY_CLIENT)
        snprintf(text, sizeof text, "%s:%u", address_text(&h->source, address).at, h->source_port);
    else
        snprintf(text, sizeof text, "%s", kinds[h->kind]);
    return strcat(text, h->is_tls ? "+tls" : "");
}

/* A block of its own without a byte to spare. */
static ssize_t read_first(struct span in, size_t bytes, struct proxy_header *h)
{
    char *piece = memcpy(malloc(bytes > 0 ? bytes : 1), in.at, bytes);
    ssize_t rc = proxy_read((struct span){ piece, bytes }, h);
    free(piece);
    return rc;
}

/* More bytes only turn "more must come" into the outcome, and never change it. */
UNIT_TEST(every_case_at_every_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ssize_t want = cases[i].want ? (ssize_t)cases[i].in.len - 1 : cases[i].rc, got = 0;
        for (size_t cut = 0; cut <= cases[i].in.len; cut++) {
            struct proxy_header h = { .kind = PROXY_LOCAL };
            ssize_t rc = read_first(cases[i].in, cut, &h);
            if ((got != 0 && rc != got) || (cases[i].want && rc == 0 && (ssize_t)cut >= want))
                fail_msg("%s, cut at %zu: %zd after %zd", cases[i].why, cut, rc, got);
            if (rc > 0 && strcmp(spell(&h), cases[i].want ? cases[i].want : "") != 0)
                fail_msg("%s, cut at %zu: %s", cases[i].why, cut, spell(&h));
            got = rc;
        }
        if (got != want)
            fail_msg("%s: %zd, not %zd", cases[i].why, got, want);
    }
}

UNIT_TEST(the_longest_header)
{
    static char in[PROXY_BYTES_MAX + 1];
    struct proxy_header h;
    static const char head[] = V2 "\x21\x11\x0f\xf0" FOUR "\x04\x0f\xe1";
    memcpy(in, head, sizeof head - 1);
    assert_int_equal(proxy_read((struct span){ in, PROXY_BYTES_MAX - 1 }, &h), 0);
    assert_int_equal(proxy_read((struct span){ in, sizeof in }, &h), PROXY_BYTES_MAX);
}

UNIT_TEST(a_refused_header_leaves_what_was_there)
{
    struct proxy_header h = { .kind = PROXY_CLIENT_UNIX, .source_port = 7 };
    assert_int_equal(proxy_read(SPAN("PROXY TCP4 192.0.2.1 10.0.0.1 4444 x\r\n"), &h), -EBADMSG);
    assert_true(h.kind == PROXY_CLIENT_UNIX && h.source_port == 7);
}

UNIT_MAIN(every_case_at_every_cut, the_longest_header, a_refused_header_leaves_what_was_there)
