/* env_file.c - one statement after the other, as python-dotenv's parser.py takes them, then its
 * variables.py.
 *
 * Start with parse_statement().  `at` only moves forward; a quote that is never closed is refused,
 * so no byte is read more than twice.
 */
#include "conf/env_file.h"
#include <errno.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "conf/folder.h"

struct parser {
    const char *begin, *at, *end;
    const char *path;
    char *const *envp;
    struct env_entry *first, **last;      /* last: where the next one is hung */
    size_t count, total_bytes;
    char *why;
};

/* ---- characters ---- */

/* Bytes of the white space character at `at`, 0 when it is none: Python's str.isspace(). */
static size_t space_bytes(const char *at, const char *end)
{
    static const struct span wide[] = {
        SPAN("\xc2\x85"),     SPAN("\xc2\xa0"),     SPAN("\xe1\x9a\x80"), SPAN("\xe2\x80\xa8"),
        SPAN("\xe2\x80\xa9"), SPAN("\xe2\x80\xaf"), SPAN("\xe2\x81\x9f"), SPAN("\xe3\x80\x80"),
    };
    struct span rest = { at, (size_t)(end - at) };
    if (rest.len == 0)
        return 0;
    if (*at == ' ' || (*at >= '\t' && *at <= '\r') || (*at >= 0x1c && *at <= 0x1f))
        return 1;
    if (rest.len >= 3 && memcmp(at, "\xe2\x80", 2) == 0 && (unsigned char)at[2] >= 0x80 &&
        (unsigned char)at[2] <= 0x8a)
        return 3;                                      /* U+2000 to U+200A */
    for (size_t i = 0; i < ARRAY_LEN(wide); i++)
        if (span_starts(rest, wide[i]))
            return wide[i].len;
    return 0;
}

static void skip_spaces(struct parser *p)
{
    size_t bytes;
    while ((bytes = space_bytes(p->at, p->end)) > 0)
        p->at += bytes;
}

static void skip_blanks(struct parser *p)              /* white space of this line */
{
    size_t bytes;
    while (p->at < p->end && *p->at != '\n' && (bytes = space_bytes(p->at, p->end)) > 0)
        p->at += bytes;
}

static bool is_next(const struct parser *p, char byte)
{
    return p->at < p->end && *p->at == byte;
}

/* Bytes of the UTF-8 character at `at`, 0 when it is none (overlong, a surrogate, past U+10FFFF,
 * cut). */
