/* edges.c - starts edges, reads what they say, lets one take over from another.
 *
 * Woken  by the channel (readable, writable again), by the end of the process, by the timer.
 * Not    what they are told (edges_tell.c) and how that waits (edge_post.c); what a message means for a
 *        generation or a worker: generation.c, workers.c.
 */
#include "master/edges.h"
#include <errno.h>
#include <inttypes.h>
#include "base/log.h"
#include "base/sys.h"
#include "link/board.h"
#include "master/edge_post.h"
#include "master/generation.h"
#include "master/site.h"
#include "master/spawn.h"
#include "master/supervise.h"
#include "master/workers.h"

enum { MESSAGES_A_TURN = 64, EXIT_LIMIT_MS = 5000, LEAVE_SPARE_MS = 1000 };

/* ---- hearing ---- */

void edges_ask(struct edges *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        struct edge_place *e = &all->places[i];
        if (e->channel_fd < 0 || e->is_asked)
            continue;
        e->is_asked = true;
        edge_post_plain(e, CHANNEL_REPORT);
    }
}

bool edges_have_answered(const struct edges *all)
{
    for (unsigned i = 0; i < all->count; i++)
        if (all->places[i].is_asked)
            return false;
    return true;
}

static void leave(struct edge_place *e);
static void renew(struct edge_place *e);

static void keep_stats(struct edge_place *e, struct span text)
{
    char *copy = sys_malloc(text.len + 1);
    if (copy) {
        if (text.len > 0)
            memcpy(copy, text.at, text.len);
        copy[text.len] = '\0';
        sys_free(e->stats);
        e->stats = copy;
    }
    e->is_asked = false;
    control_server_step(&e->master->control);
}

/* An heir is on its way: it may not know all that the generation is. */
static bool is_to_leave(const struct edge_place *e)
{
    const struct edges *all = &e->master->edges;
    for (unsigned i = 0; i < all->count; i++)
        if (all->places[i].heir_of == e && !e->is_leaving)
            return true;
    return false;
}

static void hear(struct edge_place *e, const struct channel_msg *msg, struct span text)
{
    struct generation *g = master_generation(e->master, msg->generation);
    struct worker *w = g ? generation_worker(g, msg->worker) : NULL;
    if (e->heir_of)
        leave(e->heir_of);
    e->heir_of = NULL;
    switch (msg->kind) {
    case CHANNEL_RENEW:
        renew(e);
        break;
    case CHANNEL_SWITCHED:
        if (g && !is_to_leave(e))      /* else it is asked again when it has closed its listeners */
            generation_switched(g, e->index);
        break;
    case CHANNEL_DRAINED:
        if (g)
            generation_drained(g, e->index);
        break;
    case CHANNEL_LATE:
        if (w)
            worker_is_late(w, msg, text);
        break;
    case CHANNEL_BROKE:
        if (w)
            worker_broke(w, text);
        break;
    case CHANNEL_STATS:
        keep_stats(e, text);
        break;
    default:
        log_warn("edge says what it may not", "edge=%u kind=%u", e->index, msg->kind);
    }
}

static void hang_up(struct edge_place *e)
{
    loop_unwatch(&e->watch);
    (void)sys_close(e->channel_fd);
    e->channel_fd = -1;
    edge_post_forget(e);
    e->is_asked = false;
    timer_off(e->master->loop, &e->timer);
    if (child_runs(&e->child))
        (void)timer_set(e->master->loop, &e->timer, EXIT_LIMIT_MS);
}

/* 1: heard one; 0: nothing there; -1: the channel ended. */
static int hear_one(struct edge_place *e)
{
    char text[CHANNEL_TEXT_MAX];
    int fds[SYS_FDS_MAX];
    size_t fds_count = 0;
    struct channel_msg msg;
    int rc = channel_recv(e->channel_fd, &msg, text, fds, &fds_count);
    if (rc == -EAGAIN)
        return 0;
    if (rc <= 0)
        return -1;
    for (size_t i = 0; i < fds_count; i++)       /* an edge has none to give */
        (void)sys_close(fds[i]);
    hear(e, &msg, (struct span){ text, msg.text_bytes });
    return 1;
}

