/* settings_name.c - each mention of the variable, and what stands around it. */
#include "conf/settings_name.h"
#include <errno.h>

enum { FILE_BYTES_MAX = 256 * 1024, MENTIONS_MAX = 64 };

static const struct span variable = SPAN("DJANGO_SETTINGS_MODULE");

static bool has(struct span text, struct span part)
{
    return text.len > 0 && memmem(text.at, text.len, part.at, part.len);
}

/* ---- the value ---- */

static struct span skip_blanks(struct span text, bool and_ends)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t' ||
                            (and_ends && (text.at[0] == '\n' || text.at[0] == '\r'))))
        text = span_skip(text, 1);
    return text;
}

static bool take_byte(struct span *text, char byte)
{
    *text = skip_blanks(*text, true);
    if (text->len == 0 || text->at[0] != byte)
        return false;
    *text = span_skip(*text, 1);
    return true;
}

static bool is_module_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || (byte & 0x80);
}

/* Behind the closing quote the value is over, and not the first half of an expression. */
static bool is_whole(struct span rest, bool is_argument)
{
    rest = skip_blanks(rest, is_argument);
    if (rest.len == 0)
        return !is_argument;
    return strchr(is_argument ? ",)#" : "\n\r;#", rest.at[0]) && rest.at[0] != '\0';
}

/* What follows the variable's name: `", "x"` of setdefault or `"] = "x"`. */
static bool take_module(struct span text, char settings[SETTINGS_NAME_BYTES])
{
    size_t len = 0;
    if (!take_byte(&text, '"') && !take_byte(&text, '\''))
        return false;
    bool is_argument = take_byte(&text, ',');
    if (!is_argument && !(take_byte(&text, ']') && take_byte(&text, '=')))
        return false;
    bool is_quoted = take_byte(&text, '"') || take_byte(&text, '\'');
    while (len < text.len && is_module_byte(text.at[len]))
        len++;
    bool is_closed = len < text.len && (text.at[len] == '"' || text.at[len] == '\'');
    if (!is_quoted || !is_closed || len == 0 || len >= SETTINGS_NAME_BYTES ||
        !is_whole(span_skip(text, len + 1), is_argument))
        return false;
    memcpy(settings, text.at, len);
    settings[len] = '\0';
    return true;
}

/* ---- what stands around it ---- */

static bool is_commented(struct span all, const char *at)
{
    while (at > all.at && at[-1] != '\n')
        if (*--at == '#')
            return true;
    return false;
}

/* The line that ends before `end` (or holds it); *end becomes its first byte. */
static struct span line_before(struct span all, const char **end)
{
    const char *at = *end;
    while (at > all.at && at[-1] != '\n')
        at--;
    struct span line = { at, (size_t)(*end - at) };
    *end = at;
    return line;
}

static bool is_condition(struct span line)
{
    bool is_if = span_starts(line, SPAN("if ")) || span_starts(line, SPAN("if(")) ||
                 span_starts(line, SPAN("elif ")) || span_starts(line, SPAN("elif("));
    return is_if && !has(line, SPAN("__name__")) && !has(line, variable);
}

/* Python shows by indentation which lines a line stands in. */
static bool is_conditional(struct span all, const char *at)
{
    struct span line = line_before(all, &at);
    size_t depth = line.len - skip_blanks(line, false).len;
    while (depth > 0 && at > all.at) {
        at--;                                          /* the end of the line above */
        line = line_before(all, &at);
        struct span words = skip_blanks(line, true);
        if (words.len == 0 || words.at[0] == '#' || line.len - words.len >= depth)
            continue;
        depth = line.len - words.len;
        if (is_condition(words))
            return true;
    }
    return false;
}

/* ---- the file ---- */

static int choose(struct span all, char settings[SETTINGS_NAME_BYTES])
{
    char module[SETTINGS_NAME_BYTES];
    struct span rest = all;
    settings[0] = '\0';
    for (int i = 0; i < MENTIONS_MAX && rest.len > 0; i++) {
        const char *at = memmem(rest.at, rest.len, variable.at, variable.len);
        if (!at)
            break;
        rest = span_skip(rest, (size_t)(at - rest.at) + variable.len);
        if (is_commented(all, at) || !take_module(rest, module))
            continue;
        bool is_sure = !is_conditional(all, at);
        if (is_sure || settings[0] == '\0')
            memcpy(settings, module, sizeof(module));
        if (is_sure)
            return 0;
    }
    return settings[0] != '\0' ? 0 : -ENOENT;
}

int settings_name_read(const char *path, char settings[SETTINGS_NAME_BYTES])
{
    struct buf text = { 0 };
    int rc = folder_read_file(path, FILE_BYTES_MAX, &text);
    rc = rc < 0 ? rc : choose(buf_span(&text), settings);
    buf_done(&text);
    return rc;
}
