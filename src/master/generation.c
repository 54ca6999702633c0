/* generation.c - from the zygote's start to the last process's end.
 *
 * Woken  by the zygote's socket and its end, by its workers (generation_look), by edges (switched,
 *        drained), by the timer of its state, by its site.
 * Owns   zygote, workers, yard, bells.
 * Not    which generation is to serve: site.c.
 */
#include "master/annexes.h"
#include "master/generation.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "master/reread.h"
#include "master/routes.h"
#include "master/site.h"
#include "master/sites.h"
#include "master/supervise.h"
#include "master/watcher.h"
#include "master/workers.h"
#include "master/zygote.h"

enum {
    FORKING_AT_ONCE =
        4, /* workers asked for and not named yet: bounds what is under way in sockets */
    SWITCH_LIMIT_MS =
        10000, /* an edge that does not answer does not hold the others up for longer */
    KILL_AGAIN_MS = 1000,
};

static const char *const state_names[GENERATION_STATES] = {
    [GENERATION_STARTING] = "starting",   [GENERATION_FORKING] = "forking",
    [GENERATION_SWITCHING] = "switching", [GENERATION_SERVING] = "serving",
    [GENERATION_RETIRING] = "retiring",   [GENERATION_LEAVING] = "leaving",
};

const char *generation_state_name(enum generation_state state)
{
    return state_names[state];
}

static void set_timer(struct generation *g, int64_t delay_ms)
{
    if (timer_set(g->site->master->loop, &g->timer, delay_ms) < 0)
        log_error("no memory for a timer", "generation=%u", g->number);
}

struct worker *generation_worker(const struct generation *g, uint32_t index)
{
    return index < g->workers_count ? &g->workers[index] : NULL;
}

/* ---- the end ---- */

static void hang_up_zygote(struct generation *g)
{
    loop_unwatch(&g->zygote_watch);
    (void)sys_close(g->zygote_fd);
    g->zygote_fd = -1;
}

const struct master_start *generation_start(const struct generation *g)
{
    return g->options ? &g->options->start : g->site->start;
}

static void free_now(struct loop_garbage *garbage)
{
    struct generation *g = container_of(garbage, struct generation, garbage);
    sys_free(g->workers);
    sys_free(g->text);
    reread_free(g->options);
    json_decref(g->report);
    sys_free(g);
}

static void bury(struct generation *g)
{
    struct site *site = g->site;
    struct master *m = site->master;
    list_remove(&g->node);
    site->current = site->current == g ? NULL : site->current;
    site->next = site->next == g ? NULL : site->next;
    timer_off(m->loop, &g->timer);
    for (unsigned i = 0; i < g->workers_count; i++)
        worker_done(&g->workers[i]);
    for (unsigned i = 0; i < YARD_EDGES_MAX; i++)
        (void)sys_close(g->bells[i]);
    if (g->yard.at)
        yard_done(&g->yard);
    (void)sys_close(g->yard_fd);
    (void)sys_close(g->annex_fd);
    log_debug("generation ended", "generation=%u", g->number);
    loop_free_later(m->loop, &g->garbage, free_now);
    if (site->is_gone)
        sites_sweep(m);
    master_step(m);
}

static bool is_empty(const struct generation *g)
{
    for (unsigned i = 0; i < g->workers_count; i++)
        if (g->workers[i].state != WORKER_ENDED)
            return false;
    return !child_runs(&g->zygote);
}

void generation_leave(struct generation *g)
{
    if (g->state == GENERATION_LEAVING)
        return;
    if (g->state == GENERATION_STARTING) /* it imports and would not look at its socket for long */
        child_signal(&g->zygote, SIGKILL);
    g->state = GENERATION_LEAVING;
    edges_tell(&g->site->master->edges, CHANNEL_FORGET, g);
    g->known = 0;
    set_timer(g, generation_start(g)->conf->harakiri_grace_ms);
    for (unsigned i = 0; i < g->workers_count; i++)
        worker_leave(&g->workers[i]);            /* the last one may already bury it: nothing is set after this */
    hang_up_zygote(g);
    generation_look(g);
}

void generation_kill(struct generation *g)
{
    child_signal(&g->zygote, SIGKILL);
    for (unsigned i = 0; i < g->workers_count; i++)
        worker_kill(&g->workers[i]);
}

void generation_retire(struct generation *g)
{
    g->state = GENERATION_RETIRING;
    g->drained = 0;
    set_timer(g, g->site->master->conf->drain_timeout_ms);
    edges_tell(&g->site->master->edges, CHANNEL_RETIRE, g);
    generation_drained(g, YARD_EDGES_MAX);
}

