/* port_owner.c - /proc/net/tcp says which socket listens, /proc/PID/fd who holds it.  Best effort:
 * any failure is "".
 */
#include "master/port_owner.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/sys.h"

enum { TABLE_BYTES_MAX = 4 * 1024 * 1024, STATE_LISTEN = 0x0A };

static void read_file(const char *path, struct buf *into)
{
    int fd = sys_open(path, O_RDONLY, 0);
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && buf_reserve(into, 4096) == 0) {
        got = sys_read(fd, buf_tail(into), buf_room(into) - 1);
        if (got > 0)
            buf_added(into, (size_t)got);
    }
    (void)sys_close(fd);
    if (buf_reserve(into, 1) == 0)
        *buf_tail(into) = '\0';
}

static uint64_t inode_in(const char *table_path, uint16_t port)
{
    struct buf table = { .limit_bytes = TABLE_BYTES_MAX };
    uint64_t found = 0;
    char *rest = NULL;
    read_file(table_path, &table);
    char *line = buf_len(&table) > 0 ? strtok_r(table.block + table.start, "\n", &rest) : NULL;
    for (; line && found == 0; line = strtok_r(NULL, "\n", &rest)) {
        unsigned local_port, state;
        uint64_t inode;
        int fields = sscanf(line, " %*[0-9]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x "
                            "%*s %*s %*s %*s %*s %" SCNu64, &local_port, &state, &inode);
        if (fields == 3 && local_port == port && state == STATE_LISTEN)
            found = inode;
    }
    buf_done(&table);
    return found;
}

static bool holds(const char *pid, const char *wanted)
{
    char path[600], target[64];
    (void)snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *folder = opendir(path);
    bool found = false;
    for (struct dirent *e = folder ? readdir(folder) : NULL; e && !found; e = readdir(folder)) {
        (void)snprintf(path, sizeof path, "/proc/%.20s/fd/%s", pid, e->d_name);
        found = sys_readlink(path, target, sizeof target) > 0 && strcmp(target, wanted) == 0;
    }
    if (folder)
        (void)closedir(folder);
    return found;
}

static void name_process(const char *pid, char *text, size_t cap_bytes)
{
    char path[320];
    struct buf name = { 0 };
    (void)snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    read_file(path, &name);
    struct span s = buf_span(&name);
    s.len = span_find(s, '\n');
    (void)snprintf(text, cap_bytes, "pid %.20s (%.*s)", pid, (int)(s.len < 40 ? s.len : 40),
                   s.len ? s.at : "");
    buf_done(&name);
}

void port_owner(uint16_t port, char *text, size_t cap_bytes)
{
    char wanted[64];
    uint64_t inode = inode_in("/proc/net/tcp", port);
    text[0] = '\0';
    if (inode == 0)
        inode = inode_in("/proc/net/tcp6", port);
    if (inode == 0)
        return;
    (void)snprintf(wanted, sizeof wanted, "socket:[%" PRIu64 "]", inode);
    DIR *all = opendir("/proc");
    for (struct dirent *e = all ? readdir(all) : NULL; e && !text[0]; e = readdir(all))
        if (isdigit((unsigned char)e->d_name[0]) && holds(e->d_name, wanted))
            name_process(e->d_name, text, cap_bytes);
    if (all)
        (void)closedir(all);
}
