/* site.c - one generation serves, one may be on its way, older ones drain.
 */
#include "master/site.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "master/reread.h"
#include "master/metrics.h"
#include "master/supervise.h"
#include "master/sites.h"
#include "master/watcher.h"
#include "master/zygote.h"

static void renew(struct timer *t);

void site_init(struct site *s, struct master *m, const struct master_start *start)
{
    *s = (struct site){ .master = m, .id = ++m->site_ids, .start = start, .conf = start->conf,
                        .project = start->project };
    list_init(&s->generations);
    list_init(&s->waiting);
    list_init(&s->waiting_again);
    timer_init(&s->timer, renew);
    annexes_init(&s->annexes, s);
    maintenance_init(&s->maintenance, s);
    list_add_before(&m->sites, &s->node);
}

const struct conf *site_conf(const struct site *s)
{
    return s->current ? generation_start(s->current)->conf : s->conf;
}

static void answer(struct list *waiting, const json_t *reply)
{
    while (!list_empty(waiting)) {
        struct control_client *c = container_of(waiting->next, struct control_client, waiting);
        list_remove(&c->waiting);
        control_answer(c, reply);
    }
}

static void move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *node = from->next;
        list_remove(node);
        list_add_before(to, node);
    }
}

void site_break(struct site *s, const char *sentence)
{
    s->is_broken = true;
    (void)snprintf(s->fault, sizeof s->fault, "%s", sentence);
}

bool site_has_hosts(const struct site *s)
{
    bool is_read = s->start->project != NULL;            /* the file itself is right: no hosts are all */
    return !s->is_broken || is_read || s->conf->hosts.count > 0;
}

static void begin(struct site *s)
{
    char why[CONF_WHY_BYTES];
    timer_off(s->master->loop, &s->timer);
    bool is_well = !s->is_broken || sites_mend(s, why) == 0;
    s->next = is_well ? generation_new(s, NULL, why) : NULL;
    if (!s->next)
        site_failed(s, NULL, why, "");
    else
        notify_look(&s->master->notify);
}

static void begin_another(struct site *s)
{
    if (!s->wants_another || s->next || s->master->phase != MASTER_SERVING)
        return;
    s->wants_another = false;
    move_all(&s->waiting_again, &s->waiting);
    begin(s);
}

void site_sweep(struct site *s)
{
    char path[METRICS_PATH_BYTES];
    metrics_path(path, s->project->control);
    metrics_clear(path);
}

void site_start(struct site *s)
{
    site_sweep(s); /* the last one may have been killed */
    maintenance_watch(&s->maintenance);
    if (s->start->excuse)
        site_failed(s, NULL, s->start->excuse, "");
    else if (s->is_broken)
        site_failed(s, NULL, s->fault, "");
    else
        begin(s);
}

void site_reload(struct site *s, struct control_client *client)
{
    if (s->next) {
        s->wants_another = true;
        if (client)
            list_add_before(&s->waiting_again, &client->waiting);
        return;
    }
    if (client)
        list_add_before(&s->waiting, &client->waiting);
    s->master->reloads++;
    log_info("reload", "site=%s generation=%u", s->project->name, s->master->generations + 1);
    begin(s);
}

void site_reload_now(struct site *s)
{
    struct generation *half = s->next;
    if (half && half->state == GENERATION_SWITCHING) {
        s->wants_another = true;                 /* it is as good as there */
        return;
    }
    s->next = NULL;
    if (half)
        generation_leave(half);
    s->master->reloads++;
    log_info("reload", "site=%s generation=%u", s->project->name, s->master->generations + 1);
    begin(s);
}

void site_await(struct site *s, struct control_client *client)
{
    if (s->next) {
        list_add_before(&s->waiting, &client->waiting);
        return;
    }
    json_t *reply = s->current ? json_pack("{s:b, s:I}", "ok", 1, "generation", (json_int_t)s->current->number)
                               : json_pack("{s:b, s:s}", "ok", 0, "error", "it could not be started");
    control_answer(client, reply);
    json_decref(reply);
}

bool site_is_down(const struct site *s)
{
    return (s->attempts > 0 || s->is_broken) && !s->current && !s->next;
}

void site_go(struct site *s)
{
    s->is_gone = true;
    site_give_up_next(s);
    edges_tell_site_gone(&s->master->edges, s);
    if (s->current)
        generation_retire(s->current);
    sites_sweep(s->master);
}

static void renew(struct timer *t)
{
    struct site *s = container_of(t, struct site, timer);
    if (!s->next && !s->current && !s->is_gone && s->master->phase == MASTER_SERVING) {
        log_debug("site is tried again", "site=%s", s->project->name);
        begin(s);
    } else if (!s->next && !s->is_gone && s->master->phase == MASTER_SERVING) {
        log_info("new generation", "site=%s reason=\"the zygote that forks workers is gone\"",
                 s->project->name);
        begin(s);
    }
}

void site_needs_workers(struct site *s)
{
    if (s->next || s->timer.due_ms != 0)
        return;
    if (timer_set(s->master->loop, &s->timer, backoff_next(&s->backoff, 0, BACKOFF_MOST_MS)) < 0)
        log_error("no memory for a timer", "site=%s", s->project->name);
}

