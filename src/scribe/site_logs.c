/* site_logs.c - see site_logs.h.  Lists: servers have a dozen sites. */
#include "scribe/site_logs.h"
#include <errno.h>
#include "base/sys.h"

struct site_log {
    struct site_log *next;
    unsigned users;               /* numbers that lead here */
    struct place place;
    char where[];
};

struct site_number {
    struct site_number *next;
    uint64_t number;
    struct site_log *log;
    char site[];
};

/* Takes "NUMBER " off the front of text. */
static bool take_number(struct span *text, uint64_t *number)
{
    size_t end = span_find(*text, ' ');
    if (span_to_u64((struct span){ text->at, end }, number) < 0)
        return false;
    *text = span_skip(*text, end < text->len ? end + 1 : end);
    return true;
}

static struct site_number *find(const struct site_logs *l, uint64_t number)
{
    struct site_number *n = l->numbers;
    while (n && n->number != number)
        n = n->next;
    return n;
}

/* ---- places ---- */

static void let_go(struct site_logs *l, struct site_log *log)
{
    struct site_log **at = &l->first;
    if (--log->users > 0)
        return;
    while (*at != log)
        at = &(*at)->next;
    *at = log->next;
    sink_flush(&log->place.sink);
    l->gone_dropped += place_dropped(&log->place);
    l->gone_rotated += log->place.sink.rotated;
    place_done(&log->place);
    sys_free(log);
}

static struct site_log *find_log(const struct site_logs *l, struct span where)
{
    struct site_log *log = l->first;
    while (log && !span_eq(span_of(log->where), where))
        log = log->next;
    return log;
}

static struct site_log *new_log(struct site_logs *l, struct span where)
{
    struct site_log *log = sys_calloc(1, sizeof *log + where.len + 1);
    if (!log)
        return NULL;
    memcpy(log->where, where.at, where.len);
    bool is_named = log->where[0] == '/';            /* several logs: which one lost lines */
    const struct place_kind kind = { is_named ? log->where : "access log", l->lent_fd, false, l->confined };
    place_init(&log->place, log->where, &kind);
    log->place.sink.tell = l->tell;
    log->place.sink.tell_user = l->tell_user;
    sink_rotate(&log->place.sink, &l->rotation);
    log->next = l->first;
    l->first = log;
    return log;
}

struct place *site_logs_at(const struct site_logs *l, struct span where)
{
    struct site_log *log = find_log(l, where);
    return log ? &log->place : NULL;
}

/* ---- numbers ---- */

static void remove_one(struct site_logs *l, uint64_t number)
{
    for (struct site_number **at = &l->numbers; *at; at = &(*at)->next) {
        struct site_number *n = *at;
        if (n->number != number)
            continue;
        *at = n->next;
        let_go(l, n->log);
        sys_free(n);
        return;
    }
}

int site_logs_add(struct site_logs *l, struct span text)
{
    uint64_t number;
    if (!take_number(&text, &number))
        return -EBADMSG;
    struct span where = { text.at, span_find(text, '\n') };
    struct span site = span_skip(text, where.len < text.len ? where.len + 1 : where.len);
    if (where.len == 0)
        return -EBADMSG;
    const struct site_number *old = find(l, number);
    if (old && span_eq(span_of(old->log->where), where))
        return 0;
    remove_one(l, number);
    struct site_number *n = sys_calloc(1, sizeof *n + site.len + 1);
    struct site_log *log = n ? find_log(l, where) : NULL;
    log = n && !log ? new_log(l, where) : log;
    if (!log) {
        sys_free(n);
        return -ENOMEM;
    }
    log->users++;
    n->number = number;
    n->log = log;
    if (site.len > 0)
        memcpy(n->site, site.at, site.len);
    n->next = l->numbers;
    l->numbers = n;
    return 0;
}

void site_logs_remove(struct site_logs *l, struct span number)
{
    uint64_t which;
    if (take_number(&number, &which))
        remove_one(l, which);
}

struct place *site_logs_find(const struct site_logs *l, struct span *line, struct span *site)
{
    uint64_t number;
    struct span rest = *line;
    *site = SPAN("");
    if (rest.len == 0 || rest.at[0] != SITE_LOGS_MARK)
        return NULL;
    rest = span_skip(rest, 1);
    if (!take_number(&rest, &number))
        return NULL;
    *line = rest;
    const struct site_number *n = find(l, number);
    if (!n)
        return NULL;
    *site = span_of(n->site);
    return &n->log->place;
}

/* ---- all of them ---- */

bool site_logs_any(const struct site_logs *l, bool (*act)(struct place *, void *), void *user)
{
    for (struct site_log *s = l->first; s; s = s->next)
        if (act(&s->place, user))
            return true;
    return false;
}

uint64_t site_logs_dropped(const struct site_logs *l)
{
    uint64_t count = l->gone_dropped;
    for (const struct site_log *s = l->first; s; s = s->next)
        count += place_dropped(&s->place);
    return count;
}

uint64_t site_logs_rotated(const struct site_logs *l)
{
    uint64_t count = l->gone_rotated;
    for (const struct site_log *s = l->first; s; s = s->next)
        count += s->place.sink.rotated;
    return count;
}

void site_logs_done(struct site_logs *l)
{
    while (l->numbers)
        remove_one(l, l->numbers->number);
}
