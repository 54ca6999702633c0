/* sites.c - see sites.h.  A site in an edge is its serve and its pool; what it looks like and where its
 * workers are, the master says later, generation by generation.
 *
 *   CHANNEL_SITE > options, and the files that they name > struct routes (owns both) > serve
 *
 * A list of 100,000 moved pages takes a quarter of a second to read: a helper does that, and the master's
 * channel is read on afterwards, so that nothing overtakes it.
 */
#include "edge/sites.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/edge_private.h"
#include "link/channel.h"
#include "tls/tls.h"

enum {
    CONF_BYTES_MAX = 4 * 1024 * 1024, ANNEX_BYTES_MAX = 256 * 1024 * 1024,
    AT_ONCE_BYTES = 16 * 1024,           /* so much of an annex the loop itself reads */
};

int edge_read_memfd(int fd, off_t most_bytes, struct buf *into)
{
    struct stat st;
    int rc = sys_fstat(fd, &st);
    if (rc == 0 && (st.st_size <= 0 || st.st_size > most_bytes))
        rc = -EMSGSIZE;
    rc = rc < 0 ? rc : buf_reserve(into, (size_t)st.st_size);
    rc = rc < 0 ? rc : sys_pread_all(fd, buf_tail(into), (size_t)st.st_size, 0);
    if (rc == 0)
        buf_added(into, (size_t)st.st_size);
    return rc;
}

struct conf *edge_read_conf(int fd, char *why)
{
    struct buf text = { 0 };
    struct conf *conf = conf_new();
    int rc = conf ? edge_read_memfd(fd, CONF_BYTES_MAX, &text) : -ENOMEM;
    rc = rc < 0 ? rc : conf_read_text(conf, buf_span(&text), why);
    buf_done(&text);
    if (rc == 0)
        return conf;
    conf_free(conf);
    return NULL;
}

struct edge_site *edge_site(struct edge *e, uint32_t id)
{
    for (struct list *n = e->sites.next; n != &e->sites; n = n->next) {
        struct edge_site *s = container_of(n, struct edge_site, serve.node);
        if (s->id == id)
            return s;
    }
    return NULL;
}

static void free_site(struct edge_site *s)
{
    list_remove(&s->serve.node);
    pool_free(s->serve.pool);
    serve_done(&s->serve);
    sys_free(s);
}

/* ---- names ---- */

/* Of two that have the name in their options the one whose generation is the later: a host that moves from
 * one file to another belongs to the first until the second one serves. */
static int name_one(struct edge *e, struct edge_site *s, struct span name)
{
    struct edge_site *other = hosts_owner(&e->hosts, name);
    if (!other || other == s)
        return hosts_add(&e->hosts, name, s);
    struct edge_site *loser = other->claim < s->claim ? other : s;
    loser->lacks_hosts = true;
    if (loser == other)
        hosts_give(&e->hosts, name, s);
    return 0;
}

/* A site without names has all hosts that are nobody's. */
static int name_site(struct edge *e, struct edge_site *s)
{
    const struct conf_list *hosts = &s->serve.conf->hosts;
    hosts_remove(&e->hosts, s);
    s->lacks_hosts = false;
    int rc = hosts->count == 0 ? name_one(e, s, SPAN("*")) : 0;
    for (size_t i = 0; i < hosts->count && rc == 0; i++)
        rc = name_one(e, s, span_of(hosts->items[i]));
    return rc;
}

/* What one has left may be another's. */
static int name_others(struct edge *e, const struct edge_site *but)
{
    int rc = 0;
    for (struct list *n = e->sites.next; n != &e->sites && rc == 0; n = n->next) {
        struct edge_site *s = container_of(n, struct edge_site, serve.node);
        if (s->lacks_hosts && s != but && !s->is_gone)
            rc = name_site(e, s);
    }
    return rc;
}

static int name_again(struct edge *e, struct edge_site *s, uint32_t claim)
{
    s->claim = claim > s->claim ? claim : s->claim;
    int rc = name_site(e, s);
    return rc < 0 ? rc : name_others(e, s);
}

int edge_site_switched(struct edge *e, struct edge_site *s, uint32_t generation)
{
    serve_switched(&s->serve, generation);
    return name_again(e, s, generation);
}

/* ---- options ---- */

static int access_fd(const struct conf *conf)
{
    return strcmp(conf->access_log, "off") == 0 ? -1 : CHANNEL_ACCESS_FD;
}

/* Where its lines go; they stay there from its first generation on. */
static void set_log(const struct edge *e, struct edge_site *s)
{
    const struct conf *conf = s->serve.conf;
    s->serve.access_fd = access_fd(conf);
    s->serve.log_number = strcmp(conf->access_log, e->conf->access_log) == 0 ? 0 : s->id;
}

/* NULL: no memory.  Everything but its options waits for its first generation. */
static struct edge_site *new_site(struct edge *e, uint32_t id, struct routes *routes)
{
    const struct conf *conf = routes->site;
    struct edge_site *s = sys_calloc(1, sizeof *s);
    struct pool *pool = s ? pool_new(e->loop, conf, e->index, e->count, CHANNEL_MASTER_FD) : NULL;
    if (!pool) {
        sys_free(s);
        routes_let(routes);
        return NULL;
    }
    int rc = serve_init(&s->serve, e->loop, routes, pool, e->helpers, access_fd(conf));
    rc = rc < 0 ? rc : serve_limits(&s->serve, &e->board);
    s->id = id;
    s->serve.is_draining = e->is_draining;
    list_add_before(&e->sites, &s->serve.node);
    /* The edge's turn ends after the pool's: lines of answers that this made are written, too. */
    loop_hook_remove(&e->turn);
    loop_hook_add(e->loop, &e->turn);
    if (rc == 0)
        return s;
    free_site(s);
    return NULL;
}