static void answer_serving(struct site *s, const struct generation *g)
{
    const char *error = json_text(g->report, "error", "");
    const struct master *m = s->master;
    bool is_whole = !m->conf->sites[0] && !m->start->is_development;        /* the server and its only site */
    const char *waits = !g->options ? "" : is_whole ? m->change_waits : g->options->waits;
    json_t *reply = error[0] ? json_pack("{s:b, s:s, s:s}", "ok", 0, "error", error, "traceback",
                                         json_text(g->report, "traceback", ""))
                             : json_pack("{s:b, s:I, s:s}", "ok", 1, "generation", (json_int_t)g->number,
                                         "waits", waits);
    answer(&s->waiting, reply);
    json_decref(reply);
}

/* They were looked at before it began. */
static void take_certificates(const struct site *s, const struct generation *g)
{
    char why[CONF_WHY_BYTES];
    if (certificates_reload(&s->master->certificates, s, generation_start(g)->conf, why) < 0)
        log_error("certificates not replaced, the old ones serve on", "site=%s error=\"%s\"", s->project->name, why);
}

void site_serves(struct site *s, struct generation *g)
{
    struct generation *old = s->current;
    s->current = g;
    s->next = NULL;
    s->backoff = (struct backoff){ 0 };
    s->fault[0] = '\0';
    if (old && g->options)
        take_certificates(s, g);
    if ((old || s->master->is_announced) && !json_text(g->report, "error", "")[0])
        log_info("generation serves", "site=%s generation=%u", s->project->name, g->number);
    master_announce(s->master, g);
    if (old)
        notify_reloaded(&s->master->notify, s->project->name, g->number, NULL);
    watcher_serves(s->master->watcher, g);
    annexes_watch(&s->annexes);
    maintenance_watch(&s->maintenance);
    answer_serving(s, g);
    if (!s->master->conf->sites[0])
        server_options_take(s->master);
    if (old)
        generation_retire(old);
    begin_another(s);
}

/* Under `run` the browser is to show it, and the next save to mend it. */
static bool show_error(struct site *s, const struct generation *failed, const char *sentence,
                       const char *traceback)
{
    char why[CONF_WHY_BYTES];
    const struct zygote_excuse excuse = { sentence, traceback };
    if (!s->master->start->is_development || (failed && failed->is_excuse))
        return false;
    logs_write(&s->master->logs, span_of(traceback));
    log_error("the project cannot be served", "site=%s error=\"%s\"", s->project->name, sentence);
    s->next = generation_new(s, &excuse, why);
    return s->next != NULL;
}

/* Tried again after a while: a database may come up, a file be mended.  Said once, not each time. */
static void is_down(struct site *s, bool is_new)
{
    if (is_new)
        log_error("site cannot be served", "site=%s error=\"%s\"", s->project->name, s->fault);
    edges_tell_site_down(&s->master->edges, s);
    site_needs_workers(s);
    master_announce(s->master, NULL);
}

static void is_refused(struct site *s)
{
    log_error("new generation refused, the old one serves on", "site=%s generation=%u error=\"%s\"",
              s->project->name, s->current->number, s->fault);
    begin_another(s);
    generation_look(s->current); /* it may still need workers that it cannot fork itself */
}

void site_failed(struct site *s, struct generation *g, const char *sentence, const char *traceback)
{
    s->next = NULL;
    server_options_leave(s->master);
    if (s->current)
        notify_reloaded(&s->master->notify, s->project->name, s->current->number, sentence);
    json_t *reply = json_pack("{s:b, s:s, s:s}", "ok", 0, "error", sentence, "traceback",
                              traceback);
    answer(&s->waiting, reply);
    json_decref(reply);
    if (s->master->phase != MASTER_SERVING || show_error(s, g, sentence, traceback))
        return;
    if (!s->current && !s->file) {
        master_fail(s->master, sentence, traceback);
        return;
    }
    bool is_new = strcmp(s->fault, sentence) != 0 || s->current;
    (void)snprintf(s->fault, sizeof s->fault, "%s", sentence);
    if (is_new)
        logs_write(&s->master->logs, span_of(traceback));
    if (!s->current)
        is_down(s, is_new);
    else
        is_refused(s);
}

static void each(struct site *s, void (*act)(struct generation *))
{
    struct list *next;
    for (struct list *n = s->generations.next; n != &s->generations; n = next) {
        next = n->next;
        act(container_of(n, struct generation, node));
    }
}

void site_leave(struct site *s)
{
    each(s, generation_leave);
}

void site_kill(struct site *s)
{
    each(s, generation_kill);
}

void site_give_up_next(struct site *s)
{
    timer_off(s->master->loop, &s->timer);
    s->wants_another = false;
    move_all(&s->waiting_again, &s->waiting);
    if (s->next) {
        struct generation *g = s->next;
        s->next = NULL;
        generation_leave(g);
    }
    json_t *reply = json_pack("{s:b, s:s}", "ok", 0, "error", "slipway is stopping");
    answer(&s->waiting, reply);
    json_decref(reply);
}

bool site_is_empty(const struct site *s)
{
    return list_empty(&s->generations);
}

void site_done(struct site *s)
{
    timer_off(s->master->loop, &s->timer);
    annexes_done(&s->annexes);
    maintenance_done(&s->maintenance);
    list_remove(&s->node);
}
