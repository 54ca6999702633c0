/* notify.c - the state is looked up, not kept: what is told cannot differ from what is so. */
#include "master/notify.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/json.h"
#include "base/log.h"
#include "base/sys.h"
#include "conf/env_file.h"
#include "master/site.h"
#include "master/supervise.h"
#include "master/workers.h"

enum { STATUS_MS = 5000, RETRY_MS = 100, SIGNS_A_WATCHDOG = 3, TIME_BYTES = 32, DOWN_BYTES = 48 };

/* ---- the line for people ---- */

static int64_t count_requests(const struct edges *all)
{
    char why[160];
    int64_t requests = 0;
    for (unsigned i = 0; i < all->count; i++) {
        json_t *row = all->places[i].stats ? json_read(span_of(all->places[i].stats), why) : NULL;
        requests += json_int(row, "requests", 0);
        json_decref(row);
    }
    return requests;
}

static unsigned count_workers(const struct master *m, unsigned *sites)
{
    unsigned workers = 0;
    *sites = 0;
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        const struct site *s = container_of(n, struct site, node);
        const struct generation *g = s->current;
        *sites += !s->is_gone;
        for (unsigned i = 0; g && i < g->workers_count; i++)
            workers += g->workers[i].state == WORKER_READY || g->workers[i].state == WORKER_RESTING;
    }
    return workers;
}

/* " (2 cannot be served)", or nothing. */
static void describe_down(const struct master *m, char text[DOWN_BYTES])
{
    unsigned down = 0;
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        const struct site *s = container_of(n, struct site, node);
        down += !s->is_gone && !s->current && s->fault[0];
    }
    text[0] = '\0';
    if (down > 0)
        (void)snprintf(text, DOWN_BYTES, " (%u cannot be served)", down);
}

static void describe_serving(struct notify *n, char text[NOTIFY_STATUS_BYTES])
{
    char down[DOWN_BYTES];
    const struct master *m = n->master;
    unsigned sites, workers = count_workers(m, &sites);
    int64_t now_us = sys_now_us(), requests = count_requests(&m->edges);
    int64_t passed_ms = (now_us - n->asked_us) / 1000, more = requests - n->asked_requests;
    double a_second = n->asked_us > 0 && passed_ms > 0 && more > 0 ? (double)more * 1000 / (double)passed_ms : 0;
    describe_down(m, down);
    (void)snprintf(text, NOTIFY_STATUS_BYTES,
                   "%u site%s%s, %u worker%s, %u edge%s, %" PRId64 " requests (%.1f a second), %" PRIu64
                   " reload%s%s%s",
                   sites, sites == 1 ? "" : "s", down, workers, workers == 1 ? "" : "s", edges_running(&m->edges),
                   edges_running(&m->edges) == 1 ? "" : "s", requests, a_second, m->reloads,
                   m->reloads == 1 ? "" : "s", n->reload[0] ? ", the last one: " : "", n->reload);
}

static void describe(struct notify *n, enum notify_state state, char text[NOTIFY_STATUS_BYTES])
{
    const char *words = n->master->last_words;
    switch (state) {
    case NOTIFY_STARTING:
        (void)snprintf(text, NOTIFY_STATUS_BYTES, "importing the project");
        break;
    case NOTIFY_RELOADING:
        (void)snprintf(text, NOTIFY_STATUS_BYTES, "reloading: the generation before serves until the new one does");
        break;
    case NOTIFY_STOPPING:
        (void)snprintf(text, NOTIFY_STATUS_BYTES, "%.400s", words ? words : "finishing the requests under way");
        break;
    case NOTIFY_NOTHING: case NOTIFY_READY:
        describe_serving(n, text);
        break;
    }
    for (char *at = text; *at; at++)
        if (*at == '\n')
            *at = ' ';                            /* a line is an assignment */
}

/* ---- telling ---- */

static enum notify_state look(const struct master *m)
{
    if (m->phase != MASTER_SERVING)
        return NOTIFY_STOPPING;
    if (!m->is_announced)
        return NOTIFY_STARTING;
    for (struct list *n = m->sites.next; n != &m->sites; n = n->next) {
        const struct site *s = container_of(n, struct site, node);
        if (s->current && s->next)                /* one of several that cannot be served is tried for ever */
            return NOTIFY_RELOADING;
    }
    return NOTIFY_READY;
}

