/* conf.c - the table of options, and the one way in which a value gets into a conf. */
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "conf/conf_private.h"

enum { WHEN_START, WHEN_RELOAD };
#define WHERE_SERVER CONF_OF_SERVER
#define WHERE_SITE CONF_OF_SITE
#define WHERE_ROUTE CONF_OF_ROUTE

static const struct option_row {
    struct conf_row shown;
    enum conf_kind kind;
    size_t offset;                /* in struct conf */
} rows[] = {
#define OPTION(name, field, kind, fallback, least, most, when, where, argument, help)              \
    { { name, #kind, fallback, argument, help, least, most, WHEN_##when == WHEN_RELOAD,            \
        WHERE_##where },                                                                           \
      CONF_KIND_##kind,                                                                            \
      offsetof(struct conf, field) },
#include "conf/options.def"
};
_Static_assert(ARRAY_LEN(rows) == CONF_OPTIONS, "a row an option");

const struct conf_row *conf_row(enum conf_option option)
{
    return &rows[option].shown;
}

enum conf_kind conf_kind(enum conf_option option)
{
    return rows[option].kind;
}

enum conf_option conf_find(struct span name)
{
    enum conf_option i = 0;
    while (i < CONF_OPTIONS && !span_eq(name, span_of(rows[i].shown.name)))
        i++;
    return i;
}

const char *conf_keep(struct conf *c, struct span text)
{
    struct conf_text *kept = sys_malloc(sizeof(*kept) + text.len + 1);
    if (!kept)
        return NULL;
    if (text.len > 0)
        memcpy(kept->text, text.at, text.len);
    kept->text[text.len] = '\0';
    kept->next = c->texts;
    c->texts = kept;
    return kept->text;
}

void conf_drop_texts(struct conf *c, const struct conf_text *mark)
{
    while (c->texts != mark) {
        struct conf_text *newest = c->texts;
        c->texts = newest->next;
        sys_free(newest);
    }
}

void conf_free(struct conf *c)
{
    if (c) {
        conf_drop_routes(c);
        conf_drop_texts(c, NULL);
    }
    sys_free(c);
}

struct conf *conf_new(void)
{
    char why[CONF_WHY_BYTES];
    struct conf *c = sys_calloc(1, sizeof(*c));
    for (enum conf_option i = 0; c && i < CONF_OPTIONS; i++) {
        const struct conf_row *row = &rows[i].shown;
        if (rows[i].kind == CONF_KIND_LIST && row->fallback[0] == '\0')
            continue;                                  /* no items, rather than an empty one */
        if (conf_set(c, span_of(row->name), span_of(row->fallback), CONF_BUILT_IN, NULL, why) < 0) {
            conf_free(c); /* no memory: a unit test proves that defaults are right */
            return NULL;
        }
    }
    return c;
}

void conf_copy_value(struct conf *c, const struct conf *from, enum conf_option option)
{
    static const size_t sizes[] = {
        [CONF_KIND_TEXT] = sizeof(const char *), [CONF_KIND_LIST] = sizeof(struct conf_list),
        [CONF_KIND_COUNT] = sizeof(int64_t),     [CONF_KIND_MS] = sizeof(int64_t),
        [CONF_KIND_BYTES] = sizeof(int64_t),     [CONF_KIND_FLAG] = sizeof(bool),
    };
    size_t at = rows[option].offset;
    memcpy((char *)c + at, (const char *)from + at, sizes[rows[option].kind]);
    c->origin[option] = from->origin[option];
}

static int keep_text(struct conf *c, const char **text)
{
    const char *kept = *text ? conf_keep(c, span_of(*text)) : NULL;
    int rc = *text && !kept ? -ENOMEM : 0;
    if (kept)
        *text = kept;
    return rc;
}

int conf_keep_value(struct conf *c, const struct conf *from, enum conf_option option)
{
    char *at = (char *)c + rows[option].offset;
    struct conf_list *list = rows[option].kind == CONF_KIND_LIST ? (struct conf_list *)(void *)at : NULL;
    conf_copy_value(c, from, option);
    int rc = keep_text(c, &c->origin[option].place);
    if (rc == 0 && rows[option].kind == CONF_KIND_TEXT)
        rc = keep_text(c, (const char **)(void *)at);
    for (size_t i = 0; list && i < list->count && rc == 0; i++)
        rc = keep_text(c, &list->items[i]);
    return rc;
}

/* ---- one value ---- */

/* What is being set: carried to where a sentence may become necessary. */
struct setting {
    const struct option_row *row;
    struct span value;
    enum conf_source source;
    const char *place;
    char *why;
};

/* "slipway.ini:3: workers", ".env: SLIPWAY_WORKERS", "SLIPWAY_WORKERS", "--workers" */
static void name_it(char *into, size_t cap_bytes, const struct setting *s)
{
    const char *name = s->row->shown.name;
    bool is_place_enough = s->source == CONF_ENVIRONMENT || s->source == CONF_ENV_FILE;
    if (s->place && is_place_enough)
        (void)snprintf(into, cap_bytes, "%s", s->place);
    else if (s->place && (s->source == CONF_INI || s->source == CONF_ROUTE))
        (void)snprintf(into, cap_bytes, "%s: %s", s->place, name);
    else
        (void)snprintf(into, cap_bytes, "%s",
                       s->place && s->source == CONF_ARGUMENT ? s->place : name);
}

static int refuse(const struct setting *s, const char *takes)
{
    char name[200], shown[CONF_SHOWN_BYTES];
    name_it(name, sizeof(name), s);
    (void)snprintf(s->why, CONF_WHY_BYTES, "%s takes %s, not '%s'", name, takes,
                   log_escape(shown, sizeof(shown), s->value));
    return -EINVAL;
}

static int refuse_number(const struct setting *s)
{
    static const char *const takes[] = {
        [CONF_KIND_COUNT] = "a number from %.*s to %.*s",
        [CONF_KIND_MS] =
            "a time from %.*s to %.*s (such as 500ms, 30s, 5m, 2h; a bare number is seconds)",
        [CONF_KIND_BYTES] = "a size from %.*s to %.*s (such as 65536, 64K, 10M, 1G)",
        [CONF_KIND_FLAG] = "yes or no",
        [CONF_KIND_TEXT] = NULL,
        [CONF_KIND_LIST] = NULL,
    };
    char sentence[200];
    struct buf least = { 0 }, most = { 0 };
    if (conf_bounds_text((enum conf_option)(s->row - rows), &least, &most) < 0)
        (void)snprintf(sentence, sizeof(sentence), "another value");
    else
        (void)snprintf(sentence, sizeof(sentence), takes[s->row->kind], (int)buf_len(&least),
                       buf_span(&least).at, (int)buf_len(&most), buf_span(&most).at);
    buf_done(&least);
    buf_done(&most);
    return refuse(s, sentence);
}

static int set_number(struct conf *c, const struct setting *s, bool is_kept)
{
    int64_t number;
    int rc = conf_parse_number(s->row->kind, span_trim(s->value), &number);
    if (rc < 0 || number < s->row->shown.least || number > s->row->shown.most)
        return refuse_number(s);
    if (!is_kept)
        return 0;
    void *field = (char *)c + s->row->offset;
    if (s->row->kind == CONF_KIND_FLAG)
        *(bool *)field = number != 0;
    else
        *(int64_t *)field = number;
    return 0;
}

static bool has_control_bytes(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return true;
    return false;
}

/* Length, bytes and shape; `text` may become shorter (blanks, a slash at the end). */
static int check_text(const struct setting *s, struct span *text)
{
    char sentence[160];
    const struct conf_row *row = &s->row->shown;
    if (has_control_bytes(*text))
        return refuse(s, "a text without control characters");
    bool is_long = (int64_t)text->len > row->most && text->len > CONF_SHOWN_BYTES;
    const char *takes = text->len > 0 && !is_long
                      ? conf_check_text((enum conf_option)(s->row - rows), text) : NULL;
    if (takes)
        return refuse(s, takes);
    if ((int64_t)text->len < row->least)
        return refuse(s, row->argument);
    if ((int64_t)text->len > row->most) {
        (void)snprintf(sentence, sizeof(sentence), "%s of at most %lld bytes", row->argument,
                       (long long)row->most);
        return refuse(s, sentence);
    }
    return 0;
}

static int no_memory(char *why)
{
    (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
    return -ENOMEM;
}

static int set_text(struct conf *c, const struct setting *s, bool is_kept)
{
    struct span text = s->value;
    int rc = check_text(s, &text);
    if (rc < 0 || !is_kept)
        return rc;
    const char *kept = conf_keep(c, text);
    if (!kept)
        return no_memory(s->why);
    *(const char **)(void *)((char *)c + s->row->offset) = kept;
    return 0;
}

static int set_item(struct conf *c, const struct setting *s, bool is_kept)
{
    struct conf_list *list = (void *)((char *)c + s->row->offset);
    bool is_growing = c->origin[s->row - rows].source == s->source;
    struct span text = s->value;
    int rc = check_text(s, &text);
    if (rc < 0 || !is_kept)
        return rc;
    if (is_growing && list->count >= CONF_LIST_MAX) {
        (void)snprintf(s->why, CONF_WHY_BYTES, "--%s can be given %d times at most",
                       s->row->shown.name, CONF_LIST_MAX);
        return -EINVAL;
    }
    const char *kept = conf_keep(c, text);
    if (!kept)
        return no_memory(s->why);
    if (!is_growing)
        list->count = 0;
    list->items[list->count++] = kept;
    return 0;
}

static int refuse_name(struct span name, enum conf_source source, const char *place, char *why)
{
    char shown[CONF_SHOWN_BYTES];
    const struct conf_row *near = conf_guess(name);
    const char *foreign = conf_foreign(name);
    bool is_line = place && (source == CONF_INI || source == CONF_ROUTE);
    (void)snprintf(why, CONF_WHY_BYTES, "%s%sunknown option '%s'%s%s%s%s",
                   is_line ? place : "",
                   is_line ? ": " : "", log_escape(shown, sizeof(shown), name),
                   near ? ", did you mean '" : "", near ? near->name : "", near ? "'?" : "",
                   foreign ? foreign : "");
    return -EINVAL;
}

static int set_one(struct conf *c, enum conf_option option, struct span value, enum conf_source source,
                   const char *place, char *why)
{
    const struct setting s = { &rows[option], value, source, place, why };
    const struct conf_text *mark = c->texts;
    bool is_kept = source >= c->origin[option].source;
    const char *kept_place = place && is_kept ? conf_keep(c, span_of(place)) : NULL;
    if (place && is_kept && !kept_place)
        return no_memory(why);
    int rc;
    switch (s.row->kind) {
    case CONF_KIND_TEXT:
        rc = set_text(c, &s, is_kept);
        break;
    case CONF_KIND_LIST:
        rc = set_item(c, &s, is_kept);
        break;
    default:
        rc = set_number(c, &s, is_kept);
        break;
    }
    if (rc < 0)
        conf_drop_texts(c, mark);
    else if (is_kept)
        c->origin[option] = (struct conf_origin){ source, kept_place };
    return rc;
}

/* As nginx and Django spell it: ".example.org" is that name and all below it. */
static int set_host(struct conf *c, struct span value, enum conf_source source, const char *place, char *why)
{
    char below[260];
    if (value.len < 2 || value.at[0] != '.' || value.len + 2 > sizeof below)
        return set_one(c, CONF_hosts, value, source, place, why);
    int len = snprintf(below, sizeof below, "*%.*s", (int)value.len, value.at);
    int rc = set_one(c, CONF_hosts, span_skip(value, 1), source, place, why);
    return rc < 0 ? rc : set_one(c, CONF_hosts, (struct span){ below, (size_t)len }, source, place, why);
}

int conf_set(struct conf *c, struct span name, struct span value, enum conf_source source,
             const char *place, char *why)
{
    enum conf_option option = conf_find(name);
    if (option == CONF_OPTIONS)
        return refuse_name(name, source, place, why);
    int rc = 0;
    while (option == CONF_hosts && rc == 0 && span_find(value, ',') < value.len) {
        struct span first = { value.at, span_find(value, ',') };
        rc = set_host(c, span_trim(first), source, place, why);
        value = span_trim(span_skip(value, first.len + 1));
    }
    if (rc == 0)
        rc = option == CONF_hosts ? set_host(c, value, source, place, why) : set_one(c, option, value, source, place, why);
    return rc;
}

/* ---- back to texts ---- */

int conf_bounds_text(enum conf_option option, struct buf *least, struct buf *most)
{
    int rc = conf_number_text(rows[option].kind, rows[option].shown.least, least);
    return rc < 0 ? rc : conf_number_text(rows[option].kind, rows[option].shown.most, most);
}

static int list_text(const struct conf_list *list, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++)
        rc = buf_addf(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
    return rc;
}

int conf_value_text(const struct conf *c, enum conf_option option, struct buf *out)
{
    const void *field = (const char *)c + rows[option].offset;
    switch (rows[option].kind) {
    case CONF_KIND_TEXT:
        return buf_add(out, span_of(*(const char *const *)field));
    case CONF_KIND_LIST:
        return list_text(field, out);
    case CONF_KIND_FLAG:
        return conf_number_text(CONF_KIND_FLAG, *(const bool *)field, out);
    case CONF_KIND_COUNT: case CONF_KIND_MS: case CONF_KIND_BYTES:
        break;
    }
    return conf_number_text(rows[option].kind, *(const int64_t *)field, out);
}

const char *conf_origin_text(const struct conf *c, enum conf_option option)
{
    const char *place = c->origin[option].place;
    return place ? place : "default";
}

int conf_write_option(const struct conf *c, enum conf_option option, struct buf *out)
{
    const char *name = rows[option].shown.name;
    const struct conf_list *list = (const void *)((const char *)c + rows[option].offset);
    int rc = 0;
    if (rows[option].kind != CONF_KIND_LIST) {
        rc = buf_addf(out, "%s=", name);
        rc = rc < 0 ? rc : conf_value_text(c, option, out);
        return rc < 0 ? rc : buf_add(out, SPAN("\n"));
    }
    for (size_t n = 0; n < list->count && rc >= 0; n++)
        rc = buf_addf(out, "%s=%s\n", name, list->items[n]);
    return rc;
}

int conf_write(const struct conf *c, struct buf *out)
{
    int rc = 0;
    for (enum conf_option i = 0; i < CONF_OPTIONS && rc >= 0; i++)
        rc = conf_write_option(c, i, out);
    return rc < 0 ? rc : conf_write_routes(c, out);
}

static int read_line(struct conf *c, struct span line, char *why)
{
    size_t name_end = span_find(line, '=');
    struct span name = { line.at, name_end };
    if (line.len > 2 && line.at[0] == '[')
        return conf_begin_route(c, (struct span){ line.at + 1, line.len - 2 }, "section", why);
    if (name_end == line.len) {
        (void)snprintf(why, CONF_WHY_BYTES, "a line without '='");
        return -EBADMSG;
    }
    struct span value = span_skip(line, name_end + 1);
    return c->route_lines ? conf_set_in_route(c, name, value, "section", why)
                       : conf_set(c, name, value, CONF_ARGUMENT, NULL, why);
}

/* Not by inih: its lines have a bound, it takes ';' for a comment and strips blanks; these texts
 * are ours. */
int conf_read_text(struct conf *c, struct span text, char *why)
{
    while (text.len > 0) {
        size_t end = span_find(text, '\n');
        int rc = read_line(c, (struct span){ text.at, end }, why);
        if (rc < 0)
            return rc;
        text = span_skip(text, end < text.len ? end + 1 : end);
    }
    return conf_make_routes(c, why);
}
