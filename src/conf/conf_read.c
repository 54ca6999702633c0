/* conf_read.c - options from the environment and from the arguments. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "conf/conf_private.h"

enum { VARIABLE_BYTES = 64, PLACE_BYTES = 128 };

static const struct span prefix = SPAN("SLIPWAY_");

/* Of names that begin with SLIPWAY_, these are not ours to judge: Kubernetes sets PORT and SERVICE
 * ones in every pod beside a service called "slipway", and FAULT is for test builds. */
static const struct span foreign[] = { SPAN("SLIPWAY_PORT"), SPAN("SLIPWAY_SERVICE_"),
                                       SPAN("SLIPWAY_FAULT") };

struct variables {
    struct conf *conf;
    enum conf_source source;
    const char *file;             /* NULL: the environment itself */
    char *why;
};

static bool split(const char *variable, struct span *name, struct span *value)
{
    const char *equals = strchr(variable, '=');
    if (!equals || equals[1] == '\0') /* set but empty is how containers say "not set" */
        return false;
    *name = (struct span){ variable, (size_t)(equals - variable) };
    *value = span_of(equals + 1);
    return true;
}

static int read_concurrency(const struct variables *v, const char *variable, const char *place)
{
    struct span name, value;
    if (!split(variable, &name, &value) || !span_eq(name, SPAN("WEB_CONCURRENCY")))
        return 0;
    return conf_set(v->conf, SPAN("workers"), value, v->source, place, v->why);
}

/* Nothing else names a listener, or only a PORT in the env file does. */
static bool is_listen_free(const struct variables *v)
{
    const struct conf_origin *listen = &v->conf->origin[CONF_listen];
    return listen->source == CONF_BUILT_IN ||
           (listen->source == CONF_ENV_FILE && v->source > CONF_ENV_FILE &&
            strstr(listen->place, ": PORT"));
}

static int read_port(const struct variables *v, const char *variable, const char *place)
{
    char address[16], shown[CONF_SHOWN_BYTES];
    struct span name, value;
    uint64_t port;
    if (!split(variable, &name, &value) || !span_eq(name, SPAN("PORT")) || !is_listen_free(v))
        return 0;
    if (span_to_u64(value, &port) < 0 || port > UINT16_MAX) {
        (void)snprintf(v->why, CONF_WHY_BYTES, "%s takes a number from 0 to 65535, not '%s'", place,
                       log_escape(shown, sizeof(shown), value));
        return -EINVAL;
    }
    (void)snprintf(address, sizeof(address), "0.0.0.0:%u", (unsigned)port);
    return conf_set(v->conf, SPAN("listen"), span_of(address), v->source, place, v->why);
}

static enum conf_option find_variable(struct span name)
{
    char option[VARIABLE_BYTES];
    struct span rest = span_skip(name, prefix.len);
    if (rest.len >= sizeof(option))
        return CONF_OPTIONS;
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.at[i] != '_' && !isupper((unsigned char)rest.at[i]))
            return CONF_OPTIONS;
        option[i] = rest.at[i] == '_' ? '-' : (char)tolower((unsigned char)rest.at[i]);
    }
    return conf_find((struct span){ option, rest.len });
}

static int refuse_variable(const struct variables *v, struct span name, const char *place)
{
    char option[VARIABLE_BYTES], shown[CONF_SHOWN_BYTES];
    struct span rest = span_skip(name, prefix.len);
    size_t len = rest.len < sizeof(option) ? rest.len : 0;
    for (size_t i = 0; i < len; i++)
        option[i] = rest.at[i] == '_' ? '-' : (char)tolower((unsigned char)rest.at[i]);
    const struct conf_row *near = conf_guess((struct span){ option, len });
    for (size_t i = 0; near && i < sizeof(option) && (i == 0 || option[i - 1] != '\0'); i++)
        option[i] = near->name[i] == '-' ? '_' : (char)toupper((unsigned char)near->name[i]);
    (void)snprintf(v->why, CONF_WHY_BYTES, "unknown variable %s%s%s%s", v->file
                   ? place : log_escape(shown, sizeof(shown), name),
                   near ? ", did you mean SLIPWAY_" : "", near ? option : "", near ? "?" : "");
    return -EINVAL;
}

