/* env.c - `slipway env [FILE]`: what the environment file gives, as the application gets it.
 *
 * --json is one object, name to value (null: a name without '='); for people a line an entry, in
 * the file's order, the value masked: terminals are shown around.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/verbs.h"
#include "conf/env_file.h"

static int print_json(const struct env_entry *entries)
{
    json_t *all = json_object();
    int rc = all ? 0 : -1;
    for (const struct env_entry *e = entries; e && rc == 0; e = e->next)
        rc = json_object_set_new(all, e->name, e->value ? json_string(e->value) : json_null());
    if (rc == 0)
        rc = json_dumpf(all, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    json_decref(all);
    if (rc < 0)
        return verbs_fail(EXIT_WRONG, "out of memory");
    (void)putchar('\n');
    return EXIT_DONE;
}

static int print_entry(const struct env_entry *e, bool is_shown)
{
    if (!e->value)
        return printf("%s   (without a value it sets nothing)\n", e->name) < 0 ? -EIO : 0;
    (void)printf("%s=", e->name);
    json_t *value = is_shown ? json_string(e->value) : NULL;
    int rc = is_shown ? json_dumpf(value, stdout, JSON_ENCODE_ANY) : 0;
    json_decref(value);
    (void)printf("%s%s\n", is_shown ? "" : "********",
                 env_value(environ, e->name) ? "   (the environment has its own, which holds)" : "");
    return rc < 0 ? -ENOMEM : 0;
}

static int print_file(const char *path, bool is_json, bool is_shown)
{
    char why[CONF_WHY_BYTES] = "";
    struct env_entry *entries = NULL;
    int rc = env_read(path, environ, &entries, why);
    if (rc < 0 && !why[0])
        return verbs_fail(EXIT_WRONG, "cannot read %s: %s", path, strerror(-rc));
    if (rc < 0)
        return verbs_fail(EXIT_WRONG, "%s", why);
    int status = is_json ? print_json(entries) : EXIT_DONE;
    for (const struct env_entry *e = entries; e && !is_json && status == EXIT_DONE; e = e->next)
        if (print_entry(e, is_shown) < 0)
            status = verbs_fail(EXIT_WRONG, "out of memory");
    env_free(entries);
    return status;
}

int verb_env(int argc, char **argv)
{
    int status;
    bool is_json = verbs_take_flag(&argc, argv, "--json");
    bool is_shown = verbs_take_flag(&argc, argv, "--show");
    int at = conf_options_end(argc, argv);
    const char *file = at < argc && argv[at][0] != '-' ? argv[at] : NULL;
    if (file) {
        argc--;
        memmove(argv + at, argv + at + 1, (size_t)(argc - at) * sizeof *argv);
    }
    if (file && argc == 0)
        return print_file(file, is_json, is_shown);      /* whatever the project's own says */
    struct conf *c = verbs_load(argc, argv, false, &status);
    if (!c)
        return status;
    if (!file)
        file = c->env_file;
    status = file[0] ? print_file(file, is_json, is_shown)
                     : verbs_fail(EXIT_WRONG, "there is no .env in %s; name a file: slipway env FILE",
                                  c->chdir);
    conf_free(c);
    return status;
}
