/* frame_worker.c - the worker's end of the link: tickets in, responses out, bells when due.
 *
 *     intake --ticket--> frame_take --slot--> the application
 *     edge <--bell-- completion ring <-- frame_publish, frame_finish <--bytes-- the application
 *
 * A short response costs no system call but a due bell.  Nothing here knows the interpreter; all of
 * it works in a process that was forked from one.
 */
#include "link/frame.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "base/sys.h"

enum { WAIT_US = 1000000 };             /* a wake-up that got lost costs no more than this */

int frame_worker_init(struct frame_worker *w, int yard_fd, unsigned worker, int intake_fd,
                      const int *bell_fds, const int *passing_fds, unsigned edges)
{
    struct yard yard;
    int rc = yard_map(&yard, yard_fd);
    if (rc < 0)
        return rc;
    struct frame_stash *stash = NULL;
    bool fits = worker < yard.shape.workers && edges == yard.shape.edges;
    if (fits)
        stash = sys_calloc((size_t)yard.shape.edges * yard.shape.slots, sizeof *stash);
    if (!stash) {
        yard_done(&yard);
        return fits ? -ENOMEM : -EINVAL;
    }
    *w = (struct frame_worker){ .yard = yard, .worker = worker, .edges = edges, .stash = stash,
                                .intake_fd = intake_fd };
    for (unsigned edge = 0; edge < edges; edge++) {
        w->bell_fds[edge] = bell_fds[edge];
        w->passing_fds[edge] = passing_fds[edge];
    }
    (void)pthread_mutex_init(&w->lock, NULL);              /* cannot fail without attributes */
    struct yard_worker *line = yard_worker(&w->yard, worker);
    atomic_store(&line->tickets_read, 0);
    atomic_store(&line->pid, (uint32_t)getpid());
    atomic_store(&line->holds, 0);               /* of the process before */
    return 0;
}

void frame_worker_done(struct frame_worker *w)
{
    if (!w->yard.at)
        return;
    (void)sys_close(w->intake_fd);
    for (unsigned edge = 0; edge < w->edges; edge++) {
        (void)sys_close(w->bell_fds[edge]);
        (void)sys_close(w->passing_fds[edge]);
    }
    while (w->stashed > 0)
        (void)sys_close(w->stash[--w->stashed].fd);
    sys_free(w->stash);
    yard_done(&w->yard);
    *w = (struct frame_worker){ .intake_fd = -1 };
}

void frame_worker_hold(const struct frame_worker *w, bool holds)
{
    atomic_store(&yard_worker(&w->yard, w->worker)->holds, holds);
}

void frame_thread_init(struct frame_thread *t, struct frame_worker *w, unsigned thread)
{
    *t = (struct frame_thread){ .worker = w, .thread = thread,
                                .mark = yard_thread_mark(&w->yard, w->worker, thread) };
    frame_thread_state(t, THREAD_STARTING);
}

static struct yard_slot *slot_of(const struct frame_thread *t)
{
    return yard_slot(&t->worker->yard, t->slot);
}

/* ---- scoreboard ---- */

static struct yard_thread *line_of(const struct frame_thread *t)
{
    return yard_thread(&t->worker->yard, t->worker->worker, t->thread);
}

static void show(struct yard_thread *line, enum thread_state state, uint32_t slot, int64_t now_us)
{
    atomic_store_explicit(&line->slot, slot, memory_order_relaxed);
    atomic_store_explicit(&line->since_us, (uint64_t)now_us, memory_order_relaxed);
    atomic_store_explicit(&line->state, state, memory_order_release);
}

void frame_thread_state(struct frame_thread *t, enum thread_state state)
{
    show(line_of(t), state, t->slot, sys_now_us());
}

static void add_up(struct yard_thread *line, uint64_t run_us)      /* one writer: no locked adds */
{
    uint64_t requests = atomic_load_explicit(&line->requests, memory_order_relaxed);
    uint64_t busy_us = atomic_load_explicit(&line->busy_us, memory_order_relaxed);
    atomic_store_explicit(&line->requests, requests + 1, memory_order_relaxed);
    atomic_store_explicit(&line->busy_us, busy_us + run_us, memory_order_relaxed);
}

