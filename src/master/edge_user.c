/* edge_user.c - names become numbers here, by the C library and whatever directory it asks: an edge
 * has no way to do so any more.
 */
#include "master/edge_user.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
#include "base/span.h"
#include "base/sys.h"

enum { NAME_BYTES = 65, NOBODY = 65534 };       /* most of the option's text; the kernel's overflow id */

static bool find_user(const char *name, struct edge_user *u)
{
    uint64_t number;
    bool is_number = span_to_u64(span_of(name), &number) == 0 && number < UINT32_MAX;
    const struct passwd *entry = is_number ? getpwuid((uid_t)number) : getpwnam(name);
    if (!entry && !is_number && strcmp(name, "nobody") != 0)
        return false;
    u->uid = entry ? entry->pw_uid : is_number ? (uid_t)number : NOBODY;
    u->gid = entry ? entry->pw_gid : (gid_t)u->uid;
    return true;
}

static bool find_group(const char *name, struct edge_user *u)
{
    uint64_t number;
    bool is_number = span_to_u64(span_of(name), &number) == 0 && number < UINT32_MAX;
    const struct group *entry = is_number ? NULL : getgrnam(name);
    if (!entry && !is_number)
        return false;
    u->gid = entry ? entry->gr_gid : (gid_t)number;
    return true;
}

static int refuse(const struct conf *c, char *why, const char *what, const char *name)
{
    (void)snprintf(why, CONF_WHY_BYTES, "%s '%.64s' (%.200s)", what, name,
                   conf_origin_text(c, CONF_edge_user));
    return -EINVAL;
}

int edge_user_find(const struct conf *c, struct edge_user *u, char *why)
{
    char name[NAME_BYTES];
    *u = (struct edge_user){ .is_other = false };
    if (geteuid() != 0 || strcmp(c->sandbox, "no") == 0)
        return 0;
    (void)snprintf(name, sizeof name, "%s", c->edge_user);
    char *colon = strchr(name, ':');
    if (colon)
        *colon = '\0';
    if (!find_user(name, u))
        return refuse(c, why, "edge-user: there is no user", name);
    if (colon && !find_group(colon + 1, u))
        return refuse(c, why, "edge-user: there is no group", colon + 1);
    if (u->uid == 0)
        return refuse(c, why, "edges never run as root: name another user than", name);
    u->is_other = true;
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
