/* h1.h - what the files of an HTTP/1 connection share: the connection, and the exchange under way on it.
 *
 *     h1_conn       life, phases and limits, sending of answers
 *     h1_request    from the first byte to serve: handshake, head, body
 *     h1_head       a head out of its bytes         h1_body    where a body goes
 *     h1_answer     how an answer leaves
 */
#pragma once
#include "edge/edge_private.h"
#include "wire/chunked.h"
#include "wire/h1.h"

/* PHASE_PROXY comes before all others, and then PHASE_HANDSHAKE, where there is one. */
enum phase {
    PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_STREAM, PHASE_ANSWER, PHASE_SEND, PHASE_LINGER,
    PHASE_HANDSHAKE, PHASE_PROXY, PHASE_COUNT
};

struct h1_exchange {                  /* spare ones keep the first block of their arena and buffer */
    struct exchange x;
    struct h1_conn *conn;
    struct list spare;
    struct body body;
    struct pace_in body_pace;
    bool is_continue_due;             /* of a streamed one: the client waits for "100 Continue" */
    bool is_body_read;                /* ... and the application for the client */
    bool is_body_ours;                /* it waits for a helper, not for the client */
    struct chunked chunked;
    bool is_body_complete;            /* also when there is none */
    bool is_woken;                    /* what serve waited for is there: serve_run() */

    struct pace_out send_pace;
    int64_t send_due_ms;              /* PHASE_STREAM: the next look at it; 0: nothing waits */
    struct h1_answer spelled;
    struct buf out;                   /* head and body bytes not yet sent */
    struct spill spill;               /* what did not fit: comes after `out` */
    struct file *file;                /* what is sent last: a cached file, or a descriptor of its own */
    int file_fd;                      /* -1: none */
    uint64_t file_at, file_left_bytes;
    const struct file_piece *pieces;  /* of that file, which are sent next; in the arena */
    size_t pieces_left;
    bool is_file_due;                 /* of a chunked answer: the chunk's frame comes before it, or
                                       * with no file bytes left the end of the body */
    bool is_end_framed;               /* of a chunked answer: its end is among what is kept or sent */
    uint64_t promised_left_bytes;     /* of Content-Length */
    bool is_ended;                    /* answer_out was told the end */
    bool is_cut;                      /* ... and the client must see that it is not whole */
    bool is_full;                     /* body() took less than offered: resume when there is room */
};

struct h1_conn {
    struct conn base;
    struct h1_exchange *hx;           /* NULL between two requests */
    struct buf in;                    /* bytes of a head that is not whole, and what was sent ahead */
    size_t scanned_bytes;             /* of `in`, by h1_read_head */
    bool is_scanned;                  /* all of `in` was looked at: no whole head is there */
    enum phase phase;
    bool is_running;                  /* inside a step: callbacks only leave marks */
    bool is_too_slow;                 /* what the kernel still holds for the client is dropped, too */
    uint32_t requests;
    uint32_t lingering_bytes;         /* PHASE_LINGER: of what was sent, not taken at the last look; 0: none yet */
};

/* 0, or -errno: fd is still the caller's. */
int h1_conn_new(struct listener *l, int fd, const struct sockaddr *peer);

/* From here on the exchange is a request that came, whatever becomes of it. */
void h1_adopt(struct h1_conn *c, struct h1_exchange *hx);
/* Looks for a whole head in `data`: taken bytes (c->hx is the request), 0 when more must come, minus
 * the status to refuse it with (c->hx too), -ENOMEM, -EPROTO: it is HTTP/2, -EPROTONOSUPPORT: nor
 * HTTP/1. */
ssize_t h1_take_head(struct h1_conn *c, struct span data);
int h1_body_begin(struct h1_conn *c);           /* as body_begin */
/* A bounded share of reads: 1 the body is whole, 0 not yet (the connection is woken), -EINPROGRESS the client must send, -EAGAIN a
 * helper writes (the connection is woken), -EPIPE cut short, -EBADMSG bad chunks, -EMSGSIZE over
 * body-limit, or why it has no place. */
int h1_body_read(struct h1_conn *c);
/* It goes to the worker as it comes: as body_begin_stream, and x.body says so. */
int h1_body_begin_stream(struct h1_conn *c);
/* A bounded share: 1 it is over (whole, or nobody wants it any more), 0 not yet (the connection is
 * woken), or as h1_body_read. */
int h1_body_carry(struct h1_conn *c);
void h1_body_stop(struct h1_exchange *hx, enum frame_body_end how);

extern const struct answer_out h1_answer_out;
/* Sends what is there as far as the socket takes it: 1 all sent, 0 not yet, negative: the client is gone. */
int h1_send(struct h1_conn *c);
bool h1_is_gone(struct h1_conn *c);                   /* nobody waits for the answer under way */
void h1_log_failure(const struct h1_exchange *hx, int error);   /* of h1_send, when it is not the client's doing */
bool h1_has_unsent(const struct h1_exchange *hx);
uint64_t h1_unsent_bytes(const struct h1_exchange *hx);      /* of what was taken, frames included */
bool h1_takes_more(const struct h1_exchange *hx);     /* of the body, after it was full */
struct h1_exchange *h1_exchange_take(struct edge *e);       /* NULL: no memory */
void h1_exchange_give(struct edge *e, struct h1_exchange *hx);