static void run(struct watch *watch)
{
    struct edge_place *e = container_of(watch, struct edge_place, watch);
    if (watch->ready & LOOP_WRITE)
        edge_post_flush(e);
    for (unsigned i = 0; i < MESSAGES_A_TURN && (watch->ready & LOOP_READ); i++) {
        int rc = hear_one(e);
        if (rc < 0) {
            hang_up(e);
            return;
        }
        if (rc == 0) {
            watch->ready &= ~(unsigned)LOOP_READ;
            return;
        }
    }
    if (watch->ready & LOOP_READ)
        loop_again(watch);
}

/* ---- the process ---- */

static int start(struct edge_place *e);
static void start_later(struct edge_place *e, int64_t lived_ms);

static int spawn_edge(struct edge_place *e, int conf_fd, int channel_fd)
{
    struct master *m = e->master;
    struct spawn s = { .envp = m->start->envp, .output_fd = m->logs.output_fds[1],
                       .error_fd = m->logs.output_fds[1],
                       .fds = { conf_fd, channel_fd, m->logs.access_fds[1] }, .fds_count = 3 };
    _Static_assert(CHANNEL_LISTEN_FD == SPAWN_FIRST_FD + 3, "listeners follow the access pipe");
    for (size_t i = 0; i < m->listeners.count; i++)
        s.fds[s.fds_count++] = m->listeners.all[i].fd;
    pid_t pid = spawn_verb(&s, "edge");
    if (pid < 0)
        return pid;
    child_add(&m->children, &e->child, pid);
    return 0;
}

static int open_channel(struct edge_place *e, int conf_fd)
{
    int pair[2];
    int rc = sys_socketpair(SOCK_SEQPACKET, pair);
    if (rc < 0)
        return rc;
    rc = sys_set_nonblocking(pair[0]);
    if (rc == 0)
        rc = loop_watch(e->master->loop, &e->watch, pair[0], run);
    if (rc == 0) {
        rc = spawn_edge(e, conf_fd, pair[1]);
        if (rc < 0)
            loop_unwatch(&e->watch);
    }
    (void)sys_close(pair[1]);
    if (rc < 0)
        (void)sys_close(pair[0]);
    else
        e->channel_fd = pair[0];
    return rc;
}

static int start(struct edge_place *e)
{
    int conf_fd = master_conf_fd(e->master);
    if (conf_fd < 0)
        return conf_fd;
    int rc = open_channel(e, conf_fd);
    (void)sys_close(conf_fd);
    if (rc == 0)
        edges_tell_everything(e);
    return rc;
}

static void start_later(struct edge_place *e, int64_t lived_ms)
{
    int64_t wait_ms = backoff_next(&e->backoff, lived_ms, BACKOFF_MOST_MS);
    if (timer_set(e->master->loop, &e->timer, wait_ms) == 0)
        return;
    int rc = start(e);                            /* no memory for the timer: now or never */
    if (rc < 0)
        log_error("edge cannot be started again", "edge=%u error=%d", e->index, -rc);
}

static void time_up(struct timer *t)
{
    struct edge_place *e = container_of(t, struct edge_place, timer);
    if (e->channel_fd >= 0) {
        edge_post_flush(e);
    } else if (child_runs(&e->child)) {
        child_signal(&e->child, SIGKILL);        /* closed its channel, but does not end */
    } else if (e->master->phase == MASTER_SERVING) {
        int rc = start(e);
        if (rc < 0) {
            log_error("edge cannot be started", "edge=%u error=%d", e->index, -rc);
            start_later(e, 0);
        }
    }
}

/* ---- one takes over from another ---- */

