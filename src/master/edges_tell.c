/* edges_tell.c - what edges are told of sites, generations and workers, and in which order. */
#include "master/edges.h"
#include <errno.h>
#include "base/sys.h"
#include "master/edge_post.h"
#include "master/generation.h"
#include "master/routes.h"
#include "master/site.h"
#include "master/supervise.h"
#include "master/workers.h"

/* generation 0: at once, else from the switch to it on.  annex_fd: -1 for none. */
static void post_site(struct edge_place *e, const struct site *s, const struct conf *conf, int annex_fd,
                      uint32_t generation)
{
    uint32_t claim = s->current && conf == site_conf(s) ? s->current->number : 0;
    const int fds[2] = { master_site_fd(conf), annex_fd };
    if (fds[0] < 0) {
        edge_post_failed(e, CHANNEL_SITE, fds[0]);
        return;
    }
    edge_post(e, (struct channel_msg){ .kind = CHANNEL_SITE, .site = s->id, .generation = generation, .a = claim },
              SPAN(""), fds, annex_fd >= 0 ? 2 : 1);
    (void)sys_close(fds[0]);
}

static void post_options(struct edge_place *e, const struct generation *g, uint32_t generation)
{
    post_site(e, g->site, generation_start(g)->conf, g->annex_fd, generation);
}

/* An edge that misses it would send every static file to the application. */
static void post_files(struct edge_place *e, const struct generation *g)
{
    struct routes_files files;
    int rc = routes_open(g->text, &g->user, &files);
    if (rc < 0) {
        edge_post_failed(e, CHANNEL_FILES, rc);
        return;
    }
    edge_post(e, (struct channel_msg){ .kind = CHANNEL_FILES, .site = g->site->id, .generation = g->number,
                                  .a = files.readable },
         span_of(files.text), files.fds, files.count);
    routes_close(&files);
}

static void post_generation(struct edge_place *e, struct generation *g)
{
    g->known |= 1u << e->index;
    post_options(e, g, g->site->current ? g->number : 0);      /* the first one: at once, nobody was served yet */
    post_files(e, g);
    int fds[1 + YARD_EDGES_MAX] = { g->yard_fd };
    memcpy(fds + 1, g->bells, e->master->edges.count * sizeof g->bells[0]);
    edge_post(e, (struct channel_msg){ .kind = CHANNEL_GENERATION, .site = g->site->id, .generation = g->number },
         SPAN(""), fds, 1 + e->master->edges.count);
}

static void post_worker(struct edge_place *e, const struct worker *w)
{
    int fds[2] = { w->intake_fd, w->passing_fds[e->index] };
    struct channel_msg msg = { .kind = CHANNEL_WORKER,
                               .site = w->generation->site->id,
                               .generation = w->generation->number,
                               .worker = w->index,
                               .pid = w->child.pid };
    edge_post(e, msg, SPAN(""), fds, 2);
}

void edges_tell(struct edges *all, enum channel_kind kind, const struct generation *g)
{
    for (unsigned i = 0; i < all->count; i++)
        if (!g)
            edge_post_plain(&all->places[i], kind);
        else if (generation_is_known(g, i))
            edge_post_about(&all->places[i], kind, g);
}

void edges_tell_site(struct edges *all, const struct site *s)
{
    if (!site_has_hosts(s))
        return;
    for (unsigned i = 0; i < all->count; i++)
        if (all->places[i].channel_fd >= 0)
            post_site(&all->places[i], s, site_conf(s), -1, 0);
}

static void tell_of_site(struct edges *all, enum channel_kind kind, const struct site *s)
{
    for (unsigned i = 0; i < all->count; i++)
        edge_post(&all->places[i], (struct channel_msg){ .kind = kind, .site = s->id }, SPAN(""), NULL, 0);
}

void edges_tell_site_down(struct edges *all, const struct site *s)
{
    tell_of_site(all, CHANNEL_SITE_DOWN, s);
}

void edges_tell_site_gone(struct edges *all, const struct site *s)
{
    tell_of_site(all, CHANNEL_SITE_GONE, s);
}

static void post_changed(struct edge_place *e, const struct generation *g)
{
    edge_post(e, (struct channel_msg){ .kind = CHANNEL_CHANGED, .site = g->site->id, .generation = g->number,
                                  .a = g->looks },
         SPAN(""), NULL, 0);
}

void edges_tell_changed(struct edges *all, const struct generation *g)
{
    for (unsigned i = 0; i < all->count; i++)
        if (generation_is_known(g, i))
            post_changed(&all->places[i], g);
}

