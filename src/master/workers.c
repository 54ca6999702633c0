/* workers.c - [state][event] of one worker, and the actions.
 *
 * Woken  by its life socket ("born", "ready", its end), by SIGCHLD, by its timer, by what edges say
 *        of it, by its generation.
 * Owns   the process's life socket, the write end of its intake, the edges' ends of the passing
 *        sockets.
 * Not    when to give up on a whole generation: generation_look().
 * Start  with the table.
 */
#include "master/workers.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/json.h"
#include "base/log.h"
#include "base/sys.h"
#include "master/generation.h"
#include "master/metrics.h"
#include "master/site.h"
#include "master/supervise.h"
#include "master/watcher.h"

enum {
    LIFE_BYTES_MAX = 8192,
    CLAIM_RETRY_MS = 2,           /* until the process between zygote and worker is gone */
    LOOK_AT_LATE_MS = 20,         /* whether a worker past its limit has let go of its requests */
    END_LIMIT_MS = 1000,          /* from the end of the life socket to that of the process */
    LINE_BYTES_MAX = 512,
    USEFUL_REQUESTS = 100, READY_BACKOFF_MOST_MS = 1000,
};

enum worker_event {
    WORKER_GO,                    /* its turn to be asked for */
    WORKER_BORN,                  /* said its pid */
    WORKER_WORKS,                 /* said "ready" */
    WORKER_HUNG_UP,               /* closed its life socket */
    WORKER_DIED,                  /* reaped */
    WORKER_LATE,                  /* an edge: a request runs too long */
    WORKER_BROKE,                 /* an edge: it broke a rule of the link */
    WORKER_LEAVE,                 /* its generation ends */
    WORKER_TIME_UP,
    WORKER_EVENTS
};

/* The new state; what an action does not change it returns. */
typedef enum worker_state (*action_fn)(struct worker *w);

static enum worker_state ask(struct worker *w);
static enum worker_state be_due(struct worker *w);
static enum worker_state claim(struct worker *w);
static enum worker_state claim_or_give_up(struct worker *w);
static enum worker_state note_ready(struct worker *w);
static enum worker_state announce(struct worker *w);
static enum worker_state expect_end(struct worker *w);
static enum worker_state mourn(struct worker *w);
static enum worker_state rest(struct worker *w);
static enum worker_state look_at_late(struct worker *w);
static enum worker_state kill_resting(struct worker *w);
static enum worker_state kill_it(struct worker *w);
static enum worker_state let_go(struct worker *w);
static enum worker_state cut_start(struct worker *w);
static enum worker_state finish(struct worker *w);

/* NULL: means nothing in that state. */
static const action_fn table[WORKER_STATES][WORKER_EVENTS] = {
    [WORKER_WAITING] = {
        [WORKER_GO] = ask, [WORKER_TIME_UP] = be_due, [WORKER_LEAVE] = finish,
    },
    [WORKER_FORKING] = {
        [WORKER_BORN] = claim, [WORKER_WORKS] = note_ready, [WORKER_HUNG_UP] = mourn,
        [WORKER_DIED] = mourn, [WORKER_BROKE] = mourn, [WORKER_LEAVE] = finish,
        [WORKER_TIME_UP] = claim_or_give_up,
    },
    [WORKER_STARTING] = {
        [WORKER_WORKS] = announce, [WORKER_HUNG_UP] = expect_end, [WORKER_DIED] = mourn,
        [WORKER_BROKE] = kill_it, [WORKER_LEAVE] = cut_start, [WORKER_TIME_UP] = kill_it,
    },
    [WORKER_READY] = {
        [WORKER_HUNG_UP] = expect_end, [WORKER_DIED] = mourn, [WORKER_LATE] = rest,
        [WORKER_BROKE] = kill_resting, [WORKER_LEAVE] = let_go, [WORKER_TIME_UP] = kill_resting,
    },
    [WORKER_RESTING] = {
        [WORKER_DIED] = mourn, [WORKER_BROKE] = kill_it, [WORKER_LEAVE] = let_go,
        [WORKER_TIME_UP] = look_at_late,
    },
    [WORKER_LEAVING] = {
        [WORKER_DIED] = finish, [WORKER_BROKE] = kill_it, [WORKER_TIME_UP] = kill_it,
    },
};

