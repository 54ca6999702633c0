/* sites.c - see sites.h. */
#include "master/sites.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/folder.h"
#include "master/reread.h"
#include "master/site.h"
#include "master/supervise.h"

/* ---- the environment of a site: ours, without what was meant for the server ---- */

static bool is_for_server(const char *variable)
{
    static const struct span names[] = { SPAN("SLIPWAY_"), SPAN("PORT="), SPAN("WEB_CONCURRENCY="),
                                         SPAN("DJANGO_SETTINGS_MODULE="), SPAN("VIRTUAL_ENV=") };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_starts(span_of(variable), names[i]))
            return true;
    return false;
}

static int make_environment(struct master *m)
{
    size_t count = 0, kept = 0;
    while (m->start->envp[count])
        count++;
    m->site_envp = sys_calloc(count + 1, sizeof *m->site_envp);
    for (size_t i = 0; m->site_envp && i < count; i++)
        if (!is_for_server(m->start->envp[i]))
            m->site_envp[kept++] = m->start->envp[i];
    return m->site_envp ? 0 : -ENOMEM;
}

/* ---- one file ---- */

static struct site *of_file(const struct master *m, const char *file)
{
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        struct site *s = container_of(n, struct site, node);
        if (!s->is_gone && s->file && strcmp(s->file, file) == 0)
            return s;
    }
    return NULL;
}

struct site *sites_find(const struct master *m, const char *name)
{
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        struct site *s = container_of(n, struct site, node);
        if (!s->is_gone && (!name[0] || strcmp(s->project->name, name) == 0))
            return s;
    }
    return NULL;
}

static bool has_host(const struct conf *c, const char *host)
{
    if (c->hosts.count == 0)
        return strcmp(host, "*") == 0;
    for (size_t i = 0; i < c->hosts.count; i++)
        if (span_eq_nocase(span_of(c->hosts.items[i]), span_of(host)))
            return true;
    return false;
}

static bool has_lost_file(const struct site *s)
{
    struct stat st;
    return s->file && sys_stat(s->file, &st) == -ENOENT;
}

/* What its file says now of a host; false when nobody can tell. */
static bool file_says(const struct site *s, const char *host, bool has_it)
{
    char why[CONF_WHY_BYTES];
    if (!s->file)
        return false;
    if (has_lost_file(s))
        return !has_it;
    struct conf *conf = conf_new();
    int rc = conf ? conf_load_site(conf, s->start->server, s->file, s->start->envp, why) : -ENOMEM;
    bool says = rc == 0 && has_host(conf, host) == has_it;
    conf_free(conf);
    return says;
}

/* A host that the other one's file has no more is free: it moves when the new site serves. */
static int compare_hosts(const struct conf *c, const struct site *other, const struct conf *theirs, char *why)
{
    for (size_t i = 0; i == 0 || i < c->hosts.count; i++) {
        const char *host = c->hosts.count == 0 ? "*" : c->hosts.items[i];
        if (!has_host(theirs, host) || file_says(other, host, false))
            continue;
        (void)snprintf(why, CONF_WHY_BYTES,
                       strcmp(host, "*") == 0
                           ? "the site %.63s has every host already: hosts = NAME in its file or this one"
                           : "the site %.63s has the host %.200s already",
                       other->project->name, host);
        return -EEXIST;
    }
    return 0;
}

static int compare(const struct reread *r, const struct site *other, char *why)
{
    int rc = compare_hosts(r->conf, other, site_conf(other), why);
    if (rc == 0 && other->next)
        rc = compare_hosts(r->conf, other, generation_start(other->next)->conf, why);
    if (rc < 0 || strcmp(other->project->name, r->project.name) != 0 || has_lost_file(other))
        return rc;
    (void)snprintf(why, CONF_WHY_BYTES, "another site is called %.63s, too: site = NAME", r->project.name);
    return -EEXIST;
}

int sites_compare(const struct master *m, const struct site *site, const struct reread *r, char *why)
{
    int rc = 0;
    for (struct list *n = m->sites.next; n != &m->sites && rc == 0; n = n->next) {
        const struct site *other = container_of(n, struct site, node);
        if (other != site && !other->is_gone && !other->is_broken)
            rc = compare(r, other, why);
    }
    return rc;
}

/* By the file of a site that does not serve it yet. */
static bool is_asked_for(const struct master *m, const struct site *site, const char *host)
{
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        const struct site *other = container_of(n, struct site, node);
        bool has_it = other->current && has_host(site_conf(other), host);
        if (other != site && !other->is_gone && !has_it && file_says(other, host, true))
            return true;
    }
    return false;
}

