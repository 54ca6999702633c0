/* certificates.h - the certificates of all sites while they run: read by the master, which may, and
 * handed to the edges as bytes; looked at again when a file changed; and the keys of TLS tickets.
 *
 * Those of the server and of each site are a source of their own.  What cannot be used (a key that does
 * not fit, an expired one in place of one that is not) is refused with a sentence; that source stays as it
 * is, and the others do not notice.
 */
#pragma once
#include "base/json.h"
#include "conf/conf.h"
#include "link/board.h"
#include "loop/loop.h"

struct master;

struct site;

struct certificates {
    struct master *master;        /* NULL: no listener speaks TLS */
    int fd;                       /* memfd of the bundle that edges have; -1: none */
    struct list sources;          /* struct certificate_source: the server's, then those of sites */
    struct timer look, renewal;
    struct board board;           /* mapped for the keys of tickets */
    uint64_t replaced;            /* times */
};

/* Reads them, when a listener has the word tls.  Sites whose own cannot be used are broken then (site.h).  0,
 * or -errno with a sentence: those of the server cannot, or there is none. */
int certificates_open(struct certificates *c, struct master *m, char *why);
/* The first key of tickets, before an edge maps the board. */
int certificates_first_key(struct certificates *c, int board_fd);
int certificates_start(struct certificates *c);                 /* looks and renews from now on */
void certificates_look(struct certificates *c);                 /* tls-look may be another now */
void certificates_done(struct certificates *c);
/* Those of a site by these options, or (NULL, or where there is one site) of the server.  The edges are told
 * of a change.  0, or -errno with a sentence: everything is as before. */
int certificates_reload(struct certificates *c, const struct site *site, const struct conf *conf, char *why);
/* Could they be?  The same, and nothing is changed. */
int certificates_check(struct certificates *c, const struct site *site, const struct conf *conf, char *why);
void certificates_forget(struct certificates *c, const struct site *site);     /* it is gone */
bool certificates_know(const struct certificates *c, const struct site *site); /* they were read */
/* [{"file","key","names","kind","until_s","days"}] */
json_t *certificates_rows(const struct certificates *c);
