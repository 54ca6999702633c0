/* serve.c - runs the stages over an exchange.
 *
 * Woken  by the edge (a head, a body, room to send, a client that left), by helpers (files) and by the pool (app.c).
 * Not    how bytes are spelled or sent (edge), which worker runs (pool).
 * Start  with the table: it is the whole policy, in running order.
 */
#include "serve/serve.h"
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "http/date.h"
#include "serve/access.h"
#include "serve/compress.h"
#include "serve/files.h"
#include "serve/finish.h"
#include "serve/headers.h"
#include "serve/logins.h"
#include "serve/maintenance.h"
#include "serve/rate.h"
#include "serve/redirect.h"
#include "serve/stage.h"
#include "serve/wall.h"

static const struct stage {
    const char *name;
    enum stage_says (*run)(struct exchange *x);
} stages[] = {
    { "health", stage_health },
    { "host", stage_host },
    { "gate", stage_gate },
    { "maintenance", stage_maintenance },
    { "opening", stage_opening },
    { "rate", stage_rate },
    { "redirect", stage_redirect },
    { "wall", stage_wall },
    { "login", stage_login },
    { "files", stage_files },
    { "application", stage_app },
};

int serve_init(struct serve *s, struct loop *loop, struct routes *routes, struct pool *pool,
               struct helpers *helpers, int access_fd)
{
    *s = (struct serve){
        .loop = loop, .routes = routes, .pool = pool, .helpers = helpers, .access_fd = access_fd,
        .access = { .limit_bytes = 1 << 20 }, .server_name = "slipway",
    };
    list_init(&s->change_waits);
    opening_init(s);
    if (!routes)
        return -ENOMEM;
    s->conf = routes->site;
    s->files = files_new(loop, helpers, s->conf);
    s->plan = access_plan_new(s->conf);
    return s->files && s->plan ? 0 : -ENOMEM;
}

/* Who is on the way already keeps the options he began with. */
static void use(struct serve *s, struct routes *routes)
{
    int rc = 0;
    routes_let(s->routes);
    s->routes = routes;
    s->conf = routes->site;
    struct access_plan *plan = access_plan_new(s->conf);
    if (plan) {
        access_plan_free(s->plan);
        s->plan = plan;
    } else {
        log_error("no memory for another form of the access log, it stays as it is", "error=%d", ENOMEM);
    }
    if (s->pool)
        pool_options(s->pool, s->conf);
    files_options(s->files, s->conf);
    if (s->board)
        rc = serve_limits(s, s->board);
    if (rc < 0)
        log_error("no memory for rate limits, none counts now", "error=%d", rc);
}

void serve_options(struct serve *s, struct routes *routes, uint32_t generation)
{
    routes_let(s->next);
    s->next = NULL;
    if (generation == 0) {
        use(s, routes);
        return;
    }
    s->next = routes;
    s->next_generation = generation;
}

void serve_switched(struct serve *s, uint32_t generation)
{
    struct routes *next = s->next;
    if (!next || s->next_generation != generation)
        return;
    s->next = NULL;
    use(s, next);
}

/* One that cannot be served keeps the others in a load balancer's list. */
static bool are_ready(const struct list *sites)
{
    bool is_any = false;
    for (const struct list *n = sites->next; n != sites; n = n->next) {
        const struct serve *s = container_of(n, struct serve, node);
        bool is_ready = pool_is_ready(s->pool);
        if (!is_ready && !s->is_down)
            return false;
        is_any = is_any || is_ready;
    }
    return is_any;
}

bool serve_is_ready(const struct serve *s)
{
    if (s->pool || !s->lobby_of)
        return s->pool && pool_is_ready(s->pool);
    return are_ready(s->lobby_of);
}

int serve_limits(struct serve *s, const struct board *board)
{
    int rc;
    s->board = board;
    rate_free(s->rate);
    s->rate = rate_new(s->conf, board, &rc);
    return rc;
}

