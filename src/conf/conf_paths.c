/* conf_paths.c - see conf_paths.h. */
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "conf/conf_paths.h"
#include "conf/conf_private.h"

/* ---- lists ----------------------------------------------------------------------------------- */

static bool is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Items of header have a value behind the name, those of header-remove have not. */
static bool is_same_field(const char *a, const char *b)
{
    struct span left = { a, span_find(span_of(a), ':') }, right = { b, span_find(span_of(b), ':') };
    return span_eq_nocase(span_trim(left), span_trim(right));
}

static void take_off(struct conf_list *from, const struct conf_list *items,
                     bool (*is_it)(const char *, const char *))
{
    size_t kept = 0;
    for (size_t i = 0; i < from->count; i++) {
        size_t at = 0;
        while (at < items->count && !is_it(from->items[i], items->items[at]))
            at++;
        if (at == items->count)
            from->items[kept++] = from->items[i];
    }
    from->count = kept;
}

static int add_items(struct conf_list *to, const struct conf_list *items)
{
    if (items->count > CONF_LIST_MAX - to->count)
        return -EMSGSIZE;
    for (size_t i = 0; i < items->count; i++)
        to->items[to->count++] = items->items[i];
    return 0;
}

static int add_once(struct conf_list *to, const struct conf_list *items, bool (*is_it)(const char *, const char *))
{
    take_off(to, items, is_it);
    return add_items(to, items);
}

/* ---- one section over another ---------------------------------------------------------------- */

static bool says(const struct conf *section, enum conf_option option)
{
    return section->origin[option].source == CONF_ROUTE;
}

/* A field is set or removed, as the inner one has it; who is let in there is not kept out by the very
 * words of the outer one, and the other way round. */
static int put(struct conf *c, const struct conf *section, enum conf_option option)
{
    switch (option) {
    case CONF_header:
        take_off(&c->header_remove, &section->header, is_same_field);
        return add_once(&c->header, &section->header, is_same_field);
    case CONF_header_remove:
        if (!says(section, CONF_header))
            take_off(&c->header, &section->header_remove, is_same_field);
        return add_once(&c->header_remove, &section->header_remove, is_same_field);
    case CONF_error_page:
        return add_once(&c->error_page, &section->error_page, is_same);
    case CONF_allow:
        take_off(&c->deny, &section->allow, is_same);
        break;
    case CONF_deny:
        if (!says(section, CONF_allow))
            take_off(&c->allow, &section->deny, is_same);
        return add_once(&c->deny, &section->deny, is_same);
    default:
        break;
    }
    conf_copy_value(c, section, option);
    return 0;
}

static int over(const struct conf *under, const struct conf *section, struct conf **made)
{
    struct conf *c = conf_beside(under);
    int rc = c ? 0 : -ENOMEM;
    for (enum conf_option i = 0; i < CONF_OPTIONS && rc == 0; i++)
        if (says(section, i))
            rc = put(c, section, i);
    if (rc < 0)
        conf_free(c);
    else
        *made = c;
    return rc;
}

/* ---- all that can be ------------------------------------------------------------------------- */

static int read_sets(const struct conf *site, struct route_sets *sets)
{
    struct span *texts = sys_calloc(site->routes_count + 1, sizeof *texts);
    for (size_t i = 0; texts && i < site->routes_count; i++)
        texts[i] = span_of(site->routes[i].pattern);
    int rc = texts ? route_sets_make(sets, texts, site->routes_count) : -ENOMEM;
    sys_free(texts);
    return rc;
}

static int fill(struct conf_paths *p, const struct conf *site, char *why)
{
    int rc = 0;
    p->confs = sys_calloc(p->sets.count, sizeof *p->confs);
    if (!p->confs)
        return -ENOMEM;
    for (size_t i = 1; i < p->sets.count && rc == 0; i++) {
        const struct route_set *set = &p->sets.sets[i];
        const struct conf_route *section = &site->routes[p->sets.patterns[set->pattern].at];
        rc = over(set->parent == 0 ? site : p->confs[set->parent], section->conf, &p->confs[i]);
        if (rc == -EMSGSIZE)
            (void)snprintf(why, CONF_WHY_BYTES, "[route %.200s] and what else holds there have more than %d lines of "
                           "one option", section->pattern, CONF_LIST_MAX);
    }
    return rc;
}

int conf_paths_make(struct conf_paths *p, const struct conf *site, char *why)
{
    *p = (struct conf_paths){ 0 };
    int rc = read_sets(site, &p->sets);
    if (rc == -E2BIG)
        (void)snprintf(why, CONF_WHY_BYTES, "the [route] sections overlap in more than %d ways: fewer patterns with '*' "
                       "would do", ROUTE_SETS_MAX);
    rc = rc < 0 ? rc : fill(p, site, why);
    if (rc == -ENOMEM)
        (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
    if (rc < 0)
        conf_paths_done(p);
    return rc == 0 || rc == -ENOMEM ? rc : -EBADMSG;
}

void conf_paths_done(struct conf_paths *p)
{
    for (size_t i = 0; p->confs && i < p->sets.count; i++)
        conf_free(p->confs[i]);
    sys_free(p->confs);
    route_sets_done(&p->sets);
    *p = (struct conf_paths){ 0 };
}
