/* maintenance.c - the stage, and what the master said last. */
#include "serve/maintenance.h"
#include <errno.h>
#include <stdio.h>
#include "base/address.h"
#include "base/json.h"
#include "base/sys.h"
#include "serve/exempt.h"
#include "serve/refuse.h"
#include "serve/stage.h"

struct maintenance {
    char *message, *page;             /* heap; "" for none */
    struct networks allow;
};

static const struct span usual = SPAN("The site is being worked on; please come back in a while.\n");
static const struct span own_page =
    SPAN("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Maintenance</title>\n"
         "<style>body{font:1.2em/1.5 system-ui,sans-serif;max-width:32em;margin:20vh auto;padding:0 1em}</style>\n"
         "<h1>Maintenance</h1>\n<p>{message}</p>\n");

void maintenance_free(struct maintenance *m)
{
    if (!m)
        return;
    sys_free(m->message);
    sys_free(m->page);
    sys_free(m);
}

static struct maintenance *read_order(const json_t *json)
{
    size_t i;
    json_t *network;
    struct maintenance *m = sys_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->message = sys_strdup(json_text(json, "message", ""));
    m->page = sys_strdup(json_text(json, "page", ""));
    json_array_foreach(json_object_get(json, "allow"), i, network)
        (void)networks_add(&m->allow, span_of(json_string_value(network)));      /* the master looked at it */
    if (m->message && m->page)
        return m;
    maintenance_free(m);
    return NULL;
}

int maintenance_told(struct serve *s, struct span json)
{
    char why[160];
    json_t *order = json_read(json, why);
    bool is_on = json_flag(order, "on", false);
    struct maintenance *m = is_on ? read_order(order) : NULL;
    int rc = !order ? -EBADMSG : is_on && !m ? -ENOMEM : 0;
    json_decref(order);
    if (rc < 0)
        return rc;
    maintenance_free(s->maintenance);
    s->maintenance = m;
    return 0;
}

/* ---- the stage ------------------------------------------------------------------------------- */

/* A client on a Unix socket has no address: the word "unix" lets it in. */
static bool is_in(const struct networks *allowed, const struct address *client)
{
    return client ? networks_have(allowed, client) : allowed->has_unix;
}

static bool may_pass(const struct exchange *x)
{
    const struct maintenance *m = x->serve->maintenance;
    const struct conf_list *list = &x->conf->maintenance_allow;
    struct address client;
    bool has_address = address_read(x->request.from.address, &client);
    if (exempt_is_acme(&x->request) || (m && is_in(&m->allow, has_address ? &client : NULL)))
        return true;
    for (size_t i = 0; i < list->count; i++) {
        struct networks one = { 0 };
        if (networks_add(&one, span_of(list->items[i])) == 0 && is_in(&one, has_address ? &client : NULL))
            return true;
    }
    return false;
}

enum stage_says stage_maintenance(struct exchange *x)
{
    const struct maintenance *m = x->serve->maintenance;
    char seconds[24];
    if ((!m && !x->conf->maintenance) || may_pass(x))
        return STAGE_PASS;
    int len = snprintf(seconds, sizeof seconds, "%lld", (long long)(x->conf->maintenance_retry_ms + 999) / 1000);
    const struct field later = { SPAN("Retry-After"), { seconds, (size_t)len }, FIELD_OTHER };
    bool has_page = m && m->page[0];
    x->failure = "maintenance";
    refuse_with(x, &(struct refusal){
        .status = 503, .extra = &later, .extras = 1,
        .words = m && m->message[0] ? span_of(m->message) : usual,
        .page = has_page ? span_of(m->page) : own_page, .is_page_first = has_page,
    });
    return STAGE_ANSWERED;
}