uint32_t edges_wanted(const struct edges *all)
{
    uint32_t wanted = 0;
    for (unsigned i = 0; i < all->count; i++)
        if (!all->places[i].is_spare && !all->places[i].is_leaving)
            wanted |= 1u << i;
    return wanted;
}

/* Its answer to this says that it has closed its listeners: so whoever asked for a reload, and connects
 * when that is over, meets the heir. */
static void switch_again(struct edge_place *e)
{
    struct master *m = e->master;
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next) {
        struct site *site = container_of(s, struct site, node);
        for (struct list *n = site->generations.next; n != &site->generations; n = n->next) {
            struct generation *g = container_of(n, struct generation, node);
            if (g->state != GENERATION_SWITCHING || !generation_is_known(g, e->index))
                continue;
            g->switched &= ~(1u << e->index);
            edge_post_about(e, CHANNEL_SWITCH, g);
        }
    }
}

static void leave(struct edge_place *e)
{
    const struct conf *c = e->master->conf;
    if (e->is_leaving || e->channel_fd < 0)
        return;
    e->is_leaving = true;
    e->wants_renewal = false;
    (void)timer_set(e->master->loop, &e->leave, c->drain_timeout_ms + c->drain_idle_ms + LEAVE_SPARE_MS);
    edge_post(e, (struct channel_msg){ .kind = CHANNEL_DRAIN, .a = 1 }, SPAN(""), NULL, 0);
    switch_again(e);
}

static void leave_late(struct timer *t)
{
    struct edge_place *e = container_of(t, struct edge_place, leave);
    log_warn("replaced edge did not finish in time", "edge=%u drain_timeout_ms=%" PRId64, e->index,
             e->master->conf->drain_timeout_ms);
    child_signal(&e->child, SIGKILL);
}

static void renew_in(struct edge_place *spare, struct edge_place *old)
{
    old->wants_renewal = false;
    spare->is_spare = false;
    spare->heir_of = old;
    log_debug("edge is replaced", "edge=%u by=%u", old->index, spare->index);
    int rc = start(spare);
    if (rc < 0) {
        log_error("edge cannot be started", "edge=%u error=%d", spare->index, -rc);
        start_later(spare, 0);
    }
}

/* No place is spare.  With several edges this one drains while the others accept, and starts again in its
 * own place.  A single one waits until the one before has left, for which that now gets less time. */
static void renew_without_spare(struct edge_place *old)
{
    struct edges *all = &old->master->edges;
    const struct conf *c = old->master->conf;
    if (c->edges > 1) {
        leave(old);
        return;
    }
    old->wants_renewal = true;
    for (unsigned i = 0; i < all->count; i++)
        if (all->places[i].is_leaving)
            (void)timer_set(old->master->loop, &all->places[i].leave, c->drain_idle_ms + LEAVE_SPARE_MS);
}

static void renew(struct edge_place *old)
{
    struct edges *all = &old->master->edges;
    bool is_under_way = old->is_leaving || old->wants_renewal;
    for (unsigned i = 0; i < all->count; i++)
        is_under_way |= all->places[i].heir_of == old;
    if (is_under_way || old->master->phase != MASTER_SERVING)
        return;
    for (unsigned i = 0; i < all->count; i++)
        if (all->places[i].is_spare) {
            renew_in(&all->places[i], old);
            return;
        }
    renew_without_spare(old);
}

void edges_renew(struct edges *all)
{
    uint32_t now = edges_wanted(all);             /* not those that begin meanwhile */
    for (unsigned i = 0; i < all->count; i++)
        if ((now >> i & 1) && all->places[i].channel_fd >= 0)
            renew(&all->places[i]);
}

static bool forget_heirs(struct edges *all, const struct edge_place *old)
{
    bool has_heir = false;
    for (unsigned i = 0; i < all->count; i++)
        if (all->places[i].heir_of == old) {
            all->places[i].heir_of = NULL;
            has_heir = true;
        }
    return has_heir;
}

