/* conf_routes.c - sections [route PATTERN]: options that hold for some paths only.
 *
 * While the sources are read, the lines of sections are only kept, in their order.  When all were
 * read, each section becomes a conf of its own: the site's, and its lines over that.  What holds for a path
 * is made of those that match it (conf_paths.h).
 */
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/conf_paths.h"
#include "conf/conf_private.h"
#include "conf/header_rule.h"
#include "conf/route_sets.h"

enum { PATTERN_BYTES_MAX = 1024, ROUTES_MAX = 1000 };

/* One line of a section; without a name: the section begins. */
struct conf_route_line {
    struct conf_route_line *older;
    const struct conf_route_line *section;        /* the line that it began with */
    const struct conf_route_line *above;          /* in such a line: that of the section before */
    const char *pattern, *name, *value, *place;
};
_Static_assert(alignof(struct conf_route_line) <= alignof(struct conf_text), "kept as a text");

static int no_memory(char *why)
{
    (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
    return -ENOMEM;
}

static const struct conf_route_line *last_section(const struct conf *c)
{
    return c->route_lines ? c->route_lines->section : NULL;
}

static int keep(struct conf *c, const char *pattern, struct span name, struct span value, const char *place)
{
    struct conf_route_line s = { .older = c->route_lines, .section = last_section(c), .pattern = pattern };
    s.name = name.len > 0 ? conf_keep(c, name) : "";
    s.value = conf_keep(c, value);
    s.place = conf_keep(c, span_of(place));
    const char *text = conf_keep(c, (struct span){ (const char *)&s, sizeof s });
    if (!s.name || !s.value || !s.place || !text)
        return -ENOMEM;
    struct conf_route_line *kept = (struct conf_route_line *)(uintptr_t)text;
    if (name.len == 0) {
        kept->above = kept->section;
        kept->section = kept;
    }
    c->route_lines = kept;
    return 0;
}

static const char *what_is_wrong(const struct conf *c, struct span pattern)
{
    size_t count = 0;
    if (pattern.len == 0 || (pattern.at[0] != '/' && pattern.at[0] != '*'))
        return "a path such as /api, or a pattern such as *.pdf (no regular expressions)";
    if (pattern.len > PATTERN_BYTES_MAX)
        return "a shorter path";
    for (const struct conf_route_line *s = last_section(c); s; s = s->above, count++)
        if (span_eq(pattern, span_of(s->pattern)))
            return "a path that has no section yet";
    return count >= ROUTES_MAX ? "its place among at most 1000 sections" : NULL;
}

int conf_begin_route(struct conf *c, struct span pattern, const char *place, char *why)
{
    char shown[CONF_SHOWN_BYTES];
    const char *takes = what_is_wrong(c, pattern);
    if (takes) {
        (void)snprintf(why, CONF_WHY_BYTES, "%s: [route ...] takes %s, not '%s'", place, takes,
                       log_escape(shown, sizeof shown, pattern));
        return -EBADMSG;
    }
    const char *kept = conf_keep(c, pattern);
    if (!kept || keep(c, kept, SPAN(""), SPAN(""), place) < 0)
        return no_memory(why);
    return 0;
}

int conf_set_in_route(struct conf *c, struct span name, struct span value, const char *place, char *why)
{
    enum conf_option option = conf_find(name);
    if (name.len == 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "%s: an option without a name", place);
        return -EBADMSG;
    }
    if (option < CONF_OPTIONS && conf_row(option)->where != CONF_OF_ROUTE) {
        (void)snprintf(why, CONF_WHY_BYTES, "%s: '%s' is an option of the whole %s: it stands under [slipway]",
                       place, conf_row(option)->name,
                       conf_row(option)->where == CONF_OF_SITE ? "site" : "server");
        return -EBADMSG;
    }
    return keep(c, c->route_lines->pattern, name, value, place) < 0 ? no_memory(why) : 0;
}

/* ---- the confs of routes ---- */

/* They are kept newest first. */
static struct conf_route_line *turned_round(struct conf_route_line *newest)
{
    struct conf_route_line *before = NULL;
    while (newest) {
        struct conf_route_line *older = newest->older;
        newest->older = before;
        before = newest;
        newest = older;
    }
    return before;
}

struct conf *conf_beside(const struct conf *site)
{
    struct conf *c = sys_malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = *site;
    c->texts = NULL;
    c->route_lines = NULL;
    c->routes = NULL;
    c->routes_count = 0;
    return c;
}

static int add_route(struct conf *c, const char *pattern)
{
    struct conf_route *more = sys_realloc(c->routes, (c->routes_count + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    c->routes = more;
    more[c->routes_count] = (struct conf_route){ pattern, conf_beside(c) };
    if (!more[c->routes_count].conf)
        return -ENOMEM;
    c->routes_count++;
    return 0;
}

void conf_drop_routes(struct conf *c)
{
    for (size_t i = 0; i < c->routes_count; i++)
        conf_free(c->routes[i].conf);
    sys_free(c->routes);
    c->routes = NULL;
    c->routes_count = 0;
}

/* Can they be put together wherever they meet? */
static int try_paths(const struct conf *c, char *why)
{
    struct conf_paths paths;
    int rc = conf_paths_make(&paths, c, why);
    if (rc == 0)
        conf_paths_done(&paths);
    return rc;
}

static int take_line(struct conf *c, const struct conf_route_line *s, char *why)
{
    if (s->name[0] == '\0')
        return add_route(c, s->pattern) < 0 ? no_memory(why) : 0;
    return conf_set(c->routes[c->routes_count - 1].conf, span_of(s->name), span_of(s->value), CONF_ROUTE, s->place,
                    why);
}

int conf_make_routes(struct conf *c, char *why)
{
    struct conf_route_line *oldest = turned_round(c->route_lines);
    int rc = 0;
    conf_drop_routes(c);
    for (const struct conf_route_line *s = oldest; s && rc == 0; s = s->older)
        rc = take_line(c, s, why);
    (void)turned_round(oldest);
    if (rc == 0 && c->routes_count > 0)
        rc = try_paths(c, why);
    if (rc < 0)
        conf_drop_routes(c);
    return rc == -EINVAL ? -EBADMSG : rc;
}

/* ---- as text ---- */

/* As they are now: paths are absolute. */
int conf_write_routes(const struct conf *c, struct buf *out)
{
    int rc = 0;
    for (size_t r = 0; r < c->routes_count && rc == 0; r++) {
        const struct conf *route = c->routes[r].conf;
        rc = buf_addf(out, "[%s]\n", c->routes[r].pattern);
        for (enum conf_option i = 0; i < CONF_OPTIONS && rc == 0; i++)
            if (route->origin[i].source == CONF_ROUTE)
                rc = conf_write_option(route, i, out);
    }
    return rc;
}
