/* fuzz_chunked.c - a chunked body is the same body however it is cut, and ends at the same byte. */
#include "fuzz.h"
#include "wire/chunked.h"

struct outcome {
    ssize_t taken;             /* in all, or the refusal */
    enum chunked_state state;
    char *body;
    size_t body_bytes;
};

static struct outcome read_cut(struct span in, size_t step)
{
    struct chunked c = { 0 };
    struct outcome o = { .body = malloc(in.len > 0 ? in.len : 1) };
    while (in.len > 0 && c.state != CHUNKED_DONE) {
        struct span piece = own_copy((struct span){ in.at, step < in.len ? step : in.len });
        struct span data = SPAN("");
        ssize_t taken = chunked_read(&c, piece, &data);
        if (taken < 0) {
            o.taken = taken;
            o.body_bytes = 0;
            free((char *)piece.at);
            break;
        }
        must(taken > 0 && (size_t)taken <= piece.len && data.len <= (size_t)taken);
        if (data.len > 0)
            memcpy(o.body + o.body_bytes, data.at, data.len);
        o.body_bytes += data.len;
        o.taken += taken;
        in = span_skip(in, (size_t)taken);
        free((char *)piece.at);
    }
    o.state = c.state;
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { (const char *)data, size };
    struct outcome whole = read_cut(in, size > 0 ? size : 1), cut = read_cut(in, cut_of(in, 16));
    must(whole.taken == cut.taken && whole.state == cut.state);
    must(whole.body_bytes == cut.body_bytes);
    must(memcmp(whole.body, cut.body, whole.body_bytes) == 0);
    must(whole.taken >= 0 || whole.state == CHUNKED_BAD);
    free(whole.body);
    free(cut.body);
    return 0;
}
