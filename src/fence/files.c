/* files.c - see files.h. */
#include "fence/files.h"
#include "base/span.h"

enum {
    NET_ALL = 3,                /* bind, connect: TCP */
    SCOPE_ALL = 3,              /* abstract Unix sockets, signals */
};

/* A newer version can refuse all that an older one can. */
static const struct {
    int version;
    struct fence_kinds more;
} versions[] = {
    { 1, { FENCE_EXECUTE | FENCE_WRITE_FILE | FENCE_REMOVE_DIR | FENCE_REMOVE_FILE | FENCE_MAKE_ALL, 0, 0 } },
    { 2, { FENCE_REFER, 0, 0 } },
    { 3, { FENCE_TRUNCATE, 0, 0 } },
    { 4, { 0, NET_ALL, 0 } },
    { 5, { FENCE_IOCTL_DEV, 0, 0 } },
    { 6, { 0, 0, SCOPE_ALL } },
};

struct fence_kinds fence_kinds(int version)
{
    struct fence_kinds k = { 0, 0, 0 };
    for (size_t i = 0; i < ARRAY_LEN(versions) && versions[i].version <= version; i++) {
        k.files |= versions[i].more.files;
        k.net |= versions[i].more.net;
        k.scoped |= versions[i].more.scoped;
    }
    return k;
}
