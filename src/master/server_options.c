/* server_options.c - see server_options.h. */
#include "master/server_options.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/listen.h"
#include "master/reread.h"
#include "master/site.h"
#include "master/supervise.h"

struct server_change {
    struct conf *conf;            /* all of them: those that wait have the value that they had */
    struct listeners listeners;
    bool is_of_edges;             /* one that they read is another */
};

/* ---- what is another ---- */

static bool has_changed(const struct conf *was, const struct conf *is, enum conf_option option)
{
    struct buf one = { 0 }, other = { 0 };
    bool is_read = conf_value_text(was, option, &one) == 0 && conf_value_text(is, option, &other) == 0;
    bool differs = is_read && !span_eq(buf_span(&one), buf_span(&other));
    buf_done(&one);
    buf_done(&other);
    return differs;
}

static void wait_for_start(enum conf_option option, char names[WAITING_BYTES])
{
    size_t len = strlen(names);
    log_warn("option changed", "option=%s takes_effect=\"at the next start\"", conf_row(option)->name);
    (void)snprintf(names + len, WAITING_BYTES - len, "%s%s", len > 0 ? ", " : "", conf_row(option)->name);
}

/* The certificates of clients are the business of the master (certificates.h), and no edge begins anew for them. */
static bool is_read_by_edges(enum conf_option option)
{
    return conf_row(option)->where == CONF_OF_SERVER && conf_row(option)->on_reload &&
           option != CONF_tls_client_ca && option != CONF_tls_client;
}

void server_options_wait(const struct conf *was, const struct conf *is, bool is_development,
                         char names[WAITING_BYTES])
{
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++) {
        bool waits = !conf_row(i)->on_reload || (is_development && is_read_by_edges(i));
        if (waits && has_changed(was, is, i))
            wait_for_start(i, names);
    }
}

/* ---- addresses ---- */

/* What the service manager passes is there from the start; and so are tickets and certificates. */
static bool is_fixed(const struct conf *c, const struct master *m)
{
    if (c->origin[CONF_listen].source == CONF_BUILT_IN)
        return true;
    for (size_t i = 0; i < c->listen.count; i++) {
        struct listen_spec s;
        bool is_known = listen_parse(span_of(c->listen.items[i]), &s) == NULL;
        if (!is_known || s.kind == LISTEN_FD || s.kind == LISTEN_NAMED || s.kind == LISTEN_SYSTEMD ||
            (s.is_tls && !m->certificates.master))
            return true;
    }
    return false;
}

static int keep_values(struct master *m, struct conf *c, char *why)
{
    int rc = 0;
    for (enum conf_option i = 0; i < CONF_OPTIONS && rc == 0; i++)
        if (!conf_row(i)->on_reload)
            rc = conf_keep_value(c, m->conf, i);
    if (rc == 0 && has_changed(m->conf, c, CONF_listen) && (is_fixed(m->conf, m) || is_fixed(c, m))) {
        wait_for_start(CONF_listen, m->change_waits);
        rc = conf_keep_value(c, m->conf, CONF_listen);
    }
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "no memory to read the options again");
    return rc;
}

/* ---- reading ---- */

static int compare(struct master *m, struct server_change *change, char *why)
{
    const struct conf *c = change->conf;
    bool differs = false;
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++) {
        if (!has_changed(m->conf, c, i))
            continue;
        differs = true;
        change->is_of_edges |= is_read_by_edges(i);
    }
    int rc = !differs ? -EALREADY
             : has_changed(m->conf, c, CONF_spool_dir) ? master_check_spool(m, c->spool_dir, why) : 0;
    return rc < 0 ? rc : listeners_open_more(&m->listeners, c, &change->listeners, why);
}

static void change_free(struct server_change *change)
{
    if (change)
        conf_free(change->conf);
    sys_free(change);
}

int server_options_read(struct master *m, char *why)
{
    server_options_leave(m);
    m->change_waits[0] = '\0';
    if (m->start->is_development)         /* its options are partly made, not read */
        return 0;
    struct server_change *change = sys_calloc(1, sizeof *change);
    (void)snprintf(why, CONF_WHY_BYTES, "no memory to read the options again");
    int rc = change && (change->conf = conf_new()) ? 0 : -ENOMEM;
    rc = rc < 0 ? rc : conf_load(change->conf, m->start->argc, m->start->argv, m->start->envp, why);
    if (rc == 0)
        server_options_wait(m->conf, change->conf, false, m->change_waits);
    rc = rc < 0 ? rc : keep_values(m, change->conf, why);
    rc = rc < 0 ? rc : compare(m, change, why);
    if (rc == 0)
        m->change = change;
    else
        change_free(change);
    return rc == -EALREADY ? 0 : rc;
}

/* ---- the end of it ---- */

/* What comes later inherits from these. */
static void tell_sites(struct master *m)
{
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        struct site *s = container_of(n, struct site, node);
        if (s->first)
            s->first->start.server = m->conf;
    }
}

static void take_authorities(struct master *m)
{
    char why[CONF_WHY_BYTES];
    if (m->conf->sites[0] && certificates_reload(&m->certificates, NULL, m->conf, why) < 0)
        log_error("certificates not replaced, the old ones serve on", "error=\"%s\"", why);
}

void server_options_take(struct master *m)
{
    struct server_change *change = m->change;
    const struct conf *old = m->conf;
    if (!change)
        return;
    m->change = NULL;
    m->conf = change->conf;
    change->conf = NULL;
    listeners_take(&m->listeners, &change->listeners, m->conf);
    tell_sites(m);
    log_set(log_level_of(m->conf->log_level), "master");
    certificates_look(&m->certificates);
    take_authorities(m);
    if (change->is_of_edges) {
        log_info("options of the server are others", "edges=\"are replaced one by one\"");
        edges_renew(&m->edges);
    }
    if (old != m->start->conf)
        conf_free((struct conf *)(uintptr_t)old);
    change_free(change);
}

void server_options_leave(struct master *m)
{
    if (!m->change)
        return;
    listeners_leave(&m->listeners, &m->change->listeners);
    change_free(m->change);
    m->change = NULL;
}
