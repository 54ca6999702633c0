/* confined.c - see confined.h.
 *
 * Root keeps being root, for the folders of others are used with the rights of their owners (log_folder.h), but
 * of root's rights those: to become them (SETUID, SETGID), to give a new file the group of its folder and a
 * compressed one the owner of what it was made of (CHOWN), and to append to a file in root's own folder that
 * logrotate gave to somebody (DAC_OVERRIDE), which Landlock keeps to these folders.
 */
#include "scribe/confined.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include "base/sys.h"
#include "fence/calls.h"
#include "fence/files.h"
#include "scribe/log_folder.h"

enum {
    KEPT = 1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_SETGID | 1 << CAP_SETUID,
    FILE_ACCESS = FENCE_WRITE_FILE | FENCE_READ_FILE | FENCE_TRUNCATE | FENCE_IOCTL_DEV,
    FOLDER_ACCESS = FENCE_WRITE_FILE | FENCE_READ_FILE | FENCE_TRUNCATE | FENCE_READ_DIR | FENCE_MAKE_REG |
                    FENCE_REMOVE_FILE,
};

static const struct fence_call calls[] = {
#define CALL(name, check, why) { #name, FENCE_##check },
#include "scribe/calls.def"
};

/* Without what this kernel or container has not we go on, unless all is wanted; edges say what is missing. */
static int judge(const struct confined *c, int rc)
{
    return rc < 0 && fence_is_missing(rc) && strcmp(c->conf->sandbox, "yes") != 0 ? 0 : rc;
}

int confined_begin(struct confined *c, const struct conf *conf)
{
    *c = (struct confined){ .conf = conf, .rules = -1 };
    bool is_root = geteuid() == 0;
    c->is_off = strcmp(conf->sandbox, "no") == 0;
    tzset();          /* it wants a file, once: now it may still be read */
    /* With one of root's groups the rights of somebody else would not be his. */
    int rc = is_root ? judge(c, sys_set_groups(NULL, 0)) : 0;
    if (c->is_off)
        return rc;
    if (rc == 0)
        rc = judge(c, sys_prctl(PR_SET_NO_NEW_PRIVS, 1));
    if (rc == 0)
        rc = judge(c, is_root ? sys_keep_capabilities(KEPT) : sys_drop_capabilities());
    if (rc == 0 && !sys_is_sanitized())
        rc = judge(c, sys_prctl(PR_SET_DUMPABLE, 0));
    return rc;
}

/* ---- files ---- */

static int make_rules(struct confined *c)
{
    struct fence_kinds kinds;
    int version = sys_landlock_version();
    if (version < 0)
        return version;
    kinds = fence_kinds(version);
    c->handled = kinds.files | FENCE_READ_FILE | FENCE_READ_DIR;
    c->rules = sys_landlock_new(c->handled, kinds.net, kinds.scoped);
    return c->rules < 0 ? c->rules : 0;
}

static bool is_place(const struct confined *c, const struct stat *st)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->places[i].device == st->st_dev && c->places[i].inode == st->st_ino)
            return true;
    return false;
}

static void remember(struct confined *c, const struct stat *st)
{
    if (c->count < CONFINED_PLACES_MAX && !is_place(c, st)) {
        c->places[c->count].device = st->st_dev;
        c->places[c->count++].inode = st->st_ino;
    }
}

/* A terminal or a pipe is opened by its name (/dev/stdout), and nothing is made beside it. */
static int allow_in(struct confined *c, const struct log_folder *f)
{
    struct stat st;
    int fd = sys_openat(f->fd, f->name, O_PATH | (f->follows ? 0 : O_NOFOLLOW));
    bool is_there = fd >= 0 && sys_fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode);
    int rc = 0;
    if (is_there)                                    /* a pipe takes no rule, and needs none */
        (void)sys_landlock_allow(c->rules, fd, FILE_ACCESS & c->handled);
    if (!is_there || S_ISREG(st.st_mode))
        rc = sys_landlock_allow(c->rules, f->fd, FOLDER_ACCESS & c->handled);
    (void)sys_close(fd);
    remember(c, &f->st);
    return rc;
}

/* A folder that is not there cannot be allowed; when it comes, it is missed.  Rules that cannot be had are
 * given up altogether, or the next scribe would miss the same folder. */
void confined_allow(struct confined *c, const char *path)
{
    struct log_folder f;
    if (c->is_off || c->is_closed || sys_is_sanitized() || c->is_given_up)
        return;
    int rc = c->rules < 0 ? make_rules(c) : 0;
    if (rc == 0 && log_folder_open(&f, path) == 0) {
        rc = allow_in(c, &f);
        log_folder_close(&f);
    }
    if (rc == 0)
        return;
    (void)sys_close(c->rules);
    c->rules = -1;
    c->is_given_up = true;
}

bool confined_misses(struct confined *c, const struct stat *folder)
{
    if (!c || !c->is_closed || is_place(c, folder))
        return false;
    c->is_missed = true;
    return true;
}

int confined_close(struct confined *c)
{
    int rc = 0;
    if (c->is_off || sys_is_sanitized())
        return 0;
    if (c->rules < 0 && !c->is_given_up)              /* no log is a file: nothing is opened any more */
        rc = make_rules(c);
    if (rc == 0)
        rc = c->rules < 0 ? -EOPNOTSUPP : sys_landlock_enter(c->rules);
    c->is_closed = rc == 0;
    (void)sys_close(c->rules);
    c->rules = -1;
    rc = judge(c, rc);
    if (rc == 0)
        rc = judge(c, fence_calls_limit(&(struct fence_table){ calls, ARRAY_LEN(calls) }, 1, "scribe",
                                        strcmp(c->conf->sandbox, "kill") == 0));
    return rc;
}
