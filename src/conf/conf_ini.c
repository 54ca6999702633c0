/* conf_ini.c - slipway.ini, read by inih.
 *
 * inih calls back without a line number and cuts lines at 200 bytes; so the reader here counts
 * lines, and keeps the value of a longer line beside, with a short stand-in for inih.
 */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include "base/log.h"
#include "conf/conf_private.h"
#include "conf/folder.h"

struct reading {
    struct conf *conf;
    const char *shown;                    /* the file's name in messages */
    struct span rest;                     /* lines that inih did not ask for yet */
    unsigned line;                        /* the one it has now; the first is 1 */
    bool is_indented, is_long; /* that line begins with a blank; its value is long_value */
    struct span long_value;
    unsigned set_in_line[CONF_OPTIONS];   /* of this section; 0: not set */
    bool is_in_route;                     /* a section [route PATTERN] */
    unsigned bad_line;                    /* the first that the handler refused; 0: none yet */
    int rc;                               /* of that line */
    char *why;
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* As inih does with short ones: " ;" begins a comment. */
static struct span without_comment(struct span value)
{
    for (size_t i = 1; i < value.len; i++)
        if (value.at[i] == ';' && is_blank(value.at[i - 1]))
            return (struct span){ value.at, i };
    return value;
}

static void shorten(struct reading *r, struct span line, char *into, size_t cap_bytes)
{
    struct span text = span_trim(line);
    if (text.len == 0 || text.at[0] == ';' || text.at[0] == '#') {
        (void)snprintf(into, cap_bytes, "\n");
        return;
    }
    size_t name_bytes = r->is_indented && r->line > 1 ? 0 : span_find(line, '=') + 1;
    if (name_bytes + sizeof("~\n") > cap_bytes || name_bytes > line.len) {
        (void)snprintf(into, cap_bytes,
                       "[\n"); /* no option has such a name: let inih refuse the line */
        return;
    }
    r->is_long = true;
    r->long_value = span_trim(without_comment(span_trim(span_skip(line, name_bytes))));
    (void)snprintf(into, cap_bytes, "%.*s~\n", name_bytes > 0 ? (int)name_bytes : 1, line.at);
}

/* Sections are read here, not by inih, which cuts their names at 50 bytes. */
static int enter_section(struct reading *r, struct span name)
{
    char place[128], shown[64];
    const struct span route = SPAN("route ");
    memset(r->set_in_line, 0, sizeof r->set_in_line);
    r->is_in_route = span_starts(name, route);
    if (r->is_in_route) {
        (void)snprintf(place, sizeof place, "%.100s:%u", r->shown, r->line);
        return conf_begin_route(r->conf, span_trim(span_skip(name, route.len)), place, r->why);
    }
    if (span_eq(name, SPAN("slipway")) && !r->conf->route_lines)
        return 0;
    (void)snprintf(r->why, CONF_WHY_BYTES,
                   r->conf->route_lines ? "%s:%u: [%s] stands above all [route] sections"
                                     : "%s:%u: section [%s] is unknown, options stand under [slipway], "
                                       "or for some paths under [route /PATH]",
                   r->shown, r->line, log_escape(shown, sizeof shown, name));
    return -EBADMSG;
}

/* True: the line was a section's, and inih does not see it. */
static bool take_section(struct reading *r, struct span line)
{
    struct span text = span_trim(without_comment(line));
    if (r->is_indented || text.len < 2 || text.at[0] != '[' || text.at[text.len - 1] != ']')
        return false;
    int rc = r->bad_line > 0 ? 0 : enter_section(r, (struct span){ text.at + 1, text.len - 2 });
    if (rc < 0) {
        r->bad_line = r->line;
        r->rc = rc;
    }
    return true;
}

static char *next_line(char *into, int cap, void *stream)
{
    struct reading *r = stream;
    if (r->rest.len == 0)
        return NULL;
    size_t end = span_find(r->rest, '\n');
    struct span line = { r->rest.at, end };
    r->rest = span_skip(r->rest, end < r->rest.len ? end + 1 : end);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    r->line++;
    r->is_long = false;
    r->is_indented = line.len > 0 && is_blank(line.at[0]);
    if (take_section(r, line))
        (void)snprintf(into, (size_t)cap, "\n");
    else if (line.len + 2 < (size_t)cap)
        (void)snprintf(into, (size_t)cap, "%.*s\n", (int)line.len, line.at);
    else
        shorten(r, line, into, (size_t)cap);
    return into;
}

static int refuse(struct reading *r, int rc)
{
    r->bad_line = r->line;
    r->rc = rc;
    return 0;
}

static int refuse_twice(struct reading *r, const char *name, unsigned first_line)
{
    (void)snprintf(r->why, CONF_WHY_BYTES,
                   r->is_indented
                       ? "%s:%u: the line begins with a blank, so it continues '%s' of line %u"
                       : "%s:%u: '%s' was set in line %u already",
                   r->shown, r->line, name, first_line);
    return refuse(r, -EBADMSG);
}

static int set_option(struct reading *r, const char *name, struct span value)
{
    char place[128];
    enum conf_option option = conf_find(span_of(name));
    if (option < CONF_OPTIONS && conf_kind(option) != CONF_KIND_LIST && r->set_in_line[option] > 0)
        return refuse_twice(r, name, r->set_in_line[option]);
    if (option == CONF_config) {
        (void)snprintf(r->why, CONF_WHY_BYTES, "%s:%u: a configuration file cannot name another",
                       r->shown, r->line);
        return refuse(r, -EBADMSG);
    }
    (void)snprintf(place, sizeof(place), "%.100s:%u", r->shown, r->line);
    int rc = r->is_in_route ? conf_set_in_route(r->conf, span_of(name), value, place, r->why)
                            : conf_set(r->conf, span_of(name), value, CONF_INI, place, r->why);
    if (rc < 0)
        return refuse(r, rc == -EINVAL ? -EBADMSG : rc);
    if (option < CONF_OPTIONS)
        r->set_in_line[option] = r->line;
    return 1;
}

static int take_option(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    (void)section;
    if (r->bad_line > 0)
        return 0;
    return set_option(r, name, r->is_long ? r->long_value : span_of(value));
}

static int parse(struct reading *r)
{
    if (span_find(r->rest, '\0') < r->rest.len) {
        (void)snprintf(r->why, CONF_WHY_BYTES, "%s: holds NUL bytes, it is no INI file", r->shown);
        return -EBADMSG;
    }
    int bad_line = ini_parse_stream(next_line, r, take_option, r);
    if (bad_line == 0 && r->bad_line == 0)
        return 0;
    if (bad_line <= 0 || (unsigned)bad_line >= r->bad_line)
        if (r->bad_line > 0)
            return r->rc;
    (void)snprintf(r->why, CONF_WHY_BYTES, "%s:%d: neither 'name = value' nor '[slipway]'",
                   r->shown, bad_line);
    return -EBADMSG;
}

int conf_read_ini(struct conf *c, const char *path, char *why)
{
    struct buf text = { 0 };
    const struct conf saved = *c;
    int rc = folder_read_file(path, CONF_FILE_BYTES_MAX, &text);
    if (rc < 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "cannot read the configuration file %.300s: %s", path,
                       strerror(-rc));
    } else {
        struct reading r = {
            .conf = c, .shown = folder_name(path), .rest = buf_span(&text), .why = why
        };
        rc = parse(&r);
    }
    if (rc < 0) {
        conf_drop_texts(c, saved.texts);
        *c = saved;
    }
    buf_done(&text);
    return rc;
}
