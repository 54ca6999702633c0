/* forwarded.h - what a proxy says of the client it speaks for: Forwarded (RFC 7239), X-Forwarded-For,
 * -Proto, -Host, -Port, X-Real-IP and the like.
 *
 * Only one field is asked for the client, and only peers of `trusted` are believed: each of them adds
 * an address at the right, so the client is the rightmost address that is not trusted itself, or the
 * leftmost when all are.  What stands left of it was said by strangers.
 * A field that the proxies do not write would be the client's own, so none stands in for another.
 */
#pragma once
#include "base/address.h"
#include "http/request.h"

enum forwarded_kind {
    FORWARDED_LIST,          /* addresses, separated by commas: X-Forwarded-For */
    FORWARDED_RFC7239,       /* Forwarded: with scheme and host beside the address */
    FORWARDED_OTHER,         /* addresses, in a field that only some proxies write: X-Real-IP, ... */
};

struct forwarded_rules {
    struct networks trusted;
    enum forwarded_kind kind;
    struct field field;      /* its name and id; no value */
    bool takes_host;
};

/* The field that names the client, "" for X-Forwarded-For; `name` must outlive the rules. */
void forwarded_name_field(struct forwarded_rules *rules, struct span name);

/* Once a request is understood, before anybody looks at it.  When r->from.is_trusted: from.address and
 * from.port become the client's, is_http_scheme_tls and from.server_port what he used, r->host what he
 * asked for (takes_host).  What is missing or no address leaves the peer's own.  From all others the
 * field of FORWARDED_OTHER is taken out, for uwsgi.c, which withholds the rest, does not know it.
 * 0, -400 (a trusted peer's Forwarded cannot be read), -503 (no memory). */
int forwarded_apply(const struct forwarded_rules *rules, struct request *r, struct arena *arena);

/* ---- Forwarded, one element at a time ---- */

struct forwarded_element {   /* each empty when it is not said; without quotes */
    struct span for_node, host, proto;
};
/* Takes the next element off *list (RFC 7239, section 4).  A value with a quoted pair is copied to
 * the arena.  1, 0 at the end, -EBADMSG, -ENOMEM. */
int forwarded_next(struct span *list, struct forwarded_element *element, struct arena *arena);

/* A node: "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80"; with is_bare_allowed also
 * "2001:db8::1".  False for "unknown", obfuscated names (RFC 7239, section 6.3) and all else.  *port is
 * empty when none is said, or an obfuscated one. */
bool forwarded_node(struct span text, bool is_bare_allowed, struct address *a, struct span *port);
