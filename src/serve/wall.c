/* wall.c - the stage that asks who comes, and the cookie of those who have passed.
 *
 *     cookie   slipway_wall=EXPIRES.MAC      seconds since 1970; HMAC of "cookie " and them, in hex
 *
 * It is good for a day and made anew after half of one.  Another password is another key, so the old
 * cookies end with it.
 */
#include "serve/wall.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/hash.h"
#include "base/sys.h"
#include "http/basic.h"
#include "http/cookie.h"
#include "http/path.h"
#include "serve/exempt.h"
#include "serve/guesses.h"
#include "serve/refuse.h"
#include "serve/stage.h"
#include "tls/mac.h"

enum { ACCEPTED_MAX = 4, COOKIE_S = 86400 };
static const struct span cookie_name = SPAN("slipway_wall");

struct wall {
    unsigned char key[MAC_KEY_BYTES];
    unsigned char accepted[ACCEPTED_MAX][MAC_BYTES];
    size_t accepted_count;
    char challenge[BASIC_CHALLENGE_BYTES];        /* WWW-Authenticate */
    struct guesses guesses;
};

/* ---- what the site says ---------------------------------------------------------------------- */

static bool read_hex(const char *text, unsigned char into[32])
{
    unsigned byte;
    if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        (void)sscanf(text + 2 * i, "%2x", &byte);
        into[i] = (unsigned char)byte;
    }
    return true;
}

static bool read_wall(struct wall *w, const json_t *json)
{
    const json_t *accepts = json_object_get(json, "accepts");
    size_t i;
    json_t *digest;
    if (!read_hex(json_text(json, "key", ""), w->key) ||
        basic_challenge(json_text(json, "realm", ""), w->challenge) < 0 || json_array_size(accepts) > ACCEPTED_MAX)
        return false;
    json_array_foreach(accepts, i, digest) {
        const char *text = json_string_value(digest);
        if (!text || !read_hex(text, w->accepted[w->accepted_count++]))
            return false;
    }
    return w->accepted_count > 0;
}

struct wall *wall_new(const json_t *json, int *why)
{
    *why = 0;
    if (!json || json_is_null(json))
        return NULL;
    struct wall *w = sys_calloc(1, sizeof *w);
    *why = w ? 0 : -ENOMEM;
    if (!w || read_wall(w, json))
        return w;
    *why = -EBADMSG;
    wall_free(w);
    return NULL;
}

void wall_free(struct wall *w)
{
    if (!w)
        return;
    explicit_bzero(w->key, sizeof w->key);
    sys_free(w);
}

/* ---- the cookie ------------------------------------------------------------------------------ */

enum { HEX_BYTES = 2 * MAC_BYTES, COOKIE_BYTES = 24 + HEX_BYTES };

static int write_cookie(const struct wall *w, int64_t expires_s, char into[COOKIE_BYTES])
{
    unsigned char mac[MAC_BYTES];
    char text[40];
    int len = snprintf(text, sizeof text, "cookie %" PRId64, expires_s);
    int rc = mac_sign(w->key, (struct span){ text, (size_t)len }, mac);
    if (rc < 0)
        return rc;
    int at = snprintf(into, COOKIE_BYTES, "%" PRId64 ".", expires_s);
    for (size_t i = 0; i < MAC_BYTES; i++)
        at += snprintf(into + at, COOKIE_BYTES - (size_t)at, "%02x", mac[i]);
    return 0;
}

/* When it expires; 0: it is none of ours, or no longer good. */
static int64_t check_cookie(const struct wall *w, struct span value, int64_t now_s)
{
    char own[COOKIE_BYTES];
    uint64_t expires_s;
    size_t dot = span_find(value, '.');
    if (value.len != dot + 1 + HEX_BYTES || span_to_u64((struct span){ value.at, dot }, &expires_s) < 0)
        return 0;
    if (expires_s <= (uint64_t)now_s || expires_s > (uint64_t)now_s + COOKIE_S)
        return 0;
    if (write_cookie(w, (int64_t)expires_s, own) < 0 || strlen(own) != value.len)
        return 0;
    /* The digests' spelling has one length, so comparing it tells nothing but where it differs ... */
    unsigned char difference = 0;
    for (size_t i = 0; i < value.len; i++)
        difference |= (unsigned char)(value.at[i] ^ own[i]);        /* ... and this not even that. */
    return difference == 0 ? (int64_t)expires_s : 0;
}

static int64_t find_cookie(const struct wall *w, const struct request *r, int64_t now_s)
{
    struct span value;
    int64_t latest_s = 0;
    for (size_t i = 0; i < r->fields_count; i++) {
        struct span list = r->fields[i].value;
        if (r->fields[i].id != FIELD_COOKIE)
            continue;
        for (int tries = 0; tries < 4 && cookie_next(&list, cookie_name, &value); tries++) {
            int64_t expires_s = check_cookie(w, value, now_s);
            latest_s = expires_s > latest_s ? expires_s : latest_s;
        }
    }
    return latest_s;
}

