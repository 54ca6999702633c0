/* exchange.h - one request and its response, whatever wire they travel on.
 *
 * Owner  the edge's connection (or stream).  Everything it points to lives in its arena or longer.
 * Life   the edge makes it when a head is complete, lets serve decide, and takes it back when the
 *        response was sent or the client is gone (serve_leave).  After `answer_out` was told the
 *        end, serve never touches it again.
 */
#pragma once
#include "base/buf.h"
#include "http/request.h"
#include "http/response.h"
#include "link/pool.h"

struct exchange;
struct file;
struct route;
struct routes;
struct compression;

struct file_piece {                   /* of a body made of several places of one file */
    struct span before;               /* words that come first */
    uint64_t at, bytes;               /* then these bytes of the file */
};

/* Declared here, filled by the edge: how an answer leaves.  Called on the loop. */
struct answer_out {
    /* The head, once.  res->body_bytes is -1 when the length is not known.  0, or negative: the
     * client is gone. */
    int (*head)(struct exchange *x, const struct response *res);
    /* Up to two runs of body; returns how many bytes it took (sent or kept), 0: full,
     * serve_resume() will follow; negative: the client is gone (serve lets go).  is_last: after
     * these runs the response is whole. */
    ssize_t (*body)(struct exchange *x, const struct span runs[2], bool is_last);
    /* Instead of the last body(): bytes of an open file.  `file` (may be NULL) is released by
     * file_release when sent, else fd is closed. */
    void (*file)(struct exchange *x, struct file *file, int fd, uint64_t at, uint64_t bytes);
    /* Instead of body(), of a response whose length was told: all of these pieces, which live in
     * the exchange's arena; `file` as in file(). */
    void (*pieces)(struct exchange *x, struct file *file, int fd, const struct file_piece *pieces,
                   size_t count);
    /* The response cannot be completed: the client must be able to see that. */
    void (*cut)(struct exchange *x);
    /* What the exchange waited for is there: the edge calls serve_run() soon, never at once. */
    void (*wake)(struct exchange *x);
    /* The application reads a body that is streamed and `asks`. */
    void (*reads_body)(struct exchange *x);
};

enum { EXCHANGE_ID_BYTES = 80 };

struct exchange {
    struct arena arena;               /* of this request */
    struct request request;
    struct response response;
    const struct answer_out *out;
    struct serve *serve;
    struct routes *routes;            /* from serve_begin on, held */
    const struct route *route;        /* whose options are its; from serve_begin on */
    const struct conf *conf;          /* the options of its route; before, those of the server */
    struct call call;                 /* on its way to a worker */
    struct call_body body;            /* complete, or a stream, when the target runs */
    unsigned stage;                   /* the next one to run */
    bool has_head;                    /* out->head was called */
    bool is_of_app;                   /* the head is the application's: its own word on policy */
    bool is_with_pool;                /* the pool holds x->call */
    bool is_body_lent;                /* a worker may still read `body`: its memory is not
                                       * used again */
    bool is_logged;                   /* wanted in the access log, and not there yet */
    char request_id[EXCHANGE_ID_BYTES + 1];      /* "" until one was needed: identity.h */
    struct span trace_id;             /* of its traceparent, once the application is asked; "" */
    struct file_wait *file_wait;      /* a helper opens a file for it; NULL otherwise */
    struct opening_wait *opening_wait;      /* it is held until the site is known; NULL otherwise */
    struct login_wait *login_wait;    /* a helper looks at its password; NULL otherwise */
    int64_t login_wait_s;             /* LOGINS_LATER: so long */
    int login_say;                    /* enum logins_say, once that is over */
    bool has_login_say;
    struct change_wait *change_wait;  /* it is held until something is saved (`run --live`); NULL
                                       * otherwise */
    struct compression *compression;  /* its body goes through a coding; NULL otherwise */
    unsigned file_root;               /* the static root to try next */
    struct handover *handover;              /* the file that the application wants sent (handover.h); NULL */
    struct span set_cookie;           /* for its answer: Set-Cookie; "" for none */
    bool is_preflight;                /* it came in without credentials, as one of CORS: a browser reads
                                       * the head of its answer alone, so nobody gets more */
    bool is_private;                  /* it passed the wall: no cache may give its answer
                                       * to others */
    struct span user;                 /* for the log: whom the application, or what let it in, names; "" */
    struct field *log_fields;         /* taken off the application's head for the log; in the arena */
    size_t log_fields_count;
    const char *failure;              /* for the log: why the edge answered by itself; NULL */

    /* for the access log, kept by the edge */
    int64_t began_us;                 /* monotonic: when its head was complete */
    uint64_t sent_body_bytes;
};
