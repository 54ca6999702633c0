/* maintenance.c - `slipway maintenance on|off`: visitors are told that the site is being worked on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/verbs.h"
#include "conf/conf.h"

static const char *const usage = "maintenance takes on or off: slipway maintenance on "
                                 "[--message TEXT] [--allow NETWORK]";

/* Takes "on" or "off" out of the arguments: NULL when neither is there. */
static const char *take_word(int *argc, char **argv)
{
    const char *word = NULL;
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        bool is_it = !word && (strcmp(argv[i], "on") == 0 || strcmp(argv[i], "off") == 0);
        if (is_it)
            word = argv[i];
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return word;
}

/* Takes every "--allow NETWORK" out of them. */
static json_t *take_allows(int *argc, char **argv)
{
    static const char name[] = "--allow";
    const size_t len = sizeof name - 1;
    json_t *all = json_array();
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        bool is_it = strncmp(argv[i], name, len) == 0;
        if (is_it && argv[i][len] == '=')
            (void)json_array_append_new(all, json_string(argv[i] + len + 1));
        else if (is_it && argv[i][len] == '\0' && i + 1 < *argc)
            (void)json_array_append_new(all, json_string(argv[++i]));
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return all;
}

static const json_t *row_of(const json_t *answer, const char *name)
{
    const json_t *site;
    size_t i;
    json_array_foreach(json_object_get(answer, "sites"), i, site)
        if (strcmp(json_text(site, "site", ""), name) == 0)
            return json_object_get(site, "maintenance");
    return json_object_get(answer, "maintenance");
}

static int order(struct conf *c, json_t *request, bool is_on)
{
    bool is_named = c->sites[0] || c->origin[CONF_site].source == CONF_ARGUMENT;
    (void)json_object_set_new(request, "site", json_string(is_named ? c->site : ""));
    json_t *answer = verbs_ask_with(c, request);
    int status = answer ? EXIT_DONE : EXIT_WRONG;
    if (answer && !json_flag(answer, "ok", false))
        status = verbs_refused(answer, "nothing has changed");
    else if (answer && !is_on && json_flag(row_of(answer, c->site), "on", false))
        status = verbs_fail(EXIT_WRONG, "maintenance stays on: the file of maintenance-file is there");
    else if (answer)
        (void)printf("maintenance is %s\n", is_on ? "on: visitors get 503" : "off");
    json_decref(answer);
    return status;
}

int verb_maintenance(int argc, char **argv)
{
    int status;
    const char *message = verbs_take_value(&argc, argv, "--message");
    json_t *allow = take_allows(&argc, argv);
    const char *word = take_word(&argc, argv);
    bool is_on = word && strcmp(word, "on") == 0;
    json_t *request = json_pack("{s:s, s:b, s:s, s:o}", "verb", "maintenance", "on", is_on, "message",
                                message ? message : "", "allow", allow);
    struct conf *c = word && request ? verbs_load(argc, argv, false, &status) : NULL;
    if (!word)
        status = verbs_fail(EXIT_USAGE, "%s", usage);
    else if (!request)
        status = verbs_fail(EXIT_USAGE, "--message and --allow take text in UTF-8");
    else if (c)
        status = order(c, request, is_on);
    json_decref(request);
    conf_free(c);
    return status;
}
