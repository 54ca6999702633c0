/* worker.h - the CPython extension _slipway: what its files share.
 *
 *   frame --request--> environ, input --> run --> the application
 *   frame <--head, bytes, file-- exchange <-- start_response, write(), what the application returns
 *
 * Limited API of 3.11, multi-phase initialization, no Python object in a global: what is kept
 * lies in struct state, the module's own.  "new" and "borrowed" say who owns a returned
 * reference; a function that may raise says so, and returns NULL or -1 exactly when an exception
 * is set.
 * Each thread that serves has a struct thread of its own: nothing on the request path is shared.
 */
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "link/frame.h"

typedef PyObject *(*vectorcall_fn)(PyObject *, PyObject *const *, size_t, PyObject *);

struct state {                       /* of the module; every member is owned */
    PyObject *server_type, *exchange_type, *input_type, *wrapper_type;
    PyObject *special_files;         /* (BufferedIOBase, RawIOBase, TextIOBase): read() need not be
                                      * what fileno() has ... */
    PyObject *plain_files;           /* ... but is in (FileIO, BufferedReader, BufferedRandom) */
    PyObject *collect;               /* gc.collect */
    PyObject *generations[2];        /* 0 and 1, its arguments */
    PyObject *format_exception;      /* traceback.format_exception */
    PyObject *empty;                 /* b"" */
    PyObject *text_close, *text_fileno, *text_read, *text_tell, *text_write, *text_flush;
    PyObject *text_input, *text_scheme;      /* "wsgi.input", "wsgi.url_scheme" */
    vectorcall_fn vectorcall;        /* PyObject_Vectorcall where it is part of the stable ABI
                                      * (3.12), else NULL */
};

struct server {                      /* slipway.Server: this worker's end of the link */
    PyObject_HEAD
    struct state *state;             /* lives as long as the type, and so as this */
    struct frame_worker frame;
    PyObject *application;
    PyObject *base;                  /* the variables that are the same for every request */
    char *secrets;                   /* query parameters whose values are in no log; NULL: all */
    bool is_open;                    /* false once closed, as in what the application forks */
    bool is_collecting;              /* garbage is ours to collect, not the project's */
    bool is_stopping;                /* each thread leaves after the request it has */
    unsigned busy;                   /* threads inside the application */
    unsigned since_young;            /* requests since a young collection */
    unsigned since_middle;           /* young collections since one of the middle generation */
    unsigned since_full;             /* requests since a full collection */
};

/* ---- environ.c: the block of variables becomes a dict ---------------------------------------- */

enum { ENVIRON_NAMES_MAX = 256, ENVIRON_TABLE = 512, ENVIRON_KEPT_BYTES = 1024 };

struct environ_name;
struct environ {                     /* one a thread */
    struct state *state;
    PyObject *base;
    PyObject *latest;                /* base and the variables of the request before: copied for
                                      * the next one; NULL at first */
    struct environ_name *table[ENVIRON_TABLE];
    unsigned names;
    struct environ_name *shape[ENVIRON_NAMES_MAX];   /* the names in `latest`, as they came */
    unsigned shape_names;            /* 0 while `latest` fits nothing */
};
void environ_init(struct environ *e, struct state *state, PyObject *base);
void environ_done(struct environ *e);
/* A new dict for one request; is_head tells HEAD from the rest.  New reference, or NULL raised. */
PyObject *environ_make(struct environ *e, struct span block, bool *is_head);
/* The value of one variable, without Python; empty when it is not there. */
struct span environ_find(struct span block, struct span name);

/* ---- input.c: wsgi.input --------------------------------------------------------------------- */

struct input_from {                  /* a body as frame_body() gives it */
    struct span memory;              /* all of it, until input_end(); else empty */
    int fd;                          /* with empty memory: a file, or the pipe of `stream` */
    uint64_t bytes;
    struct frame_thread *stream;     /* it comes while it is read; NULL: it is complete */
};
/* fd is input's to close.  New, or NULL raised (fd is closed). */
PyObject *input_new(struct server *s, const struct input_from *from);
/* Another request for one that nobody else holds: as input_new, but cannot fail. */
void input_reuse(PyObject *input, const struct input_from *from);
/* The request is over: reading raises ValueError from now on. */
void input_end(PyObject *input);

