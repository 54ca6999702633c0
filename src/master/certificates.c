/* certificates.c - when certificates are read, what is told to whom, and when ticket keys change.
 *
 * Woken  by two timers and by a reload.
 *
 * A look costs a stat a file.  A program that renews writes certificate and key one after the other;
 * so a change is read only when the next look finds the same as the last one.
 */
#include "master/certificates.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "base/log.h"
#include "base/sys.h"
#include "master/certificate_files.h"
#include "master/site.h"
#include "master/sites.h"
#include "master/supervise.h"

enum { WARN_DAYS = 7, DATE_BYTES = 16 };

struct certificate_source {
    struct list node;
    const struct site *site;      /* NULL: the server's, or those of its only site */
    struct certificate_files files;          /* as they were read last */
    struct conf *conf;            /* a copy of the options they were read by */
    uint64_t stamp;               /* of the files that are served */
    uint64_t seen;                /* of the files at the last look: read when they rest */
    uint64_t refused;             /* ... that were said to be wrong already; 0: none */
};

static int64_t wall_s(void)
{
    return sys_wall_us() / 1000000;
}

static const char *date_of(char into[DATE_BYTES], int64_t seconds)
{
    time_t at = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&at, &parts) || strftime(into, DATE_BYTES, "%Y-%m-%d", &parts) == 0)
        (void)snprintf(into, DATE_BYTES, "?");
    return into;
}

/* ---- reading ---- */

static const struct certificate_row *row_of(const struct certificate_files *f, const char *file)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->rows[i].file, file) == 0)
            return &f->rows[i];
    return NULL;
}

static bool is_valid(const struct certificate_row *row, int64_t now_s)
{
    return row->from_s <= now_s && now_s < row->until_s;
}

/* Nobody gets an expired certificate in place of one that is not. */
static int compare(const struct certificate_files *old, const struct certificate_files *new, char *why)
{
    char date[DATE_BYTES];
    int64_t now_s = wall_s();
    for (size_t i = 0; i < new->count; i++) {
        const struct certificate_row *is = &new->rows[i], *was = row_of(old, is->file);
        if (!was || !is_valid(was, now_s) || is_valid(is, now_s))
            continue;
        bool is_over = is->until_s <= now_s;
        (void)snprintf(why, CONF_WHY_BYTES, "the new certificate in %.300s %s %s", is->file,
                       is_over ? "expired on" : "is not valid before",
                       date_of(date, is_over ? is->until_s : is->from_s));
        return -EINVAL;
    }
    return 0;
}

static void warn_of_expiry(const struct certificate_files *f)
{
    int64_t now_s = wall_s();
    char date[DATE_BYTES];
    for (size_t i = 0; i < f->count; i++) {
        const struct certificate_row *row = &f->rows[i];
        if (row->until_s <= now_s)
            log_error("certificate expired", "file=%s on=%s", row->file, date_of(date, row->until_s));
        else if (row->from_s > now_s)
            log_error("certificate not valid yet", "file=%s before=%s", row->file,
                      date_of(date, row->from_s));
        else if (row->until_s - now_s < WARN_DAYS * 86400)
            log_warn("certificate expires", "file=%s on=%s", row->file, date_of(date, row->until_s));
    }
}

/* Its own: a generation's options end with it.  The authorities of clients are the server's. */
static struct conf *copy_of(const struct conf *conf, bool is_site)
{
    char why[CONF_WHY_BYTES];
    struct buf text = { 0 };
    struct conf *copy = conf_new();
    int rc = copy ? conf_write(conf, &text) : -ENOMEM;
    if (rc == 0)
        rc = conf_read_text(copy, buf_span(&text), why);
    buf_done(&text);
    if (rc == 0 && is_site)
        copy->tls_client_ca = "";
    if (rc == 0)
        return copy;
    conf_free(copy);
    return NULL;
}

/* ---- sources ---- */

/* A server of one site has one source. */
static const struct site *owner(const struct certificates *c, const struct site *site)
{
    return c->master->conf->sites[0] ? site : NULL;
}

