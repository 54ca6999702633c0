/* loop.c - the turn: wait > note what is ready > woken hooks > timers > watches > turn-end
 * hooks > free.
 *
 * What is ready is noted in the watches before any code of theirs runs, so a watch that is taken
 * off or freed by another's step in the same turn is simply no longer in the list.
 */
#include "loop/turn.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/signalfd.h>

static const unsigned READY_EVERYTHING = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

struct loop *loop_new(void)
{
    struct loop *l = sys_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->ep = sys_epoll_create();
    if (l->ep < 0) {
        sys_free(l);
        return NULL;
    }
    l->now_us = sys_now_us();
    l->signals.fd = -1;
    list_init(&l->again);
    list_init(&l->hooks);
    list_init(&l->garbage);
    return l;
}

static void free_garbage(struct loop *l)
{
    while (!list_empty(&l->garbage)) {
        struct loop_garbage *g = container_of(l->garbage.next, struct loop_garbage, node);
        list_remove(&g->node);
        g->free_fn(g);
    }
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    free_garbage(l);
    if (l->signals.fd >= 0) {
        int fd = l->signals.fd;
        loop_unwatch(&l->signals);
        (void)sys_close(fd);
    }
    (void)sys_close(l->ep);
    sys_free(l->timers.at);
    sys_free(l);
}

int64_t loop_now_us(const struct loop *l)
{
    return l->now_us;
}

int64_t loop_now_ms(const struct loop *l)
{
    return l->now_us / 1000;
}

bool loop_may_tell(const struct loop *l, int64_t *told_ms, int64_t every_ms)
{
    int64_t now_ms = loop_now_ms(l);
    if (*told_ms != 0 && now_ms - *told_ms < every_ms)
        return false;
    *told_ms = now_ms;
    return true;
}

/* ---- watches ---- */

static int watch(struct loop *l, struct watch *w, int fd, watch_fn run, unsigned wanted)
{
    struct epoll_event event = { .events = wanted, .data.ptr = w };
    *w = (struct watch){ .run = run, .loop = l, .fd = -1 };
    list_init(&w->again);
    int rc = sys_epoll_ctl(l->ep, EPOLL_CTL_ADD, fd, &event);
    if (rc == 0)
        w->fd = fd;
    return rc;
}

int loop_watch(struct loop *l, struct watch *w, int fd, watch_fn run)
{
    return watch(l, w, fd, run, READY_EVERYTHING);
}

int loop_watch_listener(struct loop *l, struct watch *w, int fd, watch_fn run)
{
    return watch(l, w, fd, run, EPOLLIN | EPOLLEXCLUSIVE);
}

void loop_unwatch(struct watch *w)
{
    if (!w->loop || w->fd < 0)
        return;
    (void)sys_epoll_ctl(w->loop->ep, EPOLL_CTL_DEL, w->fd, NULL);
    list_remove(&w->again);
    w->fd = -1;
    w->ready = 0;
}

int loop_pause(struct watch *w, bool is_paused)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = w };
    int operation = is_paused ? EPOLL_CTL_DEL : EPOLL_CTL_ADD;     /* EPOLLEXCLUSIVE forbids MOD */
    return sys_epoll_ctl(w->loop->ep, operation, w->fd, &event);
}

void loop_again(struct watch *w)
{
    if (w->loop && w->fd >= 0 && list_empty(&w->again))
        list_add_before(&w->loop->again, &w->again);
}

static unsigned ready_bits(uint32_t events)
{
    unsigned bits = 0;
    if (events & EPOLLIN)
        bits |= LOOP_READ;
    if (events & EPOLLOUT)
        bits |= LOOP_WRITE;
    if (events & EPOLLRDHUP)
        bits |= LOOP_READ | LOOP_HANGUP;
    if (events & (EPOLLHUP | EPOLLERR))       /* the next read or write says what it was */
        bits |= LOOP_READ | LOOP_WRITE | LOOP_HANGUP | LOOP_BROKEN;
    return bits;
}

static void run_watches(struct loop *l)
{
    struct list now;
    /* `now` takes the place of the head, and with it all */
    list_add_before(&l->again, &now);
    list_remove(&l->again);
    while (!list_empty(&now)) {
        struct watch *w = container_of(now.next, struct watch, again);
        list_remove(&w->again);
        w->run(w);
    }
}

