/* The yard: where things lie, what is refused when it is mapped, and the edge's end. */
#include "frame_site.h"
#include "link/frame.h"

/* ---- layout ---- */

static const struct yard_shape shapes[] = {
    { 1, 1, 1, 1, 8 },       { 1, 4, 1, 128, 256 },      { 2, 3, 5, 64, 128 },
    { 16, 7, 3, 100, 128 },  { 1, 1024, 63, 64, 128 },   { 3, 2, 256, 8192, 16384 },
};

static const struct { const char *why; struct yard_shape shape; } impossible[] = {
    { "no edge",               { 0, 1, 1, 8, 16 } },
    { "too many edges",        { 17, 1, 1, 8, 16 } },
    { "no worker",             { 1, 0, 1, 8, 16 } },
    { "too many workers",      { 1, 1025, 1, 8, 16 } },
    { "no thread",             { 1, 1, 0, 8, 16 } },
    { "too many threads",      { 1, 1, 257, 8, 512 } },
    { "more marks than bits",  { 1, 1024, 64, 8, 128 } },
    { "no slot",               { 1, 1, 1, 0, 16 } },
    { "too many slots",        { 1, 1, 1, 8193, 16384 } },
    { "ring no power of two",  { 1, 1, 1, 8, 24 } },
    { "ring too small",        { 1, 1, 1, 8, 8 } },
    { "ring below a line",     { 1, 1, 1, 1, 4 } },
    { "ring too large",        { 1, 1, 1, 8, 32768 } },
};

struct area { const char *at, *end; };

static void check_areas(const struct yard *y, struct area *areas, size_t count, size_t align)
{
    const char *end = y->at + 4096;
    for (size_t i = 0; i < count; i++) {
        assert_true(areas[i].at >= end);
        assert_int_equal((uintptr_t)areas[i].at % align, 0);
        end = areas[i].end;
    }
    assert_true(end <= y->at + y->bytes);
}

UNIT_TEST(areas_are_in_order_and_apart)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        const struct yard_shape *s = &shapes[i];
        struct yard y;
        int fd;
        assert_int_equal(yard_make(&y, s, i, &fd), 0);
        uint32_t last = s->edges * s->slots - 1;
        struct area areas[] = {
            { (char *)yard_edge(&y, 0), (char *)(yard_edge(&y, s->edges - 1) + 1) },
            { (char *)yard_hand(&y, 0, 0), (char *)(yard_hand(&y, s->workers - 1, s->edges - 1) + 1) },
            { (char *)yard_worker(&y, 0), (char *)(yard_worker(&y, s->workers - 1) + 1) },
            { (char *)yard_thread(&y, 0, 0), (char *)(yard_thread(&y, s->workers - 1, s->threads - 1) + 1) },
            { (char *)yard_ring(&y, 0, 0),
              (char *)&yard_ring(&y, s->workers - 1, s->edges - 1)->entries[s->ring] },
            { (char *)yard_slot(&y, 0), (char *)(yard_slot(&y, last) + 1) },
            { yard_request(&y, 0), yard_response(&y, last) + YARD_RESPONSE_BYTES },
        };
        check_areas(&y, areas, ARRAY_LEN(areas), 64);
        assert_ptr_equal(yard_response(&y, 0), yard_request(&y, 0) + YARD_REQUEST_BYTES);
        assert_true(s->edges * s->slots == 1 ||
                    yard_request(&y, 1) == yard_response(&y, 0) + YARD_RESPONSE_BYTES);
        yard_response(&y, last)[YARD_RESPONSE_BYTES - 1] = 'x';      /* the last byte is there */
        yard_done(&y);
        (void)close(fd);
    }
}

/* Each pair of indexes its own line: what is written there is found there. */
UNIT_TEST(every_index_has_its_line)
{
    const struct yard_shape *s = &shapes[2];
    struct yard y;
    int fd;
    assert_int_equal(yard_make(&y, s, 0, &fd), 0);
    for (unsigned w = 0; w < s->workers; w++) {
        for (unsigned e = 0; e < s->edges; e++)
            yard_hand(&y, w, e)->tickets = yard_ring(&y, w, e)->head = 10 * w + e;
        for (unsigned t = 0; t < s->threads; t++)
            yard_thread(&y, w, t)->requests = 10 * w + t;
        yard_worker(&y, w)->tickets_read = w;
    }
    for (unsigned w = 0; w < s->workers; w++) {
        for (unsigned e = 0; e < s->edges; e++)
            assert_int_equal(yard_hand(&y, w, e)->tickets + yard_ring(&y, w, e)->head,
                             20 * w + 2 * e);
        for (unsigned t = 0; t < s->threads; t++)
            assert_int_equal(yard_thread(&y, w, t)->requests, 10 * w + t);
        assert_int_equal(yard_worker(&y, w)->tickets_read, w);
    }
    yard_done(&y);
    (void)close(fd);
}

