/* edge_hook.c - what somebody would try who runs code in an edge, or in the scribe.  Linked into a build with -Dhooks=true
 * alone; test_sandbox_hook.py says what is tried, and sees what came of it in `status`.
 *
 * The environment's EDGE_HOOK names a file of lines "ACTION [ARGUMENT]".  It is opened at the start, before
 * anything is given up, and read at each REPORT of the master's, when the sandbox is closed.  SCRIBE_HOOK names
 * one for the scribe, which reads it when logs are reopened and writes what came of it to FILE.done.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/json.h"

void edge_hook(json_t *stats);
void scribe_hook(void);

enum { HOOK_FD = 901, SCRIBE_HOOK_FD, SCRIBE_DONE_FD };

static void open_at(const char *path, int flags, int at)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)fcntl(fd, F_DUPFD_CLOEXEC, at);
}

__attribute__((constructor)) static void open_actions(void)
{
    const char *edge = getenv("EDGE_HOOK"), *scribe = getenv("SCRIBE_HOOK");
    char done[4096];
    if (edge)
        open_at(edge, O_RDONLY, HOOK_FD);
    if (scribe) {
        (void)snprintf(done, sizeof done, "%s.done", scribe);
        open_at(scribe, O_RDONLY, SCRIBE_HOOK_FD);
        open_at(done, O_WRONLY | O_CREAT | O_APPEND, SCRIBE_DONE_FD);
    }
}

static int opened(long fd)
{
    if (fd < 0)
        return errno;
    (void)close((int)fd);
    return 0;
}

static int open_by(const char *path, int flags, int way)
{
    struct open_how how = { .flags = (uint64_t)flags, .mode = flags & O_CREAT ? 0600 : 0 };
    return opened(way == 2 ? syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how)
                           : syscall(SYS_openat, AT_FDCWD, path, flags, 0600));
}

static int do_read(const char *a) { return open_by(a, O_RDONLY, 1); }
static int do_read2(const char *a) { return open_by(a, O_RDONLY, 2); }
static int do_write(const char *a) { return open_by(a, O_WRONLY, 1); }
static int do_write2(const char *a) { return open_by(a, O_WRONLY, 2); }
static int do_create(const char *a) { return open_by(a, O_WRONLY | O_CREAT, 1); }
static int do_create2(const char *a) { return open_by(a, O_WRONLY | O_CREAT, 2); }
static int do_list2(const char *a) { return open_by(a, O_RDONLY | O_DIRECTORY, 2); }
static int do_unlink(const char *a) { return syscall(SYS_unlinkat, AT_FDCWD, a, 0) < 0 ? errno : 0; }

static int do_fork(const char *a)
{
    (void)a;
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        syscall(SYS_exit_group, 0);
    return pid < 0 ? errno : waitpid((pid_t)pid, NULL, 0) < 0 ? errno : 0;
}

static int do_exec(const char *path)
{
    int status = 0;
    char *argv[] = { "true", NULL }, *envp[] = { NULL };
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid <= 0) {                    /* the child; or none can be had, so with our own skin */
        syscall(SYS_execve, path, argv, envp);
        int error = errno;
        if (pid == 0)
            syscall(SYS_exit_group, 1);
        return error;
    }
    (void)waitpid((pid_t)pid, &status, 0);
    return status == 0 ? 0 : EPERM;
}

static int do_ptrace(const char *a)
{
    int pid = atoi(a);
    if (syscall(SYS_ptrace, PTRACE_ATTACH, pid, 0, 0) < 0)
        return errno;
    (void)waitpid(pid, NULL, __WALL);
    (void)syscall(SYS_ptrace, PTRACE_DETACH, pid, 0, 0);
    return 0;
}

static int do_vmread(const char *a)
{
    char key[8], *end;
    long pid = strtol(a, &end, 10);
    struct iovec here = { key, sizeof key }, there = { (void *)strtoul(end, NULL, 10), sizeof key };
    return syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0) < 0 ? errno : 0;
}

static int do_kill(const char *a) { return syscall(SYS_kill, atoi(a), 0) < 0 ? errno : 0; }
static int do_pidfd(const char *a) { return opened(syscall(SYS_pidfd_open, atoi(a), 0)); }
static int do_root(const char *a) { (void)a; return syscall(SYS_setresuid, 0, 0, 0) < 0 ? errno : 0; }

static int do_udp(const char *a) { (void)a; return opened(syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0)); }

static int connect_to(int family, const void *address, socklen_t bytes)
{
    long fd = syscall(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int error = syscall(SYS_connect, fd, address, bytes) < 0 ? errno : 0;
    (void)close((int)fd);
    return error;
}

static int do_tcp(const char *a)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(a)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return connect_to(AF_INET, &in, sizeof in);
}

static int do_unix(const char *a)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", a);
    return connect_to(AF_UNIX, &un, sizeof un);
}

static int do_mmap_exec(const char *a)
{
    (void)a;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? errno : munmap(at, 4096);
}

static int do_mprotect_exec(const char *a)
{
    (void)a;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int error = at == MAP_FAILED || mprotect(at, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
    if (at != MAP_FAILED)
        (void)munmap(at, 4096);
    return error;
}

static const struct {
    const char *name;
    int (*run)(const char *argument);              /* 0, or errno */
} actions[] = {
    { "read", do_read }, { "read2", do_read2 }, { "write", do_write }, { "write2", do_write2 },
    { "create", do_create }, { "create2", do_create2 }, { "list2", do_list2 }, { "unlink", do_unlink },
    { "fork", do_fork }, { "exec", do_exec }, { "ptrace", do_ptrace }, { "vmread", do_vmread },
    { "kill", do_kill }, { "pidfd", do_pidfd }, { "root", do_root }, { "udp", do_udp }, { "tcp", do_tcp },
    { "unix", do_unix }, { "mmap-exec", do_mmap_exec }, { "mprotect-exec", do_mprotect_exec },
};

static int run(const char *name, const char *argument)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return actions[i].run(argument);
    return -1;
}

static json_t *act(int fd)
{
    static char text[16384];
    ssize_t bytes = pread(fd, text, sizeof text - 1, 0);
    json_t *results = json_object();
    text[bytes > 0 ? bytes : 0] = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        char whole[4096];
        (void)snprintf(whole, sizeof whole, "%s", line);
        char *name = strsep(&line, " ");
        if (name[0])
            (void)json_object_set_new(results, whole, json_integer(run(name, line ? line : "")));
    }
    return results;
}

void edge_hook(json_t *stats)
{
    (void)json_object_set_new(stats, "hook", act(HOOK_FD));
}

void scribe_hook(void)
{
    json_t *results = act(SCRIBE_HOOK_FD);
    char *text = json_dumps(results, JSON_COMPACT);
    size_t len = strlen(text);
    text[len] = '\n';                               /* in the place of its end */
    (void)!write(SCRIBE_DONE_FD, text, len + 1);
    free(text);
    json_decref(results);
}
