/* routes.c - see routes.h. */
#include "serve/routes.h"
#include "base/sys.h"
#include "http/path.h"

static void add(struct routes *r, const struct conf_route *from)
{
    struct route *one = &r->all[r->count++];
    *one = (struct route){ .conf = from->conf, .pattern = span_of(from->pattern) };
    for (size_t at = 0; at < one->pattern.len; at++)
        one->weight += one->pattern.at[at] != '*';
    one->is_glob = one->weight < one->pattern.len;
}

struct routes *routes_new(const struct conf *site, bool is_lent)
{
    struct routes *r = sys_calloc(1, sizeof *r + site->routes_count * sizeof r->all[0]);
    if (!r)
        return NULL;
    r->holders = 1;
    r->conf = is_lent ? NULL : (struct conf *)(uintptr_t)site;
    r->site = (struct route){ .conf = site };
    for (size_t i = 0; i < site->routes_count; i++)
        add(r, &site->routes[i]);
    return r;
}

struct routes *routes_hold(struct routes *r)
{
    r->holders++;
    return r;
}

void routes_let(struct routes *r)
{
    if (!r || --r->holders > 0)
        return;
    conf_free(r->conf);
    sys_free(r);
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

static bool fits(const struct route *r, struct span path)
{
    struct span pattern = r->pattern;
    if (r->is_glob)
        return glob_fits(pattern, path);
    if (pattern.at[pattern.len - 1] == '/')
        return span_starts(path, pattern);
    return path_is_below(path, pattern);
}

const struct route *routes_find(const struct routes *r, struct span path)
{
    const struct route *best = &r->site;
    for (size_t i = 0; i < r->count; i++)
        if ((best == &r->site || r->all[i].weight > best->weight) && fits(&r->all[i], path))
            best = &r->all[i];
    return best;
}