/* Its place is spare now, or somebody waits for one. */
static void has_left(struct edge_place *e)
{
    struct edges *all = &e->master->edges;
    e->is_leaving = false;
    timer_off(e->master->loop, &e->leave);
    if (__builtin_popcount(edges_wanted(all)) <= (int)e->master->conf->edges)
        start_later(e, BACKOFF_MOST_MS);           /* it left without an heir */
    else
        e->is_spare = true;
    for (unsigned i = 0; e->is_spare && i < all->count; i++)
        if (all->places[i].wants_renewal) {
            all->places[i].wants_renewal = false;
            renew(&all->places[i]);
        }
}

static void edge_ended(struct child *c, pid_t pid, int status, int64_t peak_kib)
{
    struct edge_place *e = container_of(c, struct edge_place, child);
    struct master *m = e->master;
    char text[CHILD_STATUS_BYTES];
    int64_t lived_ms = (sys_now_us() - c->started_us) / 1000;
    if (e->channel_fd >= 0)
        hang_up(e);
    timer_off(m->loop, &e->timer);
    generations_lost_edge(m, e->index);
    bool is_replaced = forget_heirs(&m->edges, e) || e->is_leaving;
    e->wants_renewal = false;
    if (m->phase == MASTER_SERVING && is_replaced) {
        log_debug("replaced edge ended", "edge=%u pid=%d %s", e->index, (int)pid,
                  child_status_text(status, text));
        has_left(e);
    } else if (m->phase == MASTER_SERVING) {
        log_error("edge died", "edge=%u pid=%d %s peak_kib=%" PRId64 " lived_ms=%" PRId64, e->index,
                  (int)pid, child_status_text(status, text), peak_kib, lived_ms);
        m->restarts++;
        start_later(e, lived_ms);
    } else if (status != 0 && !m->is_hurried) {
        log_error("edge died while draining", "edge=%u pid=%d %s", e->index, (int)pid,
                  child_status_text(status, text));
    }
    control_server_step(&m->control);
    master_step(m);
}

int edges_start(struct edges *all, struct master *m)
{
    int rc = board_make((uint32_t)m->conf->rate_limit_clients, &all->board_fd);
    if (rc < 0)
        return rc;
    rc = certificates_first_key(&m->certificates, all->board_fd);
    if (rc < 0) {
        (void)sys_close(all->board_fd);
        return rc;
    }
    unsigned wanted = (unsigned)m->conf->edges;  /* bounded by the table of options */
    all->count = wanted + (wanted < YARD_EDGES_MAX);
    for (unsigned i = 0; i < all->count; i++) {
        struct edge_place *e = &all->places[i];
        *e =
            (struct edge_place){ .master = m, .index = i, .channel_fd = -1, .watch = { .fd = -1 } };
        child_init(&e->child, edge_ended);
        timer_init(&e->timer, time_up);
        timer_init(&e->leave, leave_late);
        e->is_spare = i >= wanted;
        list_init(&e->outbox);
    }
    for (unsigned i = 0; i < wanted && rc == 0; i++)
        rc = start(&all->places[i]);
    return rc;
}

void edges_done(struct edges *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        struct edge_place *e = &all->places[i];
        if (e->channel_fd >= 0)
            hang_up(e);
        timer_off(e->master->loop, &e->timer);
        timer_off(e->master->loop, &e->leave);
        sys_free(e->stats);
        e->stats = NULL;
    }
    if (all->count > 0)
        (void)sys_close(all->board_fd);
    all->count = 0;
}

unsigned edges_running(const struct edges *all)
{
    unsigned running = 0;
    for (unsigned i = 0; i < all->count; i++)
        running += child_runs(&all->places[i].child);
    return running;
}

void edges_kill(struct edges *all)
{
    for (unsigned i = 0; i < all->count; i++)
        child_signal(&all->places[i].child, SIGKILL);
}
