/* worker_user.h - whom the project's code runs as: options user, group and umask.
 *
 * Where root starts slipway, sockets are bound, certificates and the environment file are read and logs
 * are written with its rights; the zygote and so every worker, and what `slipway exec` runs, begin as the
 * site's user: option user, else the owner of the project's folder.  What they make (uploads, a SQLite
 * file) is his.
 */
#pragma once
#include "conf/project.h"
#include "master/account.h"

struct worker_user {
    struct account account;
    gid_t gid;                                    /* option group, else that of his login */
    gid_t groups[ACCOUNT_GROUPS_MAX];
    size_t groups_count;
    int umask;                                    /* -1: as it is */
    bool is_other;                                /* than who we are: processes change */
    bool is_root_unasked;                         /* the project is root's, and nobody said so */
    const char *from;                             /* for people: "option user", "owner of the ..." */
};

/* 0; or -EINVAL (no such user or group; somebody else, where we are not root), -errno, each with a
 * sentence (CONF_WHY_BYTES). */
int worker_user_find(struct worker_user *u, const struct conf *c, const char *folder, char *why);

/* In a process that is to be his, for good: 0 or -errno. */
int worker_user_become(const struct worker_user *u);

/* Files are opened, looked at and removed with his rights until the end of it. */
struct worker_user_turn {
    gid_t groups[ACCOUNT_GROUPS_MAX];
    int groups_count;
};
int worker_user_begin(const struct worker_user *u, struct worker_user_turn *turn);
void worker_user_end(const struct worker_user *u, const struct worker_user_turn *turn);

/* Whether he can enter the folder of each file and use it: 0, or -EACCES and a sentence that names
 * the first thing in his way. */
int worker_user_reaches(const struct worker_user *u, const char *const *files, size_t count, char *why);
