/* files.h - what Landlock calls the kinds of access to files, and which of them each version can refuse.
 * Pure; linux/landlock.h of Debian 12 knows only some of them. */
#pragma once
#include <stdint.h>

enum {
    FENCE_EXECUTE = 1 << 0, FENCE_WRITE_FILE = 1 << 1, FENCE_READ_FILE = 1 << 2, FENCE_READ_DIR = 1 << 3,
    FENCE_REMOVE_DIR = 1 << 4, FENCE_REMOVE_FILE = 1 << 5, FENCE_MAKE_REG = 1 << 8,
    FENCE_MAKE_ALL = 0x7f << 6, FENCE_REFER = 1 << 13, FENCE_TRUNCATE = 1 << 14, FENCE_IOCTL_DEV = 1 << 15,
};

struct fence_kinds {
    uint64_t files, net, scoped;
};

/* All that this version can refuse but reading: writing and running of files, TCP (bind, connect), abstract Unix
 * sockets of others and signals to them. */
struct fence_kinds fence_kinds(int version);
