/* check_sites.c - `slipway check` of a server that has several sites: each of their files in turn. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/sys.h"
#include "cli/check.h"
#include "cli/verbs.h"
#include "conf/folder.h"
#include "conf/listen.h"
#include "master/certificate_files.h"
#include "serve/hosts.h"

struct checking {
    const struct conf *server;
    char *const *envp;
    bool is_json, is_all, is_strict;
    json_t *sites;                /* NAME.ini: what was found */
    struct hosts owners;          /* NAME.ini, as each_in_order() has it */
    unsigned bad;
};

static void add_problem(json_t *found, const char *group, const char *sentence)
{
    check_say(found, group, "hosts", CHECK_PROBLEM, "", "%s", sentence);
    (void)json_array_append_new(json_object_get(found, "problems"), json_string(sentence));
    (void)json_object_set_new(found, "ok", json_false());
}

/* A host that another file has, too. */
static void compare_hosts(struct checking *c, const struct conf *conf, const char *file, json_t *found)
{
    char sentence[400];
    for (size_t i = 0; i == 0 || i < conf->hosts.count; i++) {
        const char *host = conf->hosts.count == 0 ? "*" : conf->hosts.items[i];
        const char *other = hosts_owner(&c->owners, span_of(host));
        if (!other)
            (void)hosts_add(&c->owners, span_of(host), (void *)(uintptr_t)file);
        if (!other || other == file)
            continue;
        (void)snprintf(sentence, sizeof sentence, strcmp(host, "*") == 0 ? "%.80s has every host already%.0s"
                                                                         : "%.80s has the host %.255s already",
                       other, host);
        add_problem(found, "program", sentence);
    }
}

static json_t *look(struct checking *c, const char *name, const char *path)
{
    char why[CONF_WHY_BYTES];
    struct conf *conf = conf_new();
    int rc = conf ? conf_load_site(conf, c->server, path, c->envp, why) : -ENOMEM;
    json_t *found = rc == 0 ? check_make(conf, c->server, c->envp, c->is_strict)
                            : json_pack("{s:b, s:s, s:[s]}", "ok", 0, "version", SLIPWAY_VERSION, "problems",
                                        conf ? why : "out of memory");
    if (rc == 0 && found)
        compare_hosts(c, conf, name, found);
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

static int check_file(struct checking *c, const char *name)
{
    char path[FOLDER_BYTES];
    if (folder_join(path, c->server->sites, name) < 0)
        return 0;
    json_t *found = look(c, name, path);
    if (!found)
        return -ENOMEM;
    c->bad += !json_flag(found, "ok", false);
    if (!c->is_json)
        print(c, name, found);
    return json_object_set_new(c->sites, name, found) == 0 ? 0 : -ENOMEM;
}

static int note(void *ctx, const char *name)
{
    bool is_site = name[0] != '.' && span_ends(span_of(name), SPAN(".ini"));
    return is_site && json_object_set_new(ctx, name, json_null()) < 0 ? -ENOMEM : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As a server takes them: of two files with a host the first has it. */
static int each_in_order(struct checking *c)
{
    json_t *names = json_object(), *ignored;
    const char *name;
    size_t count = 0;
    int rc = names ? folder_each(c->server->sites, note, names) : -ENOMEM;
    const char **sorted = rc == 0 ? sys_calloc(json_object_size(names) + 1, sizeof *sorted) : NULL;
    rc = rc == 0 && !sorted ? -ENOMEM : rc;
    if (rc == 0) {
        json_object_foreach(names, name, ignored)
            sorted[count++] = name;
        qsort(sorted, count, sizeof *sorted, by_name);
    }
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = check_file(c, sorted[i]);
    sys_free(sorted);
    json_decref(names);
    return rc;
}

/* What is the server's alone. */
static bool check_own(const struct conf *server, char *why)
{
    struct certificate_files f = { 0 };
    int rc = listen_any_tls(&server->listen) ? certificate_files_read(&f, server, why) : 0;
    certificate_files_done(&f);
    return rc == 0;
}

int check_sites(const struct conf *server, char *const *envp, bool is_json, bool is_all, bool is_strict)
{
    char why[CONF_WHY_BYTES];
    struct checking c = { server, envp, is_json, is_all, is_strict, json_object(), { 0 }, 0 };
    int rc = c.sites ? each_in_order(&c) : -ENOMEM;
    bool is_well = check_own(server, why);
    size_t count = json_object_size(c.sites);
    if (rc == 0 && count == 0)
        rc = -ENOENT;
    json_t *found = rc == 0 ? json_pack("{s:b, s:s, s:O}", "ok", c.bad == 0 && is_well, "version", SLIPWAY_VERSION, "sites", c.sites)
                            : NULL;
    if (!is_well)
        (void)json_object_set_new(found, "problems", json_pack("[s]", why));
    char *line = found ? json_line(found) : NULL;
    if (!is_well && !is_json)
        (void)printf("\n==== the server\n\n  problem  %s\n", why);
    if (line && is_json)
        (void)fputs(line, stdout);
    sys_free(line);
    json_decref(found);
    json_decref(c.sites);
    hosts_done(&c.owners);
    if (rc == -ENOENT)
        return verbs_fail(EXIT_WRONG, "%s has no file NAME.ini", server->sites);
    if (rc < 0)
        return verbs_fail(EXIT_WRONG, "cannot read the folder %s: %s", server->sites, strerror(-rc));
    return c.bad == 0 && is_well ? EXIT_DONE : EXIT_WRONG;
}
