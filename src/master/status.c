/* status.c - reads the scoreboard of each generation and what the edges told last. */
#include "master/status.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/sys.h"
#include "master/site.h"
#include "master/supervise.h"
#include "master/workers.h"

static int64_t rss_kib(pid_t pid)
{
    char path[64], text[128];
    long pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    int fd = pid > 0 ? sys_open(path, O_RDONLY, 0) : -1;
    ssize_t got = fd < 0 ? -1 : sys_read(fd, text, sizeof text - 1);
    (void)sys_close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    return sscanf(text, "%*d %ld", &pages) == 1 ? (int64_t)pages * (sysconf(_SC_PAGESIZE) / 1024)
                                                : 0;
}

/* What its threads do: busy when one is; since when the latest of them is in that state. */
static const char *state_of(const struct worker *w, int64_t now_us, int64_t *since_ms)
{
    const struct generation *g = w->generation;
    int64_t since_us = w->asked_us;
    bool is_busy = false;
    for (unsigned i = 0; g->yard.at && i < g->threads; i++) {
        const struct yard_thread *t = yard_thread(&g->yard, w->index, i);
        int64_t changed_us = (int64_t)atomic_load_explicit(&t->since_us, memory_order_relaxed);
        bool busy = atomic_load_explicit(&t->state, memory_order_relaxed) == THREAD_BUSY;
        if (busy && !is_busy)
            since_us = changed_us;
        else if (busy == is_busy && changed_us > since_us)
            since_us = changed_us;
        is_busy = is_busy || busy;
    }
    if (w->state != WORKER_READY)
        since_us = w->asked_us;
    *since_ms = since_us > 0 && now_us > since_us ? (now_us - since_us) / 1000 : 0;
    return w->state != WORKER_READY ? worker_state_name(w->state) : is_busy ? "busy" : "idle";
}

static json_t *worker_row(const struct worker *w, int64_t now_us)
{
    int64_t since_ms;
    const char *state = state_of(w, now_us, &since_ms);
    return json_pack("{s:i, s:i, s:s, s:I, s:I, s:I, s:I, s:i}", "id", (int)w->index, "pid",
                     (int)w->child.pid, "state", state, "requests", (json_int_t)worker_requests(w),
                     "since_ms", (json_int_t)since_ms, "generation",
                     (json_int_t)w->generation->number, "rss_kib",
                     (json_int_t)rss_kib(w->child.pid), "restarts", (int)w->deaths);
}

static json_t *worker_rows(const struct site *s)
{
    json_t *rows = json_array();
    int64_t now_us = sys_now_us();
    for (struct list *n = s->generations.next; n != &s->generations; n = n->next) {
        const struct generation *g = container_of(n, struct generation, node);
        for (unsigned i = 0; i < g->workers_count; i++)
            if (g->workers[i].state != WORKER_ENDED)
                (void)json_array_append_new(rows, worker_row(&g->workers[i], now_us));
    }
    return rows;
}

static json_t *edge_rows(const struct edges *e)
{
    char why[160];
    json_t *rows = json_array();
    for (unsigned i = 0; i < e->count; i++) {
        if (e->places[i].is_spare)
            continue;
        json_t *row = e->places[i].stats ? json_read(span_of(e->places[i].stats), why) : NULL;
        if (!json_is_object(row)) {
            json_decref(row);
            row = json_object();
        }
        (void)json_object_set_new(row, "id", json_integer(i));
        (void)json_object_set_new(row, "pid", json_integer(e->places[i].child.pid));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *generation_rows(const struct site *s)
{
    json_t *rows = json_array();
    for (struct list *n = s->generations.next; n != &s->generations; n = n->next) {
        const struct generation *g = container_of(n, struct generation, node);
        (void)json_array_append_new(rows,
                                    json_pack("{s:I, s:s}", "generation", (json_int_t)g->number,
                                              "state", generation_state_name(g->state)));
    }
    return rows;
}

static json_t *urls(const struct listeners *l)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < l->count; i++)
        (void)json_array_append_new(rows, json_string(l->all[i].url));
    return rows;
}

