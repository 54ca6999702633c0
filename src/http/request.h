/* request.h - what a request means, whatever wire it came by.
 *
 * Owner  the exchange; every span points into its arena or into its connection's buffer, both of which
 *        outlive it.
 * Made   by wire (h1) in two steps: spelling (h1_read_head), then request_understand().
 */
#pragma once
#include "base/arena.h"
#include "http/field.h"

enum method {
    METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_OPTIONS,
    METHOD_PATCH, METHOD_TRACE, METHOD_CONNECT,
};

struct request_from {          /* facts of the connection that no client can forge */
    struct span address;       /* "192.0.2.1", "2001:db8::1", "" on a Unix socket */
    struct span port;          /* "" on a Unix socket */
    struct span server_address, server_port;     /* of our end: SERVER_NAME without a Host, SERVER_PORT */
    bool is_tls;
};

struct request {
    struct span method_name;
    enum method method;
    struct span target;        /* as it came: REQUEST_URI */
    struct span path;          /* decoded once, dot segments removed; begins with '/' (or is "*") */
    struct span query;         /* without '?' , raw */
    struct span host;          /* of the absolute-form target, else of Host; with port; "" in HTTP/1.0 */
    unsigned version;          /* 10 or 11 (20 later) */
    struct field *fields;      /* as they came, in order */
    size_t fields_count;
    int64_t body_bytes;        /* Content-Length; 0 without a body; -1: chunked, not known */
    bool is_chunked;
    bool keeps_alive;          /* what the client wants and the framing allows */
    bool expects_continue;
    bool is_http_scheme_tls;   /* scheme https as the application shall see it */
    struct request_from from;
};

/* Fills in everything that follows from the head: method, path, query, host, framing, connection.
 * In: method_name, target, version, fields (ids set), from.  Memory from `arena`.
 * 0, or minus the status to answer (after which the connection must close):
 *   -400  several or malformed Content-Length, Content-Length with Transfer-Encoding, no or several or
 *         malformed Host (1.1), bad target, bad percent-encoding, %00, dot segments above the root,
 *         Transfer-Encoding in HTTP/1.0
 *   -417  Expect other than 100-continue          -501  Transfer-Encoding other than "chunked"; CONNECT
 *   -503  no memory
 * (RFC 9112, sections 3 and 6; RFC 9110, sections 7.2 and 10.1.1) */
int request_understand(struct request *r, struct arena *arena);

const struct field *request_field(const struct request *r, enum field_id id);    /* the first, or NULL */
enum method method_of(struct span name);
/* GET, HEAD, OPTIONS: may be repeated when a worker died before anything was sent. */
bool method_is_safe(enum method m);