UNIT_TEST(impossible_shapes_are_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(impossible); i++) {
        struct yard y;
        int fd;
        if (yard_make(&y, &impossible[i].shape, 0, &fd) != -EINVAL)
            fail_msg("%s", impossible[i].why);
    }
}

UNIT_TEST(a_shape_fits_any_number_of_hands)
{
    static const unsigned counts[][3] = {
        { 1, 1, 1 }, { 2, 4, 1 }, { 1, 3, 40 }, { 16, 255, 256 }, { 1, 1024, 1 }
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct yard_shape s = yard_shape_for(counts[i][0], counts[i][1], counts[i][2]);
        uint64_t hands = counts[i][1] *
                         (counts[i][2] > YARD_DEPTH_MAX ? counts[i][2] : YARD_DEPTH_MAX);
        struct yard y;
        int fd;
        assert_true(s.slots >= 64 && s.slots <= YARD_SLOTS_MAX);
        assert_true(s.slots >= 2 * hands || s.slots == YARD_SLOTS_MAX);
        assert_int_equal(yard_make(&y, &s, 0, &fd), 0);
        yard_done(&y);
        (void)close(fd);
    }
}

UNIT_TEST(marks_tell_threads_apart)
{
    struct yard y = { .shape = { .workers = 1023, .threads = 64 } };
    assert_int_equal(yard_thread_mark(&y, 0, 0), 1);
    assert_int_equal(yard_thread_mark(&y, 1022, 63), 1023 * 64);
    assert_int_equal(yard_worker_of_mark(&y, yard_thread_mark(&y, 5, 63)), 5);
    assert_int_equal(yard_worker_of_mark(&y, yard_thread_mark(&y, 6, 0)), 6);
    assert_true(yard_worker_of_mark(&y, 0) >= y.shape.workers);
    assert_true(yard_worker_of_mark(&y, 65535) >= y.shape.workers);
}

/* ---- mapping ---- */

UNIT_TEST(both_views_are_one_memory)
{
    struct yard made, mapped;
    int fd;
    assert_int_equal(yard_make(&made, &shapes[2], 42, &fd), 0);
    assert_int_equal(yard_map(&mapped, fd), 0);
    assert_memory_equal(&mapped.shape, &shapes[2], sizeof mapped.shape);
    assert_int_equal(mapped.generation, 42);
    assert_int_equal(mapped.bytes, made.bytes);
    yard_slot(&made, 127)->vars_bytes = 4711;
    assert_int_equal(yard_slot(&mapped, 127)->vars_bytes, 4711);
    assert_true(ftruncate(fd, 4096) < 0 && errno == EPERM);
    assert_true(ftruncate(fd, (off_t)made.bytes + 4096) < 0 && errno == EPERM);
    assert_true(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    yard_done(&mapped);
    yard_done(&mapped);
    yard_done(&made);
    (void)close(fd);
}

/* Every single bit of the header that is looked at: flipped, it is refused. */
UNIT_TEST(a_changed_header_is_refused)
{
    struct yard made, mapped;
    int fd;
    assert_int_equal(yard_make(&made, &shapes[2], 42, &fd), 0);
    for (size_t byte = 0; byte < 128; byte++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bool is_free = byte >= 44 && byte < 56;         /* padding, generation */
            made.at[byte] = (char)(made.at[byte] ^ (1 << bit));
            int rc = yard_map(&mapped, fd);
            if (rc != (is_free ? 0 : -EBADMSG))
                fail_msg("byte %zu, bit %u: %d", byte, bit, rc);
            if (rc == 0)
                yard_done(&mapped);
            made.at[byte] = (char)(made.at[byte] ^ (1 << bit));
        }
    yard_done(&made);
    (void)close(fd);
}

/* The same bytes in another memfd: with these seals, cut or grown by so much. */
static int map_copy(const struct yard *y, int seals, off_t more_bytes)
{
    struct yard mapped;
    int fd = sys_memfd("copy", MFD_ALLOW_SEALING);
    off_t bytes = (off_t)y->bytes + more_bytes;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    size_t header = bytes < 4096 ? (size_t)bytes : 4096;
    assert_int_equal(pwrite(fd, y->at, header, 0), header);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    int rc = yard_map(&mapped, fd);
    if (rc == 0)
        yard_done(&mapped);
    (void)close(fd);
    return rc;
}

UNIT_TEST(size_and_seals_must_fit)
{
    enum { all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };
    struct yard made, mapped;
    int fd, pipes[2];
    assert_int_equal(yard_make(&made, &shapes[0], 1, &fd), 0);
    assert_int_equal(map_copy(&made, all, 0), 0);
    assert_int_equal(map_copy(&made, all & ~F_SEAL_SHRINK, 0), -EBADMSG);
    assert_int_equal(map_copy(&made, all & ~F_SEAL_GROW, 0), -EBADMSG);
    assert_int_equal(map_copy(&made, all & ~F_SEAL_SEAL, 0), -EBADMSG);
    assert_int_equal(map_copy(&made, all, -1), -EBADMSG);
    assert_int_equal(map_copy(&made, all, 1), -EBADMSG);
    assert_int_equal(map_copy(&made, all, -(off_t)made.bytes), -EBADMSG);
    assert_int_equal(map_copy(&made, all, 100 - (off_t)made.bytes), -EBADMSG);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(yard_map(&mapped, pipes[0]), -EBADMSG);
    assert_int_equal(yard_map(&mapped, -1), -EBADF);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    yard_done(&made);
    (void)close(fd);
}

/* ---- the edge reads what it does not trust ---- */

UNIT_TEST(a_prepared_slot_remembers_nothing)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    struct yard_slot *line = yard_slot(&s.yard, 3);
    line->posted = line->taker_waits = 1;
    line->written = line->consumed = 5;
    line->head_bytes = line->what = line->status = line->result = line->run_us = 3;
    line->edge_wants_bell = 0;
    frame_prepare(&s.yard, 3);
    assert_int_equal(line->posted | line->written | line->what | line->status | line->head_bytes |
                     line->result | line->run_us | line->taker_waits | line->consumed, 0);
    assert_int_equal(line->edge_wants_bell, 1);
    site_end(&s);
}

