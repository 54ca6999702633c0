/* changes.c - `run --live`: what makes a page load itself again when something was saved.
 *
 * Beneath conf.health_path:
 *   /live.js?since=G.N   the script that python/slipway/live.py puts into pages
 *   /changes?since=G.N   held until something newer is served than generation G's N-th look at its
 *                        templates and files; then 200, or 503 when we leave
 *
 * The page carries the G.N it was made under, so a save between page and question is not missed.
 */
#include <stdio.h>
#include "serve/stage.h"

struct change_wait {
    struct list node;             /* in serve.change_waits */
    struct exchange *x;
};

/* A server that went away and came back may have forgotten how to count: then load anyway. */
static const char script[] =
    "(function () {\n"
    "  var ask = document.currentScript.src.replace('/live.js?', '/changes?');\n"
    "  var ready = ask.replace(/\\/changes\\?.*/, '/ready');\n"
    "  function good(answer) { if (!answer.ok) throw answer.status; }\n"
    "  function load() { location.reload(); }\n"
    "  function later() { setTimeout(again, 500); }\n"
    "  function again() { fetch(ready, {cache: 'no-store'}).then(good).then(load, later); }\n"
    "  addEventListener('pageshow', function (e) { if (e.persisted) load(); });\n"
    "  fetch(ask, {cache: 'no-store'}).then(good).then(load, later);\n"
    "})();\n";

/* "since=3.2": false when it is not that. */
static bool read_since(struct span query, uint64_t *generation, uint64_t *count)
{
    struct span name = SPAN("since=");
    if (!span_starts(query, name))
        return false;
    struct span value = span_skip(query, name.len);
    size_t dot = span_find(value, '.');
    return dot < value.len && span_to_u64((struct span){ value.at, dot }, generation) == 0 &&
           span_to_u64(span_skip(value, dot + 1), count) == 0;
}

static enum stage_says wait_for_change(struct exchange *x)
{
    struct change_wait *w = arena_alloc(&x->arena, sizeof *w);
    if (!w) {
        serve_refuse(x, 503);
        return STAGE_ANSWERED;
    }
    w->x = x;
    x->change_wait = w;
    list_add_before(&x->serve->change_waits, &w->node);
    return STAGE_WAITS;
}

static enum stage_says answer(struct exchange *x, unsigned status, struct span type, struct span body)
{
    const struct field fresh = { SPAN("Cache-Control"), SPAN("no-store"), FIELD_CACHE_CONTROL };
    x->is_logged = false;
    answer_small(x, status, type, &fresh, 1, body);
    return STAGE_ANSWERED;
}

static enum stage_says answer_changes(struct exchange *x)
{
    const struct serve *s = x->serve;
    uint64_t generation, count;
    struct span plain = SPAN("text/plain; charset=utf-8");
    if (!read_since(x->request.query, &generation, &count))
        return answer(x, 400, plain, SPAN("since=GENERATION.COUNT is missing\n"));
    if (s->is_draining)
        return answer(x, 503, plain, SPAN("leaving\n"));
    if (s->changed_generation > generation ||
        (s->changed_generation == generation && s->changed_count > count))
        return answer(x, 200, plain, SPAN("changed\n"));
    return wait_for_change(x);
}

enum stage_says stage_changes(struct exchange *x, struct span name)
{
    bool is_read = x->request.method == METHOD_GET || x->request.method == METHOD_HEAD;
    if (is_read && span_eq(name, SPAN("/live.js")))
        return answer(x, 200, SPAN("text/javascript; charset=utf-8"),
                      (struct span){ script, sizeof script - 1 });
    if (is_read && span_eq(name, SPAN("/changes")))
        return answer_changes(x);
    return STAGE_PASS;
}

void changes_leave(struct exchange *x)
{
    list_remove(&x->change_wait->node);
    x->change_wait = NULL;
}

void serve_look_at_changes(struct serve *s)
{
    while (!list_empty(&s->change_waits)) {
        struct exchange *x = container_of(s->change_waits.next, struct change_wait, node)->x;
        changes_leave(x);
        x->out->wake(x);                          /* it asks again, and may wait again */
    }
}

void serve_changed(struct serve *s, uint32_t generation, uint64_t count)
{
    s->changed_generation = generation;
    s->changed_count = count;
    serve_look_at_changes(s);
}