static struct certificate_source *source_of(const struct certificates *c, const struct site *site)
{
    for (struct list *n = c->sources.next; n != &c->sources; n = n->next) {
        struct certificate_source *s = container_of(n, struct certificate_source, node);
        if (s->site == site)
            return s;
    }
    return NULL;
}

static void source_free(struct certificate_source *s)
{
    list_remove(&s->node);
    certificate_files_done(&s->files);
    conf_free(s->conf);
    sys_free(s);
}

/* A new one, in no list yet; NULL with a sentence. */
static struct certificate_source *read_source(const struct site *site, const struct conf *conf, char *why)
{
    struct certificate_source *s = sys_calloc(1, sizeof *s);
    (void)snprintf(why, CONF_WHY_BYTES, "no memory for the certificates");
    if (!s)
        return NULL;
    list_init(&s->node);
    s->site = site;
    s->conf = copy_of(conf, site != NULL);
    if (!s->conf) {
        source_free(s);
        return NULL;
    }
    s->stamp = s->seen = certificate_files_stamp(s->conf);        /* before: a write meanwhile is another change */
    if (certificate_files_read(&s->files, s->conf, why) == 0)
        return s;
    source_free(s);
    return NULL;
}

/* ---- the bundle of all ---- */

static void wipe(struct buf *b)
{
    if (b->block)
        explicit_bzero(b->block, b->cap_bytes);
    buf_done(b);
}

/* As it is with `is` in the place of `was` (NULL: beside all others). */
static int add_all(const struct certificates *c, const struct certificate_source *was,
                   const struct certificate_source *is, struct buf *bundle, size_t *count)
{
    int rc = 0;
    for (struct list *n = c->sources.next; n != &c->sources && rc == 0; n = n->next) {
        const struct certificate_source *s = container_of(n, struct certificate_source, node);
        s = s == was ? is : s;
        *count += s ? s->files.count : 0;
        rc = s && buf_len(&s->files.bundle) > 0 ? buf_add(bundle, buf_span(&s->files.bundle)) : 0;
    }
    if (rc == 0 && is && !was && buf_len(&is->files.bundle) > 0)
        rc = buf_add(bundle, buf_span(&is->files.bundle));
    *count += is && !was ? is->files.count : 0;
    return rc;
}

/* A memfd, or -errno with a sentence. */
static int make_bundle(const struct certificates *c, const struct certificate_source *was,
                       const struct certificate_source *is, char *why)
{
    struct buf bundle = { 0 };
    size_t count = 0;
    int rc = add_all(c, was, is, &bundle, &count);
    rc = rc < 0 ? rc : count > 0 ? sys_memfd_with("slipway-certificates", buf_span(&bundle)) : -ENOENT;
    wipe(&bundle);
    if (rc == -ENOENT)
        (void)certificate_files_some(0, why);
    else if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot hand the certificates on: %s", strerror(-rc));
    return rc;
}

static bool is_same(const struct certificate_source *was, const struct certificate_source *is)
{
    const struct buf *one = &was->files.bundle, *other = &is->files.bundle;
    return buf_len(one) == buf_len(other) && (buf_len(one) == 0 || span_eq(buf_span(one), buf_span(other)));
}

/* Takes `is`, in the place of `was` (or NULL).  The first bundle of a start is made when all are there. */
static int replace(struct certificates *c, struct certificate_source *was, struct certificate_source *is, char *why)
{
    bool is_told = c->fd >= 0 && !(was && is_same(was, is)) && (was || buf_len(&is->files.bundle) > 0);
    int fd = is_told ? make_bundle(c, was, is, why) : 0;
    if (fd < 0) {
        source_free(is);
        return fd;
    }
    list_add_before(was ? &was->node : &c->sources, &is->node);
    if (was)
        source_free(was);
    if (!is_told)
        return 0;
    (void)sys_close(c->fd);
    c->fd = fd;
    c->replaced++;
    edges_tell_certificates(&c->master->edges);
    return 0;
}