static void fail(struct generation *g, const char *sentence, const char *traceback)
{
    struct site *site = g->site;
    generation_leave(g);
    site_failed(site, g, sentence, traceback);
}

/* ---- the switch ---- */

static void serve(struct generation *g)
{
    timer_off(g->site->master->loop, &g->timer);
    g->state = GENERATION_SERVING;
    site_serves(g->site, g);
}

static void begin_switch(struct generation *g)
{
    g->state = GENERATION_SWITCHING;
    g->switched = 0;
    set_timer(g, SWITCH_LIMIT_MS);
    edges_tell(&g->site->master->edges, CHANNEL_SWITCH, g);
}

/* Also an edge that leaves must have answered: it has closed its listeners by then. */
static void serve_when_all_switched(struct generation *g)
{
    uint32_t edges = edges_wanted(&g->site->master->edges) | g->known;
    if (g->state == GENERATION_SWITCHING && (edges & ~g->switched) == 0)
        serve(g);
}

void generation_switched(struct generation *g, unsigned edge)
{
    g->switched |= 1u << edge;
    serve_when_all_switched(g);
}

/* edge YARD_EDGES_MAX: nobody answered, but maybe nobody has to. */
void generation_drained(struct generation *g, unsigned edge)
{
    if (edge < YARD_EDGES_MAX)
        g->drained |= 1u << edge;
    if (g->state == GENERATION_RETIRING && (g->known & ~g->drained) == 0)
        generation_leave(g);
}

void generations_lost_edge(struct master *m, unsigned edge)
{
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next) {
        struct site *site = container_of(s, struct site, node);
        struct list *next;
        for (struct list *n = site->generations.next; n != &site->generations; n = next) {
            struct generation *g = container_of(n, struct generation, node);
            next = n->next;
            if (g->yard.at)
                frame_abandon(&g->yard, edge);
            g->known &= ~(1u << edge);
            g->switched &= ~(1u << edge);
            generation_drained(g, YARD_EDGES_MAX);
            serve_when_all_switched(g);
        }
    }
}

/* ---- its workers ---- */

static unsigned count_workers(const struct generation *g, enum worker_state state)
{
    unsigned count = 0;
    for (unsigned i = 0; i < g->workers_count; i++)
        count += g->workers[i].state == state;
    return count;
}

static bool is_unsettled(const struct generation *g)
{
    for (unsigned i = 0; i < g->workers_count; i++)
        if (!g->workers[i].is_settled)
            return true;
    return false;
}

static void fork_due(struct generation *g)
{
    unsigned under_way = count_workers(g, WORKER_FORKING);
    for (unsigned i = 0; i < g->workers_count && under_way < FORKING_AT_ONCE; i++) {
        struct worker *w = &g->workers[i];
        if (w->state != WORKER_WAITING || !w->is_due)
            continue;
        if (g->zygote_fd < 0) { /* never extended: what is on disk may have changed */
            if (g->state == GENERATION_SERVING)
                site_needs_workers(g->site);
            return;
        }
        worker_go(w);
        under_way += w->state == WORKER_FORKING;
    }
}

static void fail_without_workers(struct generation *g)
{
    char sentence[WORKER_FAILURE_BYTES + 128];
    const struct worker *first = g->workers;
    const char *how = !first ? "" : first->failure[0] ? first->failure : first->last_end;
    (void)snprintf(sentence, sizeof sentence,
                   "no worker came up: each ended before it was ready%s%s%s", how[0] ? " (" : "",
                   how, how[0] ? ")" : "");
    fail(g, sentence, "");
}

static void look_once(struct generation *g)
{
    if (generation_is_live(g))
        fork_due(g);
    if (g->state == GENERATION_FORKING && !is_unsettled(g)) {
        if (count_workers(g, WORKER_READY) > 0)
            begin_switch(g);
        else
            fail_without_workers(g);
    }
}

/* Called from within what it itself sets off, so it only notes that and looks again. */
void generation_look(struct generation *g)
{
    g->looks_again = true;
    if (g->is_looking)
        return;
    g->is_looking = true;
    while (g->looks_again) {
        g->looks_again = false;
        look_once(g);
    }
    g->is_looking = false;
    if (g->state == GENERATION_LEAVING && !list_empty(&g->node) && is_empty(g))
        bury(g);
}

/* ---- its zygote ---- */

static int make_yard(struct generation *g)
{
    struct master *m = g->site->master;
    unsigned edges = m->edges.count;
    struct yard_shape shape = yard_shape_for(edges, g->workers_count, g->threads);
    int rc = yard_make(&g->yard, &shape, g->number, &g->yard_fd);
    if (rc < 0) {
        g->yard = (struct yard){ .at = NULL };
        g->yard_fd = -1;
    }
    for (unsigned i = 0; i < edges && rc == 0; i++) {
        int fd = sys_eventfd(0, O_NONBLOCK);
        g->bells[i] = fd < 0 ? -1 : fd;
        rc = fd < 0 ? fd : 0;
    }
    return rc;
}