/* ---- bells ---- */

static bool is_asleep(const struct frame_thread *t, unsigned edge)
{
    struct yard_edge *line = yard_edge(&t->worker->yard, edge);
    return atomic_load_explicit(&line->sleeps, memory_order_relaxed) == YARD_ASLEEP;
}

static void ring(const struct frame_thread *t, unsigned edge)
{
    static const uint64_t one = 1;
    uint32_t asleep = YARD_ASLEEP;
    struct yard_edge *line = yard_edge(&t->worker->yard, edge);
    if (atomic_compare_exchange_strong(&line->sleeps, &asleep, YARD_RUNG))
        (void)sys_write(t->worker->bell_fds[edge], &one, sizeof one);     /* full: it is ringing */
}

static void ring_owed(struct frame_thread *t)
{
    while (t->unrung_edges != 0) {
        unsigned edge = (unsigned)__builtin_ctz(t->unrung_edges);
        t->unrung_edges &= t->unrung_edges - 1;
        ring(t, edge);
    }
    t->unrung = 0;
}

/* By the two counters, without a system call; what is on its way is not there yet. */
static bool intake_is_empty(const struct frame_thread *t)
{
    const struct frame_worker *w = t->worker;
    if (t->next < t->count)
        return false;
    uint64_t sent = 0;
    for (unsigned edge = 0; edge < w->edges; edge++)
        sent += atomic_load_explicit(&yard_hand(&w->yard, w->worker, edge)->tickets,
                                     memory_order_relaxed);
    uint64_t read = atomic_load_explicit(&yard_worker(&w->yard, w->worker)->tickets_read,
                                         memory_order_relaxed);
    return (int64_t)(sent - read) <= 0;
}

/* The edge has something to look at: is it asleep, so that it is owed a bell?  An edge that is
 * awake looks again before it sleeps, one that was rung is about to: neither is owed anything. */
static bool is_owed(struct frame_thread *t, int64_t now_us)
{
    uint32_t bit = 1U << t->edge;
    atomic_thread_fence(memory_order_seq_cst); /* between our entry and their `sleeps` */
    if (!is_asleep(t, t->edge)) {
        t->unrung_edges &= ~bit;
        t->unrung = t->unrung_edges == 0 ? 0 : t->unrung;
        return false;
    }
    if (t->unrung++ == 0)
        t->unrung_since_us = now_us;
    t->unrung_edges |= bit;
    return true;
}

static bool is_due(const struct frame_thread *t, int64_t now_us)
{
    return t->unrung >= FRAME_UNRUNG_MAX || now_us - t->unrung_since_us >= FRAME_UNRUNG_US;
}

/* An entry in the completion ring, unless one for this very exchange lies there unread.  The flag
 * holds the sequence: a taker that was overtaken after its FINISH cannot silence the next one. */
static void post(const struct frame_thread *t)
{
    const struct frame_worker *w = t->worker;
    if (atomic_exchange_explicit(&slot_of(t)->posted, t->sequence, memory_order_acq_rel) ==
        t->sequence)
        return;
    struct yard_ring *r = yard_ring(&w->yard, w->worker, t->edge);
    uint64_t at = atomic_fetch_add_explicit(&r->head, 1, memory_order_relaxed);
    atomic_store_explicit(&r->entries[at & (w->yard.shape.ring - 1)],
                          (uint64_t)t->slot << 32 | (uint32_t)(at + 1), memory_order_release);
}

/* ---- taking ---- */

static bool take(struct frame_thread *t, struct ticket offer)
{
    const struct yard *y = &t->worker->yard;
    if (offer.slot >= y->shape.edges * y->shape.slots)
        return false;
    if (!slot_try(&yard_slot(y, offer.slot)->word, SLOT_TAKE, offer.sequence, t->mark, NULL))
        return false;
    t->slot = offer.slot;
    t->sequence = offer.sequence;
    t->edge = offer.slot / y->shape.slots;
    t->written = t->announced = 0;
    t->has_head = false;
    t->waited_us = 0;
    t->began_us = sys_now_us();
    show(line_of(t), THREAD_BUSY, t->slot, t->began_us);
    return true;
}

