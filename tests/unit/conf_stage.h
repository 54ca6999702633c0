/* conf_stage.h - options from every source, for the tests of conf*.c; what is wrong is in `why`. */
#pragma once
#include "unit.h"
#include "conf/conf.h"
#include "temp_folder.h"

static char why[CONF_WHY_BYTES];

static inline int set(struct conf *c, const char *name, const char *value, enum conf_source source)
{
    return conf_set(c, span_of(name), span_of(value), source, NULL, why);
}

static inline int read_arguments(struct conf *c, const char *const *words)
{
    int argc = 0;
    while (words[argc])
        argc++;
    return conf_read_arguments(c, argc, (char **)(uintptr_t)words, why);
}
#define ARGUMENTS(c, ...) read_arguments(c, (const char *const[]){ __VA_ARGS__, NULL })
#define ENVIRONMENT(c, ...) conf_read_environment(c, (char *const[]){ __VA_ARGS__, NULL }, why)

static inline char *value_text(const struct conf *c, enum conf_option option, char text[512])
{
    struct buf out = { 0 };
    assert_int_equal(conf_value_text(c, option, &out), 0);
    snprintf(text, 512, "%.*s", (int)buf_len(&out), buf_len(&out) > 0 ? buf_span(&out).at : "");
    buf_done(&out);
    return text;
}

/* Every value and origin of two confs. */
static inline bool is_equal(const struct conf *a, const struct conf *b)
{
    char one[512], other[512];
    for (enum conf_option i = 0; i < CONF_OPTIONS; i++)
        if (strcmp(value_text(a, i, one), value_text(b, i, other)) != 0 ||
            a->origin[i].source != b->origin[i].source)
            return false;
    return true;
}

static inline int read_ini(struct conf *c, const char *text)
{
    struct temp_folder t;
    temp_make(&t);
    int rc = conf_read_ini(c, temp_write(&t, "slipway.ini", text), why);
    temp_done(&t);
    return rc;
}
