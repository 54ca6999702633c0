/* spawn.c - places descriptors by number: all sources move out of the way first, then each target
 * is closed and taken, so no order of sources and targets can collide.
 */
#include "master/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/sys.h"
#include "master/worker_user.h"

enum { HIGH_FD = 100, FAILED_STATUS = 127 };      /* HIGH_FD: above every target */
_Static_assert(HIGH_FD > SPAWN_FIRST_FD + SPAWN_FDS_MAX, "targets reach the sources");

static int place(const int *sources, size_t count)
{
    int high[SPAWN_FIRST_FD + SPAWN_FDS_MAX];
    for (size_t i = 0; i < count; i++) {
        high[i] = sys_fcntl(sources[i], F_DUPFD_CLOEXEC, HIGH_FD);
        if (high[i] < 0)
            return high[i];
    }
    for (size_t i = 0; i < count; i++) {
        (void)sys_close((int)i);
        int got = sys_fcntl(high[i], F_DUPFD, (long)i);
        if (got != (int)i)
            return got < 0 ? got : -EBADF;
    }
    return 0;
}

static int place_all(const struct spawn *s)
{
    int sources[SPAWN_FIRST_FD + SPAWN_FDS_MAX];
    int null_fd = sys_open("/dev/null", O_RDONLY, 0);
    if (null_fd < 0)
        return null_fd;
    sources[0] = null_fd;
    sources[1] = s->output_fd;
    sources[2] = s->error_fd;
    memcpy(sources + SPAWN_FIRST_FD, s->fds, s->fds_count * sizeof s->fds[0]);
    return place(sources, SPAWN_FIRST_FD + s->fds_count);
}

static int bind_to_parent(pid_t parent)
{
    int rc = sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
    return rc == 0 && getppid() != parent ? -ESRCH : rc;      /* it ended before we asked */
}

static int become(const struct spawn *s, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    int rc = sys_setpgid(0, 0);
    if (rc == 0)
        rc = place_all(s);
    if (rc == 0 && s->user)
        rc = worker_user_become(s->user);
    if (rc == 0 && s->dies_with_us)               /* another user would lose it again */
        rc = bind_to_parent(parent);
    if (rc == 0 && s->folder)
        rc = sys_chdir(s->folder);
    if (rc == 0)
        rc = sys_sigmask(SIG_SETMASK, &none);
    return rc == 0 ? sys_execve(s->path, s->argv, s->envp) : rc;
}

pid_t spawn_start(const struct spawn *s)
{
    char line[512];
    pid_t parent = getpid();
    if (s->fds_count > SPAWN_FDS_MAX)
        return -EINVAL;
    pid_t pid = sys_fork();
    if (pid != 0)
        return pid;
    int rc = become(s, parent);
    int len = snprintf(line, sizeof line, "slipway: cannot run %.300s: %s\n", s->path,
                       strerror(-rc));
    (void)sys_write(2, line, (size_t)len);
    sys_exit(FAILED_STATUS);
}

pid_t spawn_verb(struct spawn *s, const char *verb)
{
    char name[] = "slipway", argument[32];
    char *argv[] = { name, argument, NULL };
    (void)snprintf(argument, sizeof argument, "%s", verb);
    s->path = "/proc/self/exe";
    s->argv = argv;
    pid_t pid = spawn_start(s);
    s->argv = NULL;
    return pid;
}
