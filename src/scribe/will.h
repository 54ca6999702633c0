/* will.h - what a scribe leaves to the one that comes after it: lines that their places have not taken yet, and
 * lines that have not come whole.  Text in a memfd that goes by the master: "KIND BYTES WHERE\n", then the bytes,
 * for each.
 */
#pragma once
#include "base/buf.h"

enum will_kind {
    WILL_ACCESS = 'a', WILL_LOG = 'l', WILL_SITE = 's',        /* lines for these places */
    WILL_ACCESS_PART = 'A', WILL_LOG_PART = 'L',               /* of a line under way in these pipes */
};

struct will_item {
    enum will_kind kind;
    struct span where, bytes;     /* where: of WILL_SITE, as the option has it */
};

int will_add(struct buf *will, const struct will_item *item);         /* 0 or -errno; none is empty */
/* The next item, whose spans point into the text, which is taken off: 1; 0: there is none; -EBADMSG. */
int will_next(struct span *text, struct will_item *item);
int will_read(int fd, struct buf *will);                   /* 0 or -errno */
