/* check_sites.c - `slipway check` of a server that has several sites: each of their files in turn. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/sys.h"
#include "cli/check.h"
#include "cli/verbs.h"
#include "conf/folder.h"

struct checking {
    const struct conf *server;
    char *const *envp;
    bool is_json, is_all, is_strict;
    json_t *sites;                /* NAME.ini: what was found */
    unsigned bad;
};

static json_t *look(const struct checking *c, const char *path)
{
    char why[CONF_WHY_BYTES];
    struct conf *conf = conf_new();
    int rc = conf ? conf_load_site(conf, c->server, path, c->envp, why) : -ENOMEM;
    json_t *found = rc == 0 ? check_make(conf, c->envp, c->is_strict)
                            : json_pack("{s:b, s:s, s:[s]}", "ok", 0, "version", SLIPWAY_VERSION, "problems",
                                        conf ? why : "out of memory");
    conf_free(conf);
    return found;
}

static void print(const struct checking *c, const char *name, const json_t *found)
{
    const json_t *problem;
    size_t i;
    (void)printf("%s==== %s\n\n", json_object_size(c->sites) > 0 ? "\n" : "", name);
    if (json_object_get(found, "options")) {
        check_print(found, c->is_all);
        return;
    }
    json_array_foreach(json_object_get(found, "problems"), i, problem)
        (void)printf("  problem  %s\n", json_string_value(problem));
}

static int check_file(void *ctx, const char *name)
{
    struct checking *c = ctx;
    char path[FOLDER_BYTES];
    if (name[0] == '.' || !span_ends(span_of(name), SPAN(".ini")) || folder_join(path, c->server->sites, name) < 0)
        return 0;
    json_t *found = look(c, path);
    if (!found)
        return -ENOMEM;
    c->bad += !json_flag(found, "ok", false);
    if (!c->is_json)
        print(c, name, found);
    return json_object_set_new(c->sites, name, found) == 0 ? 0 : -ENOMEM;
}

int check_sites(const struct conf *server, char *const *envp, bool is_json, bool is_all, bool is_strict)
{
    struct checking c = { server, envp, is_json, is_all, is_strict, json_object(), 0 };
    int rc = c.sites ? folder_each(server->sites, check_file, &c) : -ENOMEM;
    size_t count = json_object_size(c.sites);
    if (rc == 0 && count == 0)
        rc = -ENOENT;
    json_t *found = rc == 0 ? json_pack("{s:b, s:s, s:O}", "ok", c.bad == 0, "version", SLIPWAY_VERSION, "sites", c.sites)
                            : NULL;
    char *line = found ? json_line(found) : NULL;
    if (line && is_json)
        (void)fputs(line, stdout);
    sys_free(line);
    json_decref(found);
    json_decref(c.sites);
    if (rc == -ENOENT)
        return verbs_fail(EXIT_WRONG, "%s has no file NAME.ini", server->sites);
    if (rc < 0)
        return verbs_fail(EXIT_WRONG, "cannot read the folder %s: %s", server->sites, strerror(-rc));
    return c.bad == 0 ? EXIT_DONE : EXIT_WRONG;
}
