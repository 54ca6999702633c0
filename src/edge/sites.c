/* sites.c - see sites.h.  A site in an edge is its serve and its pool; what it looks like and where its
 * workers are, the master says later, generation by generation. */
#include "edge/sites.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/sys.h"
#include "edge/edge_private.h"
#include "link/channel.h"
#include "tls/tls.h"

enum { CONF_BYTES_MAX = 4 * 1024 * 1024, ANNEX_BYTES_MAX = 256 * 1024 * 1024 };

/* All of the memfd, added to *into.  0 or -errno. */
static int read_memfd(int fd, off_t most_bytes, struct buf *into)
{
    struct stat st;
    int rc = sys_fstat(fd, &st);
    if (rc == 0 && (st.st_size <= 0 || st.st_size > most_bytes))
        rc = -EMSGSIZE;
    rc = rc < 0 ? rc : buf_reserve(into, (size_t)st.st_size);
    while (rc == 0 && buf_len(into) < (size_t)st.st_size) {
        ssize_t got = sys_pread(fd, buf_tail(into), (size_t)st.st_size - buf_len(into), (off_t)buf_len(into));
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        buf_added(into, (size_t)got);
    }
    return rc;
}

struct conf *edge_read_conf(int fd, char *why)
{
    struct buf text = { 0 };
    struct conf *conf = conf_new();
    int rc = conf ? read_memfd(fd, CONF_BYTES_MAX, &text) : -ENOMEM;
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

/* With the options that it has at first: everything else waits for its first generation. */
static struct edge_site *new_site(struct edge *e, uint32_t id, const struct conf *conf)
{
    int access_fd = strcmp(conf->access_log, "off") == 0 ? -1 : CHANNEL_ACCESS_FD;
    struct edge_site *s = sys_calloc(1, sizeof *s);
    struct pool *pool = s ? pool_new(e->loop, conf, e->index, e->count, CHANNEL_MASTER_FD) : NULL;
    if (!pool) {
        sys_free(s);
        return NULL;
    }
    int rc = serve_init(&s->serve, e->loop, conf, pool, e->helpers, access_fd);
    s->id = id;
    s->serve.log_number = strcmp(conf->access_log, e->conf->access_log) == 0 ? 0 : id;
    s->serve.is_draining = e->is_draining;
    list_add_before(&e->sites, &s->serve.node);
    /* The edge's turn ends after the pool's: lines of answers that this made are written, too. */
    loop_hook_remove(&e->turn);
    loop_hook_add(e->loop, &e->turn);
    if (rc == 0)
        rc = serve_limits(&s->serve, &e->board);
    if (rc == 0)
        return s;
    free_site(s);
    return NULL;
}

/* A site without names has all hosts that are nobody's. */
static int name_site(struct edge *e, struct edge_site *s, const struct conf *conf)
{
    hosts_remove(&e->hosts, s);
    int rc = conf->hosts.count == 0 ? hosts_add(&e->hosts, SPAN("*"), s) : 0;
    for (size_t i = 0; i < conf->hosts.count && rc == 0; i++)
        rc = hosts_add(&e->hosts, span_of(conf->hosts.items[i]), s);
    if (rc == -EEXIST) {                 /* the master compares them before it sends them */
        log_error("two sites have the same host", "site=%u", s->id);
        return 0;
    }
    return rc;
}

/* The conf is taken over unless this fails. */
static int obey_site(struct edge *e, const struct channel_msg *msg, struct conf *conf, struct buf *annex)
{
    struct edge_site *s = edge_site(e, msg->site);
    uint32_t generation = s ? msg->generation : 0;
    if (!s)
        s = new_site(e, msg->site, conf);
    int rc = s ? name_site(e, s, conf) : -ENOMEM;
    if (rc == 0)
        rc = serve_options(&s->serve, conf, annex, generation);
    if (rc < 0 && s)
        edge_site_gone(e, s->id);
    return rc;
}

int edge_site_message(struct edge *e, const struct channel_msg *msg, const int *fds, size_t fds_count)
{
    char why[CONF_WHY_BYTES];
    struct buf annex = { 0 };
    struct conf *conf = fds_count == 1 || fds_count == 2 ? edge_read_conf(fds[0], why) : NULL;
    int rc = conf ? 0 : -EPROTO;
    if (rc == 0 && fds_count == 2)
        rc = read_memfd(fds[1], ANNEX_BYTES_MAX, &annex);
    for (size_t i = 0; i < fds_count; i++)
        (void)sys_close(fds[i]);
    rc = rc < 0 ? rc : obey_site(e, msg, conf, &annex);
    if (rc < 0)
        conf_free(conf);
    buf_done(&annex);
    return rc;
}

int edge_site_gone(struct edge *e, uint32_t id)
{
    struct edge_site *s = edge_site(e, id);
    if (!s)
        return 0;
    hosts_remove(&e->hosts, s);
    s->is_gone = e->has_gone_sites = true;
    return 0;
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