/* The routes are taken over.  0 or -ENOMEM. */
static int obey_site(struct edge *e, const struct channel_msg *msg, struct routes *routes)
{
    struct edge_site *s = edge_site(e, msg->site);
    bool is_at_once = !s || msg->generation == 0;
    if (s)
        serve_options(&s->serve, routes, msg->generation);
    else
        s = new_site(e, msg->site, routes);
    if (!s)
        return -ENOMEM;
    if (is_at_once && !s->serve.has_site)
        set_log(e, s);
    return is_at_once ? name_again(e, s, (uint32_t)msg->a) : 0;
}

/* ---- a large annex ---- */

struct site_reading {
    struct helper_job job;
    struct edge *edge;
    struct channel_msg msg;
    struct conf *conf;
    struct buf annex;
    int annex_fd;
    struct routes *routes;        /* NULL: not read */
};

static void read_annex(struct site_reading *r)
{
    struct conf *conf = r->conf;
    int rc = r->annex_fd < 0 ? 0 : edge_read_memfd(r->annex_fd, ANNEX_BYTES_MAX, &r->annex);
    r->conf = NULL;
    if (rc == 0)
        r->routes = routes_new(conf, &r->annex);
    else
        conf_free(conf);
    buf_done(&r->annex);
    (void)sys_close(r->annex_fd);
}

static void work(struct helper_job *job)
{
    read_annex(container_of(job, struct site_reading, job));
}

static int take(struct edge *e, struct site_reading *r)
{
    return r->routes ? obey_site(e, &r->msg, r->routes) : -ENOMEM;
}

static void done(struct helper_job *job)
{
    struct site_reading *r = container_of(job, struct site_reading, job);
    struct edge *e = r->edge;
    int rc = take(e, r);
    e->reading = NULL;
    sys_free(r);
    edge_hear_on(e, rc);
}

static bool is_large(int annex_fd)
{
    struct stat st;
    return annex_fd >= 0 && sys_fstat(annex_fd, &st) == 0 && st.st_size > AT_ONCE_BYTES;
}

/* 1: a helper does it. */
static int hand_over(struct edge *e, const struct site_reading *small)
{
    struct site_reading *r = sys_malloc(sizeof *r);
    if (!r)
        return 0;
    *r = *small;
    e->reading = r;
    if (helpers_submit(e->helpers, &r->job) == 0)
        return 1;
    e->reading = NULL;
    sys_free(r);
    return 0;
}

int edge_site_message(struct edge *e, const struct channel_msg *msg, const int *fds, size_t fds_count, bool is_first)
{
    char why[CONF_WHY_BYTES];
    struct site_reading r = { .job = { .work = work, .done = done }, .edge = e, .msg = *msg,
                              .annex_fd = fds_count == 2 ? fds[1] : -1 };
    if (fds_count == 0 || fds_count > 2)
        return -EPROTO;
    r.conf = edge_read_conf(fds[0], why);
    (void)sys_close(fds[0]);
    if (!r.conf) {
        (void)sys_close(r.annex_fd);
        return -EPROTO;
    }
    if (!is_first && is_large(r.annex_fd) && hand_over(e, &r) > 0)
        return 1;
    read_annex(&r);
    return take(e, &r);
}

int edge_site_gone(struct edge *e, uint32_t id)
{
    struct edge_site *s = edge_site(e, id);
    if (!s)
        return 0;
    hosts_remove(&e->hosts, s);
    s->is_gone = e->has_gone_sites = true;
    return name_others(e, s);
}

int edge_site_retires(struct edge_site *s, const struct channel_msg *msg)
{
    if (!s->is_gone || s->serve.exchanges == 0)
        return pool_message(s->serve.pool, msg, SPAN(""), NULL, 0);
    s->retires = msg->generation;
    return 0;
}

/* The last one has been answered. */
static void retire(struct edge *e, struct edge_site *s)
{
    const struct channel_msg msg = { .kind = CHANNEL_RETIRE, .site = s->id, .generation = s->retires };
    s->retires = 0;
    (void)pool_message(s->serve.pool, &msg, SPAN(""), NULL, 0);       /* the master may have ended it meanwhile */
    edge_hear_on(e, 0);                  /* another turn: the pool says at its end that it is empty */
}

struct serve *edge_serve_of(const struct conn *c, struct span host)
{
    struct edge *e = c->edge;
    struct edge_site *s = hosts_find(&e->hosts, host);
    struct span name = s && e->hosts.count > 0 && c->tls ? tls_name(c->tls) : SPAN("");
    if (name.len > 0 && hosts_find(&e->hosts, name) != s)
        s = NULL;
    return s ? &s->serve : &e->serve;
}

void edge_sites_sweep(struct edge *e)
{
    e->has_gone_sites = false;
    for (struct list *n = e->sites.next, *next; n != &e->sites; n = next) {
        struct edge_site *s = container_of(n, struct edge_site, serve.node);
        next = n->next;
        if (!s->is_gone)
            continue;
        if (s->serve.exchanges == 0 && s->retires != 0)
            retire(e, s);
        if (s->serve.exchanges == 0 && pool_is_empty(s->serve.pool) && helpers_are_idle(e->helpers))
            free_site(s);
        else
            e->has_gone_sites = true;
    }
}

void edge_sites_done(struct edge *e)
{
    while (!list_empty(&e->sites))
        free_site(container_of(e->sites.next, struct edge_site, serve.node));
    hosts_done(&e->hosts);
}
