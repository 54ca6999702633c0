/* certificates.h - the certificates of a site while it runs: read by the master, which may, and
 * handed to the edges as bytes; looked at again when a file changed; and the keys of TLS tickets.
 *
 * What cannot be used (a key that does not fit, an expired one in place of one that is not) is
 * refused with a sentence, and the edges keep what they have.
 */
#pragma once
#include "base/json.h"
#include "link/board.h"
#include "loop/loop.h"
#include "master/certificate_files.h"

struct master;

struct certificates {
    struct master *master;        /* NULL: no listener speaks TLS */
    int fd;                       /* memfd of the bundle that edges have; -1: none */
    struct certificate_files files;          /* as they were read last, without the bundle */
    struct conf *conf;            /* a copy of the options they were read by */
    uint64_t stamp;               /* of the files that are served */
    uint64_t seen;                /* of the files at the last look: read when they rest */
    uint64_t refused;             /* ... that were said to be wrong already; 0: none */
    struct timer look, renewal;
    struct board board;           /* mapped for the keys of tickets */
    uint64_t replaced;            /* times */
};

/* Reads them, when a listener has the word tls.  0, or -errno with a sentence. */
int certificates_open(struct certificates *c, struct master *m, char *why);
/* The first key of tickets, before an edge maps the board. */
int certificates_first_key(struct certificates *c, int board_fd);
int certificates_start(struct certificates *c);                 /* looks and renews from now on */
void certificates_done(struct certificates *c);
/* A reload: by these options.  The edges are told.  0, or -errno with a sentence: everything is as
 * before. */
int certificates_reload(struct certificates *c, const struct conf *conf, char *why);
/* [{"file","key","names","kind","until_s","days"}] */
json_t *certificates_rows(const struct certificates *c);
