/* edge_user.c - an edge changes after its exec, by numbers that it is told (edge/sandbox.h). */
#include "master/edge_user.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/span.h"
#include "base/sys.h"
#include "master/account.h"

static int refuse(const struct conf *c, char *why, const char *what, const char *name)
{
    (void)snprintf(why, CONF_WHY_BYTES, "%s '%.64s' (%.200s)", what, name,
                   conf_origin_text(c, CONF_edge_user));
    return -EINVAL;
}

int edge_user_find(const struct conf *c, struct edge_user *u, char *why)
{
    char name[ACCOUNT_NAME_BYTES];
    struct account account;
    *u = (struct edge_user){ .is_other = false };
    if (geteuid() != 0 || strcmp(c->sandbox, "no") == 0)
        return 0;
    (void)snprintf(name, sizeof name, "%s", c->edge_user);
    char *colon = strchr(name, ':');
    if (colon)
        *colon = '\0';
    if (!account_find(name, &account))
        return refuse(c, why, "edge-user: there is no user", name);
    if (colon && !account_find_group(colon + 1, &account.gid))
        return refuse(c, why, "edge-user: there is no group", colon + 1);
    if (account.uid == 0)
        return refuse(c, why, "edges never run as root: name another user than", name);
    *u = (struct edge_user){ .is_other = true, .uid = account.uid, .gid = account.gid };
    return 0;
}

uint64_t edge_user_word(const struct edge_user *u)
{
    return u->is_other ? (uint64_t)u->uid << 32 | u->gid : 0;
}

int edge_user_spool(const struct edge_user *u, const char *folder)
{
    int rc = u->is_other ? sys_files_as(u->uid, u->gid) : 0;
    int fd = rc < 0 ? rc : sys_open_unlinked(folder);
    for (int tries = 0; u->is_other && tries < 2 && sys_files_as(0, 0) < 0; tries++)
        continue;                     /* one of them can be made to fail, in a test */
    return fd;
}