static int wait_readable(int fd, int64_t idle_us)
{
    struct pollfd want = { .fd = fd, .events = POLLIN };
    int64_t ms = idle_us / 1000 + (idle_us % 1000 > 0);
    int rc = sys_poll(&want, 1, ms < INT32_MAX ? (int)ms : INT32_MAX);
    return rc == 0 ? -ETIMEDOUT : rc;
}

/* With several threads each leaves the rest of the tickets to the others. */
static int refill(struct frame_thread *t, int64_t idle_us)
{
    struct frame_worker *w = t->worker;
    bool is_alone = w->yard.shape.threads == 1, is_empty = intake_is_empty(t);
    if (is_empty || !is_alone)
        ring_owed(t);
    if (is_empty) {
        frame_thread_state(t, THREAD_IDLE);
        int rc = idle_us < 0 ? 0 : wait_readable(w->intake_fd, idle_us);
        if (rc < 0)
            return rc;
    }
    ssize_t got = sys_read_once(w->intake_fd, t->tickets,
                                is_alone ? sizeof t->tickets : sizeof t->tickets[0]);
    if (got <= 0)
        return got < 0 ? (int)got : -EPIPE;
    if (got % (ssize_t)sizeof t->tickets[0] != 0)
        return -EBADMSG;
    t->next = 0;
    t->count = (unsigned)got / sizeof t->tickets[0];
    atomic_fetch_add_explicit(&yard_worker(&w->yard, w->worker)->tickets_read, t->count,
                              memory_order_relaxed);
    return 0;
}

int frame_take(struct frame_thread *t, int64_t idle_us)
{
    int rc = 0;
    while (rc == 0) {
        while (t->next < t->count)
            if (take(t, t->tickets[t->next++]))
                return 0;
        rc = refill(t, idle_us);
    }
    return rc;
}

/* ---- the request ---- */

struct span frame_vars(const struct frame_thread *t)
{
    uint32_t bytes = slot_of(t)->vars_bytes;
    return (struct span){ yard_request(&t->worker->yard, t->slot),
                          bytes <= YARD_REQUEST_BYTES ? bytes : YARD_REQUEST_BYTES };
}

bool frame_cancelled(const struct frame_thread *t)
{
    uint64_t word = atomic_load_explicit(&slot_of(t)->word, memory_order_relaxed);
    return (slot_unpack(word).flags & SLOT_CANCELLED) != 0;
}

/* The exchange that a descriptor came for is over.  One whose sequence is ahead of the word is not:
 * its offer is on the way. */
static bool is_stale(const struct yard *y, struct frame_pass pass)
{
    struct slot_word w = slot_unpack(atomic_load(&yard_slot(y, pass.slot)->word));
    if (w.sequence != pass.sequence)
        return (int32_t)(w.sequence - pass.sequence) > 0;
    return w.state == SLOT_FREE || w.state == SLOT_DONE;
}

/* Keeps fd for the thread that has or will have this slot.  What is stale or for the same slot
 * goes, so that there is never more than one a slot: it always fits. */
static void stash(struct frame_worker *w, struct frame_pass pass, int fd)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->stashed; i++) {
        struct frame_stash *s = &w->stash[i];
        if (s->pass.slot == pass.slot || is_stale(&w->yard, s->pass))
            (void)sys_close(s->fd);
        else
            w->stash[kept++] = *s;
    }
    w->stash[kept++] = (struct frame_stash){ pass, fd };
    w->stashed = kept;
}

static int unstash(struct frame_worker *w, struct frame_pass want)
{
    for (size_t i = 0; i < w->stashed; i++)
        if (w->stash[i].pass.slot == want.slot && w->stash[i].pass.sequence == want.sequence) {
            int fd = w->stash[i].fd;
            w->stash[i] = w->stash[--w->stashed];
            return fd;
        }
    return -ENOENT;
}

