/* refuse.c - the small answers that are our own: refusals, redirects, health. */
#include "serve/refuse.h"
#include <stdio.h>
#include "base/sys.h"
#include "http/accept.h"
#include "serve/finish.h"
#include "serve/pages.h"
#include "serve/stage.h"

enum { FIELDS_MAX = REFUSAL_FIELDS_MAX + 4, SENTENCE_BYTES = 256, NUMBER_BYTES = 24 };
static const struct span plain = SPAN("text/plain; charset=utf-8");

void answer_small(struct exchange *x, unsigned status, struct span type, const struct field *extra,
                  size_t extras, struct span body)
{
    struct field fields[FIELDS_MAX];
    size_t count = 0;
    if (type.len > 0)
        fields[count++] = (struct field){ SPAN("Content-Type"), type, FIELD_CONTENT_TYPE };
    for (size_t i = 0; i < extras && count < ARRAY_LEN(fields); i++)
        fields[count++] = extra[i];
    x->response = (struct response){
        .status = status, .fields = fields, .fields_count = count, .body_bytes = (int64_t)body.len,
    };
    const struct span runs[2] = { body, { NULL, 0 } };
    bool is_bare = x->request.method == METHOD_HEAD || status_has_no_body(status);
    if (finish_head(x) >= 0)
        (void)x->out->body(x, is_bare ? (const struct span[2]){ { NULL, 0 } } : runs, true);
    x->response.fields = NULL;      /* they were ours */
    x->response.fields_count = 0;
}

/* ---- escaped words --------------------------------------------------------------------------- */

/* Room for a text whose each byte may become `most` bytes; NULL without memory. */
static char *room_for(struct exchange *x, size_t bytes, size_t most)
{
    return arena_alloc(&x->arena, bytes * most + 1);
}

static struct span html_of(struct exchange *x, struct span words)
{
    static const struct {
        char byte;
        struct span name;
    } names[] = { { '<', SPAN("&lt;") }, { '>', SPAN("&gt;") }, { '&', SPAN("&amp;") },
                  { '"', SPAN("&quot;") }, { '\'', SPAN("&#39;") } };
    char *text = room_for(x, words.len, 6);
    size_t len = 0;
    for (size_t i = 0; text && i < words.len; i++) {
        size_t n = 0;
        while (n < ARRAY_LEN(names) && names[n].byte != words.at[i])
            n++;
        struct span put = n < ARRAY_LEN(names) ? names[n].name : (struct span){ words.at + i, 1 };
        memcpy(text + len, put.at, put.len);
        len += put.len;
    }
    return (struct span){ text, len };
}

