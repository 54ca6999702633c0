/* address.c - addresses and networks, by inet_pton: nothing else reads them here. */
#include "base/address.h"
#include <arpa/inet.h>
#include <errno.h>

enum { IPV4_AT = 12, IPV4_BITS = 32, ALL_BITS = 128, PREFIX_BITS = ALL_BITS - IPV4_BITS };

static const unsigned char mapped[IPV4_AT] = { [10] = 0xff, [11] = 0xff };

bool address_is_ipv4(const struct address *a)
{
    return memcmp(a->bytes, mapped, sizeof mapped) == 0;
}

bool address_is_loopback(const struct address *a)
{
    static const unsigned char one[ADDRESS_BYTES] = { [ADDRESS_BYTES - 1] = 1 };
    return address_is_ipv4(a) ? a->bytes[IPV4_AT] == 127 : memcmp(a->bytes, one, sizeof one) == 0;
}

struct address address_from_ipv4(const void *four)
{
    struct address a;
    memcpy(a.bytes, mapped, sizeof mapped);
    memcpy(a.bytes + IPV4_AT, four, ADDRESS_BYTES - IPV4_AT);
    return a;
}

bool address_read(struct span text, struct address *a)
{
    char copy[ADDRESS_TEXT_BYTES];
    unsigned char four[4];
    struct address six;
    if (text.len == 0 || text.len >= sizeof copy || span_find(text, '\0') < text.len)
        return false;
    *(char *)mempcpy(copy, text.at, text.len) = '\0';
    if (inet_pton(AF_INET, copy, four) == 1) {
        *a = address_from_ipv4(four);
        return true;
    }
    if (inet_pton(AF_INET6, copy, six.bytes) != 1)
        return false;
    *a = six;
    return true;
}

bool address_of_peer(const struct sockaddr *from, struct address *a, uint16_t *port)
{
    in_port_t found;
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        *a = address_from_ipv4(&in->sin_addr);
        found = in->sin_port;
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)from;
        memcpy(a->bytes, &in6->sin6_addr, ADDRESS_BYTES);
        found = in6->sin6_port;
    } else {
        return false;
    }
    if (port)
        *port = ntohs(found);
    return true;
}

struct span address_text(const struct address *a, char into[ADDRESS_TEXT_BYTES])
{
    bool is_ipv4 = address_is_ipv4(a);
    (void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, a->bytes + (is_ipv4 ? IPV4_AT : 0), into,
                    ADDRESS_TEXT_BYTES);
    return span_of(into);
}

/* ---- networks -------------------------------------------------------------------------------- */

static int add_network(struct networks *n, struct span text)
{
    struct network net;
    size_t slash = span_find(text, '/');
    uint64_t bits;
    if (!address_read((struct span){ text.at, slash }, &net.base))
        return -EINVAL;
    bool is_ipv4 = address_is_ipv4(&net.base) && span_find(text, ':') == text.len;
    uint64_t most = is_ipv4 ? IPV4_BITS : ALL_BITS;
    if (slash == text.len)
        bits = most;
    else if (span_to_u64(span_skip(text, slash + 1), &bits) < 0 || bits > most)
        return -EINVAL;
    net.bits = (unsigned char)(is_ipv4 ? PREFIX_BITS + bits : bits);
    if (n->count == NETWORKS_MAX)
        return -E2BIG;
    n->all[n->count++] = net;
    return 0;
}

/* What stands for several; each of them may name others. */
static const struct {
    struct span word;
    const char *networks[6];
} words[] = {
    { SPAN("loopback"), { "127.0.0.0/8", "::1" } },
    { SPAN("private"),
      { "127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7" } },
};

static int add_word(struct networks *n, struct span text)
{
    int rc = 0;
    if (span_eq(text, SPAN("unix"))) {
        n->has_unix = true;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!span_eq(text, words[i].word))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(words[i].networks) && words[i].networks[k] && rc == 0; k++)
            rc = add_network(n, span_of(words[i].networks[k]));
        return rc;
    }
    return add_network(n, text);
}

static bool is_between(char byte)
{
    return byte == ',' || byte == ' ' || byte == '\t';
}

int networks_add(struct networks *n, struct span text)
{
    unsigned added = 0;
    int rc = 0;
    while (rc == 0) {
        while (text.len > 0 && is_between(text.at[0]))
            text = span_skip(text, 1);
        if (text.len == 0)
            return added > 0 ? 0 : -EINVAL;
        size_t end = 0;
        while (end < text.len && !is_between(text.at[end]))
            end++;
        rc = add_word(n, (struct span){ text.at, end });
        text = span_skip(text, end);
        added++;
    }
    return rc;
}

static bool holds(const struct network *net, const struct address *a)
{
    size_t whole = net->bits / 8, left_bits = net->bits % 8;
    if (memcmp(net->base.bytes, a->bytes, whole) != 0)
        return false;
    unsigned mask = 0xff00u >> left_bits;           /* of a byte: what is above it is 0 on both sides */
    return left_bits == 0 || ((net->base.bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

int networks_bits(const struct networks *n, const struct address *a)
{
    bool is_ipv4 = address_is_ipv4(a);
    int longest = -1;
    for (unsigned i = 0; i < n->count; i++)
        if (n->all[i].bits > longest && (!is_ipv4 || n->all[i].bits >= PREFIX_BITS) && holds(&n->all[i], a))
            longest = n->all[i].bits;
    return longest;
}

bool networks_have(const struct networks *n, const struct address *a)
{
    return networks_bits(n, a) >= 0;
}