/* A new one that may take the place of the one that is there; NULL with a sentence. */
static struct certificate_source *read_next(const struct certificates *c, const struct site *site,
                                            const struct conf *conf, char *why)
{
    const struct certificate_source *was = source_of(c, owner(c, site));
    struct certificate_source *is = read_source(owner(c, site), conf, why);
    if (!is || !was || compare(&was->files, &is->files, why) == 0)
        return is;
    source_free(is);
    return NULL;
}

int certificates_reload(struct certificates *c, const struct site *site, const struct conf *conf, char *why)
{
    struct certificate_source *is = c->master ? read_next(c, site, conf, why) : NULL;
    if (!is)
        return c->master ? -EINVAL : 0;
    int rc = replace(c, source_of(c, owner(c, site)), is, why);
    if (rc == 0 && c->fd >= 0)
        warn_of_expiry(&source_of(c, owner(c, site))->files);
    return rc;
}

int certificates_check(struct certificates *c, const struct site *site, const struct conf *conf, char *why)
{
    struct certificate_source *is = c->master ? read_next(c, site, conf, why) : NULL;
    if (!is)
        return c->master ? -EINVAL : 0;
    source_free(is);
    return 0;
}

bool certificates_know(const struct certificates *c, const struct site *site)
{
    return !c->master || source_of(c, owner(c, site));
}

/* The last ones stay: a listener without any would be of no use. */
void certificates_forget(struct certificates *c, const struct site *site)
{
    char why[CONF_WHY_BYTES];
    struct certificate_source *was = c->master && owner(c, site) ? source_of(c, site) : NULL;
    if (!was)
        return;
    int fd = buf_len(&was->files.bundle) > 0 ? make_bundle(c, was, NULL, why) : -ENOENT;
    source_free(was);
    if (fd < 0)
        return;
    (void)sys_close(c->fd);
    c->fd = fd;
    edges_tell_certificates(&c->master->edges);
}

/* ---- looking ---- */

static void read_changed(struct certificates *c, struct certificate_source *s, uint64_t stamp)
{
    char why[CONF_WHY_BYTES];
    const struct site *site = s->site;
    if (certificates_reload(c, site, s->conf, why) == 0) {      /* s is gone then */
        const struct certificate_source *is = source_of(c, site);
        log_info("certificates replaced", "%s%s%scertificates=%zu", site ? "site=" : "",
                 site ? site->project->name : "", site ? " " : "", is->files.count);
        return;
    }
    s->refused = stamp;
    log_error("certificates not replaced, the old ones serve on", "error=\"%s\"", why);
}

static void set_look(struct certificates *c)
{
    int64_t look_ms = c->master->conf->tls_look_ms;
    if (look_ms > 0 && timer_set(c->master->loop, &c->look, look_ms) < 0)
        log_error("no memory for a timer", "certificates are looked at again at a reload");
}

static void look_at(struct certificates *c, struct certificate_source *s)
{
    uint64_t stamp = certificate_files_stamp(s->conf), seen = s->seen;
    s->seen = stamp;
    if (stamp != s->stamp && stamp == seen && stamp != s->refused)
        read_changed(c, s, stamp);
}

static void look_again(struct timer *t)
{
    struct certificates *c = container_of(t, struct certificates, look);
    for (struct list *n = c->sources.next, *next; n != &c->sources; n = next) {
        next = n->next;
        look_at(c, container_of(n, struct certificate_source, node));
    }
    set_look(c);
}

void certificates_look(struct certificates *c)
{
    if (!c->master)
        return;
    timer_off(c->master->loop, &c->look);
    set_look(c);
}

/* ---- tickets ---- */

static int64_t session_s(const struct certificates *c)
{
    return (c->master->conf->tls_session_ms + 999) / 1000;
}

static int renew(struct certificates *c)
{
    unsigned char random[TICKET_RANDOM_BYTES];
    int rc = sys_random(random, sizeof random);
    if (rc == 0)
        tickets_renew(board_tickets(&c->board), wall_s(), random);
    explicit_bzero(random, sizeof random);
    return rc;
}

