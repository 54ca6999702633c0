/* access_line.c - writes a line on the caller's stack, field by field, without the C library's formats:
 * it is made for every request.
 *
 * The texts of a line have a bound each.  Where a line does not fit all the same (many fields, and a
 * client that filled all of them), it is written anew with bounds half as large.
 */
#include <errno.h>
#include <time.h>
#include "base/sys.h"
#include "conf/access_list.h"
#include "conf/conf.h"
#include "http/query_mask.h"
#include "serve/access.h"
#include "serve/stage.h"

enum { TARGET_BYTES = 2048, TEXT_BYTES = 512, STAMP_BYTES = 40, KEY_BYTES = 80, HALVINGS_MAX = 6,
       OPTION_BYTES = 1024 /* conf bounds both lists to one less */,
       KEYS_BYTES = KEY_BYTES * (ACCESS_ITEMS_MAX + LOG_FIELDS_MAX) };

enum form { FORM_TIME, FORM_WORD, FORM_QUOTED, FORM_NUMBER, FORM_COUNT, FORM_MS };

struct access_plan {
    bool is_json;
    size_t columns_count, log_fields_count;
    struct access_item columns[ACCESS_ITEMS_MAX];
    struct span keys[ACCESS_ITEMS_MAX];             /* of JSON */
    struct span log_fields[LOG_FIELDS_MAX], log_keys[LOG_FIELDS_MAX];
    char key_text[KEYS_BYTES], fields_text[OPTION_BYTES], log_fields_text[OPTION_BYTES];
    int64_t stamp_s;              /* whose second `stamp` is */
    struct span stamp;
    char stamp_text[STAMP_BYTES];
};

static const struct span user_field = SPAN("X-Log-User");

struct line {
    struct access_plan *plan;
    const struct exchange *x;
    char *at, *end;
    bool is_sent;                 /* the text just put was sent, maybe empty */
    bool is_full;                 /* something was left out */
    unsigned halvings;            /* of the texts' bounds */
    int64_t wall_us, took_us;
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static void put(struct line *l, struct span s)
{
    if ((size_t)(l->end - l->at) < s.len)
        l->is_full = true;
    else if (s.len > 0)
        l->at = mempcpy(l->at, s.at, s.len);
}

static void put_number(struct line *l, uint64_t number, unsigned digits_least)
{
    char text[24], *at = text + sizeof text;
    for (unsigned n = 0; number > 0 || n < digits_least; n++, number /= 10)
        *--at = (char)('0' + number % 10);
    put(l, (struct span){ at, (size_t)(text + sizeof text - at) });
}

static void put_ms(struct line *l, uint64_t us)
{
    put_number(l, us / 1000, 1);
    put(l, SPAN("."));
    put_number(l, us % 1000, 3);
}

/* As base/log.h's log_escape() does it, with the digits of nginx; a bare word has no blanks. */
static void put_escaped(struct line *l, struct span s, size_t cap_bytes, bool is_word)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[TARGET_BYTES + TARGET_BYTES / 4], *at = text, *cut = text;
    size_t used = 0;                                /* as it is in text, where '\' counts once */
    bool is_json = l->plan->is_json;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.at[i];
        bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' &&
                        !(is_word && byte == ' ');
        used += is_plain ? 1 : 4;
        if (used >= cap_bytes) {
            at = mempcpy(cut, "...", 3);
            break;
        }
        if (is_plain) {
            *at++ = (char)byte;
        } else {
            at = mempcpy(at, "\\\\", is_json ? 2 : 1);
            *at++ = 'x';
            *at++ = digits[byte >> 4];
            *at++ = digits[byte & 15];
        }
        if (used + 3 < cap_bytes)
            cut = at;
    }
    put(l, (struct span){ text, (size_t)(at - text) });
}

/* ---- secrets --------------------------------------------------------------------------------- */

struct span access_secrets(const struct exchange *x)
{
    return x->conf ? span_of(x->conf->mask_query) : (struct span){ NULL, 0 };
}