UNIT_TEST(readable_runs_at_every_position)
{
    struct frame_site s;
    struct span runs[2];
    site_start(&s, 1, 1);
    struct yard_slot *line = yard_slot(&s.yard, 1);
    char *at = yard_response(&s.yard, 1);
    for (uint64_t from = UINT64_MAX - 300; from != 300; from++) {
        size_t pos = from % YARD_RESPONSE_BYTES;
        line->written = from + 7;
        assert_int_equal(frame_readable(&s.yard, 1, from, runs), 7);
        assert_int_equal(runs[0].len + runs[1].len, 7);
        assert_ptr_equal(runs[0].at, at + pos);
        assert_true(pos + runs[0].len <= YARD_RESPONSE_BYTES);
        assert_true(runs[1].len == 0 ||
                    (runs[1].at == at && pos + runs[0].len == YARD_RESPONSE_BYTES));
    }
    site_end(&s);
}

UNIT_TEST(an_impossible_position_is_refused)
{
    struct frame_site s;
    struct span runs[2];
    site_start(&s, 1, 1);
    struct yard_slot *line = yard_slot(&s.yard, 0);
    line->written = 1000 + YARD_RESPONSE_BYTES;
    assert_int_equal(frame_readable(&s.yard, 0, 1000, runs), YARD_RESPONSE_BYTES);
    assert_int_equal(runs[0].len + runs[1].len, YARD_RESPONSE_BYTES);
    line->written = 1001 + YARD_RESPONSE_BYTES;
    assert_int_equal(frame_readable(&s.yard, 0, 1000, runs), -EBADMSG);
    line->written = 999;
    assert_int_equal(frame_readable(&s.yard, 0, 1000, runs), -EBADMSG);
    line->written = 1000;
    assert_int_equal(frame_readable(&s.yard, 0, 1000, runs), 0);
    site_end(&s);
}

UNIT_TEST(a_broken_ring_is_seen)
{
    static const struct {
        const char *why;
        unsigned edge;
        uint64_t tail, entry;
        int64_t got;
    } cases[] = {
        { "empty", 1, 0, 0, -EAGAIN },
        { "first slot of the range", 1, 0, (uint64_t)24 << 32 | 1, 24 },
        { "last slot of the range", 1, 0, (uint64_t)47 << 32 | 1, 47 },
        { "slot below the range", 1, 0, (uint64_t)23 << 32 | 1, -EBADMSG },
        { "slot beyond the range", 0, 0, (uint64_t)24 << 32 | 1, -EBADMSG },
        { "slot beyond the yard", 1, 0, (uint64_t)48 << 32 | 1, -EBADMSG },
        { "slot beyond everything", 1, 0, (uint64_t)-1 << 32 | 1, -EBADMSG },
        { "a lap from the future", 1, 0, (uint64_t)24 << 32 | 33, -EBADMSG },
        { "the lap before", 1, 32, (uint64_t)24 << 32 | 1, -EAGAIN },
        { "lap 0 after 2^32", 1, UINT32_MAX, (uint64_t)24 << 32, 24 },
    };
    struct frame_site s;
    site_start(&s, 2, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t tail = cases[i].tail;
        yard_ring(&s.yard, 0, cases[i].edge)->entries[tail % 32] = cases[i].entry;
        int64_t got = frame_next_posted(&s.yard, 0, cases[i].edge, &tail);
        if (got != cases[i].got || tail != cases[i].tail + (got >= 0))
            fail_msg("%s: %lld", cases[i].why, (long long)got);
    }
    site_end(&s);
}

