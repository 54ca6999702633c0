/* conf_guess.c - "did you mean": the nearest name by edits, after the names other servers use. */
#include <limits.h>
#include "conf/conf_private.h"

enum { NAME_BYTES_MAX = 32, EDITS_MAX = 2 };

/* What people bring along in their fingers from gunicorn, uWSGI, uvicorn and nginx. */
static const struct { struct span theirs; enum conf_option ours;
} borrowed[] = {
    { SPAN("bind"), CONF_listen },
    { SPAN("port"), CONF_listen },
    { SPAN("host"), CONF_listen },
    { SPAN("http"), CONF_listen },
    { SPAN("socket"), CONF_listen },
    { SPAN("processes"), CONF_workers },
    { SPAN("procs"), CONF_workers },
    { SPAN("module"), CONF_app },
    { SPAN("wsgi"), CONF_app },
    { SPAN("virtualenv"), CONF_venv },
    { SPAN("home"), CONF_venv },
    { SPAN("timeout"), CONF_harakiri_ms },
    { SPAN("keepalive"), CONF_idle_timeout_ms },
    { SPAN("keep-alive"), CONF_idle_timeout_ms },
    { SPAN("graceful-timeout"), CONF_drain_timeout_ms },
    { SPAN("static-map"), CONF_static_map },
    { SPAN("ini"), CONF_config },
    { SPAN("env"), CONF_env_file },
    { SPAN("client-max-body-size"), CONF_body_limit_bytes },
    { SPAN("buffer-size"), CONF_head_limit_bytes },
    { SPAN("access-logfile"), CONF_access_log },
    { SPAN("log-file"), CONF_log },
    { SPAN("root-path"), CONF_mount },
    { SPAN("directory"), CONF_chdir },
    { SPAN("forwarded-allow-ips"), CONF_trusted_peers },
    { SPAN("set-real-ip-from"), CONF_trusted_peers },
    { SPAN("trusted-proxies"), CONF_trusted_peers },
    { SPAN("trusted-hosts"), CONF_trusted_peers },
    { SPAN("real-ip-header"), CONF_trusted_field },
};

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Damerau's distance, in three rows. */
unsigned conf_edits(struct span a, struct span b)
{
    if (a.len > NAME_BYTES_MAX || b.len > NAME_BYTES_MAX)
        return UINT_MAX;
    unsigned rows[3][NAME_BYTES_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b.len; j++)
        last[j] = before[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned differs = a.at[i - 1] != b.at[j - 1];
            row[j] = least_of(last[j - 1] + differs, least_of(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
                row[j] = least_of(row[j], before[j - 2] + 1);
        }
        unsigned *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.len];
}

const struct conf_row *conf_guess(struct span name)
{
    const struct conf_row *nearest = NULL;
    unsigned fewest = EDITS_MAX + 1;
    if (name.len < 2)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(borrowed); i++)
        if (span_eq(name, borrowed[i].theirs))
            return conf_row(borrowed[i].ours);
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++) {
        struct span ours = span_of(conf_row(i)->name);
        unsigned count = conf_edits(name, ours);
        if (count < fewest && count * 2 <= name.len) {
            fewest = count;
            nearest = conf_row(i);
        }
    }
    for (enum conf_option i = 0; i < CONF_OPTIONS && !nearest && name.len >= 4; i++)
        if (span_starts(span_of(conf_row(i)->name), name))
            nearest = conf_row(i);
    return nearest;
}
