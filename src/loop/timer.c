/* timer.c - a binary heap of timers, first due on top.
 *
 * A timer that is moved later stays where it is, with only due_ms written: a connection moves its
 * limit at every request, and nearly none ever fires.  When its old place comes up it sinks to
 * where due_ms belongs.  So key_ms orders the heap, key_ms <= due_ms, and the heap is right at all
 * times.
 */
#include "loop/turn.h"
#include <errno.h>

enum { FIRST_PLACES = 64 };
static const int64_t DUE_MS_MAX = INT64_MAX / 1000;      /* in microseconds it still fits */

static void put(struct timer_heap *h, uint32_t place, struct timer *t)
{
    h->at[place] = t;
    t->place = place;
}

static void rise(struct timer_heap *h, uint32_t place, struct timer *t)
{
    for (; place > 1 && h->at[place / 2]->key_ms > t->key_ms; place /= 2)
        put(h, place, h->at[place / 2]);
    put(h, place, t);
}

static void sink(struct timer_heap *h, uint32_t place, struct timer *t)
{
    while (place <= h->count / 2) {
        uint32_t child = place * 2;
        if (child < h->count && h->at[child + 1]->key_ms < h->at[child]->key_ms)
            child++;
        if (h->at[child]->key_ms >= t->key_ms)
            break;
        put(h, place, h->at[child]);
        place = child;
    }
    put(h, place, t);
}

static void take_out(struct timer_heap *h, struct timer *t)
{
    uint32_t place = t->place;
    struct timer *last = h->at[h->count--];
    t->place = 0;
    if (last == t)
        return;
    if (place > 1 && h->at[place / 2]->key_ms > last->key_ms)
        rise(h, place, last);
    else
        sink(h, place, last);
}

static int make_room(struct timer_heap *h)
{
    if (h->at && h->count + 1 < h->cap)
        return 0;
    if (h->cap > UINT32_MAX / 2)
        return -ENOMEM;
    uint32_t cap = h->cap > 0 ? h->cap * 2 : FIRST_PLACES;
    struct timer **at = sys_realloc(h->at, cap * sizeof *at);
    if (!at)
        return -ENOMEM;
    h->at = at;
    h->cap = cap;
    return 0;
}

void timer_init(struct timer *t, timer_fn fire)
{
    *t = (struct timer){ .fire = fire };
}

static int64_t due_ms(const struct loop *l, int64_t delay_ms)
{
    int64_t now_ms = loop_now_ms(l);
    int64_t delay = delay_ms < 1 ? 1 : delay_ms;
    return delay > DUE_MS_MAX - now_ms ? DUE_MS_MAX : now_ms + delay;
}

int timer_set(struct loop *l, struct timer *t, int64_t delay_ms)
{
    struct timer_heap *h = &l->timers;
    int64_t due = due_ms(l, delay_ms);
    if (t->place == 0) {
        int rc = make_room(h);
        if (rc < 0)
            return rc;
        t->due_ms = t->key_ms = due;
        rise(h, ++h->count, t);
        return 0;
    }
    t->due_ms = due;
    if (due < t->key_ms) {
        t->key_ms = due;
        rise(h, t->place, t);
    }
    return 0;
}

void timer_off(struct loop *l, struct timer *t)
{
    if (t->place != 0)
        take_out(&l->timers, t);
    t->due_ms = 0;
}

int64_t timers_next_ms(const struct loop *l)
{
    return l->timers.count > 0 ? l->timers.at[1]->key_ms : -1;
}

void timers_run(struct loop *l)
{
    struct timer_heap *h = &l->timers;
    int64_t now_ms = loop_now_ms(l);
    while (h->count > 0 && h->at[1]->key_ms <= now_ms) {
        struct timer *t = h->at[1];
        if (t->due_ms > now_ms) {                 /* it was moved later meanwhile */
            t->key_ms = t->due_ms;
            sink(h, 1, t);
        } else {
            timer_off(l, t);
            t->fire(t);
        }
    }
}
