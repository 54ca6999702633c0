/* frame.c - where things lie in a yard, and how one is made and mapped. */
#include "link/frame.h"
#include <errno.h>
#include "base/sys.h"
#include "link/sealed.h"

enum {
    HEADER_BYTES = 4096, PAGE_BYTES = 4096, LINE_BYTES = 64,
    SLOTS_MIN = 64, RING_MIN = 8,
};

static const char magic[8] = "slipyard";

struct yard_header {                    /* the first page, written once by the master */
    char magic[8];
    uint32_t version, slot_line_bytes;
    struct yard_shape shape;
    uint32_t request_bytes, response_bytes;
    uint64_t generation;
    struct yard_layout layout;          /* what the shape comes to: shows a broken one */
};

_Static_assert((YARD_RESPONSE_BYTES & (YARD_RESPONSE_BYTES - 1)) == 0, "positions wrap by a mask");
_Static_assert(YARD_HEAD_BYTES <= YARD_RESPONSE_BYTES / 2, "a head must not hold up the waking");
_Static_assert(YARD_REQUEST_BYTES % PAGE_BYTES == 0 && YARD_RESPONSE_BYTES % PAGE_BYTES == 0,
               "frame_trim gives whole pages back");
_Static_assert(sizeof(struct yard_header) <= HEADER_BYTES, "the header is one page");
_Static_assert(sizeof(struct yard_slot) % LINE_BYTES == 0, "slot lines share no cache line");
_Static_assert(sizeof(struct ticket) == 8 && sizeof(struct frame_pass) == 8, "what travels");

/* ---- layout ---- */

static bool shape_is_possible(const struct yard_shape *s)
{
    return s->edges >= 1 && s->edges <= YARD_EDGES_MAX &&
           s->workers >= 1 && s->workers <= YARD_WORKERS_MAX &&
           s->threads >= 1 && s->threads <= YARD_THREADS_MAX &&
           s->workers * s->threads <= YARD_MARKS_MAX &&            /* both are small by now */
           s->slots >= 1 && s->slots <= YARD_SLOTS_MAX &&
           s->ring >= RING_MIN && s->ring <= YARD_RING_MAX && (s->ring & (s->ring - 1)) == 0 &&
           s->ring >= s->slots + s->threads;
}

/* Adds count * bytes at the next multiple of `align`; false when that does not fit a size_t. */
static bool place(size_t *end, size_t align, size_t count, size_t bytes, size_t *at)
{
    size_t start, all;
    if (__builtin_add_overflow(*end, align - 1, &start) ||
        __builtin_mul_overflow(count, bytes, &all))
        return false;
    start -= start % align;
    *at = start;
    return !__builtin_add_overflow(start, all, end);
}

static int lay_out(const struct yard_shape *s, struct yard_layout *l)
{
    size_t end = HEADER_BYTES, pairs, all_threads, all_slots;
    if (!shape_is_possible(s))
        return -EINVAL;
    pairs = (size_t)s->edges * s->workers;
    all_threads = (size_t)s->workers * s->threads;
    all_slots = (size_t)s->edges * s->slots;
    l->ring_bytes = sizeof(struct yard_ring) + s->ring * sizeof(uint64_t);    /* lines: ring >= 8 */
    bool fits = place(&end, PAGE_BYTES, s->edges, sizeof(struct yard_edge), &l->edges) &&
                place(&end, LINE_BYTES, pairs, sizeof(struct yard_hand), &l->hands) &&
                place(&end, LINE_BYTES, s->workers, sizeof(struct yard_worker), &l->workers) &&
                place(&end, LINE_BYTES, all_threads, sizeof(struct yard_thread), &l->threads) &&
                place(&end, LINE_BYTES, pairs, l->ring_bytes, &l->rings) &&
                place(&end, LINE_BYTES, all_slots, sizeof(struct yard_slot), &l->slots) &&
                place(&end, PAGE_BYTES, all_slots,
                      (size_t)YARD_REQUEST_BYTES + YARD_RESPONSE_BYTES, &l->data);
    l->bytes = end;
    return fits && end <= INT64_MAX ? 0 : -EOVERFLOW;
}

struct yard_shape yard_shape_for(unsigned edges, unsigned workers, unsigned threads)
{
    uint64_t in_hand = (uint64_t)workers * (threads > YARD_DEPTH_MAX ? threads : YARD_DEPTH_MAX);
    uint64_t slots = in_hand > YARD_SLOTS_MAX / 2 ? YARD_SLOTS_MAX : 2 * in_hand;
    if (slots < SLOTS_MIN)
        slots = SLOTS_MIN;
    uint32_t ring = RING_MIN;
    while (ring < slots + threads && ring < YARD_RING_MAX)
        ring *= 2;
    return (struct yard_shape){ .edges = edges, .workers = workers, .threads = threads,
                                .slots = (uint32_t)slots, .ring = ring };
}