static int set_items(const struct variables *v, struct span name, struct span value,
                     const char *place)
{
    int rc = 0;
    while (value.len > 0 && rc == 0) {
        size_t end = span_find(value, ',');
        rc = conf_set(v->conf, name, span_trim((struct span){ value.at, end }), v->source, place,
                      v->why);
        value = span_skip(value, end < value.len ? end + 1 : end);
    }
    return rc;
}

static int read_own(const struct variables *v, const char *variable, const char *place)
{
    struct span name, value;
    if (!split(variable, &name, &value) || !span_starts(name, prefix))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (span_starts(name, foreign[i]))
            return 0;
    enum conf_option option = find_variable(name);
    if (option == CONF_OPTIONS)
        return refuse_variable(v, name, place);
    if (v->file && (option == CONF_chdir || option == CONF_config || option == CONF_env_file)) {
        (void)snprintf(v->why, CONF_WHY_BYTES,
                       "%s is needed before this file is found: set it in slipway.ini, in the "
                       "environment or as an argument",
                       place);
        return -EINVAL;
    }
    struct span option_name = span_of(conf_row(option)->name);
    return conf_kind(option) == CONF_KIND_LIST
               ? set_items(v, option_name, value, place)
               : conf_set(v->conf, option_name, value, v->source, place, v->why);
}

typedef int read_fn(const struct variables *v, const char *variable, const char *place);

static int read_each(const struct variables *v, char *const *envp, read_fn *read_one)
{
    char place[PLACE_BYTES];
    int rc = 0;
    for (; *envp && rc == 0; envp++) {
        int name_bytes = (int)strcspn(*envp, "=");
        name_bytes = name_bytes < VARIABLE_BYTES ? name_bytes : VARIABLE_BYTES;
        (void)snprintf(place, sizeof(place), "%.50s%s%.*s", v->file ? v->file : "",
                       v->file ? ": " : "", name_bytes, *envp);
        rc = read_one(v, *envp, place);
    }
    return rc;
}

int conf_read_variables(struct conf *c, char *const *envp, enum conf_source source,
                        const char *file, char *why)
{
    const struct conf saved = *c;
    const struct variables v = { c, source, file, why };
    /* Within one source our own names are stronger than those that others use too. */
    int rc = read_each(&v, envp, read_concurrency);
    rc = rc < 0 ? rc : read_each(&v, envp, read_own);
    rc = rc < 0 ? rc : read_each(&v, envp, read_port);
    if (rc < 0) {
        conf_drop_texts(c, saved.texts);
        *c = saved;
    }
    return rc == -EINVAL ? -EBADMSG : rc;
}

int conf_read_environment(struct conf *c, char *const *envp, char *why)
{
    return conf_read_variables(c, envp, CONF_ENVIRONMENT, NULL, why);
}

/* ---- arguments ---- */

struct arguments {
    struct conf *conf;
    char **next, **end;
    bool has_app;
    char *why;
};

static bool is_flag_word(const char *text)
{
    int64_t value;
    return text && conf_parse_number(CONF_KIND_FLAG, span_of(text), &value) == 0;
}

static int set_argument(struct arguments *a, struct span name, struct span value)
{
    char place[PLACE_BYTES];
    (void)snprintf(place, sizeof(place), "--%.*s", (int)name.len, name.at);
    return conf_set(a->conf, name, value, CONF_ARGUMENT, place, a->why);
}

/* The word after a FLAG is its value, or a wrong one: an application has a colon. */
static bool is_value_of_flag(const struct arguments *a)
{
    if (a->next == a->end)
        return false;
    return is_flag_word(*a->next) || ((*a->next)[0] != '-' && !strchr(*a->next, ':'));
}

