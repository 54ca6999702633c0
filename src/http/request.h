/* request.h - what a request means, whatever wire it came by.
 *
 * Owner  the exchange; every span points into its arena or into its connection's buffer, both of
 *        which outlive it.
 * Made   by wire (h1) in two steps: spelling (h1_read_head), then request_understand().
 * Strict where two readers could differ about where a request ends or whom it is for: such a
 *        request is refused, never repaired.
 */
#pragma once
#include "base/arena.h"
#include "http/field.h"

enum method {
    METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_OPTIONS,
    METHOD_PATCH, METHOD_TRACE, METHOD_CONNECT,
};

/* Facts of the connection that no client can forge; forwarded_apply() turns them into those of the
 * client that a trusted peer speaks for. */
struct request_from {
    struct span address;       /* "192.0.2.1", "2001:db8::1", "" on a Unix socket */
    struct span port;          /* "" on a Unix socket */
    struct span server_address;          /* of our end: SERVER_NAME when there is no Host */
    struct span server_port;             /* of our end: SERVER_PORT */
    bool is_tls;
    const char *tls_version;   /* "TLSv1.3"; NULL: none, or a proxy's */
    /* His verified certificate as variables for the application: names and values, each NUL-ended,
     * one behind the other; "" when clients are not asked for one. */
    struct span certificate;
    bool is_trusted;           /* the peer is one of trusted-peers */
    bool is_named;             /* ... and `address` is the client that it named */
};

struct request {
    struct span method_name;
    enum method method;
    struct span target;        /* as it came: REQUEST_URI */
    struct span path;          /* decoded once, dot segments removed; begins with '/' (or is "*");
                                  points into target where decoding changes nothing */
    struct span query;         /* without '?', raw */
    struct span host;          /* of the absolute-form target, else of Host; with port; "" when an
                                  HTTP/1.0 client named none */
    unsigned version;          /* 10 or 11 (20 later) */
    struct field *fields;      /* as they came, in order */
    size_t fields_count;
    int64_t body_bytes;        /* Content-Length; 0 without a body; -1: chunked, not known */
    bool is_chunked;
    bool keeps_alive;          /* what the client wants and the framing allows */
    bool expects_continue;
    bool names_hop_fields;     /* Connection names fields that we do not know: for this hop only */
    unsigned underscored;      /* fields whose name has '_': nobody behind us sees them */
    bool is_http_scheme_tls;   /* scheme https as the application shall see it: from.is_tls,
                                  whatever the target says; who trusts a peer may change it */
    struct span user;          /* whom Basic authentication of ours let in: REMOTE_USER; "" for nobody */
    struct request_from from;
};

/* Fills in everything that follows from the head: method, path, query, host, framing, connection.
 * In: method_name, target, version, fields (ids set), from.  Memory from `arena`, only for a path
 * that decoding changes.
 * 0, or minus the status to answer (after which the connection must close), the first that fits:
 *   -501  CONNECT, TRACE (which would send a browser's cookies back to whoever asked)
 *   -400  several Content-Length fields or one that is not digits ("5, 5" is not), Content-Length
 *         with Transfer-Encoding, Transfer-Encoding in HTTP/1.0, "chunked" twice or not last
 *   -501  Transfer-Encoding other than "chunked" alone
 *   -411  a POST or PUT in HTTP/1.0 without Content-Length
 *   -417  Expect other than 100-continue
 *   -400  more than 32 connection options; several or a malformed Host, none in HTTP/1.1; a target
 *         that is neither "/...", "http(s)://..." nor "*" for OPTIONS, or holds '#'; user
 *         information in it; a path that path_decode() refuses
 *   -503  no memory
 * (RFC 9112, sections 3 and 6; RFC 9110, sections 4.2, 7.2 and 10.1.1) */
int request_understand(struct request *r, struct arena *arena);

/* Does Connection name this field, whose id is FIELD_OTHER?  A field that we know is for all
 * recipients is never meant (RFC 9110, section 7.6.1), or a client could take away what a proxy
 * before us has set.  Only asked when names_hop_fields. */
bool request_is_hop_field(const struct request *r, struct span name);
/* The first of that name, or NULL. */
const struct field *request_field(const struct request *r, enum field_id id);
enum method method_of(struct span name);                /* with case (RFC 9110, section 9.1) */
/* A host with or without ":port", as Host and an authority must be: a name of letters, digits and
 * "-._~", or an IPv6 address in brackets.  Stricter than RFC 3986: no escapes and no "a,b", which
 * no real host has and which is how two Hosts look after a proxy joined them. */
bool request_host_is_valid(struct span host);
enum { REQUEST_METHOD_BYTES_MAX = 32 };          /* a longer one is refused, on every wire */

/* GET, HEAD, OPTIONS: may be repeated when a worker died before anything was sent. */
bool method_is_safe(enum method m);
