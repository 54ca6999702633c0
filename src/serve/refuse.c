/* refuse.c - the small answers that are our own: refusals, redirects, health. */
#include <stdio.h>
#include "serve/finish.h"
#include "serve/stage.h"

void answer_small(struct exchange *x, unsigned status, struct span type, const struct field *extra,
                  size_t extras, struct span body)
{
    struct field fields[8];
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

enum stage_says answer_later(struct exchange *x, int64_t wait_s)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)wait_s);
    const struct field later = { SPAN("Retry-After"), { text, (size_t)len }, FIELD_OTHER };
    answer_small(x, 429, SPAN("text/plain; charset=utf-8"), &later, 1, status_page(429));
    return STAGE_ANSWERED;
}

void serve_refuse_saying(struct exchange *x, unsigned status, struct span page)
{
    answer_small(x, status, SPAN("text/plain; charset=utf-8"), NULL, 0, page);
}

/* Of those that somebody will ask about. */
static bool has_id(unsigned status)
{
    return status == 500 || (status >= 502 && status <= 504) || status == 507;
}

void serve_refuse(struct exchange *x, unsigned status)
{
    struct field extra[2];
    size_t extras = 0;
    char page[256];
    struct span body = status_page(status);
    if (status == 503)
        extra[extras++] = (struct field){ SPAN("Retry-After"), SPAN("1"), FIELD_OTHER };
    if (has_id(status)) {
        struct span id = identity_of(x);
        extra[extras++] = (struct field){ SPAN("X-Request-ID"), id, FIELD_X_REQUEST_ID };
        int len = snprintf(page, sizeof page, "%.*s(request %s)\n", (int)body.len, body.at, x->request_id);
        if (len > 0 && (size_t)len < sizeof page)
            body = (struct span){ page, (size_t)len };
    }
    answer_small(x, status, SPAN("text/plain; charset=utf-8"), extra, extras, body);
}
