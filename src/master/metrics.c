/* metrics.c - prometheus_client names its files KIND_PID.db, or gauge_MODE_PID.db. */
#include "master/metrics.h"
#include <stdio.h>
#include <unistd.h>
#include "base/sys.h"
#include "conf/folder.h"

struct sweep {
    const char *folder;
    char ending[32];              /* "_PID.db" */
};

void metrics_path(char path[METRICS_PATH_BYTES], const char *control)
{
    (void)snprintf(path, METRICS_PATH_BYTES, "%s%s", control, control[0] ? ".metrics" : "");
}

static int remove_file(void *ctx, const char *name)
{
    const struct sweep *s = ctx;
    char path[FOLDER_BYTES];
    if (folder_join(path, s->folder, name) == 0)
        (void)sys_unlink(path);
    return 0;
}

static int remove_live(void *ctx, const char *name)
{
    const struct sweep *s = ctx;
    struct span file = span_of(name), ending = span_of(s->ending);
    bool is_his = file.len > ending.len &&
                  span_eq(span_skip(file, file.len - ending.len), ending);
    return is_his && span_starts(file, SPAN("gauge_live")) ? remove_file(ctx, name) : 0;
}

static void sweep(struct sweep *s, int (*act)(void *, const char *), const struct worker_user *user)
{
    struct worker_user_turn turn;
    if (worker_user_begin(user, &turn) < 0)
        return;
    (void)folder_each(s->folder, act, s);
    worker_user_end(user, &turn);
}

void metrics_make(const char *path, const struct worker_user *user)
{
    if (sys_mkdir(path, 0700) == 0 && sys_lchown(path, user->account.uid, user->gid) < 0)
        (void)sys_rmdir(path);
}

void metrics_clear(const char *path)
{
    struct stat st;
    struct sweep s = { .folder = path };
    if (path[0] == '\0' || sys_lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return;
    struct worker_user owner = { .account.uid = st.st_uid, .gid = st.st_gid,
                                 .is_other = st.st_uid != geteuid() };
    if (owner.is_other && geteuid() != 0)
        return;
    sweep(&s, remove_file, &owner);
    (void)sys_rmdir(path);
}

void metrics_forget(const char *path, pid_t pid, const struct worker_user *user)
{
    struct sweep s = { .folder = path };
    (void)snprintf(s.ending, sizeof s.ending, "_%d.db", (int)pid);
    if (path[0] != '\0' && pid > 0)
        sweep(&s, remove_live, user);
}
