#include "unit.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "no_memory.h"
#include <sys/un.h>
#include <unistd.h>

/* A loop, a pair of connected sockets, and a timer that ends a test which waits in vain. */
struct stage {
    struct loop *loop;
    struct watch watch;
    int peer;                         /* the other end of watch.fd */
    struct timer deadline;
    unsigned runs, runs_wanted;       /* the loop stops after so many */
    unsigned seen;                    /* LOOP_ bits of all runs */
};

static void too_late(struct timer *t)
{
    (void)t;
    fail_msg("nothing came within %d ms", unit_deadline_ms);
}

static void count_run(struct watch *w)
{
    struct stage *s = container_of(w, struct stage, watch);
    s->seen |= w->ready;
    if (++s->runs == s->runs_wanted)
        loop_stop(s->loop);
}

static void set_up(struct stage *s, watch_fn run)
{
    int fds[2];
    *s = (struct stage){ .loop = loop_new(), .runs_wanted = 1 };
    assert_non_null(s->loop);
    timer_init(&s->deadline, too_late);
    assert_int_equal(timer_set(s->loop, &s->deadline, unit_deadline_ms), 0);
    assert_int_equal(sys_socketpair(SOCK_STREAM | SOCK_NONBLOCK, fds), 0);
    assert_int_equal(loop_watch(s->loop, &s->watch, fds[0], run), 0);
    s->peer = fds[1];
}

static void tear_down(struct stage *s)
{
    int fd = s->watch.fd;
    loop_unwatch(&s->watch);
    loop_unwatch(&s->watch);
    assert_int_equal(s->watch.fd, -1);
    (void)sys_close(fd);
    (void)sys_close(s->peer);
    timer_off(s->loop, &s->deadline);
    loop_free(s->loop);
}

static void stop_by_timer(struct timer *t);
struct pause { struct timer timer; struct loop *loop; };

static void run_for(struct loop *l, int64_t ms)
{
    struct pause p = { .loop = l };
    timer_init(&p.timer, stop_by_timer);
    assert_int_equal(timer_set(l, &p.timer, ms), 0);
    assert_int_equal(loop_run(l), 0);
}

static void stop_by_timer(struct timer *t)
{
    loop_stop(container_of(t, struct pause, timer)->loop);
}

UNIT_TEST(readiness_is_told_once_and_remembered)
{
    struct stage s;
    set_up(&s, count_run);
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.seen, LOOP_WRITE);
    assert_int_equal(sys_send(s.peer, "x", 1, 0), 1);
    s.runs_wanted = 2;
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.watch.ready, LOOP_READ | LOOP_WRITE);
    run_for(s.loop, 5);                              /* nobody read, and still it is quiet */
    assert_int_equal(s.runs, 2);
    assert_int_equal(s.watch.ready, LOOP_READ | LOOP_WRITE);
    s.watch.ready = 0;
    s.runs_wanted = 3;
    assert_int_equal(sys_send(s.peer, "y", 1, 0), 1);
    assert_int_equal(loop_run(s.loop), 0);
    assert_true(s.watch.ready & LOOP_READ);
    tear_down(&s);
}

UNIT_TEST(a_peer_that_leaves_is_a_hangup)
{
    struct stage s;
    set_up(&s, count_run);
    assert_int_equal(sys_shutdown(s.peer, SHUT_WR), 0);
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.seen, LOOP_READ | LOOP_WRITE | LOOP_HANGUP);
    tear_down(&s);
}

static void ask_again(struct watch *w)
{
    count_run(w);
    loop_again(w);
    loop_again(w);                                   /* twice is once */
}

struct turns { struct loop_hook hook; unsigned ends, wakes; int64_t wish_us; };

static int64_t count_end(struct loop_hook *h)
{
    struct turns *t = container_of(h, struct turns, hook);
    t->ends++;
    return t->wish_us;
}

static void count_wake(struct loop_hook *h)
{
    container_of(h, struct turns, hook)->wakes++;
}

UNIT_TEST(again_runs_once_a_turn_without_waiting)
{
    struct stage s;
    struct turns turns = { .hook = { .turn_end = count_end, .woken = count_wake }, .wish_us = -1 };
    set_up(&s, ask_again);
    loop_hook_add(s.loop, &turns.hook);
    s.runs_wanted = 100;
    int64_t before_us = sys_now_us();
    assert_int_equal(loop_run(s.loop), 0);
    assert_true(sys_now_us() - before_us < unit_deadline_ms * 1000);
    assert_int_equal(turns.wakes, 100);
    assert_int_equal(turns.ends, 101);               /* one before the first wait */
    loop_hook_remove(&turns.hook);
    tear_down(&s);
    loop_again(&s.watch);                            /* of an unwatched one: nothing */
}

static void hook_stops(struct loop_hook *h);
struct wisher { struct loop_hook hook; struct loop *loop; unsigned ends; int64_t wish_us; };