static size_t utf8_bytes(const unsigned char *at, const unsigned char *end)
{
    static const struct {
        unsigned char first, last, second_least, second_most;
        size_t bytes;
    } forms[] = {
        { 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (*at < forms[i].first || *at > forms[i].last)
            continue;
        size_t bytes = forms[i].bytes;
        if ((size_t)(end - at) < bytes ||
            (bytes > 1 && (at[1] < forms[i].second_least || at[1] > forms[i].second_most)))
            return 0;
        for (size_t n = 2; n < bytes; n++)
            if ((at[n] & 0xc0) != 0x80)
                return 0;
        return bytes;
    }
    return 0;
}

/* ---- refusing ---- */

static unsigned line_of(const struct parser *p, const char *at)
{
    unsigned line = 1;
    for (const char *i = p->begin; i < at; i++)
        line += *i == '\n';
    return line;
}

static int refuse(const struct parser *p, const char *at, int rc, const char *sentence)
{
    (void)snprintf(p->why, CONF_WHY_BYTES, "%.200s:%u: %s", folder_name(p->path), line_of(p, at),
                   sentence);
    return rc;
}

static int no_memory(const struct parser *p)
{
    (void)snprintf(p->why, CONF_WHY_BYTES, "out of memory");
    return -ENOMEM;
}

/* ---- ${NAME} ---- */

static struct env_entry *find_entry(const struct parser *p, struct span name)
{
    struct env_entry *e = p->first;
    while (e && !span_eq(span_of(e->name), name))
        e = e->next;
    return e;
}

static const char *find_variable(char *const *envp, struct span name)
{
    for (; *envp; envp++)
        if (strncmp(*envp, name.at, name.len) == 0 && (*envp)[name.len] == '=')
            return *envp + name.len + 1;
    return NULL;
}

static struct span resolve(const struct parser *p, struct span name, struct span fallback)
{
    const struct env_entry *entry = find_entry(p, name);
    if (entry)
        return span_of(entry->value);                  /* a name without '=' is there, and empty */
    const char *value = name.len > 0 && span_find(name, '=') == name.len
                            ? find_variable(p->envp, name)
                            : NULL;
    return value ? span_of(value) : fallback;
}

/* Bytes of the ${...} that `text` begins with, 0 when it does not. */
static size_t split_reference(struct span text, struct span *name, struct span *fallback)
{
    size_t end = 2;
    if (!span_starts(text, SPAN("${")))
        return 0;
    while (end < text.len && text.at[end] != '}' && text.at[end] != ':')
        end++;
    *name = (struct span){ text.at + 2, end - 2 };
    *fallback = SPAN("");
    struct span rest = span_skip(text, end);
    if (span_starts(rest, SPAN(":-"))) {
        rest = span_skip(rest, 2);
        *fallback = (struct span){ rest.at, span_find(rest, '}') };
        rest = span_skip(rest, fallback->len);
    }
    return rest.len > 0 && rest.at[0] == '}' ? text.len - rest.len + 1 : 0;
}

static int expand(const struct parser *p, struct span text, struct buf *out)
{
    int rc = 0;
    while (text.len > 0 && rc == 0) {
        struct span name, fallback;
        size_t bytes = split_reference(text, &name, &fallback);
        if (bytes > 0) {
            rc = buf_add(out, resolve(p, name, fallback));
        } else {
            bytes = 1 + span_find(span_skip(text, 1), '$');
            rc = buf_add(out, (struct span){ text.at, bytes });
        }
        text = span_skip(text, bytes);
    }
    return rc;
}

/* ---- the parts of a statement ---- */

static bool parse_name(struct parser *p, struct span *name)
{
    const char *begin = p->at;
    if (is_next(p, '\'')) {
        const char *close = memchr(begin + 1, '\'', (size_t)(p->end - begin - 1));
        if (!close || close == begin + 1)
            return false;
        *name = (struct span){ begin + 1, (size_t)(close - begin - 1) };
        p->at = close + 1;
        return true;
    }
    while (p->at < p->end && *p->at != '=' && *p->at != '#' && space_bytes(p->at, p->end) == 0)
        p->at++;
    *name = (struct span){ begin, (size_t)(p->at - begin) };
    return name->len > 0;
}

/* The byte for which a backslash and `byte` stand within these quotes; 0: both stay as they are. */
static char unescape(char quote, char byte)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *hit = byte != '\0' ? strchr(from, byte) : NULL;
    return !hit || (quote == '\'' && hit - from > 1) ? '\0' : to[hit - from];
}

static int parse_quoted(struct parser *p, struct buf *value)
{
    const char *begin = p->at;
    char quote = *p->at++;
    int rc = 0;
    while (p->at < p->end && *p->at != quote && rc == 0) {
        char plain = *p->at == '\\' && p->end - p->at > 1 ? unescape(quote, p->at[1]) : '\0';
        size_t bytes = *p->at == '\\' ? 2 : 1;
        if ((size_t)(p->end - p->at) < bytes)
            break;
        rc = buf_add(value,
                     plain != '\0' ? (struct span){ &plain, 1 } : (struct span){ p->at, bytes });
        p->at += bytes;
    }
    if (rc < 0)
        return rc;
    if (!is_next(p, quote))
        return refuse(p, begin, -EBADMSG,
                      quote == '"' ? "the quote (\") is never closed"
                                   : "the quote (') is never closed");
    p->at++;
    return 0;
}

