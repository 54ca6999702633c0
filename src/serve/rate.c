/* rate.c - the stage that lets a client wait who asks too often (429), off without rate-limit.
 *
 * A client is his address, an IPv6 one the /64 it is from (a household has 2^64 of them), or the
 * value of the rule's header; without that header, so that leaving it out gains nothing, his address.
 */
#include "serve/rate.h"
#include <errno.h>
#include "base/address.h"
#include "base/hash.h"
#include "base/sys.h"
#include "conf/rate_rule.h"
#include "link/bucket.h"
#include "serve/stage.h"

struct rate_row {
    struct rate_rule rule;              /* its texts are conf's */
    struct bucket_rate rate;
    struct bucket_table buckets;
};

struct rate {
    const struct board *board;
    size_t rows_count;
    struct rate_row rows[];
};

/* ---- who asks -------------------------------------------------------------------------------- */

struct client {
    unsigned char key[9];               /* 4 or 6, then an IPv4 address or an IPv6 /64 */
    size_t key_bytes;                   /* 0: no address, a Unix socket */
    bool is_loopback;
};

static struct client client_of(struct span address)
{
    struct client c = { 0 };
    struct address a;
    if (!address_read(address, &a))
        return c;
    bool is_ipv4 = address_is_ipv4(&a);
    c.key[0] = is_ipv4 ? 4 : 6;
    memcpy(c.key + 1, is_ipv4 ? a.bytes + ADDRESS_BYTES - 4 : a.bytes, is_ipv4 ? 4 : 8);
    c.key_bytes = is_ipv4 ? 5 : sizeof c.key;
    c.is_loopback = address_is_loopback(&a);
    return c;
}

uint64_t rate_client(const struct exchange *x)
{
    struct client c = client_of(x->request.from.address);
    return hash_span((struct span){ (const char *)c.key, c.key_bytes });
}

bool rate_spares(const struct exchange *x)
{
    const struct request_from *from = &x->request.from;
    struct client c = client_of(from->address);
    if (from->is_trusted && !from->is_named)
        return true;
    return c.key_bytes == 0 || c.is_loopback;
}

/* ---- rules ----------------------------------------------------------------------------------- */

struct rate *rate_new(const struct conf *conf, const struct board *board, int *why)
{
    size_t count = conf->rate_limit.count;
    *why = 0;
    if (count == 0)
        return NULL;
    struct rate *r = sys_calloc(1, sizeof *r + count * sizeof r->rows[0]);
    if (!r) {
        *why = -ENOMEM;
        return NULL;
    }
    uint32_t sets = board->buckets / BOARD_SET_BUCKETS / (uint32_t)count;     /* at least 2: CONF_LIST_MAX */
    r->board = board;
    for (size_t i = 0; i < count; i++) {
        struct rate_row *row = &r->rows[r->rows_count];
        if (rate_rule_parse(span_of(conf->rate_limit.items[i]), &row->rule) < 0)
            continue;                   /* conf refuses such a value: it never comes here */
        row->rate = (struct bucket_rate){ row->rule.interval_us, row->rule.burst };
        row->buckets.words = board_buckets(board) + i * sets * BOARD_SET_BUCKETS;
        row->buckets.sets = sets;
        r->rows_count++;
    }
    return r;
}
_Static_assert(BOARD_BUCKETS_MIN / BOARD_SET_BUCKETS >= CONF_LIST_MAX, "a set for each rule");

void rate_free(struct rate *r)
{
    sys_free(r);
}

static struct span header_of(const struct request *q, struct span name)
{
    for (size_t i = 0; i < q->fields_count && name.len > 0; i++)
        if (span_eq_nocase(q->fields[i].name, name))
            return q->fields[i].value;
    return SPAN("");
}

int64_t rate_take(struct rate *r, const struct exchange *x, int64_t now_us)
{
    struct client c = client_of(x->request.from.address);
    struct span address = { (const char *)c.key, c.key_bytes };
    int64_t wait_us = 0;
    for (size_t i = 0; i < r->rows_count && wait_us == 0; i++) {
        struct rate_row *row = &r->rows[i];
        if (!rate_rule_matches(&row->rule, x->request.path))
            continue;
        struct span who = header_of(&x->request, row->rule.header);
        uint64_t hash = hash_keyed(r->board->key, who.len > 0 ? who : address);
        wait_us = bucket_take(&row->buckets, hash, &row->rate, now_us);
    }
    return (wait_us + 999999) / 1000000;
}

/* ---- the stage ------------------------------------------------------------------------------- */

enum stage_says stage_rate(struct exchange *x)
{
    struct serve *s = x->serve;
    if (!s->rate || rate_spares(x))
        return STAGE_PASS;
    int64_t wait_s = rate_take(s->rate, x, loop_now_us(s->loop));
    if (wait_s == 0)
        return STAGE_PASS;
    s->limited++;
    return answer_later(x, wait_s);
}
