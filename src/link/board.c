/* board.c - how the board is made and mapped. */
#include "link/board.h"
#include <errno.h>
#include "base/sys.h"
#include "link/sealed.h"

enum { HEADER_BYTES = 4096, TICKETS_AT = 1024 };

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

static int write_header(int fd, const struct board_header *header)
{
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
    int memfd = sealed_make("slipway-board", bytes_of(buckets));
    if (memfd < 0)
        return memfd;
    rc = write_header(memfd, &header);
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
    int rc = sealed_map(fd, HEADER_BYTES, &mapped.at, &mapped.bytes);
    if (rc < 0)
        return rc;
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
