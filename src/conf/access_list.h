/* access_list.h - what access-fields and log-fields say: names with commas between.  Pure.
 *
 *   time, status, ms          of conf/access_fields.def
 *   request:NAME              a header field of the request
 *   response:NAME             of the response, also one that log-fields took off
 *   -                         a dash (in text only)
 *
 * What grants access is in no log: Authorization, Proxy-Authorization, Cookie and Set-Cookie are no
 * names here.
 */
#pragma once
#include <stddef.h>
#include "base/span.h"

enum access_field {
#define ACCESS_FIELD(name, form, meaning) ACCESS_##name,
#include "conf/access_fields.def"
    ACCESS_DASH, ACCESS_REQUEST, ACCESS_RESPONSE,
};

enum { ACCESS_ITEMS_MAX = 48, LOG_FIELDS_MAX = 16 };

struct access_item {
    enum access_field field;
    struct span name;             /* as it was written; of request: and response:, the header's */
};

/* How many, or -EINVAL: a name that is none, none at all, too many.  They point into `text`. */
int access_list_read(struct span text, struct access_item items[ACCESS_ITEMS_MAX]);
/* Likewise for log-fields: names of header fields; none is right. */
int access_log_fields_read(struct span text, struct span names[LOG_FIELDS_MAX]);