/* The next descriptor that came, or -EAGAIN; -EPIPE at the end; -EBADMSG: not one of ours. */
static int receive(const struct frame_worker *w, unsigned edge, struct frame_pass *pass)
{
    int fds[SYS_FDS_MAX];
    size_t count = 0;
    ssize_t got = sys_recv_fds(w->passing_fds[edge], pass, sizeof *pass, fds, &count, MSG_DONTWAIT);
    if (got < 0)
        return got == -EMSGSIZE ? -EBADMSG : (int)got;
    if (got == 0 && count == 0)
        return -EPIPE;
    if (got == sizeof *pass && count == 1 &&
        pass->slot < w->yard.shape.edges * w->yard.shape.slots)
        return fds[0];
    while (count > 0)
        (void)sys_close(fds[--count]);
    return -EBADMSG;
}

/* The edge sent it before the ticket, so it is in the stash or in the socket by now: no waiting. */
static int find_descriptor(struct frame_worker *w, unsigned edge, struct frame_pass want)
{
    int fd = unstash(w, want);
    while (fd == -ENOENT) {
        struct frame_pass pass;
        int came = receive(w, edge, &pass);
        if (came == -EBADMSG)
            continue;
        if (came < 0)
            return came == -EAGAIN || came == -EPIPE ? -ENOENT : came;
        if (pass.slot == want.slot && pass.sequence == want.sequence)
            fd = came;
        else
            stash(w, pass, came);
    }
    return fd;
}

static int body_descriptor(struct frame_thread *t, int kind, int *fd)
{
    struct frame_worker *w = t->worker;
    struct frame_pass want = { t->slot, t->sequence };
    (void)pthread_mutex_lock(&w->lock);
    int found = find_descriptor(w, t->edge, want);
    (void)pthread_mutex_unlock(&w->lock);
    if (found < 0)
        return found;
    *fd = found;
    return kind;
}

int frame_body(struct frame_thread *t, struct span *inline_body, int *fd, uint64_t *body_bytes)
{
    const struct yard_slot *s = slot_of(t);
    uint32_t kind = s->body_kind, vars_bytes = s->vars_bytes;
    uint64_t bytes = s->body_bytes;
    if (kind > FRAME_BODY_STREAM || vars_bytes > YARD_REQUEST_BYTES ||
        (kind == FRAME_BODY_INLINE && bytes > YARD_REQUEST_BYTES - vars_bytes))
        return -EBADMSG;
    *body_bytes = kind == FRAME_BODY_NONE ? 0 : bytes;
    if (kind == FRAME_BODY_INLINE)
        *inline_body = (struct span){ yard_request(&t->worker->yard, t->slot) + vars_bytes, bytes };
    bool is_passed = kind == FRAME_BODY_FD || kind == FRAME_BODY_STREAM;
    return is_passed ? body_descriptor(t, (int)kind, fd) : (int)kind;
}

enum frame_body_end frame_body_end(const struct frame_thread *t)
{
    return (enum frame_body_end)atomic_load_explicit(&slot_of(t)->body_end, memory_order_acquire);
}

void frame_reads_body(struct frame_thread *t)
{
    if (slot_of(t)->body_asks == 0)
        return;
    atomic_store_explicit(&slot_of(t)->reads_body, 1, memory_order_release);
    post(t);
    (void)is_owed(t, sys_now_us());
    ring_owed(t);
}

/* ---- the response ---- */

static size_t room(const struct frame_thread *t)
{
    uint64_t used = t->written - atomic_load_explicit(&slot_of(t)->consumed, memory_order_acquire);
    return used < YARD_RESPONSE_BYTES ? YARD_RESPONSE_BYTES - (size_t)used : 0;
}

size_t frame_write(struct frame_thread *t, struct span bytes)
{
    char *at = yard_response(&t->worker->yard, t->slot);
    size_t pos = t->written & (YARD_RESPONSE_BYTES - 1), fits = room(t);
    size_t n = bytes.len < fits ? bytes.len : fits;
    size_t first = n < YARD_RESPONSE_BYTES - pos ? n : YARD_RESPONSE_BYTES - pos;
    if (n == 0)
        return 0;
    memcpy(at + pos, bytes.at, first);
    memcpy(at, bytes.at + first, n - first);
    t->written += n;
    return n;
}

