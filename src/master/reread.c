/* reread.c - see reread.h.  Nothing is half-applied: what cannot be read refuses the reload. */
#include "master/reread.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/sys.h"

static bool has_changed(const struct conf *was, const struct conf *is, enum conf_option option)
{
    struct buf one = { 0 }, other = { 0 };
    bool is_read = conf_value_text(was, option, &one) == 0 && conf_value_text(is, option, &other) == 0;
    bool differs = is_read && !span_eq(buf_span(&one), buf_span(&other));
    buf_done(&one);
    buf_done(&other);
    return differs;
}

static void say_what_waits(const struct conf *was, const struct conf *is)
{
    for (unsigned option = 0; option < CONF_OPTIONS; option++)
        if (!conf_row(option)->on_reload && has_changed(was, is, option))
            log_warn("option changed", "option=%s takes_effect=\"at the next start\"", conf_row(option)->name);
}

static int read_again(struct reread *r, const struct master_start *first, char *why)
{
    int rc = first->server ? conf_load_site(r->conf, first->server, first->site_file, first->envp, why)
                           : conf_load(r->conf, first->argc, first->argv, first->envp, why);
    if (rc == 0 && first->is_development)
        conf_use_for_development(r->conf);
    if (rc == 0 && first->is_development)
        rc = conf_use_local_certificate(r->conf, first->envp, why);
    if (rc == 0)
        rc = project_find(&r->project, r->conf, first->envp, true, why);
    if (rc < 0)
        return rc;
    if (!first->project)
        return 0;
    if (strcmp(r->project.folder, first->project->folder) != 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "the project's folder is now %.*s; start slipway again for that",
                       CONF_WHY_BYTES / 2, r->project.folder);
        return -EINVAL;
    }
    say_what_waits(first->conf, r->conf);
    return 0;
}

struct reread *reread_new(const struct master_start *first, char *why)
{
    struct reread *r = sys_calloc(1, sizeof *r);
    if (r)
        r->conf = conf_new();
    if (!r || !r->conf) {
        (void)snprintf(why, CONF_WHY_BYTES, "no memory to read the options again");
        reread_free(r);
        return NULL;
    }
    if (read_again(r, first, why) < 0) {
        reread_free(r);
        return NULL;
    }
    r->start = *first;
    r->start.conf = r->conf;
    r->start.project = &r->project;
    return r;
}

void reread_free(struct reread *r)
{
    if (!r)
        return;
    conf_free(r->conf);
    sys_free(r);
}
