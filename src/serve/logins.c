/* logins.c - see logins.h. */
#include "serve/logins.h"
#include "base/sys.h"
#include "serve/guesses.h"
#include "serve/password.h"
#include "serve/serve.h"
#include "tls/mac.h"

enum { SETS = 256, WAYS = 4, REMEMBERED_MS = 600000, CHECKS_MAX = 32 };

struct remembered {
    unsigned char mac[MAC_BYTES];
    int64_t until_ms;                     /* 0: empty */
};

struct logins {
    struct loop *loop;
    struct helpers *helpers;
    unsigned char key[MAC_KEY_BYTES];
    struct list checks;                   /* struct check; those that run first */
    unsigned running, waiting;
    bool is_gone;                         /* freed with the last check */
    struct guesses guesses;
    struct remembered remembered[SETS][WAYS];
};

/* One question, for all that ask it.  What the helper reads is its own: files may be replaced meanwhile. */
struct check {
    struct list node;
    struct helper_job job;
    struct logins *logins;
    struct list waits;                    /* struct login_wait */
    uint64_t who;                         /* who asked first: it is his guess */
    unsigned char mac[MAC_BYTES];
    bool is_running, is_somebody;         /* else the hash is another user's */
    struct htpasswd_row row;              /* .hash points into text */
    struct span password;                 /* ... this, too */
    int result;
    size_t text_bytes;
    char text[];
};

struct login_wait {                       /* in the exchange's arena */
    struct list node;
    struct exchange *x;
    struct check *check;
};

struct logins *logins_new(struct loop *loop, struct helpers *helpers)
{
    struct logins *l = sys_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->loop = loop;
    l->helpers = helpers;
    list_init(&l->checks);
    if (sys_random(l->key, sizeof l->key) == 0)
        return l;
    sys_free(l);                          /* a key that can be guessed is worse than no login */
    return NULL;
}

/* ---- what is remembered ---------------------------------------------------------------------- */

static struct remembered *set_of(struct logins *l, const unsigned char mac[MAC_BYTES])
{
    return l->remembered[mac[0] % SETS];
}

static bool is_remembered(struct logins *l, const unsigned char mac[MAC_BYTES])
{
    struct remembered *set = set_of(l, mac);
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].until_ms > loop_now_ms(l->loop) && mac_is_equal(set[i].mac, mac))
            return true;
    return false;
}

static void remember(struct logins *l, const unsigned char mac[MAC_BYTES])
{
    struct remembered *set = set_of(l, mac), *oldest = set;
    for (size_t i = 1; i < WAYS; i++)
        oldest = set[i].until_ms < oldest->until_ms ? &set[i] : oldest;
    memcpy(oldest->mac, mac, MAC_BYTES);
    oldest->until_ms = loop_now_ms(l->loop) + REMEMBERED_MS;
}