static int set_renewal(struct certificates *c)
{
    return timer_set(c->master->loop, &c->renewal, tickets_period_s(session_s(c)) * 1000);
}

static void time_to_renew(struct timer *t)
{
    struct certificates *c = container_of(t, struct certificates, renewal);
    int rc = renew(c);
    if (rc == 0)
        rc = set_renewal(c);
    if (rc < 0)
        log_error("the keys of TLS tickets stay as they are", "error=\"%s\"", strerror(-rc));
}

int certificates_first_key(struct certificates *c, int board_fd)
{
    if (!c->master || c->master->conf->tls_session_ms == 0)
        return 0;
    int rc = board_map(&c->board, board_fd);
    return rc < 0 ? rc : renew(c);
}

int certificates_start(struct certificates *c)
{
    if (!c->master)
        return 0;
    for (struct list *n = c->sources.next; n != &c->sources; n = n->next)
        warn_of_expiry(&container_of(n, struct certificate_source, node)->files);
    set_look(c);
    return c->board.at ? set_renewal(c) : 0;
}

/* Of the sites, those that have none that can be used are broken. */
static int read_first(struct certificates *c, char *why)
{
    char sentence[CONF_WHY_BYTES];
    struct master *m = c->master;
    int rc = certificates_reload(c, NULL, m->conf, why);
    for (struct list *n = m->sites.next; n != &m->sites && rc == 0 && m->conf->sites[0]; n = n->next) {
        struct site *s = container_of(n, struct site, node);
        if (!s->is_broken && certificates_reload(c, s, s->conf, sentence) < 0)
            site_break(s, sentence);
    }
    rc = rc < 0 ? rc : sites_some(m, why);
    rc = rc < 0 ? rc : make_bundle(c, NULL, NULL, why);
    if (rc < 0)
        return rc;
    c->fd = rc;
    return 0;
}

int certificates_open(struct certificates *c, struct master *m, char *why)
{
    bool has_tls = false;
    *c = (struct certificates){ .fd = -1 };
    list_init(&c->sources);
    timer_init(&c->look, look_again);
    timer_init(&c->renewal, time_to_renew);
    for (size_t i = 0; i < m->listeners.count; i++)
        has_tls = has_tls || m->listeners.all[i].is_tls;
    if (!has_tls)
        return 0;
    c->master = m;
    return read_first(c, why);
}

void certificates_done(struct certificates *c)
{
    if (!c->master)
        return;
    if (c->master->loop) {
        timer_off(c->master->loop, &c->look);
        timer_off(c->master->loop, &c->renewal);
    }
    board_done(&c->board);
    while (!list_empty(&c->sources))
        source_free(container_of(c->sources.next, struct certificate_source, node));
    (void)sys_close(c->fd);
    *c = (struct certificates){ .fd = -1 };
}

/* ---- for people ---- */

/* Whole days; -1 from the moment it expired. */
static int64_t days_left(const struct certificate_row *row, int64_t now_s)
{
    int64_t left_s = row->until_s - now_s;
    return left_s > 0 ? left_s / 86400 : left_s / 86400 - 1;
}

static void add_rows(json_t *rows, const struct certificate_files *f)
{
    int64_t now_s = wall_s();
    for (size_t i = 0; i < f->count; i++) {
        const struct certificate_row *row = &f->rows[i];
        (void)json_array_append_new(
            rows, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "file", row->file, "key", row->key_file,
                            "names", row->names, "kind", row->kind, "until_s", (json_int_t)row->until_s,
                            "days", (json_int_t)days_left(row, now_s)));
    }
}

json_t *certificates_rows(const struct certificates *c)
{
    json_t *rows = json_array();
    for (struct list *n = c->sources.next; c->master && n != &c->sources; n = n->next)
        add_rows(rows, &container_of(n, struct certificate_source, node)->files);
    return rows;
}
