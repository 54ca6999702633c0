/* fuzz_forwarded.c - what a trusted proxy said of its client: never an address that nobody wrote, and
 * what stands at the left of an untrusted client changes nothing.
 *
 * The first byte chooses the field; the rest is its value (a newline begins another field).
 */
#include "fuzz.h"
#include "http/forwarded.h"

enum { FIELDS_MAX = 8 };

static struct request request_of(struct span text, struct field fields[FIELDS_MAX],
                                 const struct field *name)
{
    struct request r = { .fields = fields };
    r.from = (struct request_from){ .address = SPAN("10.0.0.1"), .server_port = SPAN("80"),
                                    .is_trusted = true };
    while (r.fields_count < FIELDS_MAX) {
        size_t end = span_find(text, '\n');
        fields[r.fields_count] = *name;
        fields[r.fields_count++].value = span_trim((struct span){ text.at, end });
        if (end == text.len)
            break;
        text = span_skip(text, end + 1);
    }
    return r;
}

static void walk(struct span value, struct arena *arena)
{
    struct forwarded_element e;
    size_t left = value.len + 1;
    while (forwarded_next(&value, &e, arena) > 0) {
        must(value.len < left && e.for_node.len + e.host.len + e.proto.len < left);
        left = value.len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct forwarded_rules rules[2];
    struct field fields[FIELDS_MAX];
    struct arena arena;
    if (rules[0].trusted.count == 0) {
        for (int i = 0; i < 2; i++) {
            must(networks_add(&rules[i].trusted, SPAN("10.0.0.0/8")) == 0);
            rules[i].takes_host = true;
            forwarded_name_field(&rules[i], i ? SPAN("Forwarded") : SPAN("X-Forwarded-For"));
        }
    }
    if (size < 1)
        return 0;
    const struct forwarded_rules *chosen = &rules[data[0] & 1];
    struct span text = own_copy((struct span){ (const char *)data + 1, size - 1 });
    if (field_text_bytes(text) < span_find(text, '\n')) {     /* bytes that no field has */
        free((char *)text.at);
        return 0;
    }
    arena_init(&arena, 1 << 20);
    walk(text, &arena);
    struct request r = request_of(text, fields, &chosen->field);
    int rc = forwarded_apply(chosen, &r, &arena);
    must(rc == 0 || rc == -400);
    struct address client;
    must(address_read(r.from.address, &client));
    must(r.from.port.len <= 5);
    must(r.host.len == 0 || request_host_is_valid(r.host));
    must(r.from.is_named || span_eq(r.from.address, SPAN("10.0.0.1")));
    arena_done(&arena);
    free((char *)text.at);
    return 0;
}
