/* machine.c - /proc/self/cgroup names our groups, their files say what they grant, the strictest
 * level counts. */
#include "conf/machine.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "conf/folder.h"

enum { FILE_BYTES_MAX = 64 * 1024, LEVELS_MAX = 32, WORKERS_MAX = 1024 };

/* Rules of thumb for a Django site: what a worker comes to own, and all other processes together.
 * A worker that needs more is a reason to set `workers`; too few workers by default would be slow
 * for no reason. */
enum { MIB = 1024 * 1024, WORKER_BYTES = 128 * MIB, OTHERS_BYTES = 96 * MIB };

struct limits {
    int64_t milli_cpus, memory_bytes;
};

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int read_file(const char *root, const char *path, struct buf *text)
{
    char full[FOLDER_BYTES];
    if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
        return -ENAMETOOLONG;
    return folder_read_file(full, FILE_BYTES_MAX, text);
}

/* The first two numbers of a file: how many there are.  "max" and "-1" are none. */
static int read_numbers(const char *root, const char *folder, const char *name, int64_t numbers[2])
{
    char path[FOLDER_BYTES];
    struct buf text = { 0 };
    int count = 0;
    int rc = folder_join(path, folder, name);
    rc = rc < 0 ? rc : read_file(root, path, &text);
    struct span rest = buf_span(&text);
    while (rc == 0 && count < 2 && rest.len > 0) {
        uint64_t number;
        size_t end = 0;
        while (end < rest.len && rest.at[end] != ' ' && rest.at[end] != '\n')
            end++;
        if (span_to_u64((struct span){ rest.at, end }, &number) < 0 || number > INT64_MAX)
            break;
        numbers[count++] = (int64_t)number;
        rest = span_skip(rest, end < rest.len ? end + 1 : end);
    }
    buf_done(&text);
    return count;
}

static void take_quota(struct limits *l, int64_t quota, int64_t period)
{
    int64_t milli;
    if (quota > 0 && period > 0 && !__builtin_mul_overflow(quota, 1000, &milli))
        l->milli_cpus = least_of(l->milli_cpus, milli / period);
}

static void take_folder(struct limits *l, const char *root, const char *folder)
{
    int64_t n[2], period[2];
    if (read_numbers(root, folder, "cpu.max", n) == 2)                           /* v2 */
        take_quota(l, n[0], n[1]);
    if (read_numbers(root, folder, "memory.max", n) > 0)
        l->memory_bytes = least_of(l->memory_bytes, n[0]);
    if (read_numbers(root, folder, "cpu.cfs_quota_us", n) > 0 &&                 /* v1 */
        read_numbers(root, folder, "cpu.cfs_period_us", period) > 0)
        take_quota(l, n[0], period[0]);
    if (read_numbers(root, folder, "memory.limit_in_bytes", n) > 0)
        l->memory_bytes = least_of(l->memory_bytes, n[0]);
}

/* The group and all above it.  In a container the name may be one of the host, and not be there:
 * its parents are tried up to the mount itself, which then is the container's own group. */
static void take_group(struct limits *l, const char *root, const char *mount, struct span group)
{
    char name[FOLDER_BYTES], folder[FOLDER_BYTES];
    if (group.len >= sizeof(name))
        return;
    *(char *)mempcpy(name, group.at, group.len) = '\0';
    for (int i = 0; i < LEVELS_MAX; i++) {
        if (snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s%s", mount, name) <
            (int)sizeof(folder))
            take_folder(l, root, folder);
        char *slash = strrchr(name, '/');
        if (!slash || name[1] == '\0')
            return;
        slash[slash == name] = '\0';
    }
}

static bool has_controller(struct span list, struct span name)
{
    while (list.len > 0) {
        size_t end = span_find(list, ',');
        if (span_eq((struct span){ list.at, end }, name))
            return true;
        list = span_skip(list, end < list.len ? end + 1 : end);
    }
    return false;
}

/* "0::/user.slice" (v2), "4:cpu,cpuacct:/docker/x" (v1). */
static void take_line(struct limits *l, const char *root, struct span line)
{
    char mount[128];
    size_t first = span_find(line, ':');
    struct span rest = span_skip(line, first < line.len ? first + 1 : first);
    size_t second = span_find(rest, ':');
    if (second == rest.len)
        return;
    struct span controllers = { rest.at, second }, group = span_skip(rest, second + 1);
    if (controllers.len == 0) {
        take_group(l, root, "", group);
        take_group(l, root, "/unified", group);
    } else if (has_controller(controllers, SPAN("cpu")) ||
               has_controller(controllers, SPAN("memory"))) {
        (void)snprintf(mount, sizeof(mount), "/%.*s", (int)controllers.len, controllers.at);
        take_group(l, root, mount, group);
        take_group(l, root, has_controller(controllers, SPAN("cpu")) ? "/cpu" : "/memory", group);
    }
}

static struct limits group_limits(const char *root)
{
    struct limits l = { INT64_MAX, INT64_MAX };
    struct buf text = { 0 };
    int rc = read_file(root, "/proc/self/cgroup", &text);
    struct span rest = buf_span(&text);
    while (rc == 0 && rest.len > 0) {
        size_t end = span_find(rest, '\n');
        take_line(&l, root, (struct span){ rest.at, end });
        rest = span_skip(rest, end < rest.len ? end + 1 : end);
    }
    buf_done(&text);
    return l;
}

unsigned machine_cpus(const char *root)
{
    int allowed = sys_cpus_allowed();
    int64_t milli = group_limits(root).milli_cpus;
    int64_t cpus = least_of(allowed > 0 ? allowed : 1, milli / 1000 + (milli % 1000 > 0));
    return cpus > 0 ? (unsigned)cpus : 1;
}

int64_t machine_memory_bytes(const char *root)
{
    int64_t bytes = group_limits(root).memory_bytes;
    struct buf text = { 0 };
    int rc = read_file(root, "/proc/meminfo", &text);
    struct span s = buf_span(&text), head = SPAN("MemTotal:");
    if (rc == 0 && span_starts(s, head)) {
        uint64_t kib;
        s = span_skip(s, head.len);
        s = span_trim((struct span){ s.at, span_find(s, 'k') });
        if (span_to_u64(s, &kib) == 0 && kib < (uint64_t)INT64_MAX / 1024)
            bytes = least_of(bytes, (int64_t)kib * 1024);
    }
    buf_done(&text);
    return bytes;
}

unsigned machine_workers(const char *root)
{
    unsigned cpus = machine_cpus(root), wanted = cpus < 2             ? 2
                                                 : cpus < WORKERS_MAX ? cpus
                                                                      : WORKERS_MAX;
    int64_t fitting = (machine_memory_bytes(root) - OTHERS_BYTES) / WORKER_BYTES;
    return fitting < 1 ? 1 : fitting < wanted ? (unsigned)fitting : wanted;
}