/* Set-Cookie for the answer: finish.c adds it.  Without memory the client logs in once more. */
static void grant(struct exchange *x, const struct wall *w, int64_t now_s)
{
    enum { TEXT_BYTES = COOKIE_BYTES + 128 };
    char value[COOKIE_BYTES], *text = arena_alloc(&x->arena, TEXT_BYTES);
    if (!text || write_cookie(w, now_s + COOKIE_S, value) < 0)
        return;
    int len = snprintf(text, TEXT_BYTES, "%.*s=%s; Max-Age=%d; Path=/; HttpOnly; SameSite=Lax%s",
                       (int)cookie_name.len, cookie_name.at, value, COOKIE_S,
                       x->request.is_http_scheme_tls ? "; Secure" : "");
    x->set_cookie = (struct span){ text, (size_t)len };
}

/* ---- who comes ------------------------------------------------------------------------------- */

static bool is_open(struct exchange *x)
{
    const struct conf_list *open = &x->serve->conf->wall_open;
    if (exempt_is_acme(&x->request))
        return true;
    for (size_t i = 0; i < open->count; i++)
        if (path_is_below(x->request.path, span_of(open->items[i])))
            return true;
    x->is_preflight |= exempt_is_preflight(&x->request);
    return x->is_preflight;
}

static bool is_accepted(const struct wall *w, struct span credentials)
{
    unsigned char mac[MAC_BYTES];
    bool is_one = false;
    if (mac_sign(w->key, credentials, mac) < 0)
        return false;
    for (size_t i = 0; i < w->accepted_count; i++)
        is_one |= mac_is_equal(mac, w->accepted[i]);
    explicit_bzero(mac, sizeof mac);
    return is_one;
}

enum shown { SHOWN_NOTHING, SHOWN_WRONG, SHOWN_RIGHT };

static enum shown look_at_credentials(const struct wall *w, const struct request *r)
{
    char text[BASIC_BYTES_MAX];
    size_t len;
    const struct field *f = request_field(r, FIELD_AUTHORIZATION);
    int rc = f ? basic_read(f->value, text, &len) : 0;
    if (rc == 0)
        return SHOWN_NOTHING;
    bool is_right = rc == 1 && is_accepted(w, (struct span){ text, len });
    explicit_bzero(text, sizeof text);
    return is_right ? SHOWN_RIGHT : SHOWN_WRONG;
}

/* The application never sees what was for the wall.  False: no memory. */
static bool take_off(struct exchange *x, bool is_basic)
{
    struct request *r = &x->request;
    size_t kept = 0;
    for (size_t i = 0; i < r->fields_count; i++) {
        struct field f = r->fields[i];
        if (f.id == FIELD_COOKIE) {
            f.value = cookie_without(f.value, cookie_name, &x->arena);
            if (!f.value.at && r->fields[i].value.len > 0)
                return false;
        }
        bool is_ours = (f.id == FIELD_AUTHORIZATION && is_basic) ||
                       (f.id == FIELD_COOKIE && f.value.len == 0);
        if (!is_ours)
            r->fields[kept++] = f;
    }
    r->fields_count = kept;
    return true;
}

static enum stage_says let_in(struct exchange *x, bool is_basic)
{
    x->is_private = true;
    if (take_off(x, is_basic))
        return STAGE_PASS;
    serve_refuse(x, 503);
    return STAGE_ANSWERED;
}

/* ---- the stage ------------------------------------------------------------------------------- */

static enum stage_says ask(struct exchange *x, const struct wall *w)
{
    const struct field fields[] = {
        { SPAN("WWW-Authenticate"), span_of(w->challenge), FIELD_OTHER },
        { SPAN("Cache-Control"), SPAN("no-store"), FIELD_CACHE_CONTROL },
    };
    refuse_with(x, &(struct refusal){ .status = 401, .extra = fields, .extras = ARRAY_LEN(fields) });
    return STAGE_ANSWERED;
}

enum stage_says stage_wall(struct exchange *x)
{
    if (!x->conf->wall)
        return STAGE_PASS;
    struct wall *w = x->serve->wall;
    if (!w || is_open(x))
        return STAGE_PASS;
    int64_t now_s = sys_wall_us() / 1000000, now_us = loop_now_us(x->serve->loop);
    int64_t expires_s = find_cookie(w, &x->request, now_s);
    enum shown shown = look_at_credentials(w, &x->request);
    uint64_t who = shown != SHOWN_NOTHING && expires_s == 0 ? guesses_who(x) : 0;
    int64_t wait_s = shown == SHOWN_WRONG ? guesses_count(&w->guesses, who, now_us)
                                          : guesses_wait_s(&w->guesses, who, 0, now_us);
    if (wait_s > 0)
        return answer_later(x, wait_s);
    if (shown != SHOWN_RIGHT && expires_s == 0)
        return ask(x, w);
    if (expires_s < now_s + COOKIE_S / 2)
        grant(x, w, now_s);
    return let_in(x, shown == SHOWN_RIGHT);
}
