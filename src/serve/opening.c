/* opening.c - the stage that holds requests until the first generation has said what the site is: before
 * that nobody knows which of them a file answers, or the wall refuses.
 *
 * Bounded by queue-timeout, as a wait for a worker is.
 */
#include "base/log.h"
#include "serve/stage.h"

struct opening_wait {
    struct list node;             /* in serve.opening_waits, oldest first */
    struct exchange *x;
};

static struct opening_wait *oldest(struct serve *s)
{
    return list_empty(&s->opening_waits) ? NULL : container_of(s->opening_waits.next, struct opening_wait, node);
}

static int64_t left_ms(const struct serve *s, const struct exchange *x)
{
    return s->conf->queue_timeout_ms - (loop_now_us(s->loop) - x->began_us) / 1000;
}

static void wake(struct exchange *x)
{
    opening_leave(x);
    x->out->wake(x);              /* the stage runs again */
}

static void look_at_oldest(struct timer *t)
{
    struct serve *s = container_of(t, struct serve, opening_timer);
    struct opening_wait *w;
    while ((w = oldest(s)) && left_ms(s, w->x) <= 0)
        wake(w->x);
    if (w && timer_set(s->loop, t, left_ms(s, w->x)) < 0)
        log_warn("no memory for a timer", "waiting=site");
}

static void wake_all(struct serve *s)
{
    struct opening_wait *w;
    timer_off(s->loop, &s->opening_timer);
    while ((w = oldest(s)))
        wake(w->x);
}

void serve_opened(struct serve *s)
{
    s->has_site = true;
    s->is_down = false;
    wake_all(s);
}

void serve_down(struct serve *s)
{
    if (s->has_site)
        return;
    s->is_down = true;
    wake_all(s);
}

void opening_init(struct serve *s)
{
    list_init(&s->opening_waits);
    timer_init(&s->opening_timer, look_at_oldest);
}

void opening_leave(struct exchange *x)
{
    list_remove(&x->opening_wait->node);
    x->opening_wait = NULL;
}

enum stage_says stage_opening(struct exchange *x)
{
    struct serve *s = x->serve;
    if (s->has_site)
        return STAGE_PASS;
    if (s->is_down) {
        x->failure = "the site could not be started";
        serve_refuse(x, 503);
        return STAGE_ANSWERED;
    }
    int64_t wait_ms = left_ms(s, x);
    struct opening_wait *w = wait_ms > 0 ? arena_alloc(&x->arena, sizeof *w) : NULL;
    if (!w || (s->opening_timer.due_ms == 0 && timer_set(s->loop, &s->opening_timer, wait_ms) < 0)) {
        x->failure = w ? "no memory" : "the site did not start within queue-timeout";
        serve_refuse(x, 503);
        return STAGE_ANSWERED;
    }
    w->x = x;
    x->opening_wait = w;
    list_add_before(&s->opening_waits, &w->node);
    return STAGE_WAITS;
}