static int make_workers(struct generation *g)
{
    g->workers = sys_calloc(g->workers_wanted, sizeof *g->workers);
    if (!g->workers)
        return -ENOMEM;
    g->workers_count = g->workers_wanted;
    for (unsigned i = 0; i < g->workers_count; i++)
        worker_init(&g->workers[i], g, i);
    return 0;
}

/* All that workers and edges need of it.  0, or -errno with a sentence (CONF_WHY_BYTES). */
static int make(struct generation *g, char *note, char *why)
{
    int rc = g->is_excuse ? 0 : annexes_read(g, why);
    if (rc < 0)
        return rc;
    g->text = routes_text(generation_start(g), g->report, note);
    rc = g->text ? make_workers(g) : -ENOMEM;
    rc = rc < 0 ? rc : make_yard(g);
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "no memory to share with %u workers: %s", g->workers_wanted,
                       strerror(-rc));
    return rc;
}

static void imported(struct generation *g, json_t *report)
{
    char note[CONF_WHY_BYTES], why[CONF_WHY_BYTES];
    struct site *site = g->site;
    g->report = json_incref(report);
    if (make(g, note, why) < 0) {
        fail(g, why, "");
        return;
    }
    generation_log_import(g, note);
    timer_off(site->master->loop, &g->timer);
    g->state = GENERATION_FORKING;
    edges_tell_generation(&site->master->edges, g);
    generation_look(g);
}

/* The next request gets the new templates: time to tell the browsers. */
static void looked(struct generation *g, uint64_t count)
{
    g->looks = count;
    if (g->state == GENERATION_SERVING && generation_start(g)->conf->live)
        edges_tell_changed(&g->site->master->edges, g);
}

static void hear(struct generation *g, json_t *message)
{
    const char *event = json_text(message, "event", "");
    if (strcmp(event, "ready") == 0 && g->state == GENERATION_STARTING)
        imported(g, message);
    else if (strcmp(event, "failed") == 0 && g->state == GENERATION_STARTING)
        fail(g, json_text(message, "error", "the project cannot be imported"),
             json_text(message, "traceback", ""));
    else if (strcmp(event, "watch") == 0)
        watcher_hear(g->site->master->watcher, g, message);
    else if (strcmp(event, "looked") == 0)
        looked(g, (uint64_t)json_int(message, "count", 0));
    else
        log_debug("zygote says", "generation=%u event=%s", g->number, event);
}

/* Everything it has said so far; hangs up at the end. */
static void hear_all(struct generation *g)
{
    json_t *message;
    while (g->zygote_fd >= 0) {
        int rc = zygote_read(g->zygote_fd, &message);
        if (rc == -EAGAIN)
            return;
        if (rc <= 0) {
            if (rc < 0)
                log_error("zygote cannot be understood", "generation=%u error=%d", g->number, -rc);
            hang_up_zygote(g);
            return;
        }
        hear(g, message);
        json_decref(message);
    }
}

void generation_look_again(struct generation *g)
{
    static const char look[] = "{\"do\":\"look\"}";
    if (g->zygote_fd < 0 || g->state > GENERATION_SERVING)
        return;
    ssize_t sent = sys_send(g->zygote_fd, look, sizeof look - 1, MSG_DONTWAIT);
    if (sent < 0)
        log_warn("templates are not read again", "generation=%u error=%d", g->number, (int)-sent);
}

static void run_zygote(struct watch *watch)
{
    struct generation *g = container_of(watch, struct generation, zygote_watch);
    hear_all(g);
    watch->ready &= ~(unsigned)LOOP_READ;
}

static void zygote_ended(struct child *c, pid_t pid, int status, int64_t peak_kib)
{
    struct generation *g = container_of(c, struct generation, zygote);
    char text[CHILD_STATUS_BYTES], sentence[160];
    (void)child_status_text(status, text);
    hear_all(g);                                  /* its last words may not have been read yet */
    if (g->zygote_fd >= 0)
        hang_up_zygote(g);
    if (g->state == GENERATION_STARTING || g->state == GENERATION_FORKING) {
        (void)snprintf(sentence, sizeof sentence,
                       "the process that imports the project ended by itself (%s)", text);
        fail(g, sentence, "");
    } else if (generation_is_live(g)) {
        log_warn("zygote died", "generation=%u pid=%d %s peak_kib=%" PRId64, g->number, (int)pid,
                 text, peak_kib);
    }
    generation_look(g);
}

