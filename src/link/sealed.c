/* sealed.c - see sealed.h. */
#include "link/sealed.h"
#include <errno.h>
#include <fcntl.h>
#include "base/sys.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

int sealed_make(const char *name, size_t bytes)
{
    int fd = sys_memfd(name, MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd;
    int rc = sys_ftruncate(fd, (off_t)bytes);
    if (rc == 0)
        rc = sys_fcntl(fd, F_ADD_SEALS, SEALS);
    if (rc < 0)
        (void)sys_close(fd);
    return rc < 0 ? rc : fd;
}

int sealed_map(int fd, size_t least_bytes, char **at, size_t *bytes)
{
    struct stat st;
    void *place;
    int rc = sys_fstat(fd, &st);
    if (rc < 0)
        return rc;
    int seals = sys_fcntl(fd, F_GET_SEALS, 0);             /* -EINVAL: not a memfd at all */
    if (seals < 0 || (seals & SEALS) != SEALS || (uint64_t)st.st_size < least_bytes)
        return -EBADMSG;
    rc = sys_mmap(fd, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, &place);
    if (rc < 0)
        return rc;
    *at = place;
    *bytes = (size_t)st.st_size;
    return 0;
}
