/* account.h - users and groups by name or number.
 *
 * Names become numbers here, in the master, by the C library and whatever directory it asks: an edge has
 * no way to do so any more, and a zygote begins as what it found.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { ACCOUNT_NAME_BYTES = 65, ACCOUNT_PATH_BYTES = 1024, ACCOUNT_GROUPS_MAX = 64 };

struct account {
    uid_t uid;
    gid_t gid;                                    /* the group of its login */
    char name[ACCOUNT_NAME_BYTES];                /* its number where nothing names it */
    char home[ACCOUNT_PATH_BYTES], shell[ACCOUNT_PATH_BYTES];       /* "/", "/bin/sh" likewise */
};

/* A number need not be anybody's; its group is then of the same number.  False: there is no such user. */
bool account_find(const char *name, struct account *a);
void account_of(uid_t uid, struct account *a);
bool account_find_group(const char *name, gid_t *gid);

/* The user's supplementary groups with `gid` among them, as a login would have them: how many, of
 * which no more than ACCOUNT_GROUPS_MAX are kept. */
size_t account_groups(const struct account *a, gid_t gid, gid_t groups[ACCOUNT_GROUPS_MAX]);
