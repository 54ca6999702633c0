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
#include "master/sites.h"
#include "master/supervise.h"

enum { WARN_DAYS = 7, DATE_BYTES = 16 };

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

/* Its own: a generation's options end with it. */
static struct conf *copy_of(const struct conf *conf)
{
    char why[CONF_WHY_BYTES];
    struct buf text = { 0 };
    struct conf *copy = conf_new();
    int rc = copy ? conf_write(conf, &text) : -ENOMEM;
    if (rc == 0)
        rc = conf_read_text(copy, buf_span(&text), why);
    buf_done(&text);
    if (rc == 0)
        return copy;
    conf_free(copy);
    return NULL;
}

/* Reads all, and keeps it as what the edges are to have.  0, or -errno with a sentence and nothing
 * changed. */
static int read_all(struct certificates *c, const struct conf *conf, char *why)
{
    struct certificate_files f = { 0 };
    uint64_t stamp = certificate_files_stamp(conf);        /* before: a write meanwhile is another change */
    int rc = certificate_files_read(&f, conf, why);
    if (rc == 0)
        rc = compare(&c->files, &f, why);
    struct conf *copy = rc == 0 ? copy_of(conf) : NULL;
    int fd = rc < 0 ? rc : copy ? master_memfd("slipway-certificates", buf_span(&f.bundle)) : -ENOMEM;
    if (rc == 0 && fd < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot hand the certificates on: %s", strerror(-fd));
    if (fd < 0) {
        certificate_files_done(&f);
        conf_free(copy);
        return fd;
    }
    explicit_bzero(f.bundle.block, f.bundle.cap_bytes);
    buf_done(&f.bundle);
    (void)sys_close(c->fd);
    certificate_files_done(&c->files);
    c->files = f;
    c->fd = fd;
    conf_free(c->conf);
    c->conf = copy;
    c->stamp = c->seen = stamp;
    c->refused = 0;
    return 0;
}

int certificates_reload(struct certificates *c, const struct conf *conf, char *why)
{
    if (!c->master)
        return 0;
    int rc = read_all(c, conf, why);
    if (rc < 0)
        return rc;
    c->replaced++;
    warn_of_expiry(&c->files);
    edges_tell_certificates(&c->master->edges);
    return 0;
}

/* ---- looking ---- */

static void read_changed(struct certificates *c, uint64_t stamp)
{
    char why[CONF_WHY_BYTES];
    int rc = certificates_reload(c, c->conf, why);
    if (rc == 0) {
        log_info("certificates replaced", "certificates=%zu", c->files.count);
    } else {
        c->refused = stamp;
        log_error("certificates not replaced, the old ones serve on", "error=\"%s\"", why);
    }
}

static void set_look(struct certificates *c)
{
    int64_t look_ms = c->master->conf->tls_look_ms;
    if (look_ms > 0 && timer_set(c->master->loop, &c->look, look_ms) < 0)
        log_error("no memory for a timer", "certificates are looked at again at a reload");
}

static void look_again(struct timer *t)
{
    struct certificates *c = container_of(t, struct certificates, look);
    uint64_t stamp = certificate_files_stamp(c->conf), seen = c->seen;
    c->seen = stamp;
    if (stamp != c->stamp && stamp == seen && stamp != c->refused)
        read_changed(c, stamp);
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
    warn_of_expiry(&c->files);
    set_look(c);
    return c->board.at ? set_renewal(c) : 0;
}

int certificates_open(struct certificates *c, struct master *m, char *why)
{
    bool has_tls = false;
    *c = (struct certificates){ .fd = -1 };
    timer_init(&c->look, look_again);
    timer_init(&c->renewal, time_to_renew);
    for (size_t i = 0; i < m->listeners.count; i++)
        has_tls = has_tls || m->listeners.all[i].is_tls;
    if (!has_tls)
        return 0;
    struct conf all;
    int rc = sites_certificates(m, NULL, NULL, &all, why);
    if (rc == 0)
        rc = read_all(c, &all, why);
    if (rc == 0)
        c->master = m;
    return rc;
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
    certificate_files_done(&c->files);
    conf_free(c->conf);
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

json_t *certificates_rows(const struct certificates *c)
{
    int64_t now_s = wall_s();
    json_t *rows = json_array();
    for (size_t i = 0; i < c->files.count; i++) {
        const struct certificate_row *row = &c->files.rows[i];
        (void)json_array_append_new(
            rows, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "file", row->file, "key", row->key_file,
                            "names", row->names, "kind", row->kind, "until_s", (json_int_t)row->until_s,
                            "days", (json_int_t)days_left(row, now_s)));
    }
    return rows;
}