static const char *const state_names[WORKER_STATES] = {
    [WORKER_WAITING] = "waiting", [WORKER_FORKING] = "starting", [WORKER_STARTING] = "starting",
    [WORKER_READY] = "ready", [WORKER_RESTING] = "resting", [WORKER_LEAVING] = "leaving",
    [WORKER_ENDED] = "ended",
};

const char *worker_state_name(enum worker_state state)
{
    return state_names[state];
}

static void happen(struct worker *w, enum worker_event event)
{
    action_fn act = table[w->state][event];
    if (!act)
        return;
    w->state = act(w);
    generation_look(w->generation);
}

static struct master *master_of(const struct worker *w)
{
    return w->generation->site->master;
}

static void set_timer(struct worker *w, int64_t delay_ms)
{
    if (timer_set(master_of(w)->loop, &w->timer, delay_ms) == 0)
        return;
    log_error("no memory for a timer", "generation=%u worker=%u", w->generation->number, w->index);
    w->is_due = true;                             /* what waits for it goes on at once */
}

static void time_up(struct timer *t)
{
    happen(container_of(t, struct worker, timer), WORKER_TIME_UP);
}

/* ---- the life socket ---- */

static void hear(struct worker *w, struct span text)
{
    char why[160];
    json_t *message = json_read(text, why);
    const char *event = json_text(message, "event", "");
    if (strcmp(event, "born") == 0) {
        w->claimed = (pid_t)json_int(message, "pid", 0);
        happen(w, WORKER_BORN);
    } else if (strcmp(event, "ready") == 0) {
        happen(w, WORKER_WORKS);
    } else if (strcmp(event, "breakpoint") == 0) {
        terminal_ask(&master_of(w)->terminal, w);
    } else if (strcmp(event, "continued") == 0) {
        terminal_leave(&master_of(w)->terminal, w);
    } else if (strcmp(event, "watch") == 0) {
        watcher_hear(master_of(w)->watcher, w->generation, message);
    } else if (strcmp(event, "failed") == 0) {    /* its end follows */
        (void)snprintf(w->failure, sizeof w->failure, "%s", json_text(message, "error", ""));
        log_error("worker cannot import the project", "generation=%u worker=%u error=\"%s\"",
                  w->generation->number, w->index, w->failure);
    } else {
        log_error("worker cannot be understood", "generation=%u worker=%u", w->generation->number,
                  w->index);
        happen(w, WORKER_BROKE); /* without its word it would be waited for in vain */
    }
    json_decref(message);
}

static void close_life(struct worker *w)
{
    loop_unwatch(&w->life);
    (void)sys_close(w->life_fd);
    w->life_fd = -1;
}

static void run_life(struct watch *watch)
{
    struct worker *w = container_of(watch, struct worker, life);
    char text[LIFE_BYTES_MAX];
    while (w->life_fd >= 0) {
        ssize_t got = sys_recv(w->life_fd, text, sizeof text, MSG_DONTWAIT);
        if (got == -EAGAIN)
            break;
        if (got <= 0) {
            close_life(w);
            happen(w, WORKER_HUNG_UP);
            return;
        }
        hear(w, (struct span){ text, (size_t)got });
    }
    watch->ready &= ~(unsigned)LOOP_READ;
}

/* ---- asking the zygote ---- */

struct ends { /* what goes to the new process; closed here once it is under way */
    int fds[3 + 2 * YARD_EDGES_MAX];
    size_t count;                 /* yard, intake, life, then bell and passing of each edge */
};
_Static_assert(3 + 2 * YARD_EDGES_MAX <= SYS_FDS_MAX, "one message carries them all");

static void close_ours(struct worker *w)
{
    close_life(w);
    (void)sys_close(w->intake_fd);
    w->intake_fd = -1;
    for (unsigned i = 0; i < YARD_EDGES_MAX; i++) {
        (void)sys_close(w->passing_fds[i]);
        w->passing_fds[i] = -1;
    }
}

