/* log_record.h - what one line of the log says: ours ("warn edge 1: worker died: pid=12"), or what a
 * worker printed, which begins with the mark of its request (python/slipway/tagged.py).  Pure.
 */
#pragma once
#include "base/buf.h"

struct log_record {
    struct span level;            /* error, warn, info, debug; "" for what workers print */
    struct span process;          /* "edge 1"; "" for workers */
    struct span id;               /* of the request; "" */
    struct span text;             /* what is left, without level, process and mark */
    struct span shown;            /* the line without its mark */
};

/* Everything points into `line`. */
struct log_record log_record_read(struct span line);
/* {"time":...,"level":...,"process":...,"id":...,"text":...}, without '\n'; of level, process and id
 * only what there is.  Bytes that are not UTF-8 are U+FFFD.  0 or -errno of `out`. */
int log_record_json(const struct log_record *r, struct span time, struct buf *out);
