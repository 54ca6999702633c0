/* fuzz_frame.c - whatever a broken worker left in the yard, the edge's end stays inside of it: the
 * shared words, the completion ring and the header are the fuzzer's.
 */
#include <errno.h>
#include <unistd.h>
#include "fuzz.h"
#include "link/frame.h"

enum { SLOTS = 8, RING = 16, HEADER_BYTES = 128 };

static struct yard yard;
static int yard_fd = -1;

static uint64_t number(struct span *in)        /* the next 8 bytes, or what is left of them */
{
    uint64_t value = 0;
    size_t bytes = in->len < sizeof value ? in->len : sizeof value;
    if (bytes > 0)
        memcpy(&value, in->at, bytes);
    *in = span_skip(*in, bytes);
    return value;
}

static void fill_slot(struct yard_slot *s, struct span *in)
{
    atomic_store(&s->word, number(in));
    atomic_store(&s->written, number(in));
    uint64_t rest = number(in);
    atomic_store(&s->posted, (uint32_t)rest);
    atomic_store(&s->taker_waits, (uint32_t)(rest >> 32));
}

static void read_slot(uint32_t slot, uint64_t from)
{
    const char *at = yard_response(&yard, slot), *end = at + YARD_RESPONSE_BYTES;
    struct span runs[2];
    ssize_t bytes = frame_readable(&yard, slot, from, runs);
    must(bytes >= 0 || bytes == -EBADMSG);
    for (size_t i = 0; bytes >= 0 && i < 2; i++)
        must(runs[i].len == 0 ||
             (runs[i].at >= at && runs[i].at < end && runs[i].len <= (size_t)(end - runs[i].at)));
    must(bytes < 0 || runs[0].len + runs[1].len == (size_t)bytes);
    frame_consumed(&yard, slot, from + (bytes > 0 ? (uint64_t)bytes : 0));
}

static void read_ring(uint64_t tail)
{
    int64_t slot;
    for (unsigned i = 0; i < RING && (slot = frame_next_posted(&yard, 0, 1, &tail)) >= 0; i++) {
        must(slot >= SLOTS && slot < 2 * SLOTS);
        must(atomic_load(&yard_slot(&yard, (uint32_t)slot)->posted) == 0);
    }
}

static void map_changed_header(struct span in)
{
    struct yard mapped;
    char kept[HEADER_BYTES];
    size_t bytes = in.len < sizeof kept ? in.len : sizeof kept;
    memcpy(kept, yard.at, sizeof kept);
    for (size_t i = 0; i < bytes; i++)
        yard.at[i] = (char)(yard.at[i] ^ in.at[i]);
    int rc = yard_map(&mapped, yard_fd);
    memcpy(yard.at, kept, sizeof kept);
    must(rc == 0 || rc == -EBADMSG);
    if (rc == 0) {
        must(memcmp(&mapped.shape, &yard.shape, sizeof yard.shape) == 0);
        must(mapped.bytes == yard.bytes);
        yard_done(&mapped);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct yard_shape shape = { 2, .workers = 1, .threads = 1, .slots = SLOTS, .ring = RING };
    struct span in = { (const char *)data, size };
    if (yard_fd < 0)
        must(yard_make(&yard, &shape, 1, &yard_fd) == 0);
    map_changed_header(in);
    uint64_t tail = number(&in), from = number(&in);
    for (uint32_t slot = SLOTS; slot < 2 * SLOTS; slot++)
        fill_slot(yard_slot(&yard, slot), &in);
    for (uint32_t i = 0; i < RING; i++)
        atomic_store(&yard_ring(&yard, 0, 1)->entries[i], number(&in));
    read_ring(tail);
    for (uint32_t slot = SLOTS; slot < 2 * SLOTS; slot++)
        read_slot(slot, from);
    frame_abandon(&yard, 1);
    for (uint32_t slot = SLOTS; slot < 2 * SLOTS; slot++) {
        struct slot_word w = slot_unpack(atomic_load(&yard_slot(&yard, slot)->word));
        must(w.state == SLOT_FREE || w.state > SLOT_DONE ||
             (w.state == SLOT_TAKEN && (w.flags & SLOT_CANCELLED) != 0));
        frame_prepare(&yard, slot);
        read_slot(slot, 0);
    }
    return 0;
}