static void close_theirs(struct ends *theirs)
{
    for (size_t i = 1; i < theirs->count; i++) {             /* the yard is the generation's, */
        bool is_bell = i >= 3 && (i - 3) % 2 == 0;           /* and so are the bells */
        if (!is_bell)
            (void)sys_close(theirs->fds[i]);
    }
    theirs->count = 0;
}

static int open_intake(struct worker *w, struct ends *theirs)
{
    int fds[2];
    int rc = sys_pipe(fds, 0);
    if (rc < 0)
        return rc;
    w->intake_fd = fds[1];
    theirs->fds[theirs->count++] = fds[0]; /* the worker's end blocks, the edges' does not */
    return sys_set_nonblocking(fds[1]);
}

static int open_life(struct worker *w, struct ends *theirs)
{
    int fds[2];
    int rc = sys_socketpair(SOCK_SEQPACKET, fds);
    if (rc < 0)
        return rc;
    w->life_fd = fds[0];
    theirs->fds[theirs->count++] = fds[1];
    return loop_watch(master_of(w)->loop, &w->life, fds[0], run_life);
}

static int open_passing(struct worker *w, unsigned edge, struct ends *theirs)
{
    int fds[2];
    int rc = sys_socketpair(SOCK_SEQPACKET, fds);
    if (rc < 0)
        return rc;
    w->passing_fds[edge] = fds[0];
    theirs->fds[theirs->count++] = w->generation->bells[edge];
    theirs->fds[theirs->count++] = fds[1];
    return sys_set_nonblocking(fds[0]);
}

static int open_all(struct worker *w, struct ends *theirs)
{
    theirs->fds[theirs->count++] = w->generation->yard_fd;
    int rc = open_intake(w, theirs);
    if (rc == 0)
        rc = open_life(w, theirs);
    for (unsigned i = 0; i < master_of(w)->edges.count && rc == 0; i++)
        rc = open_passing(w, i, theirs);
    return rc;
}

static uint64_t scoreboard_requests(const struct worker *w)
{
    const struct generation *g = w->generation;
    uint64_t requests = 0;
    for (unsigned i = 0; g->yard.at && i < g->threads; i++)
        requests += atomic_load_explicit(&yard_thread(&g->yard, w->index, i)->requests,
                                         memory_order_relaxed);
    return requests;
}

uint64_t worker_requests(const struct worker *w)
{
    uint64_t requests = scoreboard_requests(w);
    return requests >= w->requests_before ? requests - w->requests_before : requests;
}

static int send_fork(const struct worker *w, const struct ends *theirs)
{
    char text[128];
    int len = snprintf(text, sizeof text, "{\"do\":\"fork\",\"worker\":%u,\"generation\":%u}",
                       w->index, w->generation->number);
    ssize_t sent = sys_send_fds(w->generation->zygote_fd, text, (size_t)len, theirs->fds,
                                theirs->count, MSG_DONTWAIT);
    return sent < 0 ? (int)sent : 0;
}

static enum worker_state ask(struct worker *w)
{
    struct ends theirs = { .count = 0 };
    w->is_due = false;
    w->was_told = w->was_ready = w->is_ready_early = false;
    w->pid = w->claimed = 0;
    w->asked_us = sys_now_us();
    w->requests_before = scoreboard_requests(w);
    int rc = open_all(w, &theirs);
    if (rc == 0)
        rc = send_fork(w, &theirs);
    close_theirs(&theirs);
    if (rc == 0) {
        set_timer(w, generation_start(w->generation)->conf->start_timeout_ms);
        return WORKER_FORKING;
    }
    close_ours(w);
    if (rc != -EAGAIN)
        log_error("worker cannot be started", "generation=%u worker=%u error=%d",
                  w->generation->number, w->index, -rc);
    set_timer(w, backoff_next(&w->backoff, 0, BACKOFF_MOST_MS));
    return WORKER_WAITING;
}

static enum worker_state be_due(struct worker *w)
{
    w->is_due = true;
    return WORKER_WAITING;
}