static void put_url(struct line *l, struct span url)
{
    l->is_sent = url.at;
    char masked[TARGET_BYTES + 4];
    struct span secrets = access_secrets(l->x);
    if (secrets.len > 0 && span_find(url, '?') < url.len)
        url = query_mask(url, secrets, masked, sizeof masked);
    put_escaped(l, url, TARGET_BYTES >> l->halvings, false);
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* One that was not sent is "-", one that was sent empty "", as nginx has it. */
static const struct span no_header = { NULL, 0 };

static struct span header(const struct field *fields, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(fields[i].name, name))
            return fields[i].value;
    return no_header;
}

static struct span sent_header(const struct exchange *x, struct span name)
{
    struct span found = header(x->log_fields, x->log_fields_count, name);
    return found.len > 0 ? found : header(x->response.fields, x->response.fields_count, name);
}

static struct span known_header(const struct exchange *x, enum field_id id)
{
    const struct field *f = request_field(&x->request, id);
    return f ? f->value : no_header;
}

static void put_protocol(struct line *l)
{
    unsigned version = l->x->request.version;
    put(l, SPAN("HTTP/"));
    put_number(l, version / 10, 1);
    put(l, SPAN("."));
    put_number(l, version % 10, 1);
}

static void put_request(struct line *l)
{
    const struct request *r = &l->x->request;
    if (r->method_name.len == 0)                     /* it could not be read */
        return;
    put_escaped(l, r->method_name, TEXT_BYTES >> l->halvings, false);
    put(l, SPAN(" "));
    put_url(l, r->target);
    put(l, SPAN(" "));
    put_protocol(l);
}

static struct span upstream(const struct exchange *x)
{
    return x->call.worker_pid > 0     ? SPAN("app")
           : serve_is_file_answer(x) ? SPAN("static")
                                     : SPAN("own");
}

/* Of texts; what may be a URL is masked. */
static void put_text(struct line *l, const struct access_item *item, bool is_word)
{
    const struct exchange *x = l->x;
    struct span text = SPAN("");
    switch (item->field) {
    case ACCESS_request: put_request(l); return;
    case ACCESS_target: put_url(l, x->request.target); return;
    case ACCESS_referer: put_url(l, known_header(x, FIELD_REFERER)); return;
    case ACCESS_REQUEST: put_url(l, header(x->request.fields, x->request.fields_count, item->name)); return;
    case ACCESS_RESPONSE: put_url(l, sent_header(x, item->name)); return;
    case ACCESS_protocol: put_protocol(l); return;
    case ACCESS_site: text = span_of(x->serve->name); break;
    case ACCESS_address: text = x->request.from.address; break;
    case ACCESS_user: text = x->user; break;
    case ACCESS_method: text = x->request.method_name; break;
    case ACCESS_scheme: text = x->request.is_http_scheme_tls ? SPAN("https") : SPAN("http"); break;
    case ACCESS_host: text = x->request.host; break;
    case ACCESS_agent: text = known_header(x, FIELD_USER_AGENT); break;
    case ACCESS_upstream: text = upstream(x); break;
    case ACCESS_id: text = span_of(x->request_id); break;
    case ACCESS_trace: text = x->trace_id; break;
    case ACCESS_failure: text = span_of(x->failure); break;
    case ACCESS_tls: text = span_of(x->request.from.tls_version); break;
    case ACCESS_time: case ACCESS_status: case ACCESS_bytes: case ACCESS_ms: case ACCESS_queue_ms:
    case ACCESS_app_ms: case ACCESS_worker: case ACCESS_generation: case ACCESS_DASH: break;
    }
    l->is_sent = item->field == ACCESS_agent && text.at;
    put_escaped(l, text, TEXT_BYTES >> l->halvings, is_word);
}

static uint64_t number_of(const struct line *l, enum access_field field)
{
    const struct exchange *x = l->x;
    switch (field) {
    case ACCESS_status: return x->response.status;
    case ACCESS_bytes: return x->sent_body_bytes;
    case ACCESS_ms: return l->took_us > 0 ? (uint64_t)l->took_us : 0;
    case ACCESS_queue_ms: return x->call.queue_us;
    case ACCESS_app_ms: return x->call.app_us;
    case ACCESS_worker: return x->call.worker_pid > 0 ? (uint64_t)x->call.worker_pid : 0;
    case ACCESS_generation: return x->call.generation;
    default: return 0;
    }
}

/* ---- spelling -------------------------------------------------------------------------------- */

