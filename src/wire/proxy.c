/* proxy.c - both versions begin with bytes that no HTTP request and no TLS record begins with, so a
 * wrong one is seen at once, byte by byte; the rest is looked at when it is whole.
 */
#include "wire/proxy.h"
#include <errno.h>

enum { V1_BYTES_MAX = 107, V2_FIXED_BYTES = 16, PORT_MAX = 65535 };

static const struct span v1_begins = SPAN("PROXY ");
static const struct span v2_begins = SPAN("\r\n\r\n\0\r\nQUIT\n");

/* ---- version 1 ------------------------------------------------------------------------------- */

/* The next word, before exactly one blank or the end. */
static struct span next_word(struct span *line)
{
    size_t end = span_find(*line, ' ');
    struct span word = { line->at, end };
    *line = span_skip(*line, end < line->len ? end + 1 : end);
    return word;
}

static bool read_port(struct span text, uint16_t *port)
{
    uint64_t value;
    if (span_to_u64(text, &value) < 0 || value > PORT_MAX || (text.len > 1 && text.at[0] == '0'))
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool read_address(struct span text, bool is_ipv6, struct address *a)
{
    return (span_find(text, ':') < text.len) == is_ipv6 && address_read(text, a);
}

static int read_line(struct span line, struct proxy_header *header)
{
    struct address destination;
    uint16_t destination_port;
    struct span family = next_word(&line);
    header->kind = PROXY_CLIENT_UNKNOWN;
    if (span_eq(family, SPAN("UNKNOWN")))                /* whatever follows is ignored */
        return 0;
    bool is_ipv6 = span_eq(family, SPAN("TCP6"));
    if (!is_ipv6 && !span_eq(family, SPAN("TCP4")))
        return -EBADMSG;
    header->kind = PROXY_CLIENT;
    bool is_right = read_address(next_word(&line), is_ipv6, &header->source) &&
                    read_address(next_word(&line), is_ipv6, &destination) &&
                    read_port(next_word(&line), &header->source_port);
    return is_right && read_port(line, &destination_port) ? 0 : -EBADMSG;
}

static ssize_t read_v1(struct span in, struct proxy_header *header)
{
    size_t end = 0, most = in.len < V1_BYTES_MAX ? in.len : V1_BYTES_MAX;
    while (end < most && in.at[end] != '\r' && in.at[end] != '\n')
        end++;
    if (end + 1 >= most)                                 /* the line's end is not there */
        return most == V1_BYTES_MAX || (end < most && in.at[end] == '\n') ? -EBADMSG : 0;
    if (in.at[end] != '\r' || in.at[end + 1] != '\n')
        return -EBADMSG;
    struct span line = { in.at + v1_begins.len, end - v1_begins.len };
    int rc = read_line(line, header);
    return rc < 0 ? rc : (ssize_t)end + 2;
}

/* ---- version 2 ------------------------------------------------------------------------------- */

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };                    /* with the version */
enum { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILIES };
enum { TRANSPORT_STREAM = 1, TRANSPORT_DGRAM = 2 };
enum { TLV_HEAD_BYTES = 3, TLV_SSL = 0x20, SSL_BYTES_MIN = 5, SSL_CLIENT = 0x01 };

static const struct { size_t address_bytes, block_bytes; } families[] = {
    [FAMILY_UNSPEC] = { 0, 0 },
    [FAMILY_INET] = { 4, 12 },
    [FAMILY_INET6] = { 16, 36 },
    [FAMILY_UNIX] = { 108, 216 },
};
_Static_assert(ARRAY_LEN(families) == FAMILIES, "a family without a row");

static uint16_t read_u16(const char *at)
{
    return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

static int read_tlvs(struct span tlvs, struct proxy_header *header)
{
    while (tlvs.len > 0) {
        if (tlvs.len < TLV_HEAD_BYTES || read_u16(tlvs.at + 1) > tlvs.len - TLV_HEAD_BYTES)
            return -EBADMSG;
        struct span value = { tlvs.at + TLV_HEAD_BYTES, read_u16(tlvs.at + 1) };
        if (tlvs.at[0] == TLV_SSL) {
            if (value.len < SSL_BYTES_MIN)
                return -EBADMSG;
            header->is_tls = (value.at[0] & SSL_CLIENT) != 0;
        }
        tlvs = span_skip(tlvs, TLV_HEAD_BYTES + value.len);
    }
    return 0;
}

static int read_block(unsigned family, struct span block, struct proxy_header *header)
{
    size_t used = families[family].block_bytes, ports_at = 2 * families[family].address_bytes;
    if (block.len < used)
        return -EBADMSG;
    header->kind = family == FAMILY_UNIX ? PROXY_CLIENT_UNIX : PROXY_CLIENT;
    if (family == FAMILY_INET)
        header->source = address_from_ipv4(block.at);
    else if (family == FAMILY_INET6)
        memcpy(header->source.bytes, block.at, sizeof header->source.bytes);
    if (family != FAMILY_UNIX)
        header->source_port = read_u16(block.at + ports_at);
    return read_tlvs(span_skip(block, used), header);
}

static int read_command(struct span in, struct span block, struct proxy_header *header)
{
    unsigned command = (unsigned char)in.at[12], kind = (unsigned char)in.at[13];
    unsigned family = kind >> 4, transport = kind & 0xf;
    header->kind = PROXY_LOCAL;
    if (command == COMMAND_LOCAL)                        /* the rest of it is ignored */
        return 0;
    if (command != COMMAND_PROXY || family >= FAMILIES || transport > TRANSPORT_DGRAM)
        return -EBADMSG;
    header->kind = PROXY_CLIENT_UNKNOWN;
    if (family == FAMILY_UNSPEC || transport != TRANSPORT_STREAM)
        return 0;
    return read_block(family, block, header);
}

static ssize_t read_v2(struct span in, struct proxy_header *header)
{
    if (in.len < V2_FIXED_BYTES)
        return 0;
    size_t block_bytes = read_u16(in.at + 14);
    if (block_bytes > PROXY_BYTES_MAX - V2_FIXED_BYTES)
        return -EMSGSIZE;
    if (block_bytes > in.len - V2_FIXED_BYTES)
        return 0;
    int rc = read_command(in, (struct span){ in.at + V2_FIXED_BYTES, block_bytes }, header);
    return rc < 0 ? rc : (ssize_t)(V2_FIXED_BYTES + block_bytes);
}

/* ---- which ----------------------------------------------------------------------------------- */

static bool begins(struct span in, struct span with)
{
    size_t len = in.len < with.len ? in.len : with.len;
    return len == 0 || memcmp(in.at, with.at, len) == 0;
}

ssize_t proxy_read(struct span in, struct proxy_header *header)
{
    struct proxy_header found = { 0 };
    bool is_v1 = begins(in, v1_begins), is_v2 = begins(in, v2_begins);
    if (!is_v1 && !is_v2)
        return -EBADMSG;
    if (in.len < (is_v1 ? v1_begins.len : v2_begins.len))
        return 0;
    ssize_t taken = is_v1 ? read_v1(in, &found) : read_v2(in, &found);
    if (taken > 0)
        *header = found;
    return taken;
}
