#include "pool_stage.h"
#include "link/pool.h"
#include <sys/prctl.h>

/* Workers that are processes.  They are killed with -9 at random moments while requests go on, and
 * some requests kill their worker at a certain step, the first time that they run. */

enum { PROCESSES = STAGE_WORKERS, CLIENTS = 24, KILLS = 200, ANSWERS_A_KILL = 40, DEADLY = 37 };
enum step { AFTER_TAKE, AFTER_HEAD, AFTER_WRITE, AFTER_FINISH, STEPS };

struct shared {                       /* with the workers */
    _Atomic unsigned deaths[STEPS];
    _Atomic bool has_killed[1 << 20]; /* by number of the request */
};

struct field_day;
struct process {
    struct field_day *f;
    struct watch pidfd;
    unsigned worker;
    pid_t pid;
};

struct field_day {                    /* CLIENTS ask again and again, and workers die */
    struct stage s;
    struct loop_hook hook;
    struct process processes[PROCESSES];
    struct client clients[CLIENTS];
    unsigned numbers[CLIENTS];
    char paths[CLIENTS][24];
    struct shared *shared;
    unsigned asked, died;
    unsigned until_kill;              /* answers until the next kill */
    unsigned seed;
    bool is_ending;
};

static void may_die(struct shared *shared, unsigned number, enum step step)
{
    if (number % DEADLY != 0 || number / DEADLY % STEPS != step)
        return;
    if (atomic_exchange(&shared->has_killed[number], true))
        return;
    atomic_fetch_add(&shared->deaths[step], 1);
    (void)raise(SIGKILL);
}

static void answer_or_die(struct frame_thread *t, struct shared *shared)
{
    struct span path = variable(t, "PATH_INFO");
    uint64_t number = 0;
    (void)span_to_u64(span_skip(path, 1), &number);
    may_die(shared, (unsigned)number, AFTER_TAKE);
    (void)frame_head(t, 200, SPAN("OK\r\nX-From: app\r\n"));
    may_die(shared, (unsigned)number, AFTER_HEAD);
    (void)frame_write(t, path);
    may_die(shared, (unsigned)number, AFTER_WRITE);
    frame_finish(t, FRAME_OK);
    may_die(shared, (unsigned)number, AFTER_FINISH);
}

static _Noreturn void work(const struct field_day *f, unsigned worker, int intake_fd,
                           int passing_fd)
{
    struct frame_worker w;
    struct frame_thread t;
    const struct stage_generation *g = f->s.first;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (frame_worker_init(&w, g->yard_fd, worker, intake_fd, g->bells, &passing_fd, 1) < 0)
        _exit(1);
    frame_thread_init(&t, &w, 0);
    while (frame_take(&t, -1) == 0)
        answer_or_die(&t, f->shared);
    _exit(0);
}

static void on_death(struct watch *w);

static void start(struct field_day *f, unsigned worker)
{
    struct process *p = &f->processes[worker];
    int intake[2], pair[2];
    assert_int_equal(sys_pipe(intake, 0), 0);
    assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        work(f, worker, intake[0], pair[0]);
    (void)sys_close(intake[0]);
    (void)sys_close(pair[0]);
    p->f = f;
    p->worker = worker;
    p->pid = f->s.first->workers[worker].pid = pid;
    assert_int_equal(loop_watch(f->s.loop, &p->pidfd, sys_pidfd_open(pid), on_death), 0);
    assert_int_equal(announce_worker(&f->s, f->s.first, worker, 0, intake[1], pair[1]), 0);
}

static void on_death(struct watch *w)
{
    struct process *p = container_of(w, struct process, pidfd);
    int status = 0, fd = w->fd;
    w->ready = 0;
    if (waitpid(p->pid, &status, WNOHANG) == 0)
        return;                       /* registered, but alive */
    assert_int_equal(WTERMSIG(status), SIGKILL);
    loop_unwatch(w);
    (void)sys_close(fd);
    say(&p->f->s, CHANNEL_WORKER_DEAD, p->f->s.first, p->worker);
    p->f->died++;
    p->pid = 0;
    if (!p->f->is_ending)
        start(p->f, p->worker);
}

