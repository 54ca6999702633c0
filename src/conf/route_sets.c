/* route_sets.c - see route_sets.h. */
#include "conf/route_sets.h"
#include <errno.h>
#include <stdlib.h>
#include "base/sys.h"
#include "http/path.h"

/* ---- one pattern ----------------------------------------------------------------------------- */

static struct route_pattern read_pattern(struct span text)
{
    struct route_pattern p = { .text = text, .head_bytes = span_find(text, '*') };
    for (size_t at = 0; at < text.len; at++)
        p.weight += text.at[at] != '*';
    return p;
}

static bool is_glob(const struct route_pattern *p)
{
    return p->head_bytes < p->text.len;
}

/* After a byte that does not fit, the last '*' takes one byte more: each pair of places is seen at
 * most once. */
static bool glob_fits(struct span pattern, struct span path)
{
    size_t p = 0, at = 0, star = SIZE_MAX, from = 0;
    while (at < path.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            from = at;
        } else if (p < pattern.len && pattern.at[p] == path.at[at]) {
            p++;
            at++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            at = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

bool route_pattern_fits(const struct route_pattern *p, struct span path)
{
    if (is_glob(p))
        return glob_fits(p->text, path);
    if (p->text.at[p->text.len - 1] == '/')
        return span_starts(path, p->text);
    return path_is_below(path, p->text);
}

/* ---- two patterns ---------------------------------------------------------------------------- */

static struct span head(const struct route_pattern *p)
{
    return (struct span){ p->text.at, p->head_bytes };
}

static struct span tail(const struct route_pattern *p)
{
    size_t at = p->text.len;
    while (at > 0 && p->text.at[at - 1] != '*')
        at--;
    return span_skip(p->text, at);
}

/* Does `outer` match whatever `inner` matches?  False also where that cannot be told from what
 * `inner` begins with. */
static bool is_within(const struct route_pattern *inner, const struct route_pattern *outer)
{
    if (is_glob(outer))
        return outer->head_bytes + 1 == outer->text.len && span_starts(head(inner), head(outer));
    bool is_tree = outer->text.at[outer->text.len - 1] == '/';
    if (!is_glob(inner) || is_tree)
        return route_pattern_fits(outer, head(inner));
    return span_starts(head(inner), outer->text) && inner->head_bytes > outer->text.len &&
           inner->text.at[outer->text.len] == '/';
}

/* Could one path match both?  True also where it cannot be told. */
static bool may_meet(const struct route_pattern *a, const struct route_pattern *b)
{
    if (!is_glob(a) && !is_glob(b))
        return is_within(a, b) || is_within(b, a);
    if (!span_starts(head(a), head(b)) && !span_starts(head(b), head(a)))
        return false;
    return !is_glob(a) || !is_glob(b) || span_ends(tail(a), tail(b)) || span_ends(tail(b), tail(a));
}

/* ---- sets ------------------------------------------------------------------------------------ */

static int compare(const void *left, const void *right)
{
    const struct route_pattern *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight < b->weight ? -1 : 1;
    return a->at > b->at ? -1 : 1;
}

static bool has(const struct route_sets *s, size_t set, size_t pattern)
{
    for (; set != 0; set = s->sets[set].parent)
        if (s->sets[set].pattern == pattern)
            return true;
    return false;
}

/* A pattern may join a set when all of the set may meet it, and all it lies within are there: in the
 * order these come before it. */
static bool may_join(const struct route_sets *s, size_t set, size_t pattern)
{
    const struct route_pattern *p = &s->patterns[pattern];
    for (size_t at = set; at != 0; at = s->sets[at].parent)
        if (!may_meet(&s->patterns[s->sets[at].pattern], p))
            return false;
    for (size_t i = 0; i < pattern; i++)
        if (is_within(p, &s->patterns[i]) && !has(s, set, i))
            return false;
    return true;
}

static int add_set(struct route_sets *s, size_t parent, size_t pattern)
{
    if (s->count == ROUTE_SETS_MAX)
        return -E2BIG;
    struct route_set *more = sys_realloc(s->sets, (s->count + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    s->sets = more;
    more[s->count] = (struct route_set){ (uint32_t)parent, (uint32_t)pattern, 0, more[parent].child };
    if (s->count > 0)
        more[parent].child = (uint32_t)s->count;
    s->count++;
    return 0;
}

static int add_sets_of(struct route_sets *s, size_t pattern)
{
    size_t before = s->count;
    int rc = 0;
    for (size_t set = 0; set < before && rc == 0; set++)
        if (may_join(s, set, pattern))
            rc = add_set(s, set, pattern);
    return rc;
}

int route_sets_make(struct route_sets *s, const struct span *texts, size_t count)
{
    *s = (struct route_sets){ .patterns = sys_calloc(count + 1, sizeof *s->patterns),
                              .patterns_count = count,
                              .sets = sys_calloc(1, sizeof *s->sets), .count = 1 };
    int rc = s->patterns && s->sets ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++) {
        s->patterns[i] = read_pattern(texts[i]);
        s->patterns[i].at = (uint32_t)i;
    }
    if (rc == 0)
        qsort(s->patterns, count, sizeof *s->patterns, compare);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_sets_of(s, i);
    if (rc < 0)
        route_sets_done(s);
    return rc;
}

void route_sets_done(struct route_sets *s)
{
    sys_free(s->patterns);
    sys_free(s->sets);
    *s = (struct route_sets){ 0 };
}

size_t route_sets_find(const struct route_sets *s, struct span path)
{
    size_t set = 0;
    for (size_t i = 0; i < s->patterns_count; i++) {
        if (!route_pattern_fits(&s->patterns[i], path))
            continue;
        size_t next = s->sets[set].child;
        while (next != 0 && s->sets[next].pattern != i)
            next = s->sets[next].sibling;
        if (next == 0)
            abort();              /* whatever can match together has a set */
        set = next;
    }
    return set;
}
