/* fuzz_response.c - whatever a worker writes as its head, the client gets a head that the strict
 * reader takes: as many fields as were kept and added, one length at most.
 */
#include "fuzz.h"
#include <errno.h>
#include "wire/h1.h"

static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";
static const struct h1_limits limits = { .head_bytes = 1 << 20, .fields = 1000 };

/* Reads the written head as if it were a request: the first line is another, the fields are not. */
static void must_be_strict(struct span head, const struct response *res, struct arena *arena)
{
    static const struct span line = { "GET / HTTP/1.1", 14 };
    struct request r = { 0 };
    size_t scanned = 0, first = span_find(head, '\r'), lengths = 0;
    struct span fields = span_skip(head, first);
    char *text = malloc(line.len + fields.len);
    memcpy(text, line.at, line.len);
    memcpy(text + line.len, fields.at, fields.len);
    struct span request = { text, line.len + fields.len };
    must(h1_read_head(&r, request, &scanned, &limits, arena) == (ssize_t)request.len);
    for (size_t i = 0; i < r.fields_count; i++) {
        enum field_id id = r.fields[i].id;
        lengths += id == FIELD_CONTENT_LENGTH || id == FIELD_TRANSFER_ENCODING;
        must(i >= res->fields_count || span_eq(r.fields[i].name, res->fields[i].name));
        must(i >= res->fields_count || span_eq(r.fields[i].value, res->fields[i].value));
    }
    must(lengths <= 1 && r.fields_count >= res->fields_count);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned statuses[] = { 200, 204, 304, 404, 599 };
    struct span block = own_copy((struct span){ (const char *)data, size });
    struct response res = { .status = statuses[cut_of(block, ARRAY_LEN(statuses)) - 1] };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    int rc = response_read_fields(&res, block, 40, &arena);
    must(rc == 0 || rc == -EBADMSG || rc == -EMSGSIZE);
    for (unsigned kind = 0; rc == 0 && kind < 8; kind++) {
        struct buf out = { 0 };
        struct h1_answer a = { kind & 1 ? 11 : 10, kind & 2, kind & 4, H1_BODY_NONE };
        must(h1_write_head(&out, &res, &a, span_of(date)) == 0);
        must(a.body != H1_BODY_CLOSE || !a.keeps_alive);
        must(a.body != H1_BODY_CHUNKED || a.version == 11);
        must_be_strict(buf_span(&out), &res, &arena);
        buf_done(&out);
    }
    arena_done(&arena);
    free((char *)block.at);
    return 0;
}
