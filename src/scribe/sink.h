/* sink.h - one place where lines go: a file, standard output or standard error, or nowhere.
 *
 * Lines gather in a buffer of SINK_BYTES_MAX and are written in batches.  When the place takes
 * nothing (a stopped terminal, a full pipe, a full disk) lines are dropped and counted, and the
 * count is said once there is room.
 * Files    are opened for appending, and anew when asked, when another one has their name
 *          (logrotate) or when they are gone.  They hold whole lines: what a full disk cuts off
 *          is taken back, and a file that another process left within a line gets its end first.
 * Rotated  by size, and at the ends of periods of the clock (a file whose last line is of an
 *          earlier period is rotated before the next line, also after a restart); what becomes of
 *          rotated files: attic.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "scribe/attic.h"

enum { SINK_BYTES_MAX = 1024 * 1024 };

struct sink_rotation {
    int64_t size_bytes;           /* a file is not longer, but for a single line that is; 0: any length */
    int64_t every_ms;             /* 0: at any time */
    int64_t keep;                 /* rotated files; 0: all */
    bool packs;                   /* gzip for them */
};

struct sink {
    const char *path;             /* of a file; NULL for a descriptor that was lent */
    const char *name;             /* of its lines, in messages: "log", "access log" */
    struct confined *confined;    /* NULL: nothing confines us */
    int fd;                       /* -1: nowhere (now) */
    bool is_off;                  /* wanted nowhere */
    bool has_stamps;              /* each line gets the time in front: files of the log */
    bool is_held;                 /* lines wait in the buffer; pdb has the terminal */
    bool was_refused;             /* the place took nothing: wait until poll says it does */
    bool is_regular;              /* a file that can be rotated */
    uint64_t dropped;             /* since it was last said */
    uint64_t dropped_ever, rotated;
    void (*tell)(void *user, struct span line);      /* where the count is said; NULL: here */
    void *tell_user;
    struct buf out;
    int64_t looked_us;            /* when the file's name was last compared */
    int64_t rotate_failed_us;     /* 0: it did not */
    int64_t file_bytes;           /* of the file */
    int64_t period;               /* of its lines: since 1970, rotation.every_ms each */
    struct sink_rotation rotation;          /* all zero: others rotate */
    struct attic attic;
};

/* A place that was lent is not written to, or is again; files always are. */
void sink_hold(struct sink *s, bool holds);
/* where: "-" is `lent_fd`, "off" nothing, else a file.  confined: where files may be opened; NULL: anywhere. */
struct confined;
void sink_init(struct sink *s, const char *where, int lent_fd, bool has_stamps, struct confined *confined);
/* After sink_init(); of a file only.  What was left uncompressed is taken up. */
void sink_rotate(struct sink *s, const struct sink_rotation *how);
void sink_done(struct sink *s);
void sink_reopen(struct sink *s);
void sink_line(struct sink *s, struct span line);
/* Lines that another scribe had not written yet, as they would have been. */
void sink_put_back(struct sink *s, struct span lines);
void sink_flush(struct sink *s);          /* writes what the place takes without waiting */
void sink_say_dropped(struct sink *s, uint64_t count);       /* where its count is said */
void sink_own_up(struct sink *s);         /* says what it dropped, if anything */
void sink_look(struct sink *s);           /* now and then: after the attic's thread */
/* Now, as a stamp has it: "2026-11-24T07:18:19.123Z"; its length. */
enum { SINK_STAMP_BYTES = 32 };
size_t sink_stamp(char into[SINK_STAMP_BYTES]);
static inline bool sink_is_pending(const struct sink *s) { return buf_len(&s->out) > 0; }