static int add_state(enum notify_state state, char *text, size_t bytes)
{
    switch (state) {
    case NOTIFY_READY:
        return snprintf(text, bytes, "READY=1\nMAINPID=%d\n", (int)getpid());
    case NOTIFY_RELOADING:
        return snprintf(text, bytes, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n", sys_now_us());
    case NOTIFY_STOPPING:
        return snprintf(text, bytes, "STOPPING=1\n");
    case NOTIFY_NOTHING: case NOTIFY_STARTING:
        break;
    }
    return 0;
}

static void tell(struct notify *n, enum notify_state state, bool is_alive)
{
    char text[NOTIFY_STATUS_BYTES + 128], status[NOTIFY_STATUS_BYTES] = "";
    bool is_new = state != n->told || n->is_untold;
    describe(n, state, status);
    int len = is_new ? add_state(state, text, sizeof text) : 0;
    if (is_new || strcmp(status, n->status) != 0)
        len += snprintf(text + len, sizeof text - (size_t)len, "STATUS=%s\n", status);
    if (is_alive)
        len += snprintf(text + len, sizeof text - (size_t)len, "WATCHDOG=1\n");
    int rc = len > 0 ? notify_send(&n->to, (struct span){ text, (size_t)len }) : 0;
    n->told = state;
    n->is_untold = rc < 0 && is_new;
    if (rc == 0)
        memcpy(n->status, status, sizeof n->status);
    if (n->is_untold && timer_set(n->master->loop, &n->timer, RETRY_MS) < 0)
        log_error("no memory for a timer", "part=notify");
}

void notify_look(struct notify *n)
{
    enum notify_state state = n->to.len > 0 ? look(n->master) : n->told;
    if (state != n->told)
        tell(n, state, false);
}

void notify_reloaded(struct notify *n, const char *site, uint32_t generation, const char *sentence)
{
    char at[TIME_BYTES] = "";
    time_t now = (time_t)(sys_wall_us() / 1000000);
    struct tm local;
    if (n->to.len == 0)
        return;
    if (localtime_r(&now, &local))
        (void)strftime(at, sizeof at, "%F %T", &local);
    if (sentence)
        (void)snprintf(n->reload, sizeof n->reload, "%s, %.40s refused: %.150s", at, site, sentence);
    else
        (void)snprintf(n->reload, sizeof n->reload, "%s, %.40s, generation %u", at, site, generation);
    notify_look(n);
}

/* ---- signs of life ---- */

static bool is_alive(const struct notify *n)
{
    const struct edges *all = &n->master->edges;
    bool is_serving = n->master->phase == MASTER_SERVING;
    return n->watchdog_us > 0 && edges_have_answered(all) && (!is_serving || edges_running(all) > 0);
}

static void tick(struct timer *t)
{
    struct notify *n = container_of(t, struct notify, timer);
    bool was_answered = edges_have_answered(&n->master->edges);
    tell(n, look(n->master), is_alive(n));
    n->asked_us = sys_now_us();
    n->asked_requests = count_requests(&n->master->edges);
    if (n->master->phase == MASTER_SERVING && was_answered)
        edges_ask(&n->master->edges);
    if (!n->is_untold && timer_set(n->master->loop, &n->timer, n->tick_ms) < 0)
        log_error("no memory for a timer", "part=notify");
}

static int64_t find_watchdog(char *const *envp)
{
    uint64_t us = 0, pid = 0;
    const char *for_whom = env_value(envp, "WATCHDOG_PID"), *text = env_value(envp, "WATCHDOG_USEC");
    if (!text || span_to_u64(span_of(text), &us) < 0 || us > INT64_MAX)
        return 0;
    bool is_for_us = !for_whom || (span_to_u64(span_of(for_whom), &pid) == 0 && pid == (uint64_t)getpid());
    return is_for_us ? (int64_t)us : 0;
}

void notify_open(struct notify *n, struct master *m)
{
    char *const *envp = m->start->envp;
    const char *socket = env_value(envp, "NOTIFY_SOCKET");
    *n = (struct notify){ .master = m, .tick_ms = STATUS_MS };
    timer_init(&n->timer, tick);
    int rc = notify_find(&n->to, socket);
    if (rc < 0)
        log_warn("the service manager cannot be told", "socket=%.100s error=\"%s\"", socket, strerror(-rc));
    if (n->to.len == 0)
        return;
    n->watchdog_us = find_watchdog(envp);
    int64_t third_ms = n->watchdog_us / 1000 / SIGNS_A_WATCHDOG;
    if (n->watchdog_us > 0 && third_ms < n->tick_ms)
        n->tick_ms = third_ms > 0 ? third_ms : 1;
    tell(n, NOTIFY_STARTING, false);
    if (!n->is_untold && timer_set(m->loop, &n->timer, n->tick_ms) < 0)
        log_error("no memory for a timer", "part=notify");
}

void notify_done(struct notify *n)
{
    if (n->master && n->master->loop)
        timer_off(n->master->loop, &n->timer);
}
