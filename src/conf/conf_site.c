/* conf_site.c - the file of one site of a server that has several. */
#include <errno.h>
#include <stdio.h>
#include "conf/conf_private.h"
#include "conf/folder.h"

/* What one site is, and another is not: not inherited from the server. */
static const enum conf_option own[] = {
    CONF_app, CONF_settings, CONF_chdir, CONF_config, CONF_env_file, CONF_site, CONF_sites, CONF_hosts,
    CONF_venv, CONF_static_map, CONF_mount, CONF_control, CONF_tls_certificate, CONF_tls_key,
};

static bool is_own(enum conf_option option)
{
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (own[i] == option)
            return true;
    return false;
}

/* Its own copies: the server's may be others before this site's are read again. */
static int inherit(struct conf *c, const struct conf *server, char *why)
{
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++) {
        if (!is_own(i) && conf_keep_value(c, server, i) < 0) {
            (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
            return -ENOMEM;
        }
        c->origin[i].source = CONF_BUILT_IN;
    }
    return 0;
}

static int name_it(struct conf *c, const char *file, char *why)
{
    struct span name = span_of(folder_name(file));
    const struct span ending = SPAN(".ini");
    if (c->origin[CONF_site].source > CONF_BUILT_IN)
        return 0;
    if (name.len > ending.len && span_ends(name, ending))
        name.len -= ending.len;
    return conf_set(c, SPAN("site"), name, CONF_INI, folder_name(file), why);
}

static int check(const struct conf *c, const char *file, char *why)
{
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++) {
        if (c->origin[i].source != CONF_INI || conf_row(i)->where != CONF_OF_SERVER)
            continue;
        (void)snprintf(why, CONF_WHY_BYTES, "%s: '%s' is an option of the whole server: it stands in its file, not in "
                       "that of a site", conf_origin_text(c, i), conf_row(i)->name);
        return -EBADMSG;
    }
    if (c->origin[CONF_chdir].source > CONF_BUILT_IN)
        return 0;
    (void)snprintf(why, CONF_WHY_BYTES, "%s: it does not say where the project is: chdir = DIR", folder_name(file));
    return -EBADMSG;
}

int conf_load_site(struct conf *c, const struct conf *server, const char *file, char *const *envp, char *why)
{
    char option[] = "--config", path[FOLDER_BYTES];
    char *arguments[] = { option, path };
    (void)snprintf(path, sizeof path, "%s", file);
    int rc = inherit(c, server, why);
    rc = rc < 0 ? rc : conf_load(c, 2, arguments, envp, why);
    rc = rc < 0 ? rc : check(c, file, why);
    return rc < 0 ? rc : name_it(c, file, why);
}

/* ---- a file that is wrong ---- */

/* The value of a line NAME = VALUE; false: it is another one. */
static bool is_option(struct span line, struct span name, struct span *value)
{
    size_t equals = span_find(line, '=');
    *value = span_trim(span_skip(line, equals < line.len ? equals + 1 : equals));
    return equals < line.len && span_eq(span_trim((struct span){ line.at, equals }), name);
}

struct glance {
    struct conf *conf;
    bool is_list;                 /* the last line was of hosts: one that begins with a blank goes on */
    bool has_project;             /* a line says chdir */
};

/* A comment may follow, or be all of it. */
static void glance_at_line(struct glance *g, struct span line)
{
    char why[CONF_WHY_BYTES];
    struct span value = line, folder;
    bool goes_on = line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t');
    g->is_list = is_option(line, SPAN("hosts"), &value) || (g->is_list && goes_on);
    g->has_project = g->has_project || is_option(line, SPAN("chdir"), &folder);
    value.len = span_find(value, ';');
    if (g->is_list)
        (void)conf_set(g->conf, SPAN("hosts"), span_trim(value), CONF_INI, "", why);
    else if (is_option(line, SPAN("site"), &value))
        (void)conf_set(g->conf, SPAN("site"), value, CONF_INI, "", why);
}

static void glance_at_text(struct glance *g, struct span rest)
{
    while (rest.len > 0 && !span_starts(span_trim(rest), SPAN("[route"))) {
        size_t end = span_find(rest, '\n');
        glance_at_line(g, (struct span){ rest.at, end });
        rest = span_skip(rest, end < rest.len ? end + 1 : end);
    }
}

void conf_glance_at_site(struct conf *c, const struct conf *server, const char *file)
{
    char why[CONF_WHY_BYTES];
    struct buf text = { 0 };
    struct glance g = { .conf = c };
    (void)inherit(c, server, why);
    if (folder_read_file(file, CONF_FILE_BYTES_MAX, &text) == 0 && buf_len(&text) > 0)
        glance_at_text(&g, buf_span(&text));
    buf_done(&text);
    if (c->hosts.count == 0 && g.has_project)
        (void)conf_set(c, SPAN("hosts"), SPAN("*"), CONF_INI, "", why);
    (void)name_it(c, file, why);
}
