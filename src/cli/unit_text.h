/* unit_text.h - the text of a systemd unit that serves a project, hardened as far as it does no harm.
 *
 * What it may write is what is known to be written: MEDIA_ROOT, the folder of a SQLite file and more that
 * the project's settings name (python/slipway/look_writes.py), log files, the spool, Unix sockets.
 */
#pragma once
#include "base/buf.h"
#include "base/json.h"
#include "conf/project.h"

struct unit_site {
    const struct conf *c;
    const struct project *p;
    const json_t *report;         /* of master_probe() */
};

struct unit_facts {
    const struct conf *c;         /* of the server: where there is one site, its own */
    const struct unit_site *sites;
    size_t sites_count;
    const char *name;             /* of the unit, without its ending */
    const char *program;          /* absolute path of slipway */
    bool has_socket;              /* sockets are opened by NAME.socket */
};

/* 0 or -ENOMEM. */
int unit_service(const struct unit_facts *f, struct buf *out);
int unit_socket(const struct unit_facts *f, struct buf *out);
