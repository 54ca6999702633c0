/* routes.c - see routes.h. */
#include "serve/routes.h"
#include <errno.h>
#include "base/sys.h"
#include "http/path.h"

int routes_init(struct routes *r, const struct conf *site)
{
    *r = (struct routes){ .site = { .conf = site } };
    r->all = site->routes_count > 0 ? sys_calloc(site->routes_count, sizeof *r->all) : NULL;
    if (site->routes_count > 0 && !r->all)
        return -ENOMEM;
    for (size_t i = 0; i < site->routes_count; i++) {
        struct route *one = &r->all[r->count++];
        *one = (struct route){ .conf = site->routes[i].conf, .pattern = span_of(site->routes[i].pattern) };
        for (size_t at = 0; at < one->pattern.len; at++)
            one->weight += one->pattern.at[at] != '*';
        one->is_glob = one->weight < one->pattern.len;
    }
    return 0;
}

void routes_done(struct routes *r)
{
    sys_free(r->all);
    r->all = NULL;
    r->count = 0;
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
