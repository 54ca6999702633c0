/* annexes.c - woken by its timer.  A look costs a stat a file; a file that is being written is read when the
 * next look finds the same as the last one. */
#include "master/annexes.h"
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/annex.h"
#include "master/pages.h"
#include "master/site.h"
#include "master/supervise.h"

int annexes_read(struct generation *g, char *why)
{
    const struct conf *conf = generation_start(g)->conf;
    uint64_t stamp = annex_stamp(conf);          /* before: a write meanwhile is another change */
    struct buf text = { 0 };
    int rc = annex_read(conf, &text, why), fd = -1;
    if (rc == 0 && g->report)
        pages_read(conf, g->report, &g->user, g->site->project->name, &text);
    if (rc == 0 && buf_len(&text) > 0) {
        fd = rc = sys_memfd_with("slipway-annex", buf_span(&text));
        if (fd < 0)
            (void)snprintf(why, CONF_WHY_BYTES, "cannot hand files on: %s", strerror(-fd));
    }
    if (text.block)
        explicit_bzero(text.block, text.cap_bytes);
    buf_done(&text);
    if (rc < 0)
        return rc;
    (void)sys_close(g->annex_fd);
    g->annex_fd = fd;
    g->annex_stamp = stamp;
    return 0;
}

static void read_changed(struct annexes *a, struct generation *g, uint64_t stamp)
{
    char why[CONF_WHY_BYTES];
    if (annexes_read(g, why) == 0) {
        log_info("files replaced", "options=\"basic-auth, redirects\"");
        edges_tell_options(&a->site->master->edges, g);
        a->refused = 0;
    } else {
        a->refused = stamp;
        log_error("files not replaced, the old ones serve on", "error=\"%s\"", why);
    }
}

static void look_again(struct timer *t)
{
    struct annexes *a = container_of(t, struct annexes, look);
    struct generation *g = a->site->current;
    if (g && !a->site->next) {                   /* the next one reads them anyway, and options of both would mix */
        uint64_t stamp = annex_stamp(generation_start(g)->conf), seen = a->seen;
        a->seen = stamp;
        if (stamp != g->annex_stamp && stamp == seen && stamp != a->refused)
            read_changed(a, g, stamp);
    }
    annexes_watch(a);
}

void annexes_watch(struct annexes *a)
{
    const struct site *s = a->site;
    const struct conf *conf = s->current ? generation_start(s->current)->conf : s->conf;
    bool has_some = annex_stamp(conf) != 0;
    if (!has_some || conf->annex_look_ms == 0)
        timer_off(s->master->loop, &a->look);
    else if (timer_set(s->master->loop, &a->look, conf->annex_look_ms) < 0)
        log_error("no memory for a timer", "files are looked at again at a reload");
}

void annexes_init(struct annexes *a, struct site *s)
{
    *a = (struct annexes){ .site = s };
    timer_init(&a->look, look_again);
}

void annexes_done(struct annexes *a)
{
    if (a->site->master->loop)
        timer_off(a->site->master->loop, &a->look);
}
