/* redirect.c - the stage that says where a page is now: one answer, whatever of scheme, host and page is
 * another.
 *
 *     page    what `redirect` or `redirects` say of the path; else the target as it came
 *     origin  https and the canonical host where they are asked for; only then, or for another site, it is
 *             in the Location at all: a path is enough, and names no host that a client made up
 *
 * A Host is believed only when the owner names it: in `hosts`, canonical-host or ALLOWED_HOSTS.  Challenges of
 * certificate authorities, and health, which comes before, are answered where they are asked.
 */
#include "serve/redirect.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "conf/listen.h"
#include "conf/redirect_target.h"
#include "http/escape.h"
#include "http/path.h"
#include "serve/exempt.h"
#include "serve/stage.h"

enum { LOCATION_BYTES_MAX = 16 * 1024, ORIGIN_BYTES = 300, HTTPS_PORT = 443 };

struct redirect {
    struct redirect_rule rule;            /* .status 0: none */
    const struct redirect_map *map;
    struct span host;                     /* canonical: "" for none; with or without a port */
    struct hosts names;                   /* the option hosts, but for "*" */
    bool is_https;                        /* redirect-https */
    unsigned https_port;
};

static unsigned https_port_of(const struct conf *conf)
{
    for (size_t i = 0; conf->https_port == 0 && i < conf->listen.count; i++) {
        struct listen_spec spec;
        if (listen_parse(span_of(conf->listen.items[i]), &spec) == NULL && spec.is_tls && spec.port > 0)
            return spec.port;
    }
    return conf->https_port > 0 ? (unsigned)conf->https_port : HTTPS_PORT;
}

struct redirect *redirect_new(const struct conf *conf, const struct redirect_map *map, int *why)
{
    *why = 0;
    if (!map && !conf->redirect[0] && !conf->canonical_host[0] && !conf->redirect_https)
        return NULL;
    struct redirect *r = sys_calloc(1, sizeof *r);
    *why = r ? 0 : -ENOMEM;
    if (!r)
        return NULL;
    for (size_t i = 0; i < conf->hosts.count && *why == 0; i++)
        if (strcmp(conf->hosts.items[i], "*") != 0)
            *why = hosts_add(&r->names, span_of(conf->hosts.items[i]), r);
    if (*why < 0) {
        redirect_free(r);
        return NULL;
    }
    r->map = map;
    r->host = span_of(conf->canonical_host);
    r->is_https = conf->redirect_https;
    r->https_port = https_port_of(conf);
    if (conf->redirect[0])
        (void)redirect_rule_parse(span_of(conf->redirect), &r->rule);       /* conf has looked at it */
    return r;
}

void redirect_free(struct redirect *r)
{
    if (r)
        hosts_done(&r->names);
    sys_free(r);
}

