/* check_tls.c - the check `certificates`: read as the master reads them, when a listener speaks TLS. */
#include <stdio.h>
#include <time.h>
#include "base/sys.h"
#include "cli/check.h"
#include "conf/listen.h"
#include "master/certificate_files.h"

enum { WARN_DAYS = 30, PROBLEM_DAYS = 7, DAY_S = 86400, FIX_BYTES = 600 };

static void say_row(json_t *found, const char *name, const struct certificate_row *row, int64_t now_s)
{
    int64_t days = (row->until_s - now_s) / DAY_S;
    char date[16] = "?";
    time_t until = (time_t)row->until_s;
    struct tm parts;
    if (gmtime_r(&until, &parts))
        (void)strftime(date, sizeof date, "%Y-%m-%d", &parts);
    if (row->until_s <= now_s)
        check_say(found, "security", name, CHECK_PROBLEM, "", "the certificate %s (%.200s) expired on %s",
                  row->file, row->names, date);
    else if (row->from_s > now_s)
        check_say(found, "security", name, CHECK_PROBLEM, "", "the certificate %s (%.200s) is not valid yet",
                  row->file, row->names);
    else
        check_say(found, "security", name,
                  days < PROBLEM_DAYS ? CHECK_PROBLEM : days < WARN_DAYS ? CHECK_WARNING : CHECK_OK, "",
                  "the certificate %s (%.200s; %s) ends on %s, in %lld day%s", row->file, row->names,
                  row->kind, date, (long long)days, days == 1 ? "" : "s");
}

static void look_at_file(json_t *found, const char *name, const struct certificate_row *row)
{
    char fix[FIX_BYTES];
    struct stat st;
    if (sys_stat(row->key_file, &st) == 0 && (st.st_mode & S_IROTH)) {
        (void)snprintf(fix, sizeof fix, "chmod o-r %.500s", row->key_file);
        check_say(found, "security", name, CHECK_PROBLEM, fix, "everybody can read the key %s", row->key_file);
    }
    if (row->strangers > 0)
        check_say(found, "security", name, CHECK_WARNING, "",
                  "%u certificate%s in %s did not issue what stands before; clients are not sent %s",
                  row->strangers, row->strangers == 1 ? "" : "s", row->file,
                  row->strangers == 1 ? "it" : "them");
}

/* All of them when they are few, else those that somebody must see to. */
static void say_rows(json_t *found, const char *name, const struct certificate_files *f)
{
    enum { FEW = 5 };
    int64_t now_s = sys_wall_us() / 1000000;
    const struct certificate_row *first = &f->rows[0];
    for (size_t i = 0; i < f->count; i++) {
        const struct certificate_row *row = &f->rows[i];
        bool is_well = row->from_s <= now_s && row->until_s - now_s >= WARN_DAYS * DAY_S;
        if (row->until_s < first->until_s)
            first = row;
        if (f->count <= FEW || !is_well)
            say_row(found, name, row, now_s);
        look_at_file(found, name, row);
    }
    if (f->count > FEW && first->until_s - now_s >= WARN_DAYS * DAY_S)
        check_say(found, "security", name, CHECK_OK, "", "%zu certificates, the first ends in %lld days",
                  f->count, (long long)((first->until_s - now_s) / DAY_S));
}

void check_look_tls(json_t *found, const struct conf *c, const struct conf *server, const char *name)
{
    char why[CONF_WHY_BYTES];
    struct certificate_files f = { 0 };
    if (!listen_any_tls(&c->listen)) {
        if (c->tls_certificate.count > 0)
            check_say(found, "security", name, CHECK_WARNING, "listen = 0.0.0.0:443 tls",
                      "tls-certificate names a certificate, but no listener has the word tls");
        return;
    }
    int rc = certificate_files_read(&f, c, why);
    if (rc == 0 && f.count == 0 && server)
        return;
    rc = rc < 0 ? rc : certificate_files_some(f.count, why);
    if (rc < 0)
        check_say(found, "security", name, CHECK_PROBLEM, "", "%s", why);
    else
        say_rows(found, name, &f);
    certificate_files_done(&f);
}
