/* account.c - the user database of this machine. */
#include "master/account.h"
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include "base/span.h"

enum { NOBODY = 65534 };                          /* the kernel's overflow id */

static bool is_number(const char *text, uint64_t *number)
{
    return span_to_u64(span_of(text), number) == 0 && *number < UINT32_MAX;
}

static void take(struct account *a, const struct passwd *entry)
{
    a->uid = entry->pw_uid;
    a->gid = entry->pw_gid;
    (void)snprintf(a->name, sizeof a->name, "%s", entry->pw_name);
    (void)snprintf(a->home, sizeof a->home, "%s", entry->pw_dir);
    (void)snprintf(a->shell, sizeof a->shell, "%s", entry->pw_shell);
}

void account_of(uid_t uid, struct account *a)
{
    const struct passwd *entry = getpwuid(uid);
    *a = (struct account){ .uid = uid, .gid = (gid_t)uid, .home = "/", .shell = "/bin/sh" };
    (void)snprintf(a->name, sizeof a->name, "%u", (unsigned)uid);
    if (entry)
        take(a, entry);
}

bool account_find(const char *name, struct account *a)
{
    uint64_t number;
    const struct passwd *entry;
    if (is_number(name, &number)) {
        account_of((uid_t)number, a);
    } else if ((entry = getpwnam(name)) != NULL) {
        take(a, entry);
    } else if (strcmp(name, "nobody") == 0) {
        account_of(NOBODY, a);
    } else {
        return false;
    }
    return true;
}

bool account_find_group(const char *name, gid_t *gid)
{
    uint64_t number;
    bool is_plain = is_number(name, &number);
    const struct group *entry = is_plain ? NULL : getgrnam(name);
    if (!entry && !is_plain)
        return false;
    *gid = entry ? entry->gr_gid : (gid_t)number;
    return true;
}

size_t account_groups(const struct account *a, gid_t gid, gid_t groups[ACCOUNT_GROUPS_MAX])
{
    int count = ACCOUNT_GROUPS_MAX;
    if (getgrouplist(a->name, gid, groups, &count) < 0)          /* it has more: the first ones count */
        count = ACCOUNT_GROUPS_MAX;
    return (size_t)count;
}