static int parse_plain(struct parser *p, struct buf *value)
{
    const char *begin = p->at,
               *text_end = p->at; /* behind the last character that is no white space */
    bool was_space = false, is_comment = false;
    while (p->at < p->end && *p->at != '\n') {
        size_t space = space_bytes(p->at, p->end);
        is_comment = is_comment || (was_space && *p->at == '#');
        p->at += space > 0 ? space : 1;
        was_space = space > 0;
        if (!was_space && !is_comment)
            text_end = p->at;
    }
    return buf_add(value, (struct span){ begin, (size_t)(text_end - begin) });
}

static int parse_value(struct parser *p, struct buf *value)
{
    const char *begin = ++p->at;                       /* behind '=' */
    skip_blanks(p);
    if (p->at > begin && is_next(p, '#'))
        return 0;                                      /* "A= # comment", but "A=#value" */
    if (is_next(p, '\'') || is_next(p, '"'))
        return parse_quoted(p, value);
    return parse_plain(p, value);
}

/* ---- the list ---- */

static struct env_entry *add_entry(struct parser *p, struct span name)
{
    struct env_entry *e = sys_calloc(1, sizeof(*e));
    char *text = e ? sys_malloc(name.len + 1) : NULL;
    if (!text) {
        sys_free(e);
        return NULL;
    }
    *(char *)mempcpy(text, name.at, name.len) = '\0';
    e->name = text;
    *p->last = e;
    p->last = &e->next;
    p->count++;
    return e;
}

/* raw: NULL for a name without '='. */
static int set_entry(struct parser *p, struct span name, const struct buf *raw)
{
    struct buf value = { .limit_bytes = ENV_VALUE_BYTES_MAX };
    struct env_entry *e = find_entry(p, name);
    int rc = raw ? expand(p, buf_span(raw), &value) : 0;
    char *text = rc == 0 && raw ? sys_malloc(buf_len(&value) + 1) : NULL;
    if (rc == 0 && ((raw && !text) || (!e && !(e = add_entry(p, name)))))
        rc = -ENOMEM;
    if (rc < 0) {
        sys_free(text);
        buf_done(&value);
        return rc;
    }
    if (text) {
        memcpy(text, buf_len(&value) > 0 ? buf_span(&value).at : "", buf_len(&value));
        text[buf_len(&value)] = '\0';
    }
    p->total_bytes += name.len + buf_len(&value);
    sys_free(e->value);
    e->value = text;
    buf_done(&value);
    return 0;
}

static void skip_export(struct parser *p)
{
    const char *begin = p->at;
    if (!span_starts((struct span){ p->at, (size_t)(p->end - p->at) }, SPAN("export")))
        return;
    p->at += strlen("export");
    const char *word_end = p->at;
    skip_blanks(p);
    if (p->at == word_end)
        p->at = begin;                                 /* a name that begins so */
}

static int parse_binding(struct parser *p, struct span name, struct buf *raw)
{
    skip_blanks(p);
    bool has_value = is_next(p, '=');
    int rc = has_value ? parse_value(p, raw) : 0;
    if (rc < 0)
        return rc;
    skip_blanks(p);
    if (is_next(p, '#'))
        p->at = memchr(p->at, '\n', (size_t)(p->end - p->at)) ?: p->end;
    if (p->at < p->end && *p->at != '\n')
        return refuse(p, p->at, -EBADMSG, has_value ? "something stands behind the closing quote"
                                                    : "this is neither NAME=value nor a comment");
    if (name.len > ENV_VALUE_BYTES_MAX - buf_len(raw) || p->count >= ENV_ENTRIES_MAX ||
        p->total_bytes > ENV_BYTES_MAX)
        return -EMSGSIZE;
    return set_entry(p, name, has_value ? raw : NULL);
}

static int parse_statement(struct parser *p)
{
    struct buf raw = { .limit_bytes = ENV_VALUE_BYTES_MAX };
    const char *begin = p->at;
    struct span name;
    skip_export(p);
    if (is_next(p, '#')) {                             /* also "export # ..." */
        p->at = memchr(p->at, '\n', (size_t)(p->end - p->at)) ?: p->end;
        return 0;
    }
    if (!parse_name(p, &name))
        return refuse(p, begin, -EBADMSG, "this is neither NAME=value nor a comment");
    int rc = parse_binding(p, name, &raw);
    buf_done(&raw);
    return rc;
}

