/* logs.h - the two pipes that all logs go through, and the scribe that reads them.
 *
 * The master keeps both ends of both pipes: when the scribe ends, what was written waits for the
 * next one.  From logs_start() on the master's own standard error is the output pipe; what the user
 * must see on the terminal (the ready line, the last words) goes through logs_say().
 */
#pragma once
#include "base/span.h"
#include "loop/loop.h"
#include "master/backoff.h"
#include "master/child.h"

struct master;
struct log_counts {
    int64_t access_dropped, log_dropped, rotated;
};

struct logs {
    struct master *master;
    int access_fds[2], output_fds[2];   /* read end, write end; -1 while there is none */
    int terminal_fd;                    /* standard error as we were started */
    int channel_fd;                     /* to the scribe, -1 while there is none */
    struct watch watch;                 /* ... for what it reports */
    struct log_counts counts, before;   /* of this scribe, and of those that have ended */
    int will_fd;                        /* of the scribe before, for the next one; -1 */
    struct child scribe;
    struct timer timer;                 /* before the next start; at the end: its limit */
    struct backoff backoff;
    bool had_terminal;                  /* terminal_fd was one */
    bool is_held;                       /* pdb has the terminal */
    bool is_ending;
};

/* Pipes and the first scribe.  0 or -errno; logs_done() in any case. */
int logs_start(struct logs *l, struct master *m);
void logs_reopen(struct logs *l);
/* A site's own access log, if it has one: lines from the edges may follow. */
struct site;
void logs_site(struct logs *l, const struct site *s);
void logs_site_gone(struct logs *l, const struct site *s);
struct log_counts logs_counts(const struct logs *l);         /* since the start, of all scribes */
/* What would go to the terminal waits in the scribe (bounded), or is written again. */
void logs_hold(struct logs *l, bool holds);
bool logs_lost_terminal(const struct logs *l);   /* SIGHUP then means what it meant of old */
/* Our ends are closed; the scribe writes what is in the pipes and leaves (or is killed 2 s later):
 * master_step(). */
void logs_end(struct logs *l);
void logs_done(struct logs *l);          /* our standard error is the terminal's again */

void logs_say(const struct logs *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text of several lines (a traceback) into the log: never waits, drops what does not fit. */
void logs_write(const struct logs *l, struct span text);
