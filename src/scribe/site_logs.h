/* site_logs.h - access logs of sites that have a place of their own.
 *
 * Lines of all sites come through one pipe; those of such a site begin with SITE_LOGS_MARK, the number by
 * which the master knows it, and a blank.  Only places that the master named are ever written: an edge,
 * which says the number, cannot choose one.  Sites that name the same place share it.
 */
#pragma once
#include "scribe/place.h"

#define SITE_LOGS_MARK '\x01'

struct site_log;
struct site_number;
struct site_logs {
    struct site_log *first;
    struct site_number *numbers;
    struct sink_rotation rotation;
    int lent_fd;                                     /* for "-" */
    struct confined *confined;
    void (*tell)(void *user, struct span line);      /* of their sinks */
    void *tell_user;
    uint64_t gone_dropped, gone_rotated;             /* of those that are not here any more */
};

/* "NUMBER WHERE\nSITE": from now on; a number that is there already keeps its place if that is the same.
 * 0, -EBADMSG, -ENOMEM. */
int site_logs_add(struct site_logs *l, struct span text);
void site_logs_remove(struct site_logs *l, struct span number);      /* what it holds is written */
/* Where this line goes, which loses its mark, and whose it is; NULL: to the log of all. */
struct place *site_logs_find(const struct site_logs *l, struct span *line, struct span *site);
/* The place of this name; NULL: there is none. */
struct place *site_logs_at(const struct site_logs *l, struct span where);
/* Each place once, until `act` returns true: whether it did. */
bool site_logs_any(const struct site_logs *l, bool (*act)(struct place *, void *), void *user);
uint64_t site_logs_dropped(const struct site_logs *l);
uint64_t site_logs_rotated(const struct site_logs *l);
void site_logs_done(struct site_logs *l);
