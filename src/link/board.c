/* board.c - how the board is made and mapped. */
#include "link/board.h"
#include <errno.h>
#include <fcntl.h>
#include "base/sys.h"

enum { HEADER_BYTES = 4096, TICKETS_AT = 1024, SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static const char magic[8] = "slipbord";

struct board_header {                   /* the first page, written once by the master */
    char magic[8];
    uint32_t version, buckets;
    uint64_t key[2];
};
_Static_assert(sizeof(struct board_header) <= TICKETS_AT, "the keys are behind the header");
_Static_assert(TICKETS_AT + sizeof(struct tickets) <= HEADER_BYTES, "the header is one page");

static size_t bytes_of(uint32_t buckets)
{
    return HEADER_BYTES + (size_t)buckets * sizeof(uint64_t);      /* bounded: BOARD_BUCKETS_MAX */
}

static int fill(int fd, const struct board_header *header)
{
    int rc = sys_ftruncate(fd, (off_t)bytes_of(header->buckets));
    if (rc == 0)
        rc = sys_fcntl(fd, F_ADD_SEALS, SEALS);
    if (rc < 0)
        return rc;
    ssize_t put = sys_pwrite(fd, header, sizeof *header, 0);
    return put < 0 ? (int)put : (size_t)put == sizeof *header ? 0 : -EIO;
}

int board_make(uint32_t buckets, int *fd)
{
    if (buckets > BOARD_BUCKETS_MAX)
        return -EINVAL;
    if (buckets < BOARD_BUCKETS_MIN)
        buckets = BOARD_BUCKETS_MIN;
    buckets -= buckets % BOARD_SET_BUCKETS;
    struct board_header header = { .version = BOARD_VERSION, .buckets = buckets };
    memcpy(header.magic, magic, sizeof magic);
    int rc = sys_random(header.key, sizeof header.key);
    if (rc < 0)
        return rc;
    int memfd = sys_memfd("slipway-board", MFD_ALLOW_SEALING);
    if (memfd < 0)
        return memfd;
    rc = fill(memfd, &header);
    if (rc < 0)
        (void)sys_close(memfd);
    else
        *fd = memfd;
    return rc;
}

/* The header is copied before it is looked at: another edge that broke may be writing there. */
static int read_header(struct board *b)
{
    struct board_header header;
    memcpy(&header, b->at, sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.version != BOARD_VERSION ||
        header.buckets < BOARD_BUCKETS_MIN || header.buckets > BOARD_BUCKETS_MAX ||
        header.buckets % BOARD_SET_BUCKETS != 0 || bytes_of(header.buckets) != b->bytes)
        return -EBADMSG;
    b->buckets = header.buckets;
    memcpy(b->key, header.key, sizeof b->key);
    return 0;
}

int board_map(struct board *b, int fd)
{
    struct board mapped = { 0 };
    struct stat st;
    void *at;
    int rc = sys_fstat(fd, &st);
    if (rc < 0)
        return rc;
    int seals = sys_fcntl(fd, F_GET_SEALS, 0);             /* -EINVAL: not a memfd at all */
    if (seals < 0 || (seals & SEALS) != SEALS || st.st_size < HEADER_BYTES)
        return -EBADMSG;
    mapped.bytes = (size_t)st.st_size;
    rc = sys_mmap(fd, mapped.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, &at);
    if (rc < 0)
        return rc;
    mapped.at = at;
    rc = read_header(&mapped);
    if (rc < 0)
        board_done(&mapped);
    else
        *b = mapped;
    return rc;
}

void board_done(struct board *b)
{
    if (b->at)
        (void)sys_munmap(b->at, b->bytes);
    b->at = NULL;
}

_Atomic uint64_t *board_buckets(const struct board *b)
{
    return (_Atomic uint64_t *)(b->at + HEADER_BYTES);
}

struct tickets *board_tickets(const struct board *b)
{
    return (struct tickets *)(b->at + TICKETS_AT);
}