/* With canonical-host it would be sent elsewhere for good. */
int sites_keep_hosts(const struct master *m, const struct site *site, struct conf *conf, char *why)
{
    const struct conf_list *had = &site_conf(site)->hosts;
    int rc = 0;
    if (!site->current || conf->hosts.count == 0 || conf->canonical_host[0])
        return 0;
    for (size_t i = 0; (i == 0 || i < had->count) && rc == 0; i++) {
        const char *host = had->count == 0 ? "*" : had->items[i];
        if (!has_host(conf, host) && conf->hosts.count < CONF_LIST_MAX && is_asked_for(m, site, host))
            rc = conf_set(conf, SPAN("hosts"), span_of(host), conf->origin[CONF_hosts].source,
                          conf->origin[CONF_hosts].place, why);
    }
    return rc;
}

/* What cannot be served is not begun.  `site` NULL: one that comes. */
static struct reread *read_file(struct master *m, const struct site *site, const struct master_start *start, char *why)
{
    struct reread *r = reread_new(start, why);
    if (r && sites_compare(m, site, r, why) == 0 && master_check_log("access-log", r->conf->access_log, why) == 0)
        return r;
    reread_free(r);
    return NULL;
}

/* Those of its hosts that nobody serves. */
static void leave_hosts_of_others(const struct master *m, struct conf *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->hosts.count; i++) {
        bool is_theirs = false;
        for (struct list *n = m->sites.next; n != &m->sites && !is_theirs; n = n->next) {
            const struct site *other = container_of(n, struct site, node);
            is_theirs = !other->is_gone && site_has_hosts(other) && has_host(site_conf(other), c->hosts.items[i]);
        }
        if (!is_theirs)
            c->hosts.items[kept++] = c->hosts.items[i];
    }
    c->hosts.count = kept;
}

/* In the place of what cannot be read: its name, and hosts as far as its file tells. */
static struct reread *read_stand_in(const struct master *m, const struct master_start *start)
{
    struct reread *r = sys_calloc(1, sizeof *r);
    struct conf *c = r ? conf_new() : NULL;
    if (!c) {
        sys_free(r);
        return NULL;
    }
    conf_glance_at_site(c, m->conf, start->site_file);
    leave_hosts_of_others(m, c);
    (void)snprintf(r->project.name, sizeof r->project.name, "%s", c->site);
    r->conf = c;
    r->start = *start;
    r->start.conf = c;
    return r;
}

static struct site *new_site(struct master *m, struct master_start *seed, char *why)
{
    struct site *s = sys_calloc(1, sizeof *s);
    struct reread *r = s ? read_file(m, NULL, seed, why) : NULL;
    bool is_broken = s && !r;
    if (is_broken)
        r = read_stand_in(m, seed);
    if (!r) {
        sys_free(s);
        return NULL;
    }
    site_init(s, m, &r->start);
    s->project = &r->project;
    s->first = r;
    if (is_broken)
        site_break(s, why);
    return s;
}

/* NULL: no memory. */
static struct site *add_file(struct master *m, const char *file, char *why)
{
    struct master_start seed = *m->start;
    char *own = sys_strdup(file);
    seed.server = m->conf;
    seed.site_file = own;
    seed.project = NULL;
    seed.envp = m->site_envp;
    (void)snprintf(why, CONF_WHY_BYTES, "no memory");
    struct site *s = own ? new_site(m, &seed, why) : NULL;
    if (s)
        s->file = own;
    else
        sys_free(own);
    return s;
}

int sites_mend(struct site *s, char *why)
{
    struct master *m = s->master;
    struct reread *r = read_file(m, s, s->start, why);
    if (!r || certificates_reload(&m->certificates, s, r->conf, why) < 0) {
        reread_free(r);
        return -EINVAL;
    }
    reread_free(s->first);
    s->first = r;
    s->start = &r->start;
    s->conf = r->conf;
    s->project = &r->project;
    s->is_broken = false;
    s->attempts = 0;
    logs_site(&m->logs, s);
    edges_tell_site(&m->edges, s);
    return 0;
}

int sites_some(const struct master *m, char *why)
{
    const struct site *broken = NULL;
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        const struct site *s = container_of(n, struct site, node);
        if (!s->is_broken)
            return 0;
        broken = broken ? broken : s;
    }
    (void)snprintf(why, CONF_WHY_BYTES, broken ? "no site can be served: %.400s%s" : "%.400s has no file NAME.ini%s",
                   broken ? broken->fault : m->conf->sites, "");
    return -ENOENT;
}

/* ---- the folder ---- */

struct listing {
    char **files;
    size_t count;
    const char *folder;
};

static int add_name(void *ctx, const char *name)
{
    struct listing *l = ctx;
    char path[FOLDER_BYTES];
    const struct span ending = SPAN(".ini");
    if (name[0] == '.' || !span_ends(span_of(name), ending) || folder_join(path, l->folder, name) < 0)
        return 0;
    char **files = sys_realloc(l->files, (l->count + 1) * sizeof *files);
    if (!files)
        return -ENOMEM;
    l->files = files;
    files[l->count] = sys_strdup(path);
    if (!files[l->count])
        return -ENOMEM;
    l->count++;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        sys_free(l->files[i]);
    sys_free(l->files);
}