static struct span json_of(struct exchange *x, struct span words)
{
    char *text = room_for(x, words.len, 6);
    size_t len = 0;
    for (size_t i = 0; text && i < words.len; i++) {
        unsigned char c = (unsigned char)words.at[i];
        if (c < 0x20) {
            len += (size_t)snprintf(text + len, 7, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            text[len++] = '\\';
        text[len++] = (char)c;
    }
    return (struct span){ text, len };
}

/* ---- bodies ---------------------------------------------------------------------------------- */

struct body {
    struct span type, bytes;          /* type "": no memory for it */
};

struct mark {
    struct span name, value;
};

/* `into` NULL: only measures.  The length. */
static size_t put_filled(struct span page, const struct mark *marks, size_t count, char *into)
{
    size_t len = 0;
    while (page.len > 0) {
        size_t plain_bytes = page.at[0] == '{' ? 0 : span_find(page, '{'), i = 0;
        while (plain_bytes == 0 && i < count && !span_starts(page, marks[i].name))
            i++;
        bool is_mark = plain_bytes == 0 && i < count;
        struct span put = is_mark ? marks[i].value : (struct span){ page.at, plain_bytes > 0 ? plain_bytes : 1 };
        if (into && put.len > 0)
            memcpy(into + len, put.at, put.len);
        len += put.len;
        page = span_skip(page, is_mark ? marks[i].name.len : put.len);
    }
    return len;
}

static struct body fill(struct exchange *x, const struct page *page, unsigned status, struct span words)
{
    char number[NUMBER_BYTES];
    int len = snprintf(number, sizeof number, "%u", status);
    const struct mark marks[] = {
        { SPAN("{status}"), { number, (size_t)len } },
        { SPAN("{request_id}"), span_of(x->request_id) },
        { SPAN("{message}"), page->is_html ? html_of(x, words) : words },
    };
    if (page->body.len > 0 && span_find(page->body, '{') == page->body.len)
        return (struct body){ page->type, page->body };
    size_t bytes = put_filled(page->body, marks, ARRAY_LEN(marks), NULL);
    char *into = arena_alloc(&x->arena, bytes + 1);
    if (!into)
        return (struct body){ 0 };
    (void)put_filled(page->body, marks, ARRAY_LEN(marks), into);
    return (struct body){ page->type, { into, bytes } };
}

static struct body problem(struct exchange *x, unsigned status, struct span words)
{
    enum { AROUND_BYTES = 200 };
    struct span title = status_reason(status), id = span_of(x->request_id), detail;
    while (words.len > 0 && words.at[words.len - 1] == '\n')
        words.len--;
    detail = json_of(x, words);
    size_t cap = AROUND_BYTES + title.len + id.len + detail.len;
    char *into = arena_alloc(&x->arena, cap);
    if (!into || !detail.at)
        return (struct body){ 0 };
    int len = snprintf(into, cap, "{\"type\":\"about:blank\",\"title\":\"%.*s\",\"status\":%u,\"detail\":\"%.*s\"",
                       (int)title.len, title.at, status, (int)detail.len, detail.at);
    if (id.len > 0)
        len += snprintf(into + len, cap - (size_t)len, ",\"request_id\":\"%.*s\"", (int)id.len, id.at);
    len += snprintf(into + len, cap - (size_t)len, "}\n");
    return (struct body){ SPAN("application/problem+json"), { into, (size_t)len } };
}

static bool prefers_json(const struct request *r)
{
    for (size_t i = 0; i < r->fields_count; i++)
        if (span_eq_nocase(r->fields[i].name, SPAN("Accept")))
            return accept_prefers_json(r->fields[i].value);
    return false;
}

/* Of those that somebody will ask about. */
static bool has_id(unsigned status)
{
    return status == 500 || (status >= 502 && status <= 504) || status == 507;
}

static struct body sentence(struct exchange *x, unsigned status, struct span words)
{
    struct span id = span_of(x->request_id);
    size_t cap = words.len + id.len + SENTENCE_BYTES;
    char *into = has_id(status) ? arena_alloc(&x->arena, cap) : NULL;
    if (!into)
        return (struct body){ plain, words };
    int len = snprintf(into, cap, "%.*s(request %.*s)\n", (int)words.len, words.at, (int)id.len, id.at);
    return (struct body){ plain, { into, (size_t)len } };
}

static struct body choose(struct exchange *x, const struct refusal *r)
{
    struct page page = { SPAN("text/html; charset=utf-8"), r->page, true };
    struct span words = r->words.len > 0 ? r->words : status_page(r->status);
    struct body body = { 0 };
    if (prefers_json(&x->request))
        body = problem(x, r->status, words);
    else if (r->is_page_first || pages_find(x, r->status, &page) || r->page.len > 0)
        body = fill(x, &page, r->status, words);
    return body.type.len > 0 ? body : sentence(x, r->status, words);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static bool has(const struct field *fields, size_t count, enum field_id id, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if ((id != FIELD_OTHER && fields[i].id == id) || (id == FIELD_OTHER && span_eq_nocase(fields[i].name, name)))
            return true;
    return false;
}

static size_t add(struct field *fields, size_t count, struct span name, struct span value)
{
    enum field_id id = field_id_of(name);
    if (!has(fields, count, id, name))
        fields[count++] = (struct field){ name, value, id };
    return count;
}

void refuse_with(struct exchange *x, const struct refusal *r)
{
    struct field fields[FIELDS_MAX];
    size_t count = 0;
    while (count < r->extras && count < REFUSAL_FIELDS_MAX) {
        fields[count] = r->extra[count];
        count++;
    }
    count = add(fields, count, SPAN("Cache-Control"), SPAN("no-store"));
    if (r->status == 503)
        count = add(fields, count, SPAN("Retry-After"), SPAN("1"));
    if (has_id(r->status))
        count = add(fields, count, SPAN("X-Request-ID"), identity_of(x));
    struct body body = choose(x, r);
    answer_small(x, r->status, body.type, fields, count, body.bytes);
}

enum stage_says answer_later(struct exchange *x, int64_t wait_s)
{
    char text[NUMBER_BYTES];
    int len = snprintf(text, sizeof text, "%lld", (long long)wait_s);
    const struct field later = { SPAN("Retry-After"), { text, (size_t)len }, FIELD_OTHER };
    refuse_with(x, &(struct refusal){ .status = 429, .extra = &later, .extras = 1 });
    return STAGE_ANSWERED;
}

void serve_refuse_saying(struct exchange *x, unsigned status, struct span words)
{
    refuse_with(x, &(struct refusal){ .status = status, .words = words });
}

void serve_refuse(struct exchange *x, unsigned status)
{
    refuse_with(x, &(struct refusal){ .status = status });
}