/* --retry, --retry no, --no-retry; 1: it was one. */
static int read_flag(struct arguments *a, struct span name)
{
    struct span no = SPAN("no-");
    bool is_no = conf_find(name) == CONF_OPTIONS && span_starts(name, no);
    enum conf_option option = conf_find(is_no ? span_skip(name, no.len) : name);
    if (option == CONF_OPTIONS || conf_kind(option) != CONF_KIND_FLAG)
        return 0;
    struct span value = is_no ? SPAN("no") : SPAN("yes");
    if (!is_no && is_value_of_flag(a))
        value = span_of(*a->next++);
    int rc = set_argument(a, span_of(conf_row(option)->name), value);
    return rc < 0 ? rc : 1;
}

static int refuse_argument(struct arguments *a, const char *argument)
{
    char shown[CONF_SHOWN_BYTES];
    struct span name = span_of(argument);
    while (name.len > 0 && name.at[0] == '-')
        name = span_skip(name, 1);
    name.len = span_find(name, '=');
    const struct conf_row *near = conf_guess(name);
    const char *more = conf_foreign(name);
    (void)snprintf(a->why, CONF_WHY_BYTES, "unknown option '%s'%s%s%s%s",
                   log_escape(shown, sizeof(shown), span_of(argument)),
                   near ? ", did you mean '--" : "", near ? near->name : "", near ? "'?" : "",
                   more ? more : "");
    return -EINVAL;
}

static int read_option(struct arguments *a, const char *argument)
{
    struct span text = span_of(argument + 2), name = { text.at, span_find(text, '=') };
    int rc = name.len == text.len ? read_flag(a, name) : 0;
    if (rc != 0)
        return rc;
    enum conf_option option = conf_find(name);
    if (option == CONF_OPTIONS)
        return refuse_argument(a, argument);
    if (name.len < text.len)
        return set_argument(a, name, span_skip(text, name.len + 1));
    if (a->next == a->end || strncmp(*a->next, "--", 2) == 0) {
        (void)snprintf(a->why, CONF_WHY_BYTES, "%s needs a value: %s %s", argument, argument,
                       conf_row(option)->argument);
        return -EINVAL;
    }
    return set_argument(a, name, span_of(*a->next++));
}

static int read_app(struct arguments *a, const char *argument)
{
    char shown[CONF_SHOWN_BYTES];
    if (a->has_app) {
        (void)snprintf(a->why, CONF_WHY_BYTES, "one application is served, '%s' is one too many",
                       log_escape(shown, sizeof(shown), span_of(argument)));
        return -EINVAL;
    }
    a->has_app = true;
    return conf_set(a->conf, SPAN("app"), span_of(argument), CONF_ARGUMENT, "the argument", a->why);
}

int conf_read_arguments(struct conf *c, int argc, char **argv, char *why)
{
    const struct conf saved = *c;
    struct arguments a = { c, argv, argv + argc, false, why };
    int rc = 0;
    while (a.next < a.end && rc >= 0) {
        const char *argument = *a.next++;
        if (strncmp(argument, "--", 2) == 0)
            rc = read_option(&a, argument);
        else
            rc = argument[0] == '-' ? refuse_argument(&a, argument) : read_app(&a, argument);
    }
    if (rc < 0) {
        conf_drop_texts(c, saved.texts);
        *c = saved;
    }
    return rc < 0 ? rc : 0;
}

int conf_options_end(int argc, char **argv)
{
    int i = 0;
    while (i < argc && strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0') {
        struct span text = span_of(argv[i] + 2), name = { text.at, span_find(text, '=') };
        enum conf_option option = conf_find(name);
        i++;
        if (name.len < text.len || option == CONF_OPTIONS)
            continue;                             /* --name=VALUE, --no-name, or an unknown one */
        if (conf_kind(option) != CONF_KIND_FLAG || (i < argc && is_flag_word(argv[i])))
            i++;
    }
    return i < argc ? i : argc;
}