static enum worker_state claim(struct worker *w)
{
    int rc = child_claim(&master_of(w)->children, &w->child, w->claimed);
    if (rc == -ECHILD) { /* the process between zygote and worker is not gone yet */
        set_timer(w, CLAIM_RETRY_MS);
        return WORKER_FORKING;
    }
    if (rc < 0) {
        log_error("worker named a process that is not its own",
                  "generation=%u worker=%u pid=%d error=%d", w->generation->number, w->index,
                  (int)w->claimed, -rc);
        return mourn(w);
    }
    if (!child_runs(&w->child)) /* ended before its first word was read: see worker_ended */
        return w->state;
    w->pid = w->claimed;
    set_timer(w, generation_start(w->generation)->conf->start_timeout_ms);
    return w->is_ready_early ? announce(w) : WORKER_STARTING;
}

/* Quicker than the process between zygote and worker: no child of ours yet. */
static enum worker_state note_ready(struct worker *w)
{
    w->is_ready_early = true;
    return WORKER_FORKING;
}

static enum worker_state claim_or_give_up(struct worker *w)
{
    int64_t waited_ms = (sys_now_us() - w->asked_us) / 1000;
    if (w->claimed > 0 && waited_ms < generation_start(w->generation)->conf->start_timeout_ms)
        return claim(w);
    log_error("worker did not start", "generation=%u worker=%u waited_ms=%" PRId64,
              w->generation->number, w->index, waited_ms);
    return mourn(w);
}

static enum worker_state announce(struct worker *w)
{
    timer_off(master_of(w)->loop, &w->timer);
    w->is_settled = true;
    w->was_told = w->was_ready = true;
    w->failure[0] = '\0';
    edges_tell_worker(&master_of(w)->edges, w);
    return WORKER_READY;
}

/* ---- its end ---- */

/* Its socket goes with the process, a moment before SIGCHLD; when it does not, the application
 * closed what is not its own. */
static enum worker_state expect_end(struct worker *w)
{
    set_timer(w, END_LIMIT_MS);
    return w->state;
}

static void tell_death(struct worker *w, int status)
{
    if (w->was_told)
        edges_tell_about(&master_of(w)->edges, CHANNEL_WORKER_DEAD, w, status);
    w->was_told = false;
}

static bool is_to_follow(const struct worker *w)
{
    return generation_is_live(w->generation);
}

/* One that never came up waits longest: it may import for long.  One that worked costs the site
 * more by its absence than by a fork a second, or a single URL that kills workers could keep all of
 * them away; and one that did much is no crash loop. */
static int64_t wait_before_next(struct worker *w)
{
    int64_t lived_ms = (sys_now_us() - w->asked_us) / 1000;
    if (w->was_ready && worker_requests(w) >= USEFUL_REQUESTS)
        lived_ms = BACKOFF_QUICK_MS;
    return backoff_next(&w->backoff, lived_ms,
                        w->was_ready ? READY_BACKOFF_MOST_MS : BACKOFF_MOST_MS);
}

static enum worker_state mourn(struct worker *w)
{
    close_ours(w);
    w->is_settled = true;
    w->deaths++;
    timer_off(master_of(w)->loop, &w->timer);
    if (!is_to_follow(w))
        return WORKER_ENDED;
    master_of(w)->restarts++;
    int64_t wait_ms = wait_before_next(w);
    if (wait_ms == 0)
        w->is_due = true;
    else
        set_timer(w, wait_ms);
    return WORKER_WAITING;
}

static void worker_ended(struct child *c, pid_t pid, int status, int64_t peak_kib)
{
    struct worker *w = container_of(c, struct worker, child);
    int64_t lived_ms = (sys_now_us() - w->asked_us) / 1000;
    if (w->life_fd >= 0)
        run_life(&w->life);       /* its last words, when several ends are heard of at once */
    terminal_leave(&master_of(w)->terminal, w);
    bool is_expected = (w->state == WORKER_LEAVING && status == 0) || master_of(w)->is_hurried;
    w->pid = pid;
    (void)child_status_text(status, w->last_end);
    log_line(is_expected ? LOG_DEBUG : LOG_WARN, "worker died",
             "generation=%u worker=%u pid=%d %s requests=%" PRIu64 " peak_kib=%" PRId64
             " lived_ms=%" PRId64,
             w->generation->number, w->index, (int)pid, w->last_end, worker_requests(w), peak_kib,
             lived_ms);
    tell_death(w, status);
    metrics_forget(json_text(w->generation->report, "metrics_dir", ""), pid, &w->generation->user);
    happen(w, WORKER_DIED);
    control_server_step(&master_of(w)->control);
}