void serve_done(struct serve *s)
{
    serve_flush_log(s);
    timer_off(s->loop, &s->opening_timer);
    rate_free(s->rate);
    wall_free(s->wall);
    logins_free(s->logins);
    hosts_done(&s->allowed);
    headers_free(s->headers);
    maintenance_free(s->maintenance);
    files_free(s->files);
    routes_let(s->next);
    routes_let(s->routes);
    access_plan_free(s->plan);
    buf_done(&s->access);
}

int serve_site(struct serve *s, struct span json, const int *fds, size_t fds_count)
{
    char why[160];
    json_t *site = json_read(json, why);
    for (size_t i = 0; !site && i < fds_count; i++)
        (void)sys_close(fds[i]);
    if (!site)
        return -EBADMSG;
    int rc = files_set_roots(s->files, json_object_get(site, "static"), fds, fds_count), error;
    struct wall *wall = wall_new(json_object_get(site, "wall"), &error);
    headers_free(s->headers);
    s->headers = headers_new(json_object_get(site, "headers"));
    (void)snprintf(s->name, sizeof s->name, "%s", json_text(site, "name", ""));
    redirect_allow(&s->allowed, json_object_get(site, "hosts"));
    s->is_behind_front = json_flag(site, "front", false);
    json_decref(site);
    wall_free(s->wall);
    s->wall = wall;
    if (error == 0)
        serve_opened(s);
    else
        s->has_site = false;
    return rc < 0 ? rc : error;
}

static enum served run_stages(struct exchange *x)
{
    while (x->stage < ARRAY_LEN(stages)) {
        switch (stages[x->stage].run(x)) {
        case STAGE_PASS:
            x->stage++;
            continue;
        case STAGE_ANSWERED:
            return SERVE_ANSWERED;
        case STAGE_WAITS:
            return SERVE_WAITS;
        case STAGE_WANTS_BODY:
            return SERVE_WANTS_BODY;
        }
    }
    serve_refuse(x, 404);       /* the last stage never passes; a site without an application would */
    return SERVE_ANSWERED;
}

bool serve_is_file_answer(const struct exchange *x)
{
    return x->stage < ARRAY_LEN(stages) && stages[x->stage].run == stage_files;
}

enum served serve_begin(struct serve *s, struct exchange *x)
{
    x->serve = s;
    x->routes = routes_hold(s->routes);
    x->route = routes_find(x->routes, x->request.path);
    x->conf = x->route->conf;
    s->exchanges++;
    x->is_logged = true;
    identity_take(x);
    return run_stages(x);
}

enum served serve_run(struct exchange *x)
{
    return run_stages(x);
}

void serve_body_end(struct exchange *x, enum frame_body_end how)
{
    if (x->is_with_pool)
        pool_body_end(x->serve->pool, &x->call, how);
}

void serve_body_awaits(struct exchange *x, bool awaits)
{
    if (x->is_with_pool)
        pool_body_awaits(x->serve->pool, &x->call, awaits);
}

void serve_call_off(struct exchange *x)
{
    if (!x->is_with_pool)
        return;
    x->is_with_pool = false;
    pool_cancel(x->serve->pool, &x->call);
}

void serve_leave(struct exchange *x)
{
    serve_call_off(x);
    if (x->file_wait)
        stage_files_leave(x);
    if (x->login_wait)
        logins_leave(x);
    if (x->change_wait)
        changes_leave(x);
    if (x->opening_wait)
        opening_leave(x);
    compress_leave(x);
    if (!x->routes)
        return;
    routes_let(x->routes);
    x->routes = NULL;
    x->serve->exchanges--;
}

void serve_resume(struct exchange *x)
{
    if (compress_resume(x) && x->is_with_pool)
        pool_resume(x->serve->pool, &x->call);
}

bool serve_is_waiting(const struct exchange *x)
{
    return x->opening_wait || x->change_wait || x->login_wait || (x->is_with_pool && pool_is_waiting(&x->call));
}

struct span serve_date(struct serve *s)
{
    int64_t now_s = sys_wall_us() / 1000000;
    if (now_s != s->date_s) {
        s->date_s = now_s;
        date_write(s->date, now_s);
    }
    return (struct span){ s->date, DATE_BYTES };
}
