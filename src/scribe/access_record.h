/* access_record.h - reads a line of the access log back: JSON, combined, or text that begins like
 * combined (as it does by default).  Pure.
 */
#pragma once
#include <stdint.h>
#include "base/json.h"
#include "base/span.h"

struct access_record {
    json_t *json;                 /* the object of a JSON line, NULL for text */
    struct span method, target;   /* escaped as they are in the line; "" where it has none */
    struct span site;             /* "" in text */
    uint64_t status, bytes;
    int64_t took_us;              /* -1: the line does not say */
};

/* 0, or -EBADMSG: it is no such line.  Spans point into the line or into r->json. */
int access_record_read(struct span line, struct access_record *r);
void access_record_done(struct access_record *r);
