/* sandbox.c - one row a part, in the order in which they are given up: each needs what a later one
 * takes away (ids change with capabilities, capabilities go before nothing can bring them back).
 *
 * A part can be missing (this kernel or this container has no such thing: that is said, and with
 * "auto" the edge goes on without it) or fail for now (no memory): then the edge ends, and the next
 * one tries again.
 */
#include "edge/sandbox.h"
#include <errno.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sys.h"
#include "fence/calls.h"
#include "edge/body.h"
#include "edge/sandbox_calls.h"

/* ---- the parts: 0, or -errno ---- */

static int become_user(struct sandbox *s)
{
    if (s->user != 0)
        return sys_become_user((uid_t)(s->user >> 32), (gid_t)(s->user & UINT32_MAX), NULL, 0);
    return geteuid() == 0 ? -EPERM : 0;
}

static int gain_nothing(struct sandbox *s)
{
    (void)s;
    return sys_prctl(PR_SET_NO_NEW_PRIVS, 1);
}

static int drop_capabilities(struct sandbox *s)
{
    (void)s;
    return sys_drop_capabilities();
}

/* The sanitizers' search for leaks traces its own process, and needs that. */
static int hide_memory(struct sandbox *s)
{
    (void)s;
    return sys_is_sanitized() ? 0 : sys_prctl(PR_SET_DUMPABLE, 0);
}

/* The sanitizers read /proc/self and write reports wherever they were told to. */
static int limit_writes(struct sandbox *s)
{
    return sys_is_sanitized() ? 0 : sandbox_files_begin(&s->files, body_folder(s->conf));
}

/* The sanitizers make calls of their own, at any time. */
static int limit_calls(struct sandbox *s)
{
    if (sys_is_sanitized())
        return 0;
    return sandbox_calls_limit(!sys_makes_unlinked(body_folder(s->conf)),
                               strcmp(s->conf->sandbox, "kill") == 0);
}

static const struct part {
    const char *name;
    int (*give_up)(struct sandbox *s);
} parts[] = {
    [SANDBOX_USER] = { "user", become_user },
    [SANDBOX_PRIVILEGES] = { "no_new_privs", gain_nothing },
    [SANDBOX_CAPABILITIES] = { "capabilities", drop_capabilities },
    [SANDBOX_MEMORY] = { "memory", hide_memory },
    [SANDBOX_WRITES] = { "landlock", limit_writes },
    [SANDBOX_CALLS] = { "seccomp", limit_calls },
    [SANDBOX_READS] = { "landlock (static files)", NULL },    /* sandbox_files, with what it needs */
};
_Static_assert(ARRAY_LEN(parts) == SANDBOX_PARTS, "a part without a row");

/* ---- giving up ---- */

static int judge(struct sandbox *s, enum sandbox_part part, int rc)
{
    if (rc == 0) {
        s->on |= 1u << part;
        return 0;
    }
    if (fence_is_missing(rc) && strcmp(s->conf->sandbox, "yes") != 0) {
        log_info("sandbox without a part", "part=\"%s\" error=\"%s\"", parts[part].name, strerror(-rc));
        return 0;
    }
    log_error("sandbox cannot be had", "part=\"%s\" sandbox=%s error=\"%s\"", parts[part].name,
              s->conf->sandbox, strerror(-rc));
    return rc;
}

static int give_up(struct sandbox *s, enum sandbox_part part)
{
    return judge(s, part, parts[part].give_up(s));
}

int sandbox_begin(struct sandbox *s, const struct conf *conf, uint64_t user)
{
    *s = (struct sandbox){ .conf = conf, .user = user, .files.spool_fd = -1, .files.rules = -1 };
    int rc = 0;
    tzset();          /* strftime() wants it of a file, once: now it may still be read */
    s->is_off = strcmp(conf->sandbox, "no") == 0;
    for (unsigned part = 0; !s->is_off && rc == 0 && part < SANDBOX_CALLS; part++)
        rc = give_up(s, part);
    return rc;
}

int sandbox_close(struct sandbox *s)
{
    return s->is_off ? 0 : give_up(s, SANDBOX_CALLS);
}

int sandbox_files(struct sandbox *s, const int *fds, size_t count, uint64_t readable)
{
    int rc = sandbox_files_allow(&s->files, fds, count, readable);
    return rc >= 0 || s->files.version == 0 ? rc : judge(s, SANDBOX_READS, rc);
}

int sandbox_limit(struct sandbox *s, struct helpers *helpers)
{
    int rc = sandbox_files_limit(&s->files, helpers);
    return s->files.version == 0 ? rc : judge(s, SANDBOX_READS, rc);
}

void sandbox_done(struct sandbox *s)
{
    sandbox_files_done(&s->files);
}

const char *sandbox_lacks(const struct conf *conf)
{
    if (strcmp(conf->sandbox, "no") == 0 || sys_is_sanitized())
        return NULL;
    if (!sys_can_limit_calls())
        return parts[SANDBOX_CALLS].name;
    return sys_landlock_version() < 1 ? parts[SANDBOX_WRITES].name : NULL;
}