void edges_tell_options(struct edges *all, const struct generation *g)
{
    for (unsigned i = 0; i < all->count; i++)
        if (generation_is_known(g, i))
            post_options(&all->places[i], g, 0);
}

void edges_tell_generation(struct edges *all, struct generation *g)
{
    for (unsigned i = 0; i < all->count; i++)
        if (all->places[i].channel_fd >= 0)        /* else it is told everything when it starts */
            post_generation(&all->places[i], g);
}

void edges_tell_worker(struct edges *all, const struct worker *w)
{
    for (unsigned i = 0; i < all->count; i++)
        if (generation_is_known(w->generation, i))
            post_worker(&all->places[i], w);
}

void edges_tell_about(struct edges *all, enum channel_kind kind, const struct worker *w, int status)
{
    struct channel_msg msg = { .kind = kind,
                               .site = w->generation->site->id,
                               .generation = w->generation->number,
                               .worker = w->index,
                               .pid = w->pid,
                               .a = (uint64_t)(unsigned)status };
    for (unsigned i = 0; i < all->count; i++)
        if (generation_is_known(w->generation, i))
            edge_post(&all->places[i], msg, SPAN(""), NULL, 0);
}

static void post_maintenance(struct edge_place *e, const struct site *s)
{
    char *text = maintenance_say(&s->maintenance);
    if (text)
        edge_post(e, (struct channel_msg){ .kind = CHANNEL_MAINTENANCE, .site = s->id }, span_of(text), NULL, 0);
    else
        edge_post_failed(e, CHANNEL_MAINTENANCE, -ENOMEM);
    sys_free(text);
}

void edges_tell_maintenance(struct edges *all, const struct site *s)
{
    for (unsigned i = 0; i < all->count && !s->is_gone; i++)
        post_maintenance(&all->places[i], s);
}

void edges_tell_certificates(struct edges *all)
{
    const struct channel_msg msg = { .kind = CHANNEL_CERTIFICATES };
    for (unsigned i = 0; i < all->count; i++)
        edge_post(&all->places[i], msg, SPAN(""), &all->places[i].master->certificates.fd, 1);
}

/* ---- a new one ---- */

static void tell_of_workers(struct edge_place *e, const struct generation *g)
{
    for (unsigned i = 0; i < g->workers_count; i++)
        if (g->workers[i].state == WORKER_READY)
            post_worker(e, &g->workers[i]);
}

static void tell_of_generations(struct edge_place *e, struct site *site)
{
    for (struct list *n = site->generations.next; n != &site->generations; n = n->next) {
        struct generation *g = container_of(n, struct generation, node);
        if (!generation_is_live(g))
            continue;
        post_generation(e, g);
        tell_of_workers(e, g);
        if (generation_is_wanted(g))
            edge_post_about(e, CHANNEL_SWITCH, g);
        if (generation_is_wanted(g) && g->looks > 0)
            post_changed(e, g);
    }
}

static bool is_known(const struct site *s)
{
    return !s->is_gone && site_has_hosts(s);
}

/* Before it lets anybody in. */
static void tell_who(struct edge_place *e)
{
    struct master *m = e->master;
    const int fds[2] = { m->edges.board_fd, m->certificates.fd };
    struct channel_msg welcome = { .kind = CHANNEL_WELCOME, .a = m->edges.count,
                                   .b = edge_user_word(&m->edge_user) };
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next)
        welcome.site += is_known(container_of(s, struct site, node));
    edge_post(e, welcome, SPAN(""), fds, m->certificates.fd >= 0 ? 2 : 1);
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next) {
        const struct site *site = container_of(s, struct site, node);
        if (!is_known(site))
            continue;
        if (site->current)
            post_options(e, site->current, 0);
        else
            post_site(e, site, site->conf, -1, 0);
    }
}

void edges_tell_everything(struct edge_place *e)
{
    struct master *m = e->master;
    tell_who(e);
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next) {
        struct site *site = container_of(s, struct site, node);
        if (!site->is_gone && site_is_down(site))
            edge_post(e, (struct channel_msg){ .kind = CHANNEL_SITE_DOWN, .site = site->id }, SPAN(""), NULL, 0);
        if (!site->is_gone && site->maintenance.since_s != 0)
            post_maintenance(e, site);
        tell_of_generations(e, site);
    }
    if (e->heir_of) {                             /* with its answer it takes over */
        e->is_asked = true;
        edge_post_plain(e, CHANNEL_REPORT);
    }
}
