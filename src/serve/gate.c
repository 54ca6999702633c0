/* gate.c - the stage that keeps clients and methods out.
 *
 * A client is who asks as trusted-peers have it: behind a proxy the one that it names.  Challenges of
 * certificate authorities pass, or no certificate could be had for a site that few may see.
 */
#include "serve/gate.h"
#include <errno.h>
#include "base/sys.h"
#include "conf/visitors.h"
#include "serve/exempt.h"
#include "serve/refuse.h"
#include "serve/stage.h"

enum { METHODS_BYTES = 300, LOGGED_AS_CLOSED = 444 };

struct gate {
    unsigned status;                      /* 0: the connection ends without an answer */
    char methods[METHODS_BYTES];          /* for Allow; "": all */
    size_t allows, denies;
    struct visitors visitors[];           /* the allows, then the denies */
};

static bool has_word(struct span list, struct span word)
{
    struct span element;
    while (field_list_next(&list, &element))
        if (span_eq(element, word))                      /* with case (RFC 9110, section 9.1) */
            return true;
    return false;
}

/* Who may GET may HEAD (RFC 9110, section 9.3.2). */
static void write_methods(struct gate *g, struct span list)
{
    struct span element, rest = list;
    char *at = g->methods;
    bool adds_head = has_word(list, SPAN("GET")) && !has_word(list, SPAN("HEAD"));
    while (field_list_next(&rest, &element)) {
        if (element.len == 0)
            continue;
        at = at == g->methods ? at : mempcpy(at, ", ", 2);
        at = mempcpy(at, element.at, element.len);
        if (adds_head && span_eq(element, SPAN("GET")))
            at = mempcpy(at, ", HEAD", 6);
    }
    *at = '\0';
}

struct gate *gate_new(const struct conf *conf, int *why)
{
    const struct conf_list *lists[] = { &conf->allow, &conf->deny };
    size_t count = conf->allow.count + conf->deny.count, at = 0;
    *why = 0;
    if (count == 0 && conf->methods[0] == '\0')
        return NULL;
    struct gate *g = sys_calloc(1, sizeof *g + count * sizeof *g->visitors);
    *why = g ? 0 : -ENOMEM;
    if (!g)
        return NULL;
    g->allows = conf->allow.count;
    g->denies = conf->deny.count;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (size_t i = 0; i < lists[l]->count; i++)
            (void)visitors_add(&g->visitors[at++], span_of(lists[l]->items[i]));      /* conf has looked at it */
    bool closes = strcmp(conf->deny_status, "close") == 0;
    g->status = closes ? 0 : strcmp(conf->deny_status, "404") == 0 ? 404 : 403;
    write_methods(g, span_of(conf->methods));
    return g;
}

void gate_free(struct gate *g)
{
    sys_free(g);
}

static bool may_enter(const struct gate *g, const struct exchange *x)
{
    struct address client;
    bool has_address = address_read(x->request.from.address, &client);
    return visitors_may_enter(g->visitors, g->allows, g->visitors + g->allows, g->denies,
                              has_address ? &client : NULL);
}

static void turn_away(struct exchange *x, unsigned status)
{
    if (status > 0) {
        serve_refuse(x, status);
        return;
    }
    x->response.status = LOGGED_AS_CLOSED;
    x->out->cut(x);
}

enum stage_says stage_gate(struct exchange *x)
{
    const struct gate *g = x->route->gate;
    if (!g)
        return STAGE_PASS;
    if (g->allows + g->denies > 0 && !exempt_is_acme(&x->request) && !may_enter(g, x)) {
        turn_away(x, g->status);
        return STAGE_ANSWERED;
    }
    struct span methods = span_of(g->methods);
    if (methods.len == 0 || has_word(methods, x->request.method_name))
        return STAGE_PASS;
    const struct field allow = { SPAN("Allow"), methods, FIELD_ALLOW };
    refuse_with(x, &(struct refusal){ .status = 405, .extra = &allow, .extras = 1 });
    return STAGE_ANSWERED;
}