void redirect_allow(struct hosts *allowed, const json_t *names)
{
    char below[ORIGIN_BYTES];
    size_t i;
    json_t *name;
    hosts_done(allowed);
    json_array_foreach(names, i, name) {
        const char *text = json_string_value(name);
        if (!text || strcmp(text, "*") == 0 || strlen(text) >= ORIGIN_BYTES - 1)
            continue;
        (void)snprintf(below, sizeof below, "*%s", text);
        (void)hosts_add(allowed, span_of(text[0] == '.' ? text + 1 : text), allowed);
        if (text[0] == '.')
            (void)hosts_add(allowed, span_of(below), allowed);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

struct location {                         /* room is made once, for the longest that it can be */
    char *at;
    size_t len, room_bytes;
};

static bool begin(struct location *l, struct arena *arena, size_t bytes)
{
    l->len = 0;
    l->room_bytes = bytes;
    l->at = bytes <= ESCAPE_GROWTH * LOCATION_BYTES_MAX ? arena_alloc(arena, bytes) : NULL;
    return l->at != NULL;
}

static void put(struct location *l, struct span s)
{
    if (s.len > 0)
        memcpy(l->at + l->len, s.at, s.len);
    l->len += s.len;
}

/* So many bytes of `path` are slashes. */
static size_t slashes(struct span path)
{
    size_t count = 0;
    while (count < path.len && path.at[count] == '/')
        count++;
    return count;
}

/* One '/' at the beginning: "//host" would be another site, also where the rule brings the first ("/$path"). */
static void put_path(struct location *l, struct span path)
{
    size_t skip = 0, first = slashes(path);
    if (l->len == 0)
        skip = first > 0 ? first - 1 : 0;
    else if (l->at[l->len - 1] == '/')
        skip = first;
    l->len += escape_path(span_skip(path, skip), l->at + l->len);
}

static void put_raw(struct location *l, struct span raw)
{
    l->len += escape_raw(raw, l->at + l->len);
}

/* ---- the page -------------------------------------------------------------------------------- */

static bool write_by_rule(struct exchange *x, const struct redirect_rule *rule, struct location *l)
{
    const struct request *r = &x->request;
    struct span rest = redirect_target_path(rule->url), text;
    struct span site = { rule->url.at, rule->url.len - rest.len };
    enum redirect_variable variable;
    size_t variables = 1;
    for (size_t i = 0; i < rest.len; i++)
        variables += rest.at[i] == '$';
    if (!begin(l, &x->arena, ESCAPE_GROWTH * (rule->url.len + variables * (r->path.len + r->query.len))))
        return false;
    put(l, site);
    while (redirect_rule_next(&rest, &text, &variable)) {
        bool ends_query = l->len > 0 && l->at[l->len - 1] == '?';
        if (variable == REDIRECT_TEXT)
            put_raw(l, text);
        else if (variable == REDIRECT_PATH)
            put_path(l, r->path);
        else if (r->query.len > 0)
            put_raw(l, r->query);
        else
            l->len -= ends_query;         /* "/new?" asks for nothing more than "/new" */
    }
    return true;
}

static bool write_by_map(struct exchange *x, const struct redirect_row *row, struct span rest, struct location *l)
{
    const struct request *r = &x->request;
    size_t bytes = row->new.len + 1 + ESCAPE_GROWTH * (rest.len + r->query.len);
    size_t hash = span_find(row->new, '#');
    bool keeps_query = !row->has_query && r->query.len > 0 && span_find(row->new, '?') == row->new.len;
    if (!begin(l, &x->arena, bytes))
        return false;
    put(l, (struct span){ row->new.at, hash });
    if (row->takes_rest) {
        rest = span_skip(rest, slashes(rest));        /* behind "/": "//host" would be another site */
        l->len += escape_path(rest, l->at + l->len);
    }
    if (keeps_query) {
        put(l, SPAN("?"));
        put_raw(l, r->query);
    }
    put(l, span_skip(row->new, hash));
    return true;
}

/* The target as it came, from its path on. */
static bool write_as_asked(struct exchange *x, struct location *l)
{
    const struct request *r = &x->request;
    struct span query, raw = path_split_query(r->target, &query);
    bool is_absolute = raw.len == 0 || raw.at[0] != '/';
    if (!begin(l, &x->arena, ESCAPE_GROWTH * (raw.len + r->path.len + query.len) + 1))
        return false;
    if (is_absolute)
        put_path(l, r->path);
    else
        put_raw(l, raw);
    if (query.len > 0) {
        put(l, SPAN("?"));
        put_raw(l, query);
    }
    return true;
}

/* ---- the origin ------------------------------------------------------------------------------ */

static struct span without_port(struct span host, struct span *port)
{
    size_t end = host.len;
    while (end > 0 && host.at[end - 1] >= '0' && host.at[end - 1] <= '9')
        end--;
    bool has_port = end > 0 && host.at[end - 1] == ':' && (host.at[0] != '[' || memchr(host.at, ']', end));
    *port = span_skip(host, has_port ? end : host.len);
    return has_port ? (struct span){ host.at, end - 1 } : host;
}

static struct span without_dot(struct span name)
{
    return name.len > 1 && name.at[name.len - 1] == '.' ? (struct span){ name.at, name.len - 1 } : name;
}

/* May a Location name it? */
static bool is_known(const struct exchange *x, const struct redirect *r, struct span name)
{
    static const struct span here[] = { SPAN("localhost"), SPAN("127.0.0.1"), SPAN("[::1]") };
    for (size_t i = 0; i < ARRAY_LEN(here); i++)
        if (span_eq_nocase(name, here[i]))
            return true;
    return hosts_find(&r->names, name) || hosts_find(&x->serve->allowed, name);
}

/* "https://example.com:8443"; 0: as it is, -EINVAL: nobody knows which host this is. */
static int write_origin(const struct exchange *x, const struct redirect *r, char into[ORIGIN_BYTES])
{
    const struct request *q = &x->request;
    struct span port, own_port, own = without_port(r->host, &own_port);
    struct span asked = without_port(q->host, &port);
    bool is_https = q->is_http_scheme_tls || r->is_https;
    bool moves_scheme = is_https && !q->is_http_scheme_tls;
    bool moves_host = own.len > 0 && (!span_eq_nocase(without_dot(asked), own) ||
                                      (own_port.len > 0 && !span_eq(port, own_port)));
    if (!moves_scheme && !moves_host)
        return 0;
    if (own.len == 0 && !is_known(x, r, asked))
        return -EINVAL;
    struct span host = own.len > 0 ? own : asked;
    char number[8] = "";
    if (own_port.len == 0 && moves_scheme && r->https_port != HTTPS_PORT)
        (void)snprintf(number, sizeof number, "%u", r->https_port);
    struct span to = own_port.len > 0 ? own_port : moves_scheme ? span_of(number) : port;
    int len = snprintf(into, ORIGIN_BYTES, "%s://%.*s%s%.*s", is_https ? "https" : "http", (int)host.len, host.at,
                       to.len > 0 ? ":" : "", (int)to.len, to.at);
    return len > 0 && len < ORIGIN_BYTES ? len : -EINVAL;
}

/* ---- the stage ------------------------------------------------------------------------------- */

/* A form that was posted stays one (RFC 9110, sections 15.4.2 and 15.4.9). */
static unsigned status_for(const struct exchange *x, unsigned status)
{
    if (x->request.method == METHOD_GET || x->request.method == METHOD_HEAD)
        return status;
    return status == 301 ? 308 : status == 302 ? 307 : status;
}

static enum stage_says send_to(struct exchange *x, unsigned status, struct span origin, struct span page)
{
    char *at = arena_alloc(&x->arena, origin.len + page.len + 1);
    if (!at || origin.len + page.len > LOCATION_BYTES_MAX) {
        serve_refuse(x, at ? 414 : 503);
        return STAGE_ANSWERED;
    }
    char *end = origin.len > 0 ? mempcpy(at, origin.at, origin.len) : at;
    end = page.len > 0 ? mempcpy(end, page.at, page.len) : end;
    const struct field location = { SPAN("Location"), { at, (size_t)(end - at) }, FIELD_LOCATION };
    answer_small(x, status_for(x, status), SPAN("text/plain; charset=utf-8"), &location, 1, status_page(status));
    return STAGE_ANSWERED;
}

/* 1: the page is another one, 0: it stays, -EMSGSIZE: too long. */
static int find_page(struct exchange *x, const struct redirect *r, unsigned *status, struct location *l)
{
    struct span rest;
    bool is_written = false;
    const struct redirect_row *row =
        r->map && r->rule.status == 0 ? redirect_map_find(r->map, x->request.path, x->request.query, &rest) : NULL;
    if (r->rule.status == 0 && !row)
        return 0;
    *status = row ? row->status : r->rule.status;
    is_written = row ? write_by_map(x, row, rest, l) : write_by_rule(x, &r->rule, l);
    return is_written ? 1 : -EMSGSIZE;
}

enum stage_says stage_redirect(struct exchange *x)
{
    const struct redirect *r = x->route->redirect;
    char text[ORIGIN_BYTES];
    struct location page = { 0 };
    unsigned status = 301;
    if (!r || exempt_is_acme(&x->request))
        return STAGE_PASS;
    int moves = find_page(x, r, &status, &page);
    bool is_absolute = moves > 0 && page.len > 0 && page.at[0] != '/';
    int origin = is_absolute ? 0 : write_origin(x, r, text);
    if (moves == 0 && origin == 0)
        return STAGE_PASS;
    if (origin < 0) {
        x->failure = "redirect-https does not know this host: set hosts or canonical-host";
        serve_refuse(x, 421);
        return STAGE_ANSWERED;
    }
    if (moves < 0 || (moves == 0 && !write_as_asked(x, &page))) {
        serve_refuse(x, 414);
        return STAGE_ANSWERED;
    }
    return send_to(x, status, (struct span){ text, (size_t)origin }, (struct span){ page.at, page.len });
}