UNIT_TEST(a_new_process_starts_with_empty_hands)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    struct yard_hand *hand = yard_hand(&s.yard, 0, 0);
    hand->tickets = 5;
    hand->in_hand = 3;
    yard_ring(&s.yard, 0, 0)->head = 17;
    assert_int_equal(frame_meet(&s.yard, 0, 0, getpid()), 17);
    assert_int_equal(hand->tickets, 5);
    assert_int_equal(frame_meet(&s.yard, 0, 0, getpid() + 1), 17);
    assert_int_equal(hand->tickets + hand->in_hand, 0);
    site_end(&s);
}

UNIT_TEST(cancel_needs_a_taker)
{
    struct frame_site s;
    uint64_t word;
    site_start(&s, 1, 1);
    assert_false(frame_cancel(&s.yard, 0, &word));
    assert_int_equal(slot_unpack(word).state, SLOT_FREE);
    take_slot(&s, 0);
    assert_false(frame_cancelled(&s.thread));
    assert_true(frame_cancel(&s.yard, 0, &word));
    assert_int_equal(slot_unpack(word).flags, SLOT_CANCELLED);
    assert_true(frame_cancelled(&s.thread));
    frame_finish(&s.thread, FRAME_LEFT);
    assert_false(frame_cancel(&s.yard, 0, NULL));
    site_end(&s);
}

UNIT_TEST(abandon_leaves_only_what_runs)
{
    struct frame_site s;
    site_start(&s, 2, 1);
    take_slot(&s, 25);
    frame_finish(&s.thread, FRAME_OK);
    struct ticket withdrawn = offer(&s, 26, "vars"), other = offer(&s, 3, "vars");
    take_slot(&s, 27);
    sleep_as_edge(&s, 1);
    frame_abandon(&s.yard, 1);
    assert_int_equal(state_of(&s, 25), SLOT_FREE);
    assert_int_equal(state_of(&s, 26), SLOT_FREE);
    assert_int_equal(state_of(&s, 27), SLOT_TAKEN);
    assert_int_equal(state_of(&s, 3), SLOT_OFFERED);         /* the other edge's */
    assert_true(frame_cancelled(&s.thread));
    assert_int_equal(yard_edge(&s.yard, 1)->sleeps, YARD_AWAKE);
    frame_finish(&s.thread, FRAME_LEFT);
    assert_int_equal(state_of(&s, 27), SLOT_DONE);
    send_tickets(&s, 1, &withdrawn, 1);
    send_tickets(&s, 0, &other, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    assert_int_equal(s.thread.slot, 3);                      /* the withdrawn one was dropped */
    site_end(&s);
}

UNIT_TEST(trimmed_pages_are_given_back)
{
    struct frame_site s;
    struct stat before, after;
    site_start(&s, 1, 1);
    memset(yard_request(&s.yard, 2), 'r', YARD_REQUEST_BYTES);
    memset(yard_response(&s.yard, 2), 'r', YARD_RESPONSE_BYTES);
    *yard_request(&s.yard, 3) = *(yard_request(&s.yard, 2) - 1) = 'n';
    assert_int_equal(fstat(s.yard_fd, &before), 0);
    frame_trim(&s.yard, s.yard_fd, 2);
    assert_int_equal(fstat(s.yard_fd, &after), 0);
    assert_int_equal((before.st_blocks - after.st_blocks) * 512,
                     YARD_REQUEST_BYTES + YARD_RESPONSE_BYTES);
    assert_int_equal(*yard_request(&s.yard, 2), 0);
    assert_int_equal(*yard_request(&s.yard, 3), 'n');
    assert_int_equal(*(yard_request(&s.yard, 2) - 1), 'n');
    site_end(&s);
}

UNIT_MAIN(areas_are_in_order_and_apart, every_index_has_its_line,
          impossible_shapes_are_refused,
          a_shape_fits_any_number_of_hands, marks_tell_threads_apart, both_views_are_one_memory,
          a_changed_header_is_refused, size_and_seals_must_fit, a_prepared_slot_remembers_nothing,
          readable_runs_at_every_position, an_impossible_position_is_refused, a_broken_ring_is_seen,
          a_new_process_starts_with_empty_hands, cancel_needs_a_taker,
          abandon_leaves_only_what_runs, trimmed_pages_are_given_back)
