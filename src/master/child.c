/* child.c - reaping: every child of this process, also those that an application left behind,
 * because the master is a subreaper.  A pid stays ours until it is reaped here, so it cannot mean
 * another process.
 */
#include "master/child.h"
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/span.h"
#include "base/sys.h"

void children_init(struct children *all)
{
    memset(all, 0, sizeof *all);
    list_init(&all->all);
}

void child_init(struct child *c, void (*ended)(struct child *, pid_t, int, int64_t))
{
    *c = (struct child){ .pidfd = -1, .ended = ended };
    list_init(&c->node);
}

void child_add(struct children *all, struct child *c, pid_t pid)
{
    c->pid = pid;
    c->pidfd = sys_pidfd_open(pid);
    c->started_us = sys_now_us();
    list_add_before(&all->all, &c->node);
}

static void end(struct child *c, int status, int64_t peak_kib)
{
    pid_t pid = c->pid;
    list_remove(&c->node);
    (void)sys_close(c->pidfd);
    c->pidfd = -1;
    c->pid = 0;
    c->ended(c, pid, status, peak_kib);
}

static struct child *find(const struct children *all, pid_t pid)
{
    for (struct list *n = all->all.next; n != &all->all; n = n->next) {
        struct child *c = container_of(n, struct child, node);
        if (c->pid == pid)
            return c;
    }
    return NULL;
}

static bool end_as_stranger(struct children *all, struct child *c, pid_t pid)
{
    for (unsigned i = 0; i < CHILDREN_STRANGERS; i++) {
        if (all->strangers[i].pid != pid)
            continue;
        all->strangers[i].pid = 0;
        c->pid = pid;
        end(c, all->strangers[i].status, all->strangers[i].peak_kib);
        return true;
    }
    return false;
}

int child_claim(struct children *all, struct child *c, pid_t pid)
{
    int status = 0;
    int64_t peak_kib = 0;
    if (pid <= 1)
        return -ECHILD;
    if (find(all, pid))
        return -EEXIST;
    pid_t got = sys_waitpid(pid, &status, WNOHANG, &peak_kib);
    if (got == -ECHILD && end_as_stranger(all, c, pid))
        return 0;
    if (got < 0)
        return (int)got;
    child_add(all, c, pid);
    if (got == pid)
        end(c, status, peak_kib);
    return 0;
}

void child_signal(const struct child *c, int sig)
{
    if (c->pid == 0)
        return;
    if (c->pidfd < 0 || sys_pidfd_send_signal(c->pidfd, sig) < 0)
        (void)sys_kill(c->pid, sig); /* no descriptor was left; not reaped yet, so still ours */
}

void children_reap(struct children *all)
{
    int status = 0;
    int64_t peak_kib = 0;
    unsigned failures = 0;
    for (;;) {
        pid_t pid = sys_waitpid(-1, &status, WNOHANG, &peak_kib);
        if (pid < 0 && !list_empty(&all->all) && failures++ == 0)
            continue; /* there is a child: nobody else would look again */
        if (pid <= 0)
            return;
        struct child *c = find(all, pid);
        if (c) {
            end(c, status, peak_kib);
            continue;
        }
        unsigned at = all->strangers_at++ % CHILDREN_STRANGERS;
        all->strangers[at].pid = pid;
        all->strangers[at].status = status;
        all->strangers[at].peak_kib = peak_kib;
    }
}

const char *child_status_text(int status, char text[CHILD_STATUS_BYTES])
{
    if (WIFSIGNALED(status))
        (void)snprintf(text, CHILD_STATUS_BYTES, "signal %d", WTERMSIG(status));
    else
        (void)snprintf(text, CHILD_STATUS_BYTES, "exit status %d", WEXITSTATUS(status));
    return text;
}
