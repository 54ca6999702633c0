/* maintenance.h - is a site being worked on?  By the verb, or because the file of maintenance-file is
 * there; the edges are told, also those that start later.
 *
 * Survives reloads and edges; a restart of the master only as a file.
 */
#pragma once
#include "base/json.h"
#include "loop/loop.h"

struct site;

enum { MAINTENANCE_MESSAGE_BYTES = 1000, MAINTENANCE_PAGE_BYTES = 24 * 1024, MAINTENANCE_ALLOWS = 64 };

struct maintenance {
    struct site *site;
    bool is_ordered;              /* by the verb */
    char *message;                /* the verb's; heap, NULL: none */
    json_t *allow;                /* the verb's networks; NULL: none */
    int64_t since_s;              /* of the wall clock: it is on; 0: it is off */
    bool has_file;
    uint64_t stamp;               /* of the file that was read */
    char *text;                   /* what it holds; heap, NULL: nothing */
    struct timer look;
};

void maintenance_init(struct maintenance *m, struct site *s);
void maintenance_done(struct maintenance *m);
void maintenance_watch(struct maintenance *m);       /* looks now, and from now on */
/* {"on":BOOL,"message":TEXT,"allow":[NETWORK,...]}.  NULL, or what is wrong with it. */
const char *maintenance_order(struct maintenance *m, const json_t *request);
json_t *maintenance_row(const struct maintenance *m);     /* for `status`; new */
char *maintenance_say(const struct maintenance *m);       /* of CHANNEL_MAINTENANCE; heap, NULL: no memory */
