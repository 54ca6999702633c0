/* reload.c - `slipway reload`: of one site; of a server with several, one after the other, after those
 * whose files came or went. */
#include <stdio.h>
#include <string.h>
#include "cli/verbs.h"

static void say_what_waits(const json_t *answer, const char *site)
{
    const char *names = json_text(answer, "waits", "");
    if (names[0])
        (void)printf("%s%sthe next start will heed what changed in: %s\n", site, site[0] ? ": " : "", names);
}

/* `what`: "reload", or "await" for one that has just come. */
static int reload_one(struct conf *c, const char *what, const char *site)
{
    int status = EXIT_DONE;
    const char *separator = site[0] ? ": " : "";
    json_t *answer = verbs_ask_site(c, what, site);
    if (!answer)
        return EXIT_WRONG;
    if (json_flag(answer, "ok", false)) {
        (void)printf("%s%s%s: generation %lld serves\n", site, separator,
                     strcmp(what, "await") == 0 ? "started" : "reloaded",
                     (long long)json_int(answer, "generation", 0));
        say_what_waits(answer, site);
    } else {
        char sentence[200];
        (void)snprintf(sentence, sizeof sentence, "%.80s%s%s", site, separator,
                       strcmp(what, "await") == 0 ? "the site cannot be served"
                                                  : "the reload was refused, the site serves on as it was");
        status = verbs_refused(answer, sentence);
    }
    json_decref(answer);
    return status;
}

static bool is_in(const json_t *names, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(names, i, one)
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    return false;
}

static void print_those_without(const json_t *names, const json_t *others, const char *what)
{
    const json_t *name;
    size_t i;
    json_array_foreach(names, i, name)
        if (!is_in(others, json_string_value(name)))
            (void)printf("%s: %s\n", json_string_value(name), what);
}

/* First who is there now, then what files say: those that came were started by reading them. */
static int reload_sites(struct conf *c, const json_t *before)
{
    int status = EXIT_DONE;
    const json_t *name;
    size_t i;
    json_t *answer = verbs_ask_site(c, "sites", c->site);
    if (!answer)
        return EXIT_WRONG;
    const json_t *names = json_object_get(answer, "sites");
    json_array_foreach(json_object_get(answer, "errors"), i, name)
        status = verbs_fail(EXIT_WRONG, "%s", json_string_value(name));
    say_what_waits(answer, "");
    print_those_without(before, names, "gone");
    size_t heard = json_array_size(names) + json_array_size(before) + json_array_size(json_object_get(answer, "errors"));
    if (c->site[0] && heard == 0)
        status = verbs_fail(EXIT_WRONG, "no site is called %s", c->site);
    json_array_foreach(names, i, name) {
        const char *site = json_string_value(name);
        int rc = reload_one(c, is_in(before, site) ? "reload" : "await", site);
        status = rc == EXIT_DONE ? status : rc;
    }
    json_decref(answer);
    return status;
}

/* The names of the sites that run, as far as option site lets them count. */
static json_t *names_of(const struct conf *c, const json_t *status)
{
    json_t *names = json_array();
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(status, "sites"), i, row) {
        const char *site = json_text(row, "site", "");
        if ((!c->site[0] || strcmp(c->site, site) == 0) && strcmp(json_text(row, "state", ""), "going") != 0)
            (void)json_array_append_new(names, json_string(site));
    }
    return names;
}

int verb_reload(int argc, char **argv)
{
    int status;
    struct conf *c = verbs_load(argc, argv, false, &status);
    if (!c)
        return status;
    json_t *state = c->sites[0] ? verbs_ask_site(c, "status", "") : NULL;
    json_t *before = state ? names_of(c, state) : NULL;
    status = before ? reload_sites(c, before) : c->sites[0] ? EXIT_WRONG : reload_one(c, "reload", "");
    json_decref(before);
    json_decref(state);
    conf_free(c);
    return status;
}