/* One edge that hangs does not hold the others up; but a start without any edge is none. */
static void give_up_switch(struct generation *g)
{
    log_error("edges do not answer", "generation=%u switched=%x", g->number, g->switched);
    if (!g->site->current && g->switched == 0)
        fail(g, "the edge process does not work; its own words are above this line", "");
    else
        serve(g);
}

static void time_up(struct timer *t)
{
    struct generation *g = container_of(t, struct generation, timer);
    char sentence[200];
    switch (g->state) {
    case GENERATION_STARTING:
        (void)snprintf(sentence, sizeof sentence, "importing the project took longer than %" PRId64
                       " ms (option start-timeout)", generation_start(g)->conf->start_timeout_ms);
        fail(g, sentence, "");
        break;
    case GENERATION_SWITCHING:
        give_up_switch(g);
        break;
    case GENERATION_RETIRING:
        if (terminal_is_wanted_in(g)) {
            set_timer(g, g->site->master->conf->drain_timeout_ms);
            break;
        }
        log_warn("requests of the old generation are cut",
                 "generation=%u drain_timeout_ms=%" PRId64, g->number,
                 g->site->master->conf->drain_timeout_ms);
        generation_leave(g);
        break;
    case GENERATION_LEAVING:
        generation_kill(g);
        set_timer(g, KILL_AGAIN_MS);
        break;
    case GENERATION_FORKING: case GENERATION_SERVING: case GENERATION_STATES:
        break;
    }
}

/* The first generation starts with what the master was started with. */
static int read_options(struct generation *g, char *why)
{
    struct master *m = g->site->master;
    bool is_read = g->site->attempts++ > 0 && !g->is_excuse; /* what cannot be read may be the excuse */
    if (is_read)
        g->options = reread_new(g->site->start, why);
    if (is_read && !g->options)
        return -EINVAL;
    int rc = is_read && !m->conf->sites[0] ? server_options_read(m, why) : 0;
    rc = rc < 0 || g->is_excuse ? rc : annexes_read(g, why);
    if (rc == 0 && is_read)
        rc = sites_compare(m, g->site, g->options, why);
    if (rc == 0 && is_read)
        rc = sites_keep_hosts(m, g->site, g->options->conf, why);
    if (rc == 0 && (is_read || !certificates_know(&m->certificates, g->site)))
        rc = (g->site->current ? certificates_check : certificates_reload)(&m->certificates, g->site,
                                                                           generation_start(g)->conf, why);
    if (rc < 0)
        return rc;
    g->workers_wanted = project_workers(generation_start(g)->conf);
    g->threads = (unsigned)generation_start(g)->conf->threads;
    return 0;
}

static int start_zygote(struct generation *g, const struct zygote_excuse *excuse, char *why)
{
    struct master *m = g->site->master;
    struct zygote_start z = { .start = generation_start(g),
                              .excuse = excuse,
                              .generation = g->number,
                              .workers = g->workers_wanted,
                              .output_fd = m->logs.output_fds[1],
                              .error_fd = m->logs.output_fds[1] };
    pid_t pid = zygote_spawn(&z, &g->user, &g->zygote_fd, why);
    if (pid < 0) {
        g->zygote_fd = -1;
        return pid;
    }
    child_add(&m->children, &g->zygote, pid);
    return loop_watch(m->loop, &g->zygote_watch, g->zygote_fd, run_zygote);
}

struct generation *generation_new(struct site *site, const struct zygote_excuse *excuse, char *why)
{
    struct generation *g = sys_calloc(1, sizeof *g);
    if (!g) {
        (void)snprintf(why, CONF_WHY_BYTES, "no memory for a new generation");
        return NULL;
    }
    g->site = site;
    g->is_excuse = excuse != NULL;
    g->number = ++site->master->generations;
    g->annex_fd = g->zygote_fd = g->yard_fd = g->zygote_watch.fd = -1;
    g->started_us = sys_now_us();
    for (unsigned i = 0; i < YARD_EDGES_MAX; i++)
        g->bells[i] = -1;
    child_init(&g->zygote, zygote_ended);
    timer_init(&g->timer, time_up);
    list_add_before(&site->generations, &g->node);
    why[0] = '\0';
    int rc = read_options(g, why);
    set_timer(g, generation_start(g)->conf->start_timeout_ms);
    if (rc == 0)
        rc = start_zygote(g, excuse, why);
    if (rc == 0)
        return g;
    if (!why[0])
        (void)snprintf(why, CONF_WHY_BYTES, "cannot watch the application's process: %s",
                       strerror(-rc));
    generation_leave(g);
    return NULL;
}
