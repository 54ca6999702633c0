/* site_logs.c - see site_logs.h.  A list: servers have a dozen sites. */
#include "scribe/site_logs.h"
#include <errno.h>
#include "base/sys.h"

struct site_log {
    struct site_log *next;
    uint64_t number;
    struct sink sink;
    char path[];
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

static struct site_log *find(const struct site_logs *l, uint64_t number)
{
    struct site_log *s = l->first;
    while (s && s->number != number)
        s = s->next;
    return s;
}

static void remove_one(struct site_logs *l, uint64_t number)
{
    for (struct site_log **at = &l->first; *at; at = &(*at)->next) {
        struct site_log *s = *at;
        if (s->number != number)
            continue;
        *at = s->next;
        sink_flush(&s->sink);
        sink_done(&s->sink);
        sys_free(s);
        return;
    }
}

int site_logs_add(struct site_logs *l, struct span text)
{
    uint64_t number;
    if (!take_number(&text, &number) || text.len == 0)
        return -EBADMSG;
    const struct site_log *old = find(l, number);
    if (old && span_eq(span_of(old->path), text))
        return 0;
    remove_one(l, number);
    struct site_log *s = sys_calloc(1, sizeof *s + text.len + 1);
    if (!s)
        return -ENOMEM;
    s->number = number;
    memcpy(s->path, text.at, text.len);
    sink_init(&s->sink, s->path, -1, false);
    s->sink.name = "access log";
    s->sink.tell = l->tell;
    s->sink.tell_user = l->tell_user;
    sink_rotate(&s->sink, &l->rotation);
    s->next = l->first;
    l->first = s;
    return 0;
}

void site_logs_remove(struct site_logs *l, struct span number)
{
    uint64_t which;
    if (take_number(&number, &which))
        remove_one(l, which);
}

struct sink *site_logs_find(const struct site_logs *l, struct span *line)
{
    uint64_t number;
    struct span rest = *line;
    if (rest.len == 0 || rest.at[0] != SITE_LOGS_MARK)
        return NULL;
    rest = span_skip(rest, 1);
    if (!take_number(&rest, &number))
        return NULL;
    *line = rest;
    struct site_log *s = find(l, number);
    return s ? &s->sink : NULL;
}

void site_logs_each(const struct site_logs *l, void (*act)(struct sink *))
{
    for (struct site_log *s = l->first; s; s = s->next)
        act(&s->sink);
}

void site_logs_done(struct site_logs *l)
{
    while (l->first)
        remove_one(l, l->first->number);
}
