/* place.h - where the lines of one log go: a file, standard output or standard error, nowhere (sink.h), or
 * systemd's journal (journal.h).
 */
#pragma once
#include "scribe/journal.h"
#include "scribe/sink.h"

struct place {
    struct sink sink;             /* off when it is the journal */
    struct journal journal;       /* path NULL: it is not */
};

/* name: of its lines, in messages; `where` (as the option has it), it and `confined` outlive the place. */
struct place_kind {
    const char *name;
    int lent_fd;                  /* for "-" */
    bool has_stamps;
    struct confined *confined;
};
void place_init(struct place *p, const char *where, const struct place_kind *kind);
void place_done(struct place *p);
static inline bool place_is_journal(const struct place *p) { return p->journal.path != NULL; }
/* A line of the access log; site: whose it is, "" where nobody can tell. */
void place_access(struct place *p, struct span line, struct span site);
/* Once a turn: sink_look(), and what the journal dropped is said once it takes entries again. */
void place_look(struct place *p);
uint64_t place_dropped(const struct place *p);        /* since it was made */
/* poll() is to say when it takes more; and: it is to be looked at again in a while. */
bool place_waits(const struct place *p);
bool place_is_busy(const struct place *p);