/* A request runs twice at most, so none is hit twice. */
static bool is_any_in_danger(const struct field_day *f)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (f->clients[i].ends == 0 &&
            (f->clients[i].call.tries > 0 || f->numbers[i] % DEADLY == 0))
            return true;
    return false;
}

static void ask_next(struct field_day *f, unsigned i)
{
    f->numbers[i] = ++f->asked;
    snprintf(f->paths[i], sizeof f->paths[i], "/%u", f->asked);
    ask(&f->clients[i], f->s.pool, f->paths[i]);
}

static bool take_answers(struct field_day *f)
{
    bool is_more = false;
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (f->clients[i].ends == 0)
            continue;
        has_answer(&f->clients[i], f->paths[i]);
        f->until_kill -= f->until_kill > 0;
        ask_next(f, i);
        is_more = true;
    }
    return is_more;
}

static int64_t go_on(struct loop_hook *h)
{
    struct field_day *f = container_of(h, struct field_day, hook);
    bool is_more = take_answers(f);
    struct process *p = &f->processes[(unsigned)rand_r(&f->seed) % PROCESSES];
    if (f->until_kill == 0 && p->pid != 0 && !is_any_in_danger(f)) {
        (void)kill(p->pid, SIGKILL);
        f->until_kill = (unsigned)rand_r(&f->seed) % ANSWERS_A_KILL + 1;
    }
    return is_more ? 0 : -1;
}

static bool has_died_enough(void *of) { return ((struct field_day *)of)->died >= KILLS; }

static bool is_still(void *of)
{
    struct field_day *f = of;
    for (unsigned i = 0; i < CLIENTS; i++)
        if (f->clients[i].ends == 0)
            return false;
    return true;
}

static bool are_all_dead(void *of)
{
    struct field_day *f = of;
    for (unsigned i = 0; i < PROCESSES; i++)
        if (f->processes[i].pid != 0)
            return false;
    return true;
}

static struct field_day *begin(void)
{
    struct field_day *f = calloc(1, sizeof *f);
    void *at = MAP_FAILED;
    assert_int_equal(sys_mmap(-1, sizeof *f->shared, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, &at), 0);
    f->shared = at;
    f->seed = 7;
    f->until_kill = ANSWERS_A_KILL;
    stage_begin(&f->s, 1, 0, 1);
    for (unsigned w = 0; w < PROCESSES; w++)
        start(f, w);
    for (unsigned i = 0; i < CLIENTS; i++)
        ask_next(f, i);
    f->hook = (struct loop_hook){ .turn_end = go_on };
    list_init(&f->hook.node);
    loop_hook_add(f->s.loop, &f->hook);
    return f;
}

static void end(struct field_day *f)
{
    f->is_ending = true;
    for (unsigned w = 0; w < PROCESSES; w++)
        (void)kill(f->processes[w].pid, SIGKILL);
    await(&f->s, "the end of the workers", are_all_dead, f);
    stage_end(&f->s);
    (void)sys_munmap(f->shared, sizeof *f->shared);
    free(f);
}

UNIT_TEST(two_hundred_deaths_cost_no_request)
{
    log_set(LOG_ERROR, "test");
    struct field_day *f = begin();
    await(&f->s, "two hundred deaths", has_died_enough, f);
    loop_hook_remove(&f->hook);
    await(&f->s, "the last answers", is_still, f);
    for (unsigned i = 0; i < CLIENTS; i++)
        has_answer(&f->clients[i], f->paths[i]);
    struct pool_stats stats = pool_stats(f->s.pool);
    assert_int_equal(stats.failed, 0);
    assert_int_equal(stats.refused, 0);
    assert_true(stats.retried > 0);
    assert_true(stats.served >= f->asked);                 /* a cancelled one would be missing */
    assert_int_equal(slots_in_use(&f->s), 0);
    for (unsigned i = 0; i < STEPS; i++)
        assert_true(atomic_load(&f->shared->deaths[i]) > 0);
    end(f);
    log_set(LOG_WARN, "test");
}

UNIT_MAIN(two_hundred_deaths_cost_no_request)
