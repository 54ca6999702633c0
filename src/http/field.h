/* field.h - one header or trailer field, and what its name means to us (RFC 9110, section 5).
 *
 * Names keep the sender's spelling; compare with field_id.  Values are trimmed of OWS.
 * Owner  nobody: both spans point into the bytes that were read.
 */
#pragma once
#include "base/arena.h"

enum field_id {                /* the names that some room of ours acts on; all else is OTHER */
    FIELD_OTHER,
    FIELD_UNDERSCORED,         /* any name with '_': as a CGI variable it would be another */
    FIELD_ACCEPT_ENCODING, FIELD_ALLOW, FIELD_AUTHORIZATION, FIELD_CACHE_CONTROL, FIELD_CONNECTION,
    FIELD_CONTENT_ENCODING, FIELD_CONTENT_LENGTH, FIELD_CONTENT_TYPE, FIELD_COOKIE, FIELD_DATE,
    FIELD_ETAG, FIELD_EXPECT, FIELD_FORWARDED, FIELD_HOST, FIELD_IF_MATCH, FIELD_IF_MODIFIED_SINCE,
    FIELD_IF_NONE_MATCH, FIELD_IF_RANGE, FIELD_IF_UNMODIFIED_SINCE, FIELD_KEEP_ALIVE,
    FIELD_LAST_MODIFIED, FIELD_LOCATION, FIELD_PROXY, FIELD_PROXY_AUTHENTICATE,
    FIELD_PROXY_AUTHORIZATION, FIELD_PROXY_CONNECTION, FIELD_RANGE, FIELD_REFERER, FIELD_SERVER,
    FIELD_TE, FIELD_TRACEPARENT, FIELD_TRAILER, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE,
    FIELD_USER_AGENT, FIELD_VARY, FIELD_X_ACCEL_BUFFERING, FIELD_X_ACCEL_REDIRECT,
    FIELD_X_FORWARDED_FOR, FIELD_X_FORWARDED_HOST, FIELD_X_FORWARDED_PORT,
    FIELD_X_FORWARDED_PROTO, FIELD_X_REAL_IP, FIELD_X_REQUEST_ID, FIELD_X_SENDFILE,
    FIELD_COUNT
};

struct field {
    struct span name, value;
    enum field_id id;
};

enum field_id field_id_of(struct span name);        /* without case; one table, no allocation */
/* Meant for this connection only (RFC 9110, section 7.6.1), and those of proxies. */
bool field_is_hop_by_hop(enum field_id id);
bool field_name_is_valid(struct span name);         /* token (RFC 9110, section 5.1), not empty */
bool field_value_is_valid(struct span value);       /* no control byte but tab (section 5.5) */

/* How many bytes from the start of `s` may stand in a token (names, methods), or in a value. */
size_t field_token_bytes(struct span s);
size_t field_text_bytes(struct span s);

/* Takes one line without its CRLF apart.  The caller has seen with field_text_bytes() that no
 * control byte is in it.  0, or -EBADMSG: no colon, no name, a byte in the name that no token has
 * (so also a space before the colon, and a line that continues the one before: obs-fold). */
int field_split(struct span line, struct field *f);

/* The array that holds `count` fields, with room for one more: `fields` itself, or a copy twice as
 * large in the arena; NULL without memory.  The array must have grown through here alone (NULL at
 * count 0). */
struct field *field_array_grow(struct field *fields, size_t count, struct arena *arena);
enum { FIELD_ARRAY_FIRST = 16 };
static inline struct field *field_array_room(struct field *fields, size_t count,
                                             struct arena *arena)
{
    bool is_full = count == 0 || (count >= FIELD_ARRAY_FIRST && (count & (count - 1)) == 0);
    return is_full ? field_array_grow(fields, count, arena) : fields;
}

/* Are two names the same, without case? */
static inline bool field_is_same(const struct field *a, const struct field *b)
{
    bool is_known = a->id != FIELD_OTHER && a->id != FIELD_UNDERSCORED;
    return a->id == b->id && (is_known || span_eq_nocase(a->name, b->name));
}

/* Takes the next element off a comma-separated list, trimmed; it may be empty (RFC 9110, section
 * 5.6.1).  False when nothing is left: an empty list has no element, and nothing follows the last
 * comma. */
bool field_list_next(struct span *list, struct span *element);
/* Does the comma-separated list hold `token` (without case)? */
bool field_list_has(struct span list, struct span token);