static enum form form_of(enum access_field field)
{
    static const enum form forms[] = {
#define ACCESS_FIELD(name, form, meaning) FORM_##form,
#include "conf/access_fields.def"
        [ACCESS_DASH] = FORM_WORD, [ACCESS_REQUEST] = FORM_QUOTED, [ACCESS_RESPONSE] = FORM_QUOTED,
    };
    return forms[field];
}

/* The date and time of a second are written once for all its lines. */
static struct span stamp(struct access_plan *p, int64_t now_s)
{
    time_t now = (time_t)now_s;
    struct tm tm;
    if (now_s == p->stamp_s)
        return p->stamp;
    if (!(p->is_json ? gmtime_r(&now, &tm) : localtime_r(&now, &tm)))
        return SPAN("");
    p->stamp_s = now_s;
    p->stamp = (struct span){ p->stamp_text,
                              strftime(p->stamp_text, sizeof p->stamp_text,
                                       p->is_json ? "%Y-%m-%dT%H:%M:%S" : "[%d/%b/%Y:%H:%M:%S %z]", &tm) };
    return p->stamp;
}

static void put_time(struct line *l)
{
    put(l, stamp(l->plan, l->wall_us / 1000000));
    if (!l->plan->is_json)
        return;
    put(l, SPAN("."));
    put_number(l, (uint64_t)(l->wall_us / 1000 % 1000), 3);
    put(l, SPAN("Z"));
}

static void put_figure(struct line *l, enum access_field field, enum form form)
{
    uint64_t number = number_of(l, field);
    if (form == FORM_MS)
        put_ms(l, number);
    else if (form == FORM_NUMBER && number == 0 && !l->plan->is_json)
        put(l, SPAN("-"));
    else
        put_number(l, number, 1);
}

static bool is_text(enum form form)
{
    return form == FORM_WORD || form == FORM_QUOTED;
}

static void put_plain(struct line *l, const struct access_item *item)
{
    enum form form = form_of(item->field);
    struct span quote = form == FORM_QUOTED ? SPAN("\"") : SPAN("");
    put(l, quote);
    const char *before = l->at;
    l->is_sent = false;
    if (form == FORM_TIME)
        put_time(l);
    else if (is_text(form))
        put_text(l, item, form == FORM_WORD);
    else
        put_figure(l, item->field, form);
    if (l->at == before && !l->is_sent)
        put(l, SPAN("-"));
    put(l, quote);
}

static void put_pair(struct line *l, const struct access_item *item, struct span key)
{
    enum form form = form_of(item->field);
    bool is_quoted = is_text(form) || form == FORM_TIME;
    put(l, SPAN("\""));
    put(l, key);
    put(l, is_quoted ? SPAN("\":\"") : SPAN("\":"));
    if (form == FORM_TIME)
        put_time(l);
    else if (is_quoted)
        put_text(l, item, false);
    else
        put_figure(l, item->field, form);
    if (is_quoted)
        put(l, SPAN("\""));
}

static void put_all(struct line *l)
{
    const struct access_plan *p = l->plan;
    put(l, p->is_json ? SPAN("{") : SPAN(""));
    for (size_t i = 0; i < p->columns_count; i++) {
        if (p->is_json && p->columns[i].field == ACCESS_DASH)
            continue;
        put(l, i == 0 ? SPAN("") : p->is_json ? SPAN(",") : SPAN(" "));
        if (p->is_json)
            put_pair(l, &p->columns[i], p->keys[i]);
        else
            put_plain(l, &p->columns[i]);
    }
    for (size_t i = 0; p->is_json && i < p->log_fields_count; i++) {
        struct access_item item = { ACCESS_RESPONSE, p->log_fields[i] };
        bool is_user = span_eq_nocase(item.name, user_field);     /* it has a column */
        if (is_user || header(l->x->log_fields, l->x->log_fields_count, item.name).len == 0)
            continue;
        put(l, SPAN(","));
        put_pair(l, &item, p->log_keys[i]);
    }
    put(l, p->is_json ? SPAN("}\n") : SPAN("\n"));
}

