/* sys_confine.c - the calls by which a process gives up rights: user, capabilities, system calls, files.
 *
 * Nothing here can be taken back.  The kernel's headers of Debian 12 are older than many kernels it meets,
 * so what they do not know of Landlock is written down here (Linux, uapi/linux/landlock.h).
 */
#include "base/sys_private.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- user and capabilities ---- */

int sys_become_user(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
    if (sys_fails_now())
        return -EAGAIN;
    if (setgroups(count, groups) < 0 || setresgid(gid, gid, gid) < 0)
        return -errno;
    return result(setresuid(uid, uid, uid));
}

int sys_groups(gid_t *into, size_t most)
{
    return sys_fails_now() ? -EINVAL : result(getgroups((int)most, into));
}

int sys_set_groups(const gid_t *groups, size_t count)
{
    return sys_fails_now() ? -EPERM : result(setgroups(count, groups));
}

int sys_can(const char *path, int mode)
{
    return sys_fails_now() ? -EACCES : result(faccessat(AT_FDCWD, path, mode, AT_EACCESS));
}

/* These two calls return what was, never an error: asked again, they say what is. */
int sys_files_as(uid_t uid, gid_t gid)
{
    if (sys_fails_now())
        return -EPERM;
    (void)setfsuid(uid);
    (void)setfsgid(gid);
    return (uid_t)setfsuid(uid) == uid && (gid_t)setfsgid(gid) == gid ? 0 : -EPERM;
}

int sys_drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
    return sys_fails_now() ? -EPERM : result((int)syscall(SYS_capset, &head, none));
}

int sys_keep_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
    int rc = sys_fails_now() ? -EPERM : result((int)syscall(SYS_capget, &head, data));
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3 && rc == 0; i++) {
        data[i].permitted &= (uint32_t)(kept >> 32 * i);
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    return rc < 0 ? rc : result((int)syscall(SYS_capset, &head, data));
}

/* ---- system calls ---- */

static void (*call_refused)(int number);

/* The kernel has gone back to before the call and over it: what stands in this register is its result. */
static int set_result(ucontext_t *at, int rc)
{
#if defined(__x86_64__)
    at->uc_mcontext.gregs[REG_RAX] = rc;
    return 0;
#elif defined(__aarch64__)
    at->uc_mcontext.regs[0] = (unsigned long long)(long long)rc;
    return 0;
#else
    (void)at, (void)rc;
    return -ENOSYS;
#endif
}

static void trapped(int sig, siginfo_t *info, void *at)
{
    int error = errno;
    (void)sig;
    call_refused(info->si_syscall);
    (void)set_result(at, -EPERM);
    errno = error;
}

int sys_trap_refused_calls(void (*refused)(int number))
{
    ucontext_t nowhere;
    struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };
    memset(&nowhere, 0, sizeof nowhere);
    if (sys_fails_now() || set_result(&nowhere, 0) < 0)
        return -ENOSYS;
    call_refused = refused;
    return result(sigaction(SIGSYS, &action, NULL));
}

/* SPEC_ALLOW: kernels before 5.16 would otherwise slow every thread down, for the sake of programs that
 * run a stranger's code in their own memory. */
int sys_limit_calls(const void *program, size_t count)
{
    const struct sock_fprog filter = { .len = (unsigned short)count,
                                       .filter = (struct sock_filter *)(uintptr_t)program };
    unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    if (sys_fails_now() || count > BPF_MAXINSNS)
        return -EINVAL;
    int rc = result((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
    return rc > 0 ? -EAGAIN : rc;                     /* a thread that has another filter */
}

bool sys_can_limit_calls(void)
{
    const uint32_t trap = SECCOMP_RET_TRAP;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trap) == 0;
}

bool sys_makes_unlinked(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    bool is_without = fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR);
    (void)sys_close(fd);
    return !is_without;
}

#if defined(__SANITIZE_ADDRESS__)
bool sys_is_sanitized(void) { return true; }
#elif defined(__has_feature)
bool sys_is_sanitized(void) { return __has_feature(address_sanitizer); }
#else
bool sys_is_sanitized(void) { return false; }
#endif


/* ---- files ---- */

enum { LANDLOCK_RULE_BENEATH = 1, LANDLOCK_VERSION = 1 };

struct landlock_handles {            /* newer kernels know more of it; older ones take a shorter one */
    uint64_t files, net, scoped;
};

struct landlock_beneath {
    uint64_t access;
    int32_t folder_fd;
} __attribute__((packed));

int sys_landlock_version(void)
{
    return result(syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION));
}

int sys_landlock_new(uint64_t files, uint64_t net, uint64_t scoped)
{
    const struct landlock_handles handles = { files, net, scoped };
    size_t bytes = scoped != 0 ? sizeof handles : net != 0 ? 2 * sizeof files : sizeof files;
    return sys_fails_now() ? -ENOMEM
                           : result(syscall(SYS_landlock_create_ruleset, &handles, bytes, 0));
}

int sys_landlock_allow(int ruleset_fd, int folder_fd, uint64_t access)
{
    const struct landlock_beneath rule = { access, folder_fd };
    return sys_fails_now()
               ? -ENOMEM
               : result(syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_BENEATH, &rule, 0));
}

int sys_landlock_enter(int ruleset_fd)
{
    return sys_fails_now() ? -ENOMEM : result(syscall(SYS_landlock_restrict_self, ruleset_fd, 0));
}
