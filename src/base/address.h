/* address.h - an IP address as a value, and sets of networks.
 *
 * IPv4 is held as ::ffff:a.b.c.d, so both families compare as 16 bytes, and what a socket of both
 * families calls ::ffff:192.0.2.1 is the same as 192.0.2.1.
 */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include "base/span.h"

enum { ADDRESS_BYTES = 16, ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN, NETWORKS_MAX = 256 };

struct address {
    unsigned char bytes[ADDRESS_BYTES];
};

bool address_is_ipv4(const struct address *a);
bool address_is_loopback(const struct address *a);      /* 127.0.0.0/8 or ::1 */
struct address address_from_ipv4(const void *four);      /* 4 bytes as they travel */
/* IPv4 in four decimal parts, or IPv6; no brackets, port, zone or blanks.  False: *a is as it was. */
bool address_read(struct span text, struct address *a);
/* False for what is no IP address (a Unix socket).  *port in host order, may be NULL. */
bool address_of_peer(const struct sockaddr *from, struct address *a, uint16_t *port);
/* "192.0.2.1", "2001:db8::1"; NUL-ended too. */
struct span address_text(const struct address *a, char into[ADDRESS_TEXT_BYTES]);

struct network {
    struct address base;
    unsigned char bits;              /* of 128; IPv4's /8 is 104 */
};

struct networks {
    unsigned count;
    bool has_unix;                   /* the word "unix": peers on Unix sockets */
    struct network all[NETWORKS_MAX];
};

/* Adds what `text` names, separated by commas or blanks: addresses, ADDRESS/BITS, "unix", "loopback"
 * (127.0.0.0/8, ::1) and "private" (loopback, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7).
 * Bits past the prefix do not count.  0, -EINVAL (another word, or none at all), -E2BIG.  On an error
 * some may have been added. */
int networks_add(struct networks *n, struct span text);
/* A network of IPv6 holds no IPv4 address, not even ::/0. */
bool networks_have(const struct networks *n, const struct address *a);
/* The longest prefix of those that hold it, an IPv4 one as of ::ffff:0:0/96; -1: none does. */
int networks_bits(const struct networks *n, const struct address *a);