int frame_head(struct frame_thread *t, unsigned status, struct span head)
{
    struct yard_slot *s = slot_of(t);
    if (t->has_head || t->written > 0)
        return -EALREADY;
    if (head.len > YARD_HEAD_BYTES)
        return -EMSGSIZE;
    (void)frame_write(t, head);                            /* all of it: the ring is empty */
    t->has_head = true;
    atomic_store_explicit(&s->status, status, memory_order_relaxed);
    atomic_store_explicit(&s->head_bytes, (uint32_t)head.len, memory_order_relaxed);
    atomic_store_explicit(&s->what, FRAME_HAS_HEAD, memory_order_release);
    return 0;
}

/* True when there was something new to tell. */
static bool tell(struct frame_thread *t)
{
    if (t->announced == t->written)
        return false;
    t->announced = t->written;
    atomic_store_explicit(&slot_of(t)->written, t->written, memory_order_release);
    post(t);
    return true;
}

void frame_publish(struct frame_thread *t)
{
    if (!tell(t))
        return;
    bool is_wanted = atomic_load_explicit(&slot_of(t)->edge_wants_bell, memory_order_relaxed) != 0;
    int64_t now_us = sys_now_us();
    if (is_owed(t, now_us) && (is_wanted || is_due(t, now_us)))
        ring_owed(t);
}

static int sleep_for_room(struct frame_thread *t)
{
    struct yard_slot *s = slot_of(t);
    int rc = 0;
    while (rc == 0) {
        uint32_t seen = atomic_load_explicit(&s->room, memory_order_acquire);
        atomic_store_explicit(&s->taker_waits, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        if (frame_cancelled(t))
            rc = -ECANCELED;
        else if (room(t) > 0)
            break;
        else if (sys_futex_wait((uint32_t *)&s->room, seen, WAIT_US) == -EINTR)
            rc = -EINTR;
    }
    atomic_store_explicit(&s->taker_waits, 0, memory_order_relaxed);
    return rc;
}

int frame_wait_room(struct frame_thread *t)
{
    int64_t began_us = sys_now_us();
    (void)tell(t);
    (void)is_owed(t, began_us);
    ring_owed(t);
    int rc = sleep_for_room(t);
    t->waited_us += sys_now_us() - began_us;
    return rc;
}

int frame_file(struct frame_thread *t, int fd, uint64_t at, uint64_t bytes)
{
    struct yard_slot *s = slot_of(t);
    struct frame_pass pass = { t->slot, t->sequence };
    struct stat st;
    int rc = sys_fstat(fd, &st);
    if (rc < 0 || !S_ISREG(st.st_mode))
        return rc < 0 ? rc : -EINVAL;
    ssize_t sent = sys_send_fds(t->worker->passing_fds[t->edge], &pass, sizeof pass, &fd, 1,
                                MSG_DONTWAIT);
    if (sent < 0)
        return (int)sent;
    atomic_store_explicit(&s->file_at, at, memory_order_relaxed);
    atomic_store_explicit(&s->file_bytes, bytes, memory_order_relaxed);
    atomic_fetch_or_explicit(&s->what, FRAME_HAS_FILE, memory_order_release);
    return 0;
}

void frame_finish(struct frame_thread *t, enum frame_result result)
{
    struct yard_slot *s = slot_of(t);
    int64_t now_us = sys_now_us(), run_us = now_us - t->began_us - t->waited_us;
    uint32_t run = run_us < 0 ? 0 : run_us < UINT32_MAX ? (uint32_t)run_us : UINT32_MAX;
    atomic_store_explicit(&s->run_us, run, memory_order_relaxed);
    atomic_store_explicit(&s->result, result, memory_order_relaxed);
    atomic_store_explicit(&s->written, t->written, memory_order_release);
    add_up(line_of(t), run);
    if (!slot_try(&s->word, SLOT_FINISH, t->sequence, t->mark, NULL))
        return;        /* taken away: somebody believes us dead */
    post(t);
    if (is_owed(t, now_us) && (intake_is_empty(t) || is_due(t, now_us)))
        ring_owed(t);
}
