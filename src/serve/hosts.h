/* hosts.h - whose a host name is: the sites of a server by the names of their option `hosts`.
 *
 * Names     exact, or "*.example.com" for every name below that (not example.com itself), or "*" for
 *           all that no other site has.  Compared without case, port, and a dot at the end.
 * Of several that fit, the longest counts.
 * Owner     the names are copied; what they lead to stays the caller's.
 */
#pragma once
#include <stddef.h>
#include "base/span.h"

struct host_row;

struct hosts {
    struct host_row *rows;        /* by name */
    size_t count;
    void *everybody;              /* of "*"; NULL: nobody */
};

/* 0, -ENOMEM; -EEXIST: another one has the name.  `whose` is not NULL. */
int hosts_add(struct hosts *h, struct span name, void *whose);
/* Whose this name itself is, not one that fits; NULL: nobody's. */
void *hosts_owner(const struct hosts *h, struct span name);
void hosts_give(struct hosts *h, struct span name, void *whose);      /* one that has an owner */
void hosts_remove(struct hosts *h, const void *whose);      /* all its names */
void hosts_done(struct hosts *h);
/* `host` as in struct request: with or without a port.  NULL: nobody's. */
void *hosts_find(const struct hosts *h, struct span host);