static int64_t wish(struct loop_hook *h)
{
    struct wisher *w = container_of(h, struct wisher, hook);
    w->ends++;
    return w->wish_us;
}

static void hook_stops(struct loop_hook *h)
{
    loop_stop(container_of(h, struct wisher, hook)->loop);
}

UNIT_TEST(the_shortest_wish_bounds_the_wait)
{
    struct stage s;
    set_up(&s, count_run);
    assert_int_equal(loop_run(s.loop), 0);           /* over the first readiness */
    struct wisher none = { .hook = { .turn_end = wish }, .wish_us = -1 };
    struct wisher soon = { .hook = { .turn_end = wish, .woken = hook_stops }, .loop = s.loop,
                           .wish_us = 700 };
    struct wisher late = { .hook = { .turn_end = wish }, .wish_us = 2000000 };
    struct wisher last = late;
    loop_hook_add(s.loop, &none.hook);
    loop_hook_add(s.loop, &late.hook);
    loop_hook_add(s.loop, &soon.hook);
    loop_hook_add(s.loop, &last.hook);
    int64_t before_us = sys_now_us();
    assert_int_equal(loop_run(s.loop), 0);
    int64_t took_us = sys_now_us() - before_us;
    assert_true(took_us >= 700 && took_us < 1500000);
    assert_int_equal(none.ends, 2);
    assert_int_equal(last.ends, 2);
    loop_hook_remove(&none.hook);
    loop_hook_remove(&soon.hook);
    loop_hook_remove(&late.hook);
    loop_hook_remove(&last.hook);
    tear_down(&s);
}

static int64_t stop_at_once(struct loop_hook *h)
{
    struct wisher *w = container_of(h, struct wisher, hook);
    w->ends++;
    loop_stop(w->loop);
    return -1;
}

UNIT_TEST(a_stop_at_the_end_of_a_turn_waits_for_nothing)
{
    struct stage s;
    set_up(&s, count_run);
    assert_int_equal(loop_run(s.loop), 0);           /* over the first readiness: it is quiet now */
    struct wisher last = { .hook = { .turn_end = stop_at_once }, .loop = s.loop };
    loop_hook_add(s.loop, &last.hook);
    assert_int_equal(loop_run(s.loop), 0);           /* else for ever */
    assert_int_equal(last.ends, 2);
    loop_hook_remove(&last.hook);
    tear_down(&s);
}

UNIT_TEST(a_quiet_loop_does_not_turn)
{
    struct stage s;
    struct turns turns = { .hook = { .turn_end = count_end }, .wish_us = -1 };
    set_up(&s, count_run);
    loop_hook_add(s.loop, &turns.hook);
    run_for(s.loop, 20);
    /* readiness at first, the timer, the last end */
    assert_in_range(turns.ends, 2, 4);
    loop_hook_remove(&turns.hook);
    tear_down(&s);
}

/* Two watches ready in one turn; whoever runs first takes the other off and gives it to
 * be freed. */
struct rival {
    struct watch watch;
    struct loop_garbage garbage;
    struct rival *other;
    unsigned *runs, *frees;
    bool is_running;
};

static void free_rival(struct loop_garbage *g)
{
    struct rival *r = container_of(g, struct rival, garbage);
    assert_false(r->is_running || r->other->is_running);
    ++*r->frees;
    free(r);
}

static void outlive(struct watch *w)
{
    struct rival *r = container_of(w, struct rival, watch), *o = r->other;
    r->is_running = true;
    ++*r->runs;
    int fd = o->watch.fd;
    loop_unwatch(&o->watch);
    (void)sys_close(fd);
    loop_free_later(w->loop, &o->garbage, free_rival);
    loop_stop(w->loop);
    assert_int_equal(*r->frees, 0);                  /* not inside the step */
    r->is_running = false;
}

UNIT_TEST(a_watch_taken_off_in_the_same_turn_does_not_run)
{
    struct loop *l = loop_new();
    struct rival *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    unsigned runs = 0, frees = 0;
    *a = (struct rival){ .other = b, .runs = &runs, .frees = &frees };
    *b = (struct rival){ .other = a, .runs = &runs, .frees = &frees };
    assert_int_equal(loop_watch(l, &a->watch, sys_eventfd(1, 0), outlive), 0);
    assert_int_equal(loop_watch(l, &b->watch, sys_eventfd(1, 0), outlive), 0);
    assert_int_equal(loop_run(l), 0);
    assert_int_equal(runs, 1);
    assert_int_equal(frees, 1);
    struct rival *left = runs == 1 && a->watch.fd >= 0 ? a : b;
    int fd = left->watch.fd;
    loop_unwatch(&left->watch);
    (void)sys_close(fd);
    free(left);
    loop_free(l);
}

