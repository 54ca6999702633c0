/* log_record.c - see log_record.h. */
#include "scribe/log_record.h"

enum { MARK_BEGIN = '\x01', MARK_END = '\x02', ID_BYTES_MAX = 128, PROCESS_BYTES_MAX = 32 };

static bool is_id(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= 0x20 || s.at[i] >= 0x7f || s.at[i] == '"' || s.at[i] == '\\' || s.at[i] == ']')
            return false;
    return s.len > 0 && s.len <= ID_BYTES_MAX;
}

static void take_mark(struct log_record *r)
{
    struct span rest = r->shown;
    if (rest.len == 0 || rest.at[0] != MARK_BEGIN)
        return;
    rest = span_skip(rest, 1);
    size_t len = span_find(rest, MARK_END);
    struct span id = { rest.at, len };
    if (len == rest.len || !is_id(id))
        return;
    r->id = id;
    r->shown = r->text = span_skip(rest, len + 1);
}

/* "... id=0a1b": the last word of a line of ours. */
static void find_id(struct log_record *r)
{
    static const struct span key = SPAN(" id=");
    const char *found = r->text.len > 0 ? memmem(r->text.at, r->text.len, key.at, key.len) : NULL;
    if (!found)
        return;
    struct span id = span_skip(r->text, (size_t)(found - r->text.at) + key.len);
    id.len = span_find(id, ' ');
    if (is_id(id) && !span_eq(id, SPAN("-")))
        r->id = id;
}

static void take_level(struct log_record *r)
{
    static const struct span levels[] = { SPAN("error "), SPAN("warn "), SPAN("info "), SPAN("debug ") };
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (!span_starts(r->text, levels[i]))
            continue;
        struct span rest = span_skip(r->text, levels[i].len);
        size_t len = span_find(rest, ':');
        if (len == 0 || len > PROCESS_BYTES_MAX || rest.len - len < 2 || rest.at[len + 1] != ' ')
            return;
        r->level = (struct span){ levels[i].at, levels[i].len - 1 };
        r->process = (struct span){ rest.at, len };
        r->text = span_skip(rest, len + 2);
        find_id(r);
        return;
    }
}

struct log_record log_record_read(struct span line)
{
    struct log_record r = { .shown = line, .text = line };
    take_mark(&r);
    if (r.id.len == 0)
        take_level(&r);
    return r;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* Bytes of the character at the start of `s`, 0: it is none (RFC 3629). */
static size_t utf8_bytes(struct span s)
{
    unsigned char first = (unsigned char)s.at[0];
    size_t len = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3
                 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (len == 0 || len > s.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)s.at[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = len > 1 ? (unsigned char)s.at[1] : 0;
    bool is_wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return is_wrong ? 0 : len;
}

static int add_byte(struct buf *out, unsigned char byte)
{
    if (byte == '"' || byte == '\\')
        return buf_addf(out, "\\%c", byte);
    if (byte == '\t')
        return buf_add(out, SPAN("\\t"));
    return buf_addf(out, "\\u%04x", byte);
}

static int add_quoted(struct span text, struct buf *out)
{
    int rc = buf_add(out, SPAN("\""));
    while (rc == 0 && text.len > 0) {
        size_t plain = 0, len = 1;
        while (plain < text.len && (len = utf8_bytes(span_skip(text, plain))) > 0 &&
               (len > 1 || ((unsigned char)text.at[plain] >= 0x20 && text.at[plain] != '"' &&
                            text.at[plain] != '\\' && text.at[plain] != 0x7f)))
            plain += len;
        rc = buf_add(out, (struct span){ text.at, plain });
        text = span_skip(text, plain);
        if (rc < 0 || text.len == 0)
            break;
        rc = len == 0 ? buf_add(out, SPAN("\xef\xbf\xbd")) : add_byte(out, (unsigned char)text.at[0]);
        text = span_skip(text, 1);
    }
    return rc < 0 ? rc : buf_add(out, SPAN("\""));
}

int log_record_json(const struct log_record *r, struct span time, struct buf *out)
{
    const struct {
        const char *key;
        struct span text;
    } parts[] = { { "level", r->level }, { "process", r->process }, { "id", r->id } };
    int rc = buf_addf(out, "{\"time\":\"%.*s\"", (int)time.len, time.at);
    for (size_t i = 0; i < ARRAY_LEN(parts) && rc == 0; i++) {
        if (parts[i].text.len == 0)
            continue;
        rc = buf_addf(out, ",\"%s\":", parts[i].key);
        rc = rc < 0 ? rc : add_quoted(parts[i].text, out);
    }
    rc = rc < 0 ? rc : buf_add(out, SPAN(",\"text\":"));
    rc = rc < 0 ? rc : add_quoted(r->text, out);
    return rc < 0 ? rc : buf_add(out, SPAN("}"));
}
