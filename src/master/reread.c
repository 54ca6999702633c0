/* reread.c - see reread.h.  Nothing is half-applied: what cannot be read refuses the reload. */
#include "master/reread.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/sys.h"

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
    if (first->server || first->is_development)         /* else the server's and the site's are the same */
        server_options_wait(first->conf, r->conf, first->is_development, r->waits);
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