/* ---- the whole ---- */

/* As a Python file in text mode: CR LF and CR are LF. */
static int normalize(struct parser *p, struct span text, struct buf *out)
{
    if (span_starts(text, SPAN("\xef\xbb\xbf")))
        text = span_skip(text, 3);
    int rc = buf_reserve(out, text.len + 1);
    if (rc < 0)
        return no_memory(p);
    char *into = buf_tail(out);
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '\n' || i == 0 || text.at[i - 1] != '\r')
            *into++ = text.at[i] == '\r' ? '\n' : text.at[i];
    buf_added(out, (size_t)(into - buf_tail(out)));
    p->begin = p->at = buf_len(out) > 0 ? buf_span(out).at : "";
    p->end = p->begin + buf_len(out);
    return 0;
}

static int check_utf8(const struct parser *p)
{
    const char *at = p->begin;
    while (at < p->end) {
        size_t bytes = utf8_bytes((const unsigned char *)at, (const unsigned char *)p->end);
        if (bytes == 0)
            return refuse(p, at, -EBADMSG, *at == '\0' ? "a NUL byte" : "not UTF-8");
        at += bytes;
    }
    return 0;
}

static int parse_all(struct parser *p)
{
    int rc = check_utf8(p);
    while (rc == 0) {
        skip_spaces(p);
        if (p->at == p->end)
            break;
        const char *begin = p->at;
        rc = parse_statement(p);
        if (rc == -ENOMEM)
            (void)no_memory(p);
        else if (rc == -EMSGSIZE)
            (void)refuse(p, begin, rc, "larger than an environment can be");
    }
    return rc;
}

int env_parse(struct span text, const char *path, char *const *envp, struct env_entry **entries,
              char *why)
{
    struct buf normal = { 0 };
    struct parser p = { .path = path, .envp = envp, .why = why };
    p.last = &p.first;
    int rc = normalize(&p, text, &normal);
    rc = rc < 0 ? rc : parse_all(&p);
    buf_done(&normal);
    if (rc < 0)
        env_free(p.first);
    else
        *entries = p.first;
    return rc;
}

int env_read(const char *path, char *const *envp, struct env_entry **entries, char *why)
{
    struct buf text = { 0 };
    int rc = folder_read_file(path, CONF_FILE_BYTES_MAX, &text);
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot read the env file %.300s: %s", path,
                       rc == -EINVAL ? "it is a pipe or socket, and it is read again at each reload"
                                     : strerror(-rc));
    else
        rc = env_parse(buf_span(&text), path, envp, entries, why);
    buf_done(&text);
    return rc;
}

void env_free(struct env_entry *entries)
{
    while (entries) {
        struct env_entry *next = entries->next;
        sys_free(entries->name);
        sys_free(entries->value);
        sys_free(entries);
        entries = next;
    }
}

static bool is_added(char *const *envp, const struct env_entry *e)
{
    return e->value && !strchr(e->name, '=') && !find_variable(envp, span_of(e->name));
}

const char *env_value(char *const *envp, const char *name)
{
    size_t len = strlen(name);
    for (; envp && *envp; envp++)
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

char **env_merge(char *const *envp, const struct env_entry *entries)
{
    size_t count = 1, bytes = 0, at = 0;
    for (; envp[at]; at++)
        count++;
    for (const struct env_entry *e = entries; e; e = e->next) {
        count += is_added(envp, e);
        bytes += is_added(envp, e) ? strlen(e->name) + strlen(e->value) + 2 : 0;
    }
    char **merged = sys_malloc(count * sizeof(*merged) + bytes);
    if (!merged)
        return NULL;
    if (at > 0)
        memcpy(merged, envp, at * sizeof(*merged));
    char *text = (char *)(merged + count);
    for (const struct env_entry *e = entries; e; e = e->next) {
        if (!is_added(envp, e))
            continue;
        merged[at++] = text;
        text += sprintf(text, "%s=%s", e->name, e->value) + 1;
    }
    merged[at] = NULL;
    return merged;
}
