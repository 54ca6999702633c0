/* sink.h - one place where lines go: a file, standard output or standard error, or nowhere.
 *
 * Lines gather in a buffer of SINK_BYTES_MAX and are written in batches.  When the place takes
 * nothing (a stopped terminal, a full pipe, a full disk) lines are dropped and counted, and the
 * count is said once there is room.  A file is opened for appending, and anew when asked or when
 * another one has its name (logrotate).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

enum { SINK_BYTES_MAX = 1024 * 1024 };

struct sink {
    const char *path;             /* of a file; NULL for a descriptor that was lent */
    int fd;                       /* -1: nowhere (now) */
    bool is_off;                  /* wanted nowhere */
    bool has_stamps;              /* each line gets the time in front: files of the log */
    bool is_held;                 /* lines wait in the buffer; pdb has the terminal */
    bool was_refused;             /* the place took nothing: wait until poll says it does */
    uint64_t dropped;             /* since it was last said */
    struct buf out;
    int64_t looked_us;            /* when the file's name was last compared */
};

/* A place that was lent is not written to, or is again; files always are. */
void sink_hold(struct sink *s, bool holds);
/* where: "-" is `lent_fd`, "off" nothing, else a file. */
void sink_init(struct sink *s, const char *where, int lent_fd, bool has_stamps);
void sink_done(struct sink *s);
void sink_reopen(struct sink *s);
void sink_line(struct sink *s, struct span line);
void sink_flush(struct sink *s);          /* writes what the place takes without waiting */
static inline bool sink_is_pending(const struct sink *s) { return buf_len(&s->out) > 0; }
