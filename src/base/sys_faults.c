/* sys_faults.c - which call fails, in a build with -Dfaults=true; sys.h says how it is asked for. */
#include "base/sys_private.h"
#ifdef SLIPWAY_FAULTS
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES = 32, FAULTS_FD = 900 };

static char process_name[NAME_BYTES];/* empty: it has none yet */
static unsigned long calls;          /* in this process, atomically */
static unsigned long failing_call;   /* 0: none */
static const char *failing_process;  /* NULL: any */
static int count_fd = -1;            /* -1: not asked for */
static int once_fd = -1;             /* -1: in every such process */

/* At once: later this process may have no right to.  Far above what spawn.c puts in place. */
static int open_early(const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FAULTS_FD);
    if (fd >= 0)
        (void)close(fd);
    return high;
}

__attribute__((constructor)) static void read_faults(void)
{
    const char *number = getenv("SLIPWAY_FAULT");
    failing_call = number ? strtoul(number, NULL, 10) : 0;
    failing_process = getenv("SLIPWAY_FAULT_IN");
    count_fd = open_early(getenv("SLIPWAY_FAULT_COUNT"));
    once_fd = open_early(getenv("SLIPWAY_FAULT_ONCE"));
}

static const char *fault_name(void)
{
    return process_name[0] != '\0' ? process_name : "slipway";
}

__attribute__((destructor)) void sys_faults_end(void)
{
    char line[NAME_BYTES + 32];
    int len = snprintf(line, sizeof line, "%s %lu\n", fault_name(), calls);
    if (count_fd >= 0 && write(count_fd, line, (size_t)len) < 0)
        (void)fprintf(stderr, "cannot write the number of calls\n");
}

static bool is_failing_process(void)
{
    const char *name = fault_name();
    size_t len = failing_process ? strlen(failing_process) : 0;
    return !failing_process || (strncmp(name, failing_process, len) == 0 &&
                                (name[len] == '\0' || name[len] == ' '));
}

/* Whoever writes the first byte. */
static bool is_first(void)
{
    struct stat st;
    return once_fd < 0 || (write(once_fd, "x", 1) == 1 && fstat(once_fd, &st) == 0 && st.st_size == 1);
}

bool sys_fails_now(void)
{
    unsigned long call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    return call == failing_call && is_failing_process() && is_first();
}

void sys_faults_of(const char *name)
{
    if (process_name[0] != '\0' && strcmp(process_name, name) != 0)
        __atomic_store_n(&calls, 0, __ATOMIC_RELAXED);          /* a fork with another task */
    (void)snprintf(process_name, sizeof process_name, "%s", name);
}
#endif
