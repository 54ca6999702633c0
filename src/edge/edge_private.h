/* edge_private.h - what the edge's own files share: the process, its listeners, its connections.
 */
#pragma once
#include "edge/body.h"
#include "edge/sandbox.h"
#include "edge/conn.h"
#include "edge/peer.h"
#include "http/forwarded.h"
#include "edge/pace.h"
#include "link/board.h"
#include "link/channel.h"
#include "edge/sites.h"
#include "serve/hosts.h"
#include "serve/serve.h"

enum {
    EDGE_SCRATCH_BYTES = 64 * 1024, EDGE_OUTGOING_BYTES = 128 * 1024,
    EDGE_EXCHANGES_KEPT = 256, EDGE_ACCEPTS_A_TURN = 64, EDGE_HANDSHAKES_A_TURN = 8,
};

struct listener {
    struct watch watch;
    struct edge *edge;
    char address[64], port[8];        /* of our end: SERVER_NAME without a Host, SERVER_PORT */
    bool is_unix;
    bool is_tls;
    bool has_proxy;                   /* a PROXY header comes first */
};

struct edge {
    struct loop *loop;
    struct conf *conf;
    struct sandbox sandbox;
    unsigned index, count;            /* of the edges; how many there are */
    struct serve serve;               /* the lobby: who asks for no site, or before one is known */
    struct list sites;                /* struct edge_site, by serve.node */
    struct hosts hosts;               /* to them */
    struct site_reading *reading;     /* what options of one name, by a helper: the master waits; NULL: none */
    bool has_gone_sites;              /* one of them is to be freed */
    struct board board;               /* shared with the other edges */
    struct helpers *helpers;
    struct body_pool bodies;
    struct watch master;
    struct listener listeners[CONF_LIST_MAX];
    size_t listeners_count;
    struct forwarded_rules *forwarded;        /* who is trusted, and for what */
    uint64_t unproxied;               /* connections refused for want of a PROXY header */
    int64_t unproxied_told_ms;        /* 0: never */
    bool has_told_of_proxy;           /* that is not trusted: peer.c */
    struct timer accept_pause;        /* on while descriptors ran out */
    int64_t accept_warned_ms;         /* 0: never */
    struct list conns;                /* every struct conn */
    uint64_t conns_count, accepted, requests;
    struct tls_server *tls;           /* NULL while no certificates came */
    struct certificates *certificates;          /* new ones in the making: certificates.c */
    uint64_t handshakes, handshakes_resumed, handshakes_failed;
    unsigned handshakes_left;         /* steps of handshakes in this turn yet */
    struct list spare;                /* h1_exchanges between two uses */
    unsigned spare_count;
    struct h2_shared *h2;             /* what all HTTP/2 connections share (h2.h) */
    struct loop_hook turn;
    bool is_draining;
    bool asked_for_renewal;           /* the sandbox was closed too early: once is enough */
    int error;                        /* why it ends early: its exit status is 1 */
    char scratch[EDGE_SCRATCH_BYTES]; /* a read lands here first; nothing stays */
    char outgoing[EDGE_OUTGOING_BYTES];         /* likewise what goes out by TLS from a file */
};

void edge_hear_on(struct edge *e, int obeyed);       /* e->reading is over, as edge_site_message says */
/* All of a memfd of at most so many bytes, added to *into.  0 or -errno. */
int edge_read_memfd(int fd, off_t most_bytes, struct buf *into);
struct conf *edge_read_conf(int fd, char *why);      /* conf_write()'s text; NULL */
/* The bundle in this memfd, which is ours from then on: at the start, and then by a helper. */
int edge_certificates_first(struct edge *e, int fd);
void edge_certificates(struct edge *e, int fd);
