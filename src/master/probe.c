/* probe.c - `check` imports the project once: a zygote without master loop, edges or workers.
 */
#include "master/master.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/sys.h"
#include "master/child.h"
#include "master/zygote.h"

static int wait_readable(int fd, int64_t until_us)
{
    struct pollfd in = { .fd = fd, .events = POLLIN };
    int rc;
    do {
        int64_t left_us = until_us - sys_now_us();
        if (left_us <= 0)
            return -ETIMEDOUT;
        rc = sys_poll(&in, 1, (int)(left_us / 1000 + 1));
    } while (rc == -EINTR || rc == 0);
    return rc < 0 ? rc : 0;
}

/* Its first message that is a verdict: "ready" or "failed"; NULL with a sentence. */
static json_t *wait_verdict(int fd, const struct conf *conf, char *why)
{
    int64_t until_us = sys_now_us() + conf->start_timeout_ms * 1000;
    int rc;
    while ((rc = wait_readable(fd, until_us)) == 0) {
        json_t *message = NULL;
        rc = zygote_read(fd, &message);
        if (rc == -EAGAIN)
            continue;
        if (rc <= 0)
            break;
        const char *event = json_text(message, "event", "");
        if (strcmp(event, "ready") == 0 || strcmp(event, "failed") == 0)
            return message;
        json_decref(message);
    }
    if (rc == -ETIMEDOUT)
        (void)snprintf(why, CONF_WHY_BYTES, "importing the project took longer than %" PRId64
                       " ms (option start-timeout)", conf->start_timeout_ms);
    else
        (void)snprintf(why, CONF_WHY_BYTES, "the process that imports the project ended by itself");
    return NULL;
}

static char *take_report(json_t *verdict, char *why)
{
    if (strcmp(json_text(verdict, "event", ""), "ready") == 0) {
        char *line = json_line(verdict);
        if (!line)
            (void)snprintf(why, CONF_WHY_BYTES, "no memory for what the project said");
        return line;
    }
    const char *traceback = json_text(verdict, "traceback", "");
    (void)sys_write(STDERR_FILENO, traceback, strlen(traceback));
    (void)snprintf(why, CONF_WHY_BYTES, "%s",
                   json_text(verdict, "error", "the project cannot be imported"));
    return NULL;
}

char *master_probe(const struct master_start *start, char *why)
{
    int fd = -1;
    char *report = NULL;
    struct zygote_start z = { .start = start,
                              .workers = project_workers(start->conf),
                              .looks_over = true,
                              .output_fd = STDERR_FILENO,
                              .error_fd = STDERR_FILENO };
    struct worker_user user;
    pid_t pid = zygote_spawn(&z, &user, &fd, why);
    if (pid < 0)
        return NULL;
    json_t *verdict = wait_verdict(fd, start->conf, why);
    if (verdict)
        report = take_report(verdict, why);
    json_decref(verdict);
    (void)sys_close(fd);
    (void)sys_kill(pid, SIGKILL); /* not reaped yet, so still ours; it has nothing to finish */
    (void)sys_waitpid(pid, NULL, 0, NULL);
    return report;
}