size_t access_line(struct access_plan *p, const struct exchange *x, char into[ACCESS_LINE_BYTES])
{
    struct line l = { .plan = p, .x = x, .wall_us = sys_wall_us(),
                      .took_us = sys_now_us() - x->began_us };
    for (; l.halvings <= HALVINGS_MAX; l.halvings++) {
        l.at = into;
        l.end = into + ACCESS_LINE_BYTES;
        l.is_full = false;
        put_all(&l);
        if (!l.is_full)
            return (size_t)(l.at - into);
    }
    return 0;
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* "response:X-Log-Tenant" is response_x_log_tenant: keys that every reader of JSON likes. */
static struct span add_key(struct access_plan *p, size_t *used, struct span prefix, struct span name)
{
    char *at = p->key_text + *used, *key = at;
    name.len = name.len < KEY_BYTES - prefix.len ? name.len : KEY_BYTES - prefix.len;
    at = mempcpy(at, prefix.at, prefix.len);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        *at++ = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    *used += prefix.len + name.len;
    return (struct span){ key, prefix.len + name.len };
}

static void add_keys(struct access_plan *p)
{
    size_t used = 0;
    for (size_t i = 0; i < p->columns_count; i++) {
        const struct access_item *item = &p->columns[i];
        struct span prefix = item->field == ACCESS_REQUEST    ? SPAN("request_")
                             : item->field == ACCESS_RESPONSE ? SPAN("response_")
                                                              : SPAN("");
        p->keys[i] = add_key(p, &used, prefix, item->name);
    }
    for (size_t i = 0; i < p->log_fields_count; i++)
        p->log_keys[i] = add_key(p, &used, SPAN(""), p->log_fields[i]);
}

static struct span keep(char into[OPTION_BYTES], struct span text)
{
    text.len = text.len < OPTION_BYTES ? text.len : OPTION_BYTES;
    if (text.len > 0)
        memcpy(into, text.at, text.len);
    return (struct span){ into, text.len };
}

struct access_plan *access_plan_new(const struct conf *conf)
{
    static const char combined[] = "address, -, user, time, request, status, bytes, referer, agent";
    static const char text[] =
        "address, -, user, time, request, status, bytes, referer, agent, ms, id, worker";
    static const char json[] = "time, site, address, user, method, host, target, referer, agent, id, tls, failure, "
                               "upstream, protocol, status, bytes, ms, queue_ms, app_ms, worker, generation";
    struct access_plan *p = sys_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    struct span form = span_of(conf->access_format), fields = span_of(conf->access_fields);
    p->is_json = span_eq(form, SPAN("json"));
    p->stamp_s = -1;
    if (span_eq(form, SPAN("combined")))
        fields = span_of(combined);
    else if (fields.len == 0)
        fields = p->is_json ? span_of(json) : span_of(text);
    fields = keep(p->fields_text, fields);
    struct span names = keep(p->log_fields_text, span_of(conf->log_fields));
    int columns = access_list_read(fields, p->columns);    /* conf has checked both */
    int log_fields = access_log_fields_read(names, p->log_fields);
    p->columns_count = columns > 0 ? (size_t)columns : 0;
    p->log_fields_count = log_fields > 0 ? (size_t)log_fields : 0;
    add_keys(p);
    return p;
}

void access_plan_free(struct access_plan *p)
{
    sys_free(p);
}

/* ---- log-only fields ------------------------------------------------------------------------- */

static bool is_log_field(const struct access_plan *p, const struct field *f)
{
    for (size_t i = 0; i < p->log_fields_count; i++)
        if (f->id == FIELD_OTHER && span_eq_nocase(f->name, p->log_fields[i]))
            return true;
    return false;
}

int access_take_fields(const struct access_plan *p, struct exchange *x)
{
    struct response *res = &x->response;
    size_t kept = 0;
    for (size_t i = 0; i < res->fields_count; i++) {
        struct field f = res->fields[i];
        if (!is_log_field(p, &f)) {
            res->fields[kept++] = f;
            continue;
        }
        struct field *fields = field_array_room(x->log_fields, x->log_fields_count, &x->arena);
        if (!fields)
            return -ENOMEM;
        x->log_fields = fields;
        x->log_fields[x->log_fields_count++] = f;
        if (span_eq_nocase(f.name, user_field))
            x->user = f.value;
    }
    res->fields_count = kept;
    return 0;
}