struct yard_edge *yard_edge(const struct yard *y, unsigned edge)
{
    return (struct yard_edge *)(y->at + y->layout.edges) + edge;
}

struct yard_hand *yard_hand(const struct yard *y, unsigned worker, unsigned edge)
{
    return (struct yard_hand *)(y->at + y->layout.hands) + (size_t)worker * y->shape.edges + edge;
}

struct yard_worker *yard_worker(const struct yard *y, unsigned worker)
{
    return (struct yard_worker *)(y->at + y->layout.workers) + worker;
}

bool yard_is_held(const struct yard *y, unsigned worker)
{
    return atomic_load_explicit(&yard_worker(y, worker)->holds, memory_order_relaxed) != 0;
}

struct yard_thread *yard_thread(const struct yard *y, unsigned worker, unsigned thread)
{
    return (struct yard_thread *)(y->at + y->layout.threads) +
           (size_t)worker * y->shape.threads + thread;
}

struct yard_ring *yard_ring(const struct yard *y, unsigned worker, unsigned edge)
{
    size_t i = (size_t)worker * y->shape.edges + edge;
    return (struct yard_ring *)(y->at + y->layout.rings + i * y->layout.ring_bytes);
}

struct yard_slot *yard_slot(const struct yard *y, uint32_t slot)
{
    return (struct yard_slot *)(y->at + y->layout.slots) + slot;
}

char *yard_request(const struct yard *y, uint32_t slot)
{
    return y->at + y->layout.data + (size_t)slot * (YARD_REQUEST_BYTES + YARD_RESPONSE_BYTES);
}

char *yard_response(const struct yard *y, uint32_t slot)
{
    return yard_request(y, slot) + YARD_REQUEST_BYTES;
}

uint16_t yard_thread_mark(const struct yard *y, unsigned worker, unsigned thread)
{
    return (uint16_t)(worker * y->shape.threads + thread + 1);    /* <= YARD_MARKS_MAX: the shape */
}

unsigned yard_worker_of_mark(const struct yard *y, uint16_t mark)
{
    return mark == 0 ? y->shape.workers : (mark - 1U) / y->shape.threads;
}

/* ---- making and mapping ---- */

static int fill(struct yard *y, int fd)
{
    struct yard_header header = {
        .version = YARD_VERSION, .slot_line_bytes = sizeof(struct yard_slot), .shape = y->shape,
        .request_bytes = YARD_REQUEST_BYTES, .response_bytes = YARD_RESPONSE_BYTES,
        .generation = y->generation, .layout = y->layout,
    };
    memcpy(header.magic, magic, sizeof magic);
    int rc = sealed_map(fd, HEADER_BYTES, &y->at, &y->bytes);
    if (rc == 0)
        memcpy(y->at, &header, sizeof header);
    return rc;
}

int yard_make(struct yard *y, const struct yard_shape *shape, uint64_t generation, int *fd)
{
    struct yard made = { .shape = *shape, .generation = generation };
    int rc = lay_out(&made.shape, &made.layout);
    if (rc < 0)
        return rc;
    int memfd = sealed_make("slipway-yard", made.layout.bytes);
    if (memfd < 0)
        return memfd;
    rc = fill(&made, memfd);
    if (rc < 0) {
        (void)sys_close(memfd);
        return rc;
    }
    *y = made;
    *fd = memfd;
    return 0;
}

/* The header is copied before it is looked at: a process that broke may be writing there. */
static int read_header(struct yard *y)
{
    struct yard_header header;
    memcpy(&header, y->at, sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.version != YARD_VERSION ||
        header.slot_line_bytes != sizeof(struct yard_slot) ||
        header.request_bytes != YARD_REQUEST_BYTES ||
        header.response_bytes != YARD_RESPONSE_BYTES)
        return -EBADMSG;
    y->shape = header.shape;
    y->generation = header.generation;
    if (lay_out(&y->shape, &y->layout) < 0 || y->layout.bytes != y->bytes ||
        memcmp(&header.layout, &y->layout, sizeof y->layout) != 0)
        return -EBADMSG;
    return 0;
}

int yard_map(struct yard *y, int fd)
{
    struct yard mapped = { 0 };
    int rc = sealed_map(fd, HEADER_BYTES, &mapped.at, &mapped.bytes);
    if (rc < 0)
        return rc;
    rc = read_header(&mapped);
    if (rc < 0) {
        yard_done(&mapped);
        return rc;
    }
    *y = mapped;
    return 0;
}

void yard_done(struct yard *y)
{
    if (y->at)
        (void)sys_munmap(y->at, y->bytes);
    *y = (struct yard){ 0 };
}
