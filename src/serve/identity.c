/* identity.c - the id and the trace are fields of the request, so the application is told by what it
 * is told anyway.
 */
#include "serve/identity.h"
#include <errno.h>
#include "base/sys.h"
#include "http/trace.h"
#include "serve/serve.h"

enum { RANDOM_ID_BYTES = 16, RANDOM_PARENT_BYTES = 8 };

/* Without the kernel's random bytes all are zeros: still an answer. */
static void draw(struct serve *s, unsigned char *into, size_t count)
{
    struct identity_random *r = &s->random;
    if (r->left < count) {
        if (sys_random(r->bytes, sizeof r->bytes) < 0)
            memset(r->bytes, 0, sizeof r->bytes);
        r->left = sizeof r->bytes;
    }
    r->left -= count;
    memcpy(into, r->bytes + r->left, count);
}

/* ---- the id ---------------------------------------------------------------------------------- */

static bool is_id(struct span s)
{
    if (s.len == 0 || s.len > EXCHANGE_ID_BYTES)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i], lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') && !memchr("-._~:=+/;", c, 9))
            return false;
    }
    return true;
}

void identity_take(struct exchange *x)
{
    const struct request *r = &x->request;
    if (!r->from.is_trusted)
        return;
    struct span name = span_of(x->conf->request_id_field);
    for (size_t i = 0; i < r->fields_count; i++) {
        const struct field *f = &r->fields[i];
        if (f->name.len != name.len || !span_eq_nocase(f->name, name) || !is_id(f->value))
            continue;
        *(char *)mempcpy(x->request_id, f->value.at, f->value.len) = '\0';
        return;
    }
}

struct span identity_of(struct exchange *x)
{
    unsigned char random[RANDOM_ID_BYTES];
    if (!x->request_id[0]) {
        draw(x->serve, random, sizeof random);
        trace_hex(random, sizeof random, x->request_id);
        x->request_id[2 * sizeof random] = '\0';
    }
    return span_of(x->request_id);
}

/* ---- the trace ------------------------------------------------------------------------------- */

static bool is_of_trace(const struct field *f)
{
    return f->id == FIELD_TRACEPARENT || (f->id == FIELD_OTHER && span_eq_nocase(f->name, SPAN("tracestate")));
}

static void take_off_trace(struct request *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->fields_count; i++)
        if (!is_of_trace(&r->fields[i]))
            r->fields[kept++] = r->fields[i];
    r->fields_count = kept;
}

static int add_field(struct exchange *x, struct field field)
{
    struct request *r = &x->request;
    struct field *fields = arena_alloc(&x->arena, (r->fields_count + 1) * sizeof *fields);
    if (!fields)
        return -ENOMEM;
    if (r->fields_count > 0)
        memcpy(fields, r->fields, r->fields_count * sizeof *fields);
    fields[r->fields_count++] = field;
    r->fields = fields;
    return 0;
}

static int make_trace(struct exchange *x)
{
    unsigned char random[RANDOM_ID_BYTES + RANDOM_PARENT_BYTES];
    char *text = arena_alloc(&x->arena, TRACE_PARENT_BYTES + 1);
    if (!text)
        return -ENOMEM;
    draw(x->serve, random, sizeof random);
    trace_parent_write(random, random + RANDOM_ID_BYTES, text);
    struct span value = { text, TRACE_PARENT_BYTES };
    (void)trace_parent_read(value, &x->trace_id);
    return add_field(x, (struct field){ SPAN("traceparent"), value, FIELD_TRACEPARENT });
}

/* Two of them are none (section 3.2.1 allows one). */
static int tell_trace(struct exchange *x)
{
    struct request *r = &x->request;
    const struct field *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < r->fields_count; i++)
        if (r->fields[i].id == FIELD_TRACEPARENT && count++ == 0)
            first = &r->fields[i];
    if (count == 1 && trace_parent_read(first->value, &x->trace_id))
        return 0;
    if (count > 0)
        take_off_trace(r);
    return strcmp(x->conf->traceparent, "make") == 0 ? make_trace(x) : 0;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int tell_id(struct exchange *x)
{
    struct request *r = &x->request;
    const struct field ours = { SPAN("X-Request-ID"), identity_of(x), FIELD_X_REQUEST_ID };
    size_t kept = 0, found = 0;
    for (size_t i = 0; i < r->fields_count; i++) {
        bool is_id = r->fields[i].id == FIELD_X_REQUEST_ID;
        if (!is_id || found++ == 0)
            r->fields[kept++] = is_id ? ours : r->fields[i];
    }
    r->fields_count = kept;
    return found > 0 ? 0 : add_field(x, ours);
}

int identity_tell(struct exchange *x)
{
    int rc = tell_id(x);
    return rc < 0 ? rc : tell_trace(x);
}
