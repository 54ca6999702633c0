/* login.c - the stage that asks who comes; whether a password is right, logins.c says, at once or later. */
#include "serve/login.h"
#include <errno.h>
#include "base/sys.h"
#include "http/basic.h"
#include "serve/exempt.h"
#include "serve/logins.h"
#include "serve/refuse.h"
#include "serve/stage.h"

struct login {
    const struct htpasswd *people;
    char challenge[BASIC_CHALLENGE_BYTES];        /* WWW-Authenticate */
};

struct login *login_new(const struct conf *conf, const struct htpasswd *people, int *why)
{
    *why = 0;
    if (!conf->basic_auth[0])
        return NULL;
    struct login *l = sys_calloc(1, sizeof *l);
    *why = l ? basic_challenge(conf->basic_auth_realm, l->challenge) : -ENOMEM;
    if (l && *why == 0)
        l->people = people;
    if (*why == 0)
        return l;
    sys_free(l);
    return NULL;
}

void login_free(struct login *l)
{
    sys_free(l);
}

static enum stage_says refuse(struct exchange *x, const char *why)
{
    x->failure = why;
    serve_refuse(x, 503);
    return STAGE_ANSWERED;
}

static enum stage_says ask(struct exchange *x)
{
    const struct field fields[] = {
        { SPAN("WWW-Authenticate"), span_of(x->route->login->challenge), FIELD_OTHER },
        { SPAN("Cache-Control"), SPAN("no-store"), FIELD_CACHE_CONTROL },
    };
    refuse_with(x, &(struct refusal){ .status = 401, .extra = fields, .extras = ARRAY_LEN(fields) });
    return STAGE_ANSWERED;
}

static enum stage_says let_in(struct exchange *x, struct span user)
{
    struct request *r = &x->request;
    size_t kept = 0;
    r->user = x->user = arena_copy(&x->arena, user);
    if (!r->user.at)
        return refuse(x, "no memory");
    for (size_t i = 0; i < r->fields_count; i++)
        if (r->fields[i].id != FIELD_AUTHORIZATION)
            r->fields[kept++] = r->fields[i];
    r->fields_count = kept;
    x->is_private = true;
    return STAGE_PASS;
}

static enum stage_says obey(struct exchange *x, enum logins_say say, struct span user)
{
    switch (say) {
    case LOGINS_RIGHT:
        return let_in(x, user);
    case LOGINS_WRONG:
        return ask(x);
    case LOGINS_LATER:
        return answer_later(x, x->login_wait_s);
    case LOGINS_WAIT:
        return STAGE_WAITS;
    case LOGINS_FAILED:
        break;
    }
    return refuse(x, "passwords cannot be checked just now");
}

static enum stage_says look_at(struct exchange *x, const struct field *f, char text[BASIC_BYTES_MAX])
{
    struct serve *s = x->serve;
    size_t len;
    int rc = f ? basic_read(f->value, text, &len) : 0;
    if (rc == 0)
        return ask(x);
    if (!s->logins)
        s->logins = logins_new(s->loop, s->helpers);
    if (!s->logins)
        return refuse(x, "no memory");
    if (rc < 0)
        return obey(x, logins_refuse(s->logins, x), SPAN(""));
    struct span user = { text, span_find((struct span){ text, len }, ':') };
    struct span password = span_skip((struct span){ text, len }, user.len + 1);
    enum logins_say say = x->has_login_say ? (enum logins_say)x->login_say
                                           : logins_ask(s->logins, x, x->route->login->people, user, password);
    x->has_login_say = false;
    return obey(x, say, user);
}

enum stage_says stage_login(struct exchange *x)
{
    const struct login *l = x->route->login;
    char text[BASIC_BYTES_MAX];
    if (!l || exempt_is_acme(&x->request))
        return STAGE_PASS;
    x->is_preflight |= exempt_is_preflight(&x->request);
    if (x->is_preflight)
        return STAGE_PASS;
    if (!l->people)
        return refuse(x, "the file of basic-auth is not there yet");
    enum stage_says says = look_at(x, request_field(&x->request, FIELD_AUTHORIZATION), text);
    explicit_bzero(text, sizeof text);
    return says;
}
