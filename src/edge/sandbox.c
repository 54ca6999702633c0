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
#include <unistd.h>
#include "base/log.h"
#include "base/sys.h"

/* ---- the parts: 0, or -errno ---- */

static int become_user(struct sandbox *s)
{
    if (s->user != 0)
        return sys_become_user((uid_t)(s->user >> 32), (gid_t)(s->user & UINT32_MAX));
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

static const struct part {
    const char *name;
    int (*give_up)(struct sandbox *s);
} parts[] = {
    [SANDBOX_USER] = { "user", become_user },
    [SANDBOX_PRIVILEGES] = { "no_new_privs", gain_nothing },
    [SANDBOX_CAPABILITIES] = { "capabilities", drop_capabilities },
    [SANDBOX_MEMORY] = { "memory", hide_memory },
};
_Static_assert(ARRAY_LEN(parts) == SANDBOX_PARTS, "a part without a row");

/* ---- giving up ---- */

static bool is_missing_here(int error)
{
    return error == -EPERM || error == -EINVAL || error == -ENOSYS || error == -EOPNOTSUPP;
}

static int give_up(struct sandbox *s, enum sandbox_part part)
{
    int rc = parts[part].give_up(s);
    if (rc == 0) {
        s->on |= 1u << part;
        return 0;
    }
    if (is_missing_here(rc) && strcmp(s->conf->sandbox, "auto") == 0) {
        log_info("sandbox without a part", "part=%s error=\"%s\"", parts[part].name, strerror(-rc));
        return 0;
    }
    log_error("sandbox cannot be had", "part=%s sandbox=%s error=\"%s\"", parts[part].name,
              s->conf->sandbox, strerror(-rc));
    return rc;
}

int sandbox_begin(struct sandbox *s, const struct conf *conf, uint64_t user)
{
    *s = (struct sandbox){ .conf = conf, .user = user };
    int rc = 0;
    for (unsigned part = 0; strcmp(conf->sandbox, "no") != 0 && rc == 0 && part < SANDBOX_PARTS; part++)
        rc = give_up(s, part);
    return rc;
}

const char *sandbox_part_name(enum sandbox_part part)
{
    return parts[part].name;
}