static enum worker_state rest(struct worker *w)
{
    edges_tell_about(&master_of(w)->edges, CHANNEL_WORKER_REST, w, 0);
    child_signal(&w->child, SIGUSR2); /* it writes the stacks of its threads into the log */
    w->rest_ends_us = sys_now_us() + generation_start(w->generation)->conf->harakiri_grace_ms * 1000;
    set_timer(w, LOOK_AT_LATE_MS);
    return WORKER_RESTING;
}

static bool has_busy_thread(const struct worker *w)
{
    const struct generation *g = w->generation;
    for (unsigned i = 0; i < g->threads; i++)
        if (atomic_load(&yard_thread(&g->yard, w->index, i)->state) == THREAD_BUSY)
            return true;
    return false;
}

/* It is replaced in any case; as soon as its requests ended by themselves, or when the grace is
 * over. */
static enum worker_state look_at_late(struct worker *w)
{
    if (sys_now_us() >= w->rest_ends_us || !has_busy_thread(w))
        return kill_it(w);
    set_timer(w, LOOK_AT_LATE_MS);
    return WORKER_RESTING;
}

static enum worker_state kill_it(struct worker *w)
{
    child_signal(&w->child, SIGKILL);
    return w->state;
}

static enum worker_state kill_resting(struct worker *w)
{
    edges_tell_about(&master_of(w)->edges, CHANNEL_WORKER_REST, w, 0);
    w->rest_ends_us = 0;
    child_signal(&w->child, SIGKILL);
    return WORKER_RESTING;
}

/* The edges close their ends at FORGET; the last end closed is what the worker sees. */
static enum worker_state let_go(struct worker *w)
{
    (void)sys_close(w->intake_fd);
    w->intake_fd = -1;
    set_timer(w, generation_start(w->generation)->conf->harakiri_grace_ms);
    return WORKER_LEAVING;
}

/* It may import, and would not look at its intake for long. */
static enum worker_state cut_start(struct worker *w)
{
    child_signal(&w->child, SIGKILL);
    return let_go(w);
}

static enum worker_state finish(struct worker *w)
{
    timer_off(master_of(w)->loop, &w->timer);
    close_ours(w);
    return WORKER_ENDED;
}

/* ---- from outside ---- */

void worker_init(struct worker *w, struct generation *g, unsigned index)
{
    *w = (struct worker){ .generation = g,
                          .index = index,
                          .life_fd = -1,
                          .intake_fd = -1,
                          .is_due = true,
                          .life = { .fd = -1 } };
    for (unsigned i = 0; i < YARD_EDGES_MAX; i++)
        w->passing_fds[i] = -1;
    child_init(&w->child, worker_ended);
    timer_init(&w->timer, time_up);
}

void worker_done(struct worker *w)
{
    timer_off(master_of(w)->loop, &w->timer);
    terminal_leave(&master_of(w)->terminal, w);
    close_ours(w);
}

void worker_go(struct worker *w)
{
    happen(w, WORKER_GO);
}

void worker_leave(struct worker *w)
{
    happen(w, WORKER_LEAVE);
}

void worker_kill(struct worker *w)
{
    child_signal(&w->child, SIGKILL);
}

void worker_is_late(struct worker *w, const struct channel_msg *msg, struct span request_line)
{
    char line[LINE_BYTES_MAX];
    log_warn("request runs too long",
             "generation=%u worker=%u thread=%" PRIu64 " pid=%d ms=%" PRIu64 " request=\"%s\"",
             w->generation->number, w->index, msg->a, (int)w->child.pid, msg->b,
             log_escape(line, sizeof line, request_line));
    happen(w, WORKER_LATE);
}

void worker_broke(struct worker *w, struct span rule)
{
    char line[LINE_BYTES_MAX];
    log_error("worker broke a rule of the link", "generation=%u worker=%u pid=%d rule=\"%s\"",
              w->generation->number, w->index, (int)w->child.pid,
              log_escape(line, sizeof line, rule));
    happen(w, WORKER_BROKE);
}