/* ---- hooks and things to free ---- */

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
    list_add_before(&l->hooks, &h->node);
}

void loop_hook_remove(struct loop_hook *h)
{
    list_remove(&h->node);
}

void loop_free_later(struct loop *l, struct loop_garbage *g,
                     void (*free_fn)(struct loop_garbage *g))
{
    g->free_fn = free_fn;
    list_add_before(&l->garbage, &g->node);
}

static void run_woken_hooks(struct loop *l)
{
    for (struct list *n = l->hooks.next, *next; n != &l->hooks; n = next) {
        struct loop_hook *h = container_of(n, struct loop_hook, node);
        next = n->next;                       /* a hook may remove itself */
        if (h->woken)
            h->woken(h);
    }
}

/* The shorter of two waits, of which -1 is none. */
static int64_t shorter(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int64_t run_turn_end_hooks(struct loop *l)
{
    int64_t wait_us = -1;
    for (struct list *n = l->hooks.next, *next; n != &l->hooks; n = next) {
        struct loop_hook *h = container_of(n, struct loop_hook, node);
        next = n->next;
        wait_us = shorter(wait_us, h->turn_end(h));
    }
    return wait_us;
}

/* ---- the turn ---- */

static int64_t timers_wait_us(const struct loop *l)
{
    int64_t next_ms = timers_next_ms(l);
    if (next_ms < 0)
        return -1;
    int64_t left_us = next_ms * 1000 - sys_now_us();       /* the turn itself took some time */
    return left_us > 0 ? left_us : 0;
}

static int wait_and_note(struct loop *l, int64_t wait_us)
{
    int count = sys_epoll_wait(l->ep, l->events, LOOP_EVENTS_MAX, wait_us);
    l->now_us = sys_now_us();
    for (int i = 0; i < count; i++) {
        struct watch *w = l->events[i].data.ptr;
        w->ready |= ready_bits(l->events[i].events);
        loop_again(w);
    }
    return count < 0 && count != -EINTR ? count : 0;
}

int loop_run(struct loop *l)
{
    int rc = 0;
    l->now_us = sys_now_us();
    while (rc == 0 && !l->is_stopping) {
        int64_t wait_us = run_turn_end_hooks(l);           /* before each wait, also the first */
        free_garbage(l);
        bool waits = list_empty(&l->again) && !l->is_stopping;         /* a hook may have stopped it */
        wait_us = waits ? shorter(wait_us, timers_wait_us(l)) : 0;
        rc = wait_and_note(l, wait_us);
        run_woken_hooks(l);
        timers_run(l);
        run_watches(l);
    }
    (void)run_turn_end_hooks(l);                           /* the last turn has an end too */
    free_garbage(l);
    l->is_stopping = false;
    return rc;
}

void loop_stop(struct loop *l)
{
    l->is_stopping = true;
}

/* ---- signals ---- */

static void run_signals(struct watch *w)
{
    struct loop *l = container_of(w, struct loop, signals);
    struct signalfd_siginfo info[16];
    sigset_t seen;
    sigemptyset(&seen);
    ssize_t got = sys_read(w->fd, info, sizeof info);
    if (got == (ssize_t)sizeof info || (got < 0 && got != -EAGAIN))     /* more, or it could not be read */
        loop_again(w);
    else
        w->ready &= ~(unsigned)LOOP_READ;
    for (size_t i = 0; got > 0 && i < (size_t)got / sizeof info[0]; i++) {
        int sig = (int)info[i].ssi_signo;
        if (sigismember(&seen, sig) == 1)
            continue;
        sigaddset(&seen, sig);
        l->on_signal(l, l->signal_user, sig);
    }
}

int loop_signals(struct loop *l, const int *signals, size_t count, signal_fn fn, void *user)
{
    if (l->signals.fd >= 0)
        return -EBUSY;
    sigemptyset(&l->signal_set);
    for (size_t i = 0; i < count; i++)
        sigaddset(&l->signal_set, signals[i]);
    int rc = sys_sigmask(SIG_BLOCK, &l->signal_set);
    int fd = rc < 0 ? rc : sys_signalfd(-1, &l->signal_set);
    if (fd < 0)
        return fd;
    l->on_signal = fn;
    l->signal_user = user;
    rc = loop_watch(l, &l->signals, fd, run_signals);
    if (rc < 0)
        (void)sys_close(fd);
    return rc;
}
