/* worker_user.c - who, and what he can reach. */
#include "master/worker_user.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/sys.h"
#include "conf/folder.h"

enum { TRIES = 2, OCTAL = 8 };       /* one way back can be made to fail, in a test */

static int refuse(const struct conf *c, enum conf_option option, char *why, const char *what, const char *name)
{
    (void)snprintf(why, CONF_WHY_BYTES, "%s '%.64s' (%.200s)", what, name, conf_origin_text(c, option));
    return -EINVAL;
}

static int find_default(struct worker_user *u, const char *folder, char *why)
{
    struct stat st;
    int rc = geteuid() == 0 ? sys_stat(folder, &st) : 0;
    if (rc < 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "cannot see whose folder %.300s is: %s", folder, strerror(-rc));
        return rc;
    }
    account_of(geteuid() == 0 ? st.st_uid : geteuid(), &u->account);
    u->is_root_unasked = u->account.uid == 0;
    u->from = geteuid() != 0 ? "who started it" : "owner of the project's folder";
    return 0;
}

/* Who can write the file could become whom it names. */
static int check_file(const struct worker_user *u, const struct conf *c, char *why)
{
    struct stat st;
    enum conf_source source = c->origin[CONF_user].source;
    const char *file = source == CONF_INI ? c->config : source == CONF_ENV_FILE ? c->env_file : "";
    if (geteuid() != 0 || !file[0] || sys_stat(file, &st) < 0 || st.st_uid == 0 ||
        st.st_uid == u->account.uid)
        return 0;
    (void)snprintf(why, CONF_WHY_BYTES,
                   "%.100s: user = %.64s counts for root only in a file of root's: chown root %.250s, or say "
                   "--user", conf_origin_text(c, CONF_user), u->account.name, file);
    return -EINVAL;
}

int worker_user_find(struct worker_user *u, const struct conf *c, const char *folder, char *why)
{
    *u = (struct worker_user){ .umask = c->umask[0] ? (int)strtol(c->umask, NULL, OCTAL) : -1,
                               .from = "option user" };
    int rc = c->user[0] ? 0 : find_default(u, folder, why);
    if (rc < 0)
        return rc;
    if (c->user[0] && !account_find(c->user, &u->account))
        return refuse(c, CONF_user, why, "user: there is no user", c->user);
    if (check_file(u, c, why) < 0)
        return -EINVAL;
    u->gid = u->account.gid;
    if (c->group[0] && !account_find_group(c->group, &u->gid))
        return refuse(c, CONF_group, why, "group: there is no group", c->group);
    bool is_us = u->account.uid == geteuid() && (!c->group[0] || u->gid == getegid());
    if (!is_us && geteuid() != 0)
        return refuse(c, c->user[0] ? CONF_user : CONF_group, why,
                      "only root can run the project as another user or group: not as",
                      c->user[0] ? c->user : c->group);
    u->is_other = !is_us;
    if (u->is_other)
        u->groups_count = account_groups(&u->account, u->gid, u->groups);
    return 0;
}

int worker_user_become(const struct worker_user *u)
{
    if (u->umask >= 0)
        (void)sys_umask((mode_t)u->umask);
    return u->is_other ? sys_become_user(u->account.uid, u->gid, u->groups, u->groups_count) : 0;
}

int worker_user_begin(const struct worker_user *u, struct worker_user_turn *turn)
{
    *turn = (struct worker_user_turn){ .groups_count = 0 };
    if (!u->is_other)
        return 0;
    turn->groups_count = sys_groups(turn->groups, ACCOUNT_GROUPS_MAX);
    int rc = turn->groups_count < 0 ? turn->groups_count : sys_set_groups(u->groups, u->groups_count);
    if (rc < 0)
        return rc;
    rc = sys_files_as(u->account.uid, u->gid);
    if (rc < 0)
        worker_user_end(u, turn);
    return rc;
}

void worker_user_end(const struct worker_user *u, const struct worker_user_turn *turn)
{
    for (int tries = 0; u->is_other && tries < TRIES && sys_files_as(0, getegid()) < 0; tries++)
        continue;
    for (int tries = 0; u->is_other && tries < TRIES &&
                        sys_set_groups(turn->groups, (size_t)turn->groups_count) < 0; tries++)
        continue;
}

/* ---- what is in his way ---- */

static int say(const struct worker_user *u, const char *part, bool is_folder, char *why)
{
    (void)snprintf(why, CONF_WHY_BYTES,
                   "%.64s (%s), whom the project runs as, cannot %s %.300s: chmod o+%s it, give it to him, or "
                   "name another by option user",
                   u->account.name, u->from, is_folder ? "enter" : "use", part, is_folder ? "x" : "rX");
    return -EACCES;
}

static int reach(const struct worker_user *u, const char *file, char *why)
{
    char part[FOLDER_BYTES];
    for (size_t end = 1; file[end]; end++) {
        if (file[end] != '/')
            continue;
        (void)snprintf(part, sizeof part, "%.*s", (int)end, file);
        if (sys_can(part, X_OK) == -EACCES)
            return say(u, part, true, why);
    }
    return sys_can(file, X_OK) == -EACCES && sys_can(file, R_OK) == -EACCES ? say(u, file, false, why) : 0;
}

/* By its name, and where its links lead. */
static int reach_all(const struct worker_user *u, const char *file, char *why)
{
    char real[FOLDER_BYTES];
    struct worker_user_turn turn;
    bool has_links = sys_realpath(file, real) == 0 && strcmp(real, file) != 0;
    int rc = worker_user_begin(u, &turn);
    if (rc < 0) {
        (void)snprintf(why, CONF_WHY_BYTES, "cannot run the project as %.64s: %s%s", u->account.name,
                       strerror(-rc), rc == -EPERM ? " (root without CAP_SETUID and CAP_SETGID? then: user = root)" : "");
        return rc;
    }
    rc = has_links ? reach(u, real, why) : 0;
    rc = rc == 0 ? reach(u, file, why) : rc;
    worker_user_end(u, &turn);
    return rc;
}

int worker_user_reaches(const struct worker_user *u, const char *const *files, size_t count, char *why)
{
    int rc = 0;
    for (size_t i = 0; u->is_other && i < count && rc == 0; i++)
        rc = reach_all(u, files[i], why);
    return rc;
}
