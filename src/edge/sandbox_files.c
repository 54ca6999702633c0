/* sandbox_files.c - two rulesets, one upon the other: a kind of access must be allowed by both.
 *
 * Between them, while the project is imported, the edge can read what its user can.  (All in one ruleset
 * would mean either to start edges after the import, when nobody could be told that the site starts, or to
 * allow whole trees in which static files may turn up.)
 *
 * A rule is for an inode, not for a name: a folder that is made anew at the same path is another one.
 */
#include "edge/sandbox_files.h"
#include <errno.h>
#include <fcntl.h>
#include "base/log.h"
#include "base/sys.h"
#include "fence/files.h"

/* With O_TMPFILE a file never has a name. */
static uint64_t spool_writes(const char *folder)
{
    uint64_t writes = FENCE_WRITE_FILE | FENCE_TRUNCATE;
    return sys_makes_unlinked(folder) ? writes : writes | FENCE_MAKE_REG | FENCE_REMOVE_FILE;
}

/* ---- at the start ---- */

int sandbox_files_begin(struct sandbox_files *f, const char *spool_folder)
{
    *f = (struct sandbox_files){ .spool_fd = -1, .rules = -1 };
    int version = sys_landlock_version();
    if (version < 0)
        return version;
    struct fence_kinds kinds = fence_kinds(version);
    int rules = sys_landlock_new(kinds.files, kinds.net, kinds.scoped);
    if (rules < 0)
        return rules;
    f->spool_fd = sys_open(spool_folder, O_PATH | O_DIRECTORY, 0);
    struct stat st;
    int rc = f->spool_fd < 0 ? 0 : sys_fstat(f->spool_fd, &st);
    if (rc == 0 && f->spool_fd >= 0) {
        f->spool = (struct sandbox_place){ st.st_dev, st.st_ino };
        rc = sys_landlock_allow(rules, f->spool_fd, spool_writes(spool_folder) & kinds.files);
    }
    if (rc == 0)
        rc = sys_landlock_enter(rules);
    (void)sys_close(rules);
    f->version = rc == 0 ? version : 0;
    return rc;
}

bool sandbox_files_moved(const struct sandbox_files *f, const char *spool_folder)
{
    struct stat st;
    return f->version > 0 && sys_stat(spool_folder, &st) == 0 &&
           (st.st_dev != f->spool.device || st.st_ino != f->spool.inode);
}

void sandbox_files_done(struct sandbox_files *f)
{
    (void)sys_close(f->spool_fd);
    (void)sys_close(f->rules);
    f->spool_fd = f->rules = -1;
}

/* ---- when the folders are known ---- */

static bool has_place(const struct sandbox_files *f, uint64_t device, uint64_t inode)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->places[i].device == device && f->places[i].inode == inode)
            return true;
    return false;
}

bool sandbox_files_misses(const struct sandbox_files *f, uint64_t device, uint64_t inode)
{
    return f->is_limited && inode != 0 && !has_place(f, device, inode);
}

static int has_all(const struct sandbox_files *f, const int *fds, size_t count, uint64_t readable)
{
    struct stat st;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (readable >> i & 1)
            rc = sys_fstat(fds[i], &st) < 0 || !has_place(f, st.st_dev, st.st_ino);
    return rc;
}

static int allow(struct sandbox_files *f, int rules, int fd)
{
    struct stat st;
    int rc = sys_fstat(fd, &st);
    if (rc == 0 && f->count == SANDBOX_PLACES_MAX)
        rc = -E2BIG;
    if (rc == 0)
        rc = sys_landlock_allow(rules, fd, FENCE_READ_FILE);
    if (rc == 0)
        f->places[f->count++] = (struct sandbox_place){ st.st_dev, st.st_ino };
    return rc;
}

static int make_rules(struct sandbox_files *f)
{
    int rules = f->rules >= 0 ? f->rules : sys_landlock_new(FENCE_READ_FILE | FENCE_READ_DIR, 0, 0);
    int rc = rules >= 0 && f->rules < 0 && f->spool_fd >= 0
                 ? sys_landlock_allow(rules, f->spool_fd, FENCE_READ_FILE) : 0;
    f->rules = rules;
    return rules < 0 ? rules : rc;
}

struct entry {                  /* each helper thread enters by itself */
    int rules;
    unsigned threads_left;      /* atomic */
};

/* A thread that could not would be the hole in the wall. */
static void enter(void *user)
{
    struct entry *e = user;
    int rc = sys_landlock_enter(e->rules);
    if (rc < 0) {
        log_error("a helper thread cannot be limited to static files", "error=\"%s\"", strerror(-rc));
        sys_exit(1);
    }
    if (__atomic_sub_fetch(&e->threads_left, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    (void)sys_close(e->rules);
    sys_free(e);
}

static int enter_all(struct helpers *helpers, int rules)
{
    struct entry *e = sys_malloc(sizeof *e);
    int rc = e ? sys_landlock_enter(rules) : -ENOMEM;
    if (rc < 0) {
        sys_free(e);
        (void)sys_close(rules);
        return rc;
    }
    *e = (struct entry){ rules, helpers_threads(helpers) };
    helpers_each(helpers, enter, e);
    return 0;
}

int sandbox_files_allow(struct sandbox_files *f, const int *fds, size_t count, uint64_t readable)
{
    if (f->version == 0)
        return 0;
    if (f->is_limited)
        return has_all(f, fds, count, readable);
    int rc = make_rules(f);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (readable >> i & 1)
            rc = allow(f, f->rules, fds[i]);
    return rc;
}

int sandbox_files_limit(struct sandbox_files *f, struct helpers *helpers)
{
    if (f->version == 0 || f->is_limited)
        return 0;
    int rc = make_rules(f);
    if (rc == 0)
        rc = enter_all(helpers, f->rules);
    f->is_limited = rc == 0;
    f->rules = -1;
    return rc;
}
