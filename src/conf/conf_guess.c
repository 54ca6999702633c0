/* conf_guess.c - "did you mean": the nearest name by edits, after the names other servers use.
 *
 * docs/nginx.md and docs/uwsgi.md say more of each.
 */
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
    { SPAN("server-name"), CONF_hosts },
    { SPAN("allowed-hosts"), CONF_hosts },
    { SPAN("root"), CONF_static_map },
    { SPAN("alias"), CONF_static_map },
    { SPAN("static-root"), CONF_static_map },
    { SPAN("media-root"), CONF_media },
    { SPAN("index"), CONF_static_index },
    { SPAN("static-index"), CONF_static_index },
    { SPAN("gzip"), CONF_compress },
    { SPAN("gzip-min-length"), CONF_compress_min_bytes },
    { SPAN("gzip-static"), CONF_static_siblings },
    { SPAN("brotli"), CONF_compress },
    { SPAN("expires"), CONF_cache_control },
    { SPAN("static-expires"), CONF_static_max_age_ms },
    { SPAN("add-header"), CONF_header },
    { SPAN("auth-basic"), CONF_basic_auth },
    { SPAN("auth-basic-user-file"), CONF_basic_auth },
    { SPAN("limit-req"), CONF_rate_limit },
    { SPAN("limit-except"), CONF_methods },
    { SPAN("limit-post"), CONF_body_limit_bytes },
    { SPAN("client-body-timeout"), CONF_body_timeout_ms },
    { SPAN("client-header-timeout"), CONF_head_timeout_ms },
    { SPAN("large-client-header-buffers"), CONF_head_limit_bytes },
    { SPAN("keepalive-timeout"), CONF_idle_timeout_ms },
    { SPAN("keepalive-requests"), CONF_requests_limit },
    { SPAN("proxy-read-timeout"), CONF_harakiri_ms },
    { SPAN("uwsgi-read-timeout"), CONF_harakiri_ms },
    { SPAN("proxy-connect-timeout"), CONF_queue_timeout_ms },
    { SPAN("return"), CONF_redirect },
    { SPAN("rewrite"), CONF_redirects },
    { SPAN("ssl-certificate"), CONF_tls_certificate },
    { SPAN("ssl-certificate-key"), CONF_tls_key },
    { SPAN("ssl-client-certificate"), CONF_tls_client_ca },
    { SPAN("internal"), CONF_protected_map },
    { SPAN("error-log"), CONF_log },
    { SPAN("logto"), CONF_log },
    { SPAN("log-format"), CONF_log_format },
    { SPAN("logformat"), CONF_access_format },
    { SPAN("worker-processes"), CONF_edges },
    { SPAN("worker-connections"), CONF_connections },
    { SPAN("wsgi-file"), CONF_app },
    { SPAN("callable"), CONF_app },
    { SPAN("uid"), CONF_user },
    { SPAN("gid"), CONF_group },
    { SPAN("chmod-socket"), CONF_listen },
    { SPAN("chown-socket"), CONF_listen },
    { SPAN("http-socket"), CONF_listen },
    { SPAN("uwsgi-socket"), CONF_listen },
    { SPAN("lazy-apps"), CONF_preload },
    { SPAN("offload-threads"), CONF_helpers },
    { SPAN("emperor"), CONF_sites },
    { SPAN("disable-logging"), CONF_access_only },
    { SPAN("log-slow"), CONF_access_slow_ms },
    { SPAN("log-maxsize"), CONF_log_rotate_size_bytes },
    { SPAN("reload-mercy"), CONF_drain_timeout_ms },
    { SPAN("worker-reload-mercy"), CONF_drain_timeout_ms },
};

/* Lines that uwsgi.ini files have and that say nothing here. */
static const struct span always[] = {
    SPAN("master"), SPAN("vacuum"), SPAN("need-app"), SPAN("strict"), SPAN("die-on-term"), SPAN("single-interpreter"),
    SPAN("thunder-lock"), SPAN("enable-threads"), SPAN("post-buffering"), SPAN("ignore-sigpipe"),
    SPAN("ignore-write-errors"), SPAN("disable-write-exception"), SPAN("py-call-osafterfork"), SPAN("auto-procname"),
    SPAN("procname-prefix"), SPAN("manage-script-name"), SPAN("sendfile"), SPAN("tcp-nopush"), SPAN("tcp-nodelay"),
    SPAN("gzip-vary"), SPAN("gzip-proxied"), SPAN("etag"), SPAN("harakiri-verbose"), SPAN("server-tokens"),
};

/* And what they have that is not to be had. */
static const struct span missing[] = {
    SPAN("max-requests"), SPAN("max-worker-lifetime"), SPAN("reload-on-rss"), SPAN("evil-reload-on-rss"), SPAN("cheaper"),
    SPAN("cheaper-initial"), SPAN("cheaper-algo"), SPAN("attach-daemon"), SPAN("attach-daemon2"), SPAN("cron"),
    SPAN("spooler"), SPAN("mule"), SPAN("mules"), SPAN("gevent"), SPAN("asyncio"), SPAN("daemonize"), SPAN("pidfile"),
    SPAN("proxy-pass"), SPAN("uwsgi-pass"), SPAN("try-files"), SPAN("autoindex"), SPAN("proxy-cache"), SPAN("plugins"),
    SPAN("plugin"), SPAN("touch-reload"), SPAN("py-autoreload"),
};

enum { THEIRS_BYTES_MAX = 40 };

/* "client_max_body_size" is "client-max-body-size". */
static struct span with_hyphens(struct span name, char into[THEIRS_BYTES_MAX])
{
    if (name.len > THEIRS_BYTES_MAX)
        return name;
    for (size_t i = 0; i < name.len; i++)
        into[i] = (char)(name.at[i] == '_' ? '-' : name.at[i]);
    return (struct span){ into, name.len };
}

static bool is_one_of(struct span name, const struct span *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(name, all[i]))
            return true;
    return false;
}

const char *conf_foreign(struct span name)
{
    char bytes[THEIRS_BYTES_MAX];
    name = with_hyphens(name, bytes);
    if (is_one_of(name, always, ARRAY_LEN(always)))
        return "; what it asks for is so in any case: leave the line out";
    if (is_one_of(name, missing, ARRAY_LEN(missing)))
        return "; docs/nginx.md and docs/uwsgi.md say what stands for it here";
    return NULL;
}

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
    char bytes[THEIRS_BYTES_MAX];
    const struct conf_row *nearest = NULL;
    unsigned fewest = EDITS_MAX + 1;
    name = with_hyphens(name, bytes);
    if (name.len < 2 || conf_foreign(name))
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
