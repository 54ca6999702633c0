/* site_logs.h - access logs of sites that have a file of their own.
 *
 * Lines of all sites come through one pipe; those of such a site begin with SITE_LOGS_MARK, the number by
 * which the master knows it, and a blank.  Only files that the master named are ever written: an edge,
 * which says the number, cannot choose one.
 */
#pragma once
#include "scribe/sink.h"

#define SITE_LOGS_MARK '\x01'

struct site_log;
struct site_logs {
    struct site_log *first;
    struct sink_rotation rotation;
    void (*tell)(void *user, struct span line);      /* of their sinks */
    void *tell_user;
};

/* "NUMBER PATH": from now on; a number that is there already keeps its file if that is the same.  0, -EBADMSG,
 * -ENOMEM. */
int site_logs_add(struct site_logs *l, struct span text);
void site_logs_remove(struct site_logs *l, struct span number);      /* what it holds is written */
/* Where this line goes, which loses its mark; NULL: to the log of all. */
struct sink *site_logs_find(const struct site_logs *l, struct span *line);
void site_logs_each(const struct site_logs *l, void (*act)(struct sink *));
void site_logs_done(struct site_logs *l);