static int list_files(struct listing *l, const char *folder)
{
    *l = (struct listing){ .folder = folder };
    int rc = folder_each(folder, add_name, l);
    if (rc == 0 && l->count > 1)
        qsort(l->files, l->count, sizeof *l->files, by_name);
    return rc;
}

static bool has_file(const struct listing *l, const char *file)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->files[i], file) == 0)
            return true;
    return false;
}

/* Of FOLDER/NAME.ini. */
static bool is_called(const char *file, const char *name)
{
    struct span own = span_of(folder_name(file));
    own.len -= strlen(".ini");
    return !name[0] || span_eq(own, span_of(name));
}

/* errors NULL: at the start, when the site begins later with all others, and says itself what is wrong. */
static void add_new(struct master *m, const struct listing *l, const char *only, json_t *errors)
{
    char why[CONF_WHY_BYTES];
    for (size_t i = 0; i < l->count; i++) {
        if (of_file(m, l->files[i]) || !is_called(l->files[i], only))
            continue;
        struct site *s = add_file(m, l->files[i], why);
        if (!s)
            log_error("site is not served", "file=%s error=\"%s\"", l->files[i], why);
        if (s && errors) {
            logs_site(&m->logs, s);
            edges_tell_site(&m->edges, s);
            site_start(s);
        }
        if (errors && (!s || s->is_broken))
            (void)json_array_append_new(errors, json_sprintf("%s: %s", folder_name(l->files[i]), why));
    }
}

int sites_open(struct master *m, char *why)
{
    struct listing l;
    if (!m->conf->sites[0]) {
        struct site *site = sys_calloc(1, sizeof *site);
        if (site)
            site_init(site, m, m->start);
        return site ? 0 : -ENOMEM;
    }
    int rc = make_environment(m);
    if (rc == 0)
        rc = list_files(&l, m->conf->sites);
    if (rc < 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "%s: cannot read the folder %.300s: %s",
                       conf_origin_text(m->conf, CONF_sites), m->conf->sites, strerror(-rc));
        return rc;
    }
    add_new(m, &l, "", NULL);
    listing_done(&l);
    return sites_some(m, why);
}

void sites_start(struct master *m)
{
    struct list *next;
    for (struct list *n = m->sites.next; n != &m->sites && m->phase == MASTER_SERVING; n = next) {
        next = n->next;
        site_start(container_of(n, struct site, node));
    }
}

/* The server's own file: what is wrong with it leaves all as it was. */
static void read_server(struct master *m, json_t *errors)
{
    char why[CONF_WHY_BYTES];
    if (!m->conf->sites[0])
        return;
    if (server_options_read(m, why) == 0) {
        server_options_take(m);
        return;
    }
    log_error("options of the server stay as they are", "error=\"%s\"", why);
    (void)json_array_append_new(errors, json_string(why));
}

json_t *sites_read_again(struct master *m, const char *only)
{
    struct listing l = { 0 };
    uint32_t last = m->site_ids;
    json_t *names = json_array(), *errors = json_array();
    if (!only[0])
        read_server(m, errors);
    int rc = m->conf->sites[0] ? list_files(&l, m->conf->sites) : 0;
    if (rc < 0)
        (void)json_array_append_new(errors, json_sprintf("%s: %s", m->conf->sites, strerror(-rc)));
    if (rc == 0 && m->conf->sites[0])
        add_new(m, &l, only, errors);
    for (struct list *n = m->sites.next, *next; n != &m->sites; n = next) {
        struct site *s = container_of(n, struct site, node);
        next = n->next;
        if (s->is_gone || (only[0] && strcmp(only, s->project->name) != 0 && (!s->file || !is_called(s->file, only))))
            continue;
        if (rc == 0 && s->file && !has_file(&l, s->file))
            site_go(s);
        else if (!s->is_broken || s->id <= last)        /* else there is nothing to wait for */
            (void)json_array_append_new(names, json_string(s->project->name));
    }
    listing_done(&l);
    return json_pack("{s:b, s:o, s:o, s:s}", "ok", 1, "sites", names, "errors", errors, "waits",
                     only[0] ? "" : m->change_waits);
}

static void free_site(struct site *s)
{
    reread_free(s->first);
    sys_free(s->file);
    sys_free(s);
}

static void free_later(struct loop_garbage *garbage)
{
    free_site(container_of(garbage, struct site, garbage));
}

void sites_sweep(struct master *m)
{
    for (struct list *n = m->sites.next, *next; n != &m->sites; n = next) {
        struct site *s = container_of(n, struct site, node);
        next = n->next;
        if (!s->is_gone || !site_is_empty(s))
            continue;
        log_info("site is gone", "site=%s", s->project->name);
        logs_site_gone(&m->logs, s);
        certificates_forget(&m->certificates, s);
        site_done(s);
        loop_free_later(m->loop, &s->garbage, free_later);   /* its last worker is just being buried */
    }
}

void sites_done(struct master *m)
{
    while (!list_empty(&m->sites)) {
        struct site *s = container_of(m->sites.next, struct site, node);
        site_done(s);
        free_site(s);
    }
    sys_free(m->site_envp);
}
