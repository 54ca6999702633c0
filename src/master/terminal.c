/* terminal.c - the terminal is opened anew each time, by the name that means "mine": standard error
 * may be a file.
 *
 * Ctrl-Z is off while pdb runs: it would stop the worker alone, and no shell would notice.
 */
#include "master/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "base/json.h"
#include "base/log.h"
#include "base/sys.h"
#include "master/generation.h"
#include "master/site.h"
#include "master/supervise.h"
#include "master/workers.h"

void terminal_init(struct terminal *t, struct master *m)
{
    *t = (struct terminal){ .master = m, .fd = -1 };
}

static int answer(const struct worker *w, const char *text)
{
    ssize_t sent = sys_send(w->life_fd, text, strlen(text), MSG_DONTWAIT);
    return sent < 0 ? (int)sent : 0;
}

static void refuse(struct worker *w, const char *why)
{
    char text[256];
    w->wants_terminal = false;
    (void)snprintf(text, sizeof text, "{\"do\":\"pass\",\"why\":\"%s\"}", why);
    int rc = answer(w, text);
    if (rc < 0)
        log_warn("a breakpoint cannot be answered", "worker=%u error=%d", w->index, -rc);
}

/* Ours to give: a job in the background would take it from the shell. */
static const char *open_terminal(struct terminal *t)
{
    t->fd = sys_open("/dev/tty", O_RDWR | O_NOCTTY, 0);
    if (t->fd < 0)
        return "slipway has no terminal";
    if (sys_terminal_group(t->fd) != getpgrp())
        return "slipway is not in the foreground of its terminal";
    if (sys_terminal_modes(t->fd, &t->modes) < 0)
        return "slipway's terminal cannot be set";
    return NULL;
}

static void close_terminal(struct terminal *t)
{
    (void)sys_close(t->fd);
    t->fd = -1;
}

static int give_to(struct terminal *t, const struct worker *w)
{
    struct termios modes = t->modes;
    modes.c_cc[VSUSP] = _POSIX_VDISABLE;
    logs_hold(&t->master->logs, true);
    int rc = sys_terminal_set_modes(t->fd, &modes);
    if (rc == 0)
        rc = sys_terminal_give(t->fd, w->child.pid);
    return rc < 0 ? rc : answer(w, "{\"do\":\"debug\"}");
}

static void take_back(struct terminal *t)
{
    t->holder = NULL;
    int rc = sys_terminal_give(t->fd, getpgrp());
    if (rc == 0)
        rc = sys_terminal_set_modes(t->fd, &t->modes);
    if (rc < 0)
        log_warn("the terminal cannot be taken back", "error=%d", -rc);
    close_terminal(t);
    logs_hold(&t->master->logs, false);
}

static void give(struct terminal *t, struct worker *w)
{
    const char *why = open_terminal(t);
    if (!why) {
        t->holder = w;
        if (give_to(t, w) == 0)
            return;
        take_back(t);
        why = "slipway cannot give its terminal away";
    }
    close_terminal(t);
    refuse(w, why);
}

static struct worker *next_that_waits(const struct master *m)
{
    for (struct list *s = m->sites.next; s != &m->sites; s = s->next) {
        struct site *site = container_of(s, struct site, node);
        for (struct list *n = site->generations.next; n != &site->generations; n = n->next) {
            struct generation *g = container_of(n, struct generation, node);
            for (unsigned i = 0; i < g->workers_count; i++)
                if (g->workers[i].wants_terminal)
                    return &g->workers[i];
        }
    }
    return NULL;
}

void terminal_ask(struct terminal *t, struct worker *w)
{
    if (!t->master->start->is_development || t->master->phase != MASTER_SERVING ||
        !child_runs(&w->child)) {
        refuse(w, "slipway does not debug now");
        return;
    }
    w->wants_terminal = true;
    if (!t->holder)
        give(t, w);
}

void terminal_leave(struct terminal *t, struct worker *w)
{
    struct worker *next;
    w->wants_terminal = false;
    if (t->holder != w)
        return;
    take_back(t);
    while (!t->holder && t->master->phase == MASTER_SERVING &&
           (next = next_that_waits(t->master)) != NULL)
        give(t, next);
}

void terminal_end(struct terminal *t)
{
    if (!t->holder)
        return;
    log_info("a breakpoint is left", "worker=%u reason=\"slipway stops\"", t->holder->index);
    child_signal(&t->holder->child, SIGKILL);
}

bool terminal_is_wanted_in(const struct generation *g)
{
    for (unsigned i = 0; i < g->workers_count; i++)
        if (g->workers[i].wants_terminal)
            return true;
    return false;
}
