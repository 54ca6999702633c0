/* manage.c - a walk up, then a look into each folder below. */
#include "conf/manage.h"
#include <errno.h>

enum { MANAGE_FILE_BYTES_MAX = 256 * 1024, FOLDERS_ABOVE_MAX = 32 };

/* By its name: other people's packages and caches bring their own manage.py along. */
static bool is_foreign(const char *name)
{
    return name[0] == '.' || strcmp(name, "node_modules") == 0 ||
           strcmp(name, "site-packages") == 0;
}

static bool is_project(const char *folder)
{
    return folder_has_file(folder, "manage.py") && !folder_has_file(folder, "pyvenv.cfg");
}

/* ---- above ---- */

static int find_above(char folder[FOLDER_BYTES], const char *start)
{
    char at[FOLDER_BYTES];
    int rc = folder_join(at, "/", start);
    for (int i = 0; i < FOLDERS_ABOVE_MAX && rc == 0; i++) {
        rc = folder_parent(at, at);
        if (rc < 0 || folder_is_public(at))
            return -ENOENT;
        if (!is_foreign(folder_name(at)) && is_project(at))
            return folder_join(folder, "/", at);
    }
    return -ENOENT;
}

/* ---- below ---- */

struct below {
    const char *start;
    char *found, *other;
    unsigned count;
};

static int look_into(void *ctx, const char *name)
{
    char folder[FOLDER_BYTES];
    struct below *b = ctx;
    if (is_foreign(name) || folder_join(folder, b->start, name) < 0 || !is_project(folder))
        return 0;
    return folder_join(b->count++ == 0 ? b->found : b->other, "/", folder) < 0 || b->count > 1;
}

static int find_below(char folder[FOLDER_BYTES], const char *start, char other[FOLDER_BYTES])
{
    struct below b = { start, folder, other, 0 };
    int rc = folder_each(start, look_into, &b);
    return rc < 0 || b.count == 0 ? -ENOENT : b.count > 1 ? -EEXIST : 0;
}

int manage_find(char folder[FOLDER_BYTES], const char *start, char other[FOLDER_BYTES])
{
    if (is_project(start))
        return folder_join(folder, "/", start);
    return find_above(folder, start) == 0 ? 0 : find_below(folder, start, other);
}

/* ---- settings ---- */

static struct span skip_blanks(struct span text)
{
    while (text.len > 0 &&
           (text.at[0] == ' ' || text.at[0] == '\t' || text.at[0] == '\n' || text.at[0] == '\r'))
        text = span_skip(text, 1);
    return text;
}

static bool take_byte(struct span *text, char byte)
{
    *text = skip_blanks(*text);
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

/* What follows the variable's name: `", "x"` of setdefault or `"] = "x"`. */
static bool take_module(struct span text, char settings[MANAGE_SETTINGS_BYTES])
{
    size_t len = 0;
    if (!take_byte(&text, '"') && !take_byte(&text, '\''))
        return false;
    if (!take_byte(&text, ',') && !(take_byte(&text, ']') && take_byte(&text, '=')))
        return false;
    bool is_quoted = take_byte(&text, '"') || take_byte(&text, '\'');
    while (len < text.len && is_module_byte(text.at[len]))
        len++;
    bool is_closed = len < text.len && (text.at[len] == '"' || text.at[len] == '\'');
    if (!is_quoted || !is_closed || len == 0 || len >= MANAGE_SETTINGS_BYTES)
        return false;
    memcpy(settings, text.at, len);
    settings[len] = '\0';
    return true;
}

static bool is_commented(struct span all, const char *at)
{
    while (at > all.at && at[-1] != '\n')
        if (*--at == '#')
            return true;
    return false;
}

int manage_settings(const char *folder, char settings[MANAGE_SETTINGS_BYTES])
{
    static const struct span variable = SPAN("DJANGO_SETTINGS_MODULE");
    char path[FOLDER_BYTES];
    struct buf text = { 0 };
    int rc = folder_join(path, folder, "manage.py");
    rc = rc < 0 ? rc : folder_read_file(path, MANAGE_FILE_BYTES_MAX, &text);
    bool is_found = false;
    struct span all = buf_span(&text), rest = all;
    while (rc == 0 && !is_found) {
        const char *at = rest.len > 0 ? memmem(rest.at, rest.len, variable.at, variable.len) : NULL;
        if (!at)
            break;
        rest = span_skip(rest, (size_t)(at - rest.at) + variable.len);
        is_found = !is_commented(all, at) && take_module(rest, settings);
    }
    buf_done(&text);
    return rc < 0 ? rc : is_found ? 0 : -ENOENT;
}
