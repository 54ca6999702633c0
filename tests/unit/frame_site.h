/* frame_site.h - both ends of a link in one process: a yard, one worker, its pipes and bells.
 *
 * The test plays the edges: offer(), send_tickets(), sleep_as_edge() and the functions of frame.h.
 * The clock stands still unless the test moves clock_us (this file brings its own sys_now_us).
 */
#pragma once
#include "unit.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/sys.h"
#include "link/frame.h"

static _Atomic int64_t clock_us = 1000000;
int64_t sys_now_us(void) { return clock_us; }

struct frame_site {
    struct yard yard;                   /* the edges' view */
    int yard_fd, intake;                /* write end */
    int bells[YARD_EDGES_MAX], passing[YARD_EDGES_MAX];     /* the edges' ends */
    struct frame_worker worker;
    struct frame_thread thread;         /* number 0 */
    uint64_t tail[YARD_EDGES_MAX];
    unsigned edges;
};

static inline void site_start_shape(struct frame_site *s, const struct yard_shape *shape)
{
    int intake[2], bells[YARD_EDGES_MAX], passing[YARD_EDGES_MAX];
    memset(s, 0, sizeof *s);
    s->edges = shape->edges;
    assert_int_equal(yard_make(&s->yard, shape, 7, &s->yard_fd), 0);
    assert_int_equal(sys_pipe(intake, 0), 0);
    s->intake = intake[1];
    for (unsigned e = 0; e < s->edges; e++) {
        int pair[2];
        assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
        s->passing[e] = pair[0];
        passing[e] = pair[1];
        s->bells[e] = sys_eventfd(0, EFD_NONBLOCK);
        assert_true(s->bells[e] >= 0);
        bells[e] = dup(s->bells[e]);
    }
    assert_int_equal(
        frame_worker_init(&s->worker, s->yard_fd, 0, intake[0], bells, passing, s->edges), 0);
    frame_thread_init(&s->thread, &s->worker, 0);
    for (unsigned e = 0; e < s->edges; e++)
        s->tail[e] = frame_meet(&s->yard, 0, e, getpid());
}

static inline void site_start(struct frame_site *s, unsigned edges, unsigned threads)
{
    struct yard_shape shape = {
        .edges = edges, .workers = 1, .threads = threads, .slots = 24, .ring = 32
    };
    site_start_shape(s, &shape);
}

static inline void site_end(struct frame_site *s)
{
    frame_worker_done(&s->worker);
    for (unsigned e = 0; e < s->edges; e++) {
        (void)close(s->bells[e]);
        (void)close(s->passing[e]);
    }
    (void)close(s->intake);
    (void)close(s->yard_fd);
    yard_done(&s->yard);
}

/* FREE > OFFERED with these variables and no body; the ticket is the test's to send. */
static inline struct ticket offer(struct frame_site *s, uint32_t slot, const char *vars)
{
    struct yard_slot *line = yard_slot(&s->yard, slot);
    uint64_t word;
    frame_prepare(&s->yard, slot);
    line->vars_bytes = (uint32_t)strlen(vars);
    memcpy(yard_request(&s->yard, slot), vars, line->vars_bytes);
    line->body_kind = FRAME_BODY_NONE;
    line->body_bytes = 0;
    assert_true(slot_try(&line->word, SLOT_OFFER, 0, 0, &word));
    return (struct ticket){ slot, slot_unpack(word).sequence };
}

static inline void send_tickets(struct frame_site *s, unsigned edge, const struct ticket *tickets,
                                unsigned count)
{
    size_t bytes = count * sizeof *tickets;
    assert_int_equal(write(s->intake, tickets, bytes), bytes);
    atomic_fetch_add(&yard_hand(&s->yard, 0, edge)->tickets, count);
}

static inline struct ticket offer_and_send(struct frame_site *s, uint32_t slot)
{
    struct ticket t = offer(s, slot, "vars");
    send_tickets(s, slot / s->yard.shape.slots, &t, 1);
    return t;
}

static inline void take_slot(struct frame_site *s, uint32_t slot)
{
    (void)offer_and_send(s, slot);
    assert_int_equal(frame_take(&s->thread, 0), 0);
    assert_int_equal(s->thread.slot, slot);
}

static inline enum slot_state state_of(const struct frame_site *s, uint32_t slot)
{
    return (enum slot_state)slot_unpack(yard_slot(&s->yard, slot)->word).state;
}

static inline void sleep_as_edge(struct frame_site *s, unsigned edge)
{
    atomic_store(&yard_edge(&s->yard, edge)->sleeps, YARD_ASLEEP);
}

static inline unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count;
}

static inline void release(struct frame_site *s, uint32_t slot)
{
    assert_true(slot_try(&yard_slot(&s->yard, slot)->word, SLOT_RELEASE, 0, 0, NULL));
}

/* How often the bell was rung since the last look. */
static inline uint64_t rung(const struct frame_site *s, unsigned edge)
{
    uint64_t count = 0;
    return read(s->bells[edge], &count, sizeof count) == sizeof count ? count : 0;
}

static inline int64_t real_us(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static inline struct span bytes_of(const char *at, size_t len) { return (struct span){ at, len }; }

/* A signal handler: system calls come back with EINTR. */
static inline void ignore(int number) { (void)number; }
