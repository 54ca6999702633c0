/* place.c - see place.h. */
#include "scribe/place.h"

/* A log that goes to the journal has no other place. */
void place_init(struct place *p, const char *where, const struct place_kind *kind)
{
    bool is_journal = journal_is_meant(where);
    p->journal = (struct journal){ .fd = -1 };
    if (is_journal)
        journal_init(&p->journal, where);
    sink_init(&p->sink, is_journal ? "off" : where, kind->lent_fd, kind->has_stamps, kind->confined);
    p->sink.name = kind->name;
}

void place_done(struct place *p)
{
    sink_done(&p->sink);
    journal_done(&p->journal);
}

void place_access(struct place *p, struct span line, struct span site)
{
    if (place_is_journal(p))
        journal_access(&p->journal, line, site);
    else
        sink_line(&p->sink, line);
}

void place_look(struct place *p)
{
    uint64_t dropped = place_is_journal(p) ? journal_back(&p->journal) : 0;
    if (dropped > 0)
        sink_say_dropped(&p->sink, dropped);
    sink_look(&p->sink);
}

uint64_t place_dropped(const struct place *p)
{
    return p->sink.dropped_ever + p->journal.dropped;
}

bool place_waits(const struct place *p)
{
    return sink_is_pending(&p->sink) && !p->sink.path && !p->sink.is_held;
}

bool place_is_busy(const struct place *p)
{
    return (p->sink.was_refused && p->sink.path) || attic_is_busy(&p->sink.attic);
}