static const char *phase_name(const struct master *m, const struct site *s)
{
    return m->phase != MASTER_SERVING ? "draining" : s->current ? "serving" : "starting";
}

static json_t *site_row(const struct master *m, const struct site *s)
{
    const struct generation *g = s->current;
    const json_t *report = g ? g->report : NULL;
    const struct conf *c = site_conf(s);
    json_t *hosts = json_array();
    for (size_t i = 0; i < c->hosts.count; i++)
        (void)json_array_append_new(hosts, json_string(c->hosts.items[i]));
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "site", s->project->name,
                     "state", s->is_gone ? "going" : site_is_down(s) ? "failed" : phase_name(m, s),
                     "generation", (json_int_t)(g ? g->number : 0), "framework", json_text(report, "framework", ""),
                     "application", json_text(report, "application", ""), "folder", s->project->folder,
                     "access_log", c->access_log, "access_format", c->access_format,
                     "hosts", hosts, "generations", generation_rows(s), "workers", worker_rows(s), "maintenance",
                     maintenance_row(&s->maintenance), "error", s->fault);
}

/* Of a server of several sites. */
static json_t *server_status(const struct master *m)
{
    json_t *sites = json_array();
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next)
        (void)json_array_append_new(sites, site_row(m, container_of(n, struct site, node)));
    return json_pack("{s:b, s:s, s:i, s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o}", "ok", 1, "version", SLIPWAY_VERSION,
                     "pid", (int)getpid(), "state", m->phase == MASTER_SERVING ? "serving" : "draining",
                     "url", urls(&m->listeners), "uptime_s", (json_int_t)((sys_now_us() - m->started_us) / 1000000),
                     "restarts", (json_int_t)m->restarts, "reloads", (json_int_t)m->reloads, "edges",
                     edge_rows(&m->edges), "certificates", certificates_rows(&m->certificates), "sites", sites);
}

static json_t *logs_row(const struct master *m)
{
    struct log_counts counts = logs_counts(&m->logs);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "access", m->conf->access_log, "format",
                     m->conf->access_format, "log", m->conf->log, "access_dropped",
                     (json_int_t)counts.access_dropped, "log_dropped", (json_int_t)counts.log_dropped,
                     "rotated", (json_int_t)counts.rotated);
}

static json_t *site_status(const struct master *m)
{
    const struct site *s = container_of(m->sites.next, struct site, node);
    const struct generation *g = s->current;
    const json_t *report = g ? g->report : NULL;
    return json_pack("{s:b, s:s, s:s, s:i, s:s, s:o, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:o, "
                     "s:o, s:o, s:o, s:o}",
                     "ok", 1, "site", s->project->name, "version", SLIPWAY_VERSION,
                     "pid", (int)getpid(), "state", phase_name(m, s), "url", urls(&m->listeners),
                     "generation", (json_int_t)(g ? g->number : 0),
                     "uptime_s", (json_int_t)((sys_now_us() - m->started_us) / 1000000),
                     "framework", json_text(report, "framework", ""),
                     "python", json_text(report, "python", ""),
                     "application", json_text(report, "application", ""),
                     "settings", json_text(report, "settings", ""),
                     "restarts", (json_int_t)m->restarts, "reloads", (json_int_t)m->reloads,
                     "generations", generation_rows(s), "edges", edge_rows(&m->edges),
                     "workers", worker_rows(s), "certificates",
                     certificates_rows(&m->certificates), "maintenance", maintenance_row(&s->maintenance));
}

json_t *status_make(const struct master *m)
{
    json_t *status = m->conf->sites[0] ? server_status(m) : site_status(m);
    (void)json_object_set_new(status, "logs", logs_row(m));
    return status;
}