/* ---- exchange.c: start_response, write() and the bytes of the response ----------------------- */

struct exchange {
    PyObject_HEAD
    struct server *server;           /* owned */
    struct frame_thread *frame;      /* NULL when no request is under way */
    PyObject *write;                 /* what start_response returns; NULL while never asked for */
    struct buf head;                 /* "Reason\r\nName: value\r\n..." as frame_head wants it */
    unsigned status;
    bool is_head_request;
    bool is_started;                 /* start_response was called, `head` and `status` are valid */
    bool is_head_sent;               /* ... and cannot be taken back */
    bool is_cancelled;               /* nobody wants the rest */
    bool is_excess_told;
    int64_t length_bytes;            /* Content-Length of the head; -1: none */
    bool names_file;                 /* X-Accel-Redirect or X-Sendfile: the edge sends that instead */
    uint64_t body_bytes;             /* sent so far */
};
PyObject *exchange_new(struct server *s);                        /* new, or NULL raised */
PyObject *exchange_start_response(struct exchange *x);           /* new, or NULL raised */
void exchange_begin(struct exchange *x, struct frame_thread *frame, bool is_head_request);
void exchange_end(struct exchange *x);           /* start_response, write() raise from now on */
/* The application kept some of it. */
bool exchange_is_shared(const struct exchange *x, PyObject *start_response);
/* No body may follow the head: HEAD, 204, 304. */
bool exchange_is_bare(const struct exchange *x);
/* Content-Length for a head that has none and was not sent. */
int exchange_set_length(struct exchange *x, uint64_t bytes);     /* 0, or -1 raised */
int exchange_send_head(struct exchange *x);                      /* once; 0, or -1 raised */
/* Body bytes, the head before the first of them.  What is past Content-Length is dropped.  Not
 * yet visible, unless the ring was full on the way.  0 (also when nobody wants them:
 * is_cancelled), or -1 raised. */
int exchange_put(struct exchange *x, PyObject *bytes);
void exchange_publish(struct exchange *x);
/* 500 in plain text, instead of what the application wanted; only while the head was not sent. */
void exchange_refuse(struct exchange *x);
/* In a process that the application forked the link is closed: whoever comes back into it ends
 * here. */
void exchange_check_fork(const struct server *s);

/* ---- wrapper.c: wsgi.file_wrapper ------------------------------------------------------------ */

/* When the wrapped file is a regular one: a descriptor (borrowed), where it stands and how much
 * is left.  0, or -1 without an exception: it has to be read. */
int wrapper_file(struct state *state, PyObject *wrapper, int *fd, uint64_t *at, uint64_t *bytes);

/* ---- run.c: one request ---------------------------------------------------------------------- */

struct thread {
    struct server *server;
    struct frame_thread frame;
    struct environ environ;
    PyObject *exchange, *start_response, *input;     /* used again when the application kept none
                                                      * of them */
    bool is_leaving;                    /* the application raised SystemExit or KeyboardInterrupt */
    int exit_status;
};
int thread_init(struct thread *t, struct server *s, unsigned index);           /* 0, or -1 raised */
void thread_done(struct thread *t);
/* Answers the request that was taken, and finishes it.  Never raises. */
void thread_run(struct thread *t);
/* The id of the request that the calling thread runs, in its variables; "" when it runs none, and in a
 * process that the application forked. */
struct span thread_request_id(void);

/* ---- report.c: what is written to wsgi.errors ------------------------------------------------ */

/* The exception that is set, with its traceback and the request line; clears it. */
void report_exception(struct thread *t, const char *what);
void report_line(const struct server *s, struct frame_thread *frame, const char *text);

/* ---- module.c -------------------------------------------------------------------------------- */

extern PyType_Spec server_spec, exchange_spec, input_spec, wrapper_spec;
struct state *state_of_type(PyObject *type);         /* of one of the module's types */
PyObject *call_one(const struct state *state, PyObject *callable, PyObject *argument);
PyObject *call_two(const struct state *state, PyObject *callable, PyObject *first,
                   PyObject *second);
/* As Py_REFCNT() == 1, also where later versions keep flags in the upper half of the word. */
static inline bool is_unshared(PyObject *object)
{
    return (uint32_t)Py_REFCNT(object) == 1;
}