/* No zero byte is in a user's name, and none in a hash. */
static int digest(const struct logins *l, struct span user, struct span hash, struct span password,
                  unsigned char mac[MAC_BYTES])
{
    char text[HTPASSWD_USER_BYTES_MAX + 256 + PASSWORD_BYTES_MAX + 2];
    if (user.len + hash.len + password.len + 2 > sizeof text)
        return -1;
    char *end = mempcpy(text, user.at, user.len);
    *end++ = '\0';
    end = hash.len > 0 ? mempcpy(end, hash.at, hash.len) : end;
    *end++ = '\0';
    end = password.len > 0 ? mempcpy(end, password.at, password.len) : end;
    int rc = mac_sign(l->key, (struct span){ text, (size_t)(end - text) }, mac);
    explicit_bzero(text, sizeof text);
    return rc;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void free_check(struct check *c)
{
    list_remove(&c->node);
    explicit_bzero(c->text, c->text_bytes);
    sys_free(c);
}

static void work(struct helper_job *job)
{
    struct check *c = container_of(job, struct check, job);
    c->result = password_matches(&c->row, c->password);
}

static void tell(struct check *c, enum logins_say say)
{
    while (!list_empty(&c->waits)) {
        struct exchange *x = container_of(c->waits.next, struct login_wait, node)->x;
        x->login_say = say;
        x->has_login_say = true;
        list_remove(&x->login_wait->node);
        x->login_wait = NULL;
        x->out->wake(x);
    }
}

static bool has_turn(const struct logins *l)
{
    unsigned threads = helpers_threads(l->helpers);
    return l->running < (threads > 1 ? threads - 1 : 1);
}

/* -EAGAIN: helpers have too much to do. */
static int start(struct check *c)
{
    int rc = helpers_submit(c->logins->helpers, &c->job);
    if (rc < 0)
        return rc;
    c->is_running = true;
    c->logins->running++;
    c->logins->waiting--;
    list_remove(&c->node);
    list_add_after(&c->logins->checks, &c->node);
    return 0;
}

static void run_next(struct logins *l)
{
    for (struct list *n = l->checks.next, *next; n != &l->checks && has_turn(l); n = next) {
        struct check *c = container_of(n, struct check, node);
        next = n->next;
        if (c->is_running)
            continue;
        if (start(c) < 0) {
            l->waiting--;
            tell(c, LOGINS_FAILED);
            free_check(c);
        }
    }
}

static void done(struct helper_job *job)
{
    struct check *c = container_of(job, struct check, job);
    struct logins *l = c->logins;
    bool is_right = c->is_somebody && c->result == 1;
    l->running--;
    if (is_right)
        remember(l, c->mac);
    else if (c->result >= 0)
        (void)guesses_count(&l->guesses, c->who, loop_now_us(l->loop));
    tell(c, is_right ? LOGINS_RIGHT : c->result < 0 ? LOGINS_FAILED : LOGINS_WRONG);
    free_check(c);
    if (!l->is_gone) {
        run_next(l);
    } else if (l->running == 0) {
        explicit_bzero(l, sizeof *l);
        sys_free(l);
    }
}

static struct check *find_check(const struct logins *l, const unsigned char mac[MAC_BYTES])
{
    for (struct list *n = l->checks.next; n != &l->checks; n = n->next) {
        struct check *c = container_of(n, struct check, node);
        if (mac_is_equal(c->mac, mac))
            return c;
    }
    return NULL;
}

static unsigned under_way(const struct logins *l, uint64_t who)
{
    unsigned count = 0;
    for (struct list *n = l->checks.next; n != &l->checks; n = n->next)
        count += container_of(n, struct check, node)->who == who;
    return count;
}

static struct check *new_check(struct logins *l, const struct htpasswd_row *row, bool is_somebody,
                               struct span password)
{
    size_t bytes = row->hash.len + password.len;
    bool is_full = !has_turn(l) && l->waiting >= CHECKS_MAX;
    struct check *c = is_full ? NULL : sys_calloc(1, sizeof *c + bytes);
    if (!c)
        return NULL;
    c->job = (struct helper_job){ .work = work, .done = done };
    c->logins = l;
    c->is_somebody = is_somebody;
    c->text_bytes = bytes;
    char *end = mempcpy(c->text, row->hash.at, row->hash.len);
    if (password.len > 0)
        memcpy(end, password.at, password.len);
    c->row = (struct htpasswd_row){ .kind = row->kind, .hash = { c->text, row->hash.len } };
    c->password = (struct span){ end, password.len };
    list_init(&c->waits);
    list_add_before(&l->checks, &c->node);
    l->waiting++;
    return c;
}

/* x waits for it. */
static enum logins_say join(struct check *c, struct exchange *x)
{
    struct login_wait *w = arena_alloc(&x->arena, sizeof *w);
    if (!w)
        return LOGINS_FAILED;
    *w = (struct login_wait){ .x = x, .check = c };
    list_add_before(&c->waits, &w->node);
    x->login_wait = w;
    return LOGINS_WAIT;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static enum logins_say later_or(struct exchange *x, int64_t wait_s, enum logins_say say)
{
    x->login_wait_s = wait_s;
    return wait_s > 0 ? LOGINS_LATER : say;
}

enum logins_say logins_refuse(struct logins *l, struct exchange *x)
{
    return later_or(x, guesses_count(&l->guesses, guesses_who(x), loop_now_us(l->loop)), LOGINS_WRONG);
}

static enum logins_say ask(struct logins *l, struct exchange *x, const struct htpasswd_row *row, bool is_somebody,
                           struct span password, const unsigned char mac[MAC_BYTES])
{
    struct check *c = find_check(l, mac);
    if (c)
        return join(c, x);
    c = new_check(l, row, is_somebody, password);
    if (!c)
        return LOGINS_FAILED;
    c->who = guesses_who(x);
    memcpy(c->mac, mac, MAC_BYTES);
    enum logins_say say = join(c, x);
    if (say == LOGINS_WAIT && (!has_turn(l) || start(c) == 0))
        return say;
    x->login_wait = NULL;
    l->waiting--;
    free_check(c);
    return LOGINS_FAILED;
}

enum logins_say logins_ask(struct logins *l, struct exchange *x, const struct htpasswd *people,
                           struct span user, struct span password)
{
    unsigned char mac[MAC_BYTES];
    uint64_t who = guesses_who(x);
    int64_t wait_s = guesses_wait_s(&l->guesses, who, who ? under_way(l, who) : 0, loop_now_us(l->loop));
    const struct htpasswd_row *row = htpasswd_find(people, user);
    const struct htpasswd_row *measured = row ? row : people->count > 0 ? &people->rows[0] : NULL;
    bool is_sound = user.len <= HTPASSWD_USER_BYTES_MAX && password.len <= PASSWORD_BYTES_MAX;
    if (wait_s > 0)
        return later_or(x, wait_s, LOGINS_LATER);
    if (!measured || !is_sound)
        return logins_refuse(l, x);
    if (digest(l, user, row ? row->hash : SPAN(""), password, mac) < 0)
        return LOGINS_FAILED;
    if (row && is_remembered(l, mac))
        return LOGINS_RIGHT;
    return ask(l, x, measured, row != NULL, password, mac);
}

/* ---- the end --------------------------------------------------------------------------------- */

void logins_leave(struct exchange *x)
{
    struct check *c = x->login_wait->check;
    list_remove(&x->login_wait->node);
    x->login_wait = NULL;
    if (!list_empty(&c->waits) || c->is_running)
        return;
    c->logins->waiting--;
    free_check(c);
}

void logins_free(struct logins *l)
{
    if (!l)
        return;
    for (struct list *n = l->checks.next, *next; n != &l->checks; n = next) {
        struct check *c = container_of(n, struct check, node);
        next = n->next;
        if (!c->is_running)
            free_check(c);
    }
    l->is_gone = true;
    if (l->running > 0)
        return;
    explicit_bzero(l, sizeof *l);
    sys_free(l);
}