UNIT_TEST(a_listener_runs_until_the_queue_is_empty)
{
    struct stage s;
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    socklen_t len = sizeof(sa_family_t);             /* the kernel picks an abstract name */
    set_up(&s, count_run);
    int fd = s.watch.fd, listener = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    loop_unwatch(&s.watch);
    (void)sys_close(fd);
    assert_int_equal(sys_bind(listener, (struct sockaddr *)&name, len), 0);
    assert_int_equal(sys_listen(listener, 5), 0);
    len = sizeof name;
    assert_int_equal(sys_getsockname(listener, (struct sockaddr *)&name, &len), 0);
    assert_int_equal(loop_watch_listener(s.loop, &s.watch, listener, count_run), 0);
    int client = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(sys_connect(client, (struct sockaddr *)&name, len), 0);
    s.runs_wanted = 3;                               /* level-triggered: again, as nobody accepts */
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.seen, LOOP_READ);
    assert_int_equal(loop_pause(&s.watch, true), 0);
    run_for(s.loop, 5);                              /* still nobody accepted, but it is quiet */
    assert_int_equal(s.runs, 3);
    assert_int_equal(loop_pause(&s.watch, false), 0);
    s.runs_wanted = 4;
    assert_int_equal(loop_run(s.loop), 0);
    int accepted = sys_accept(listener, NULL, NULL);
    assert_true(accepted >= 0);
    run_for(s.loop, 5);
    assert_int_equal(s.runs, 4);
    (void)sys_close(accepted);
    (void)sys_close(client);
    tear_down(&s);
}

struct heard { unsigned usr1, usr2, queued; };

static void hear(struct loop *l, void *user, int sig)
{
    struct heard *h = user;
    h->usr1 += sig == SIGUSR1;
    h->usr2 += sig == SIGUSR2;
    h->queued += sig == SIGRTMIN;
    if (h->usr1 > 0 && h->usr2 > 0)
        loop_stop(l);
}

UNIT_TEST(signals_come_through_the_loop)
{
    struct stage s;
    struct heard heard = { 0 };
    const int signals[] = { SIGUSR1, SIGUSR2, SIGRTMIN };
    set_up(&s, count_run);
    s.runs_wanted = 0;
    assert_int_equal(loop_signals(s.loop, signals, 3, hear, &heard), 0);
    assert_int_equal(loop_signals(s.loop, signals, 3, hear, &heard), -EBUSY);
    assert_int_equal(sys_kill(getpid(), SIGUSR1), 0);
    assert_int_equal(sys_kill(getpid(), SIGUSR1), 0);
    /* these queue, and are one call all the same */
    for (int i = 0; i < 5; i++)
        assert_int_equal(sys_kill(getpid(), SIGRTMIN), 0);
    assert_int_equal(sys_kill(getpid(), SIGUSR2), 0);
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(heard.usr1, 1);
    assert_int_equal(heard.usr2, 1);
    assert_int_equal(heard.queued, 1);
    assert_int_equal(sys_kill(getpid(), SIGUSR1), 0);        /* and a second time */
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(heard.usr1, 2);
    tear_down(&s);
}

UNIT_TEST(what_cannot_be_watched_is_refused)
{
    struct stage s;
    struct watch file = { 0 };
    int fd = sys_open_unlinked("/tmp");
    set_up(&s, count_run);
    loop_unwatch(&file);                             /* an all-zero one */
    assert_int_equal(loop_watch(s.loop, &file, fd, count_run), -EPERM);
    assert_int_equal(file.fd, -1);
    loop_unwatch(&file);
    assert_int_equal(loop_watch(s.loop, &file, -1, count_run), -EBADF);
    (void)sys_close(fd);
    tear_down(&s);
}

UNIT_TEST(a_stop_before_the_run_is_kept)
{
    struct stage s;
    set_up(&s, count_run);
    loop_stop(s.loop);
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.runs, 0);
    assert_int_equal(loop_run(s.loop), 0);           /* and used up */
    assert_int_equal(s.runs, 1);
    tear_down(&s);
}

UNIT_TEST(without_memory_there_is_no_loop)
{
    heap_left = 0;
    assert_null(loop_new());
    heap_left = UINT32_MAX;
    loop_free(NULL);
}

UNIT_MAIN(readiness_is_told_once_and_remembered, a_peer_that_leaves_is_a_hangup,
          again_runs_once_a_turn_without_waiting, the_shortest_wish_bounds_the_wait,
          a_stop_at_the_end_of_a_turn_waits_for_nothing, a_quiet_loop_does_not_turn,
          a_watch_taken_off_in_the_same_turn_does_not_run,
          a_listener_runs_until_the_queue_is_empty, signals_come_through_the_loop,
          what_cannot_be_watched_is_refused, a_stop_before_the_run_is_kept, without_memory_there_is_no_loop)
