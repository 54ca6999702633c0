/* uwsgi.h - the uwsgi protocol's block of variables: {u16 name bytes, name, u16 value bytes,
 * value}..., little-endian (uwsgi-docs, Protocol).  Inside slipway a block may be longer than
 * 65,535 bytes; to strangers it may not, and the 4-byte packet header says so.
 */
#pragma once
#include <sys/types.h>
#include "http/request.h"

enum { UWSGI_HEADER_BYTES = 4, UWSGI_PART_BYTES_MAX = 65535 };

/* Takes the first variable off *block; name and value point into it.  1, 0 at the end, -EBADMSG
 * when it is cut short.  All but 1 leave name and value alone. */
int uwsgi_next_var(struct span *block, struct span *name, struct span *value);

/* Appends one variable at into[*used]; 0, or -EMSGSIZE: no room, or a part over 65,535 bytes. */
int uwsgi_put_var(char *into, size_t room_bytes, size_t *used, struct span name, struct span value);

/* The whole request as CGI variables (RFC 3875, PEP 3333): REQUEST_METHOD REQUEST_URI PATH_INFO
 * QUERY_STRING SCRIPT_NAME SERVER_PROTOCOL SERVER_NAME SERVER_PORT REQUEST_SCHEME HTTPS(on)
 * REMOTE_ADDR REMOTE_PORT REMOTE_USER and AUTH_TYPE (where somebody logged in) CONTENT_TYPE
 * CONTENT_LENGTH(body_bytes, when there is a body)
 * HTTP_HOST(r->host, when there is one) and HTTP_*.
 * Repeated fields are joined by ", " (Cookie by "; ") at the first one's place, Content-Type too.
 * Never passed on: names with an underscore (they would be taken for the same name with a hyphen),
 * Proxy, hop-by-hop fields and those that Connection names, Expect, Content-Length/Type as HTTP_*;
 * and the forwarding fields (X-Forwarded-*, Forwarded, X-Real-IP) are replaced by our own:
 * X-Forwarded-For, -Proto, -Host and X-Real-IP (those that say nothing, as the address on a Unix
 * socket, are left out).  When from.is_trusted, our own -Port is there, too, and other
 * X-Forwarded-* pass.  SERVER_NAME is the host without its port, else ours, else "localhost";
 * SERVER_PORT is ours, else 80 or 443.
 * `mount` is the prefix that becomes SCRIPT_NAME ("" for none; PATH_INFO is the rest); a path that
 * does not begin with it (as whole segments) is left whole and SCRIPT_NAME empty.
 * body_bytes: the length of the body, -1: nobody knows it yet (then there is no CONTENT_LENGTH).
 * The bytes used, or -EMSGSIZE. */
ssize_t uwsgi_put_request(char *into, size_t room_bytes, const struct request *r, struct span mount,
                          int64_t body_bytes);

/* The 4-byte header of a packet to strangers: {modifier1 0, u16 size, modifier2 0}.
 * 0, or -EMSGSIZE over 65,535. */
int uwsgi_put_header(char into[UWSGI_HEADER_BYTES], size_t block_bytes);
