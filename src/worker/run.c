/* run.c - one request: the application is called, what it returns is sent, close() is called,
 * the slot is finished.
 *
 *   call --> result --> list or tuple   length known: Content-Length; nothing is sent in between
 *                       file_wrapper    a regular file goes as a descriptor
 *                       any iterable    each block is visible before the next one is asked for
 *
 * Whatever the application raises is reported once, with the request line.  Before the head was
 * sent the client gets a 500, after it a response that is visibly cut.  SystemExit and
 * KeyboardInterrupt do the same, and then the worker leaves; nothing that an application raises
 * gets past thread_run().
 */
#include "worker/worker.h"
#include <errno.h>
#include "base/sys.h"
#include "http/response.h"

/* ---- what the application returns ------------------------------------------------------------ */

/* The only block of a list or tuple: its length is that of the body (PEP 3333, "Handling the
 * Content-Length Header"). */
static int send_only(struct exchange *x, PyObject *block)    /* 0, or -1 raised */
{
    bool is_open = x->is_started && !x->is_head_sent && x->length_bytes < 0;
    bool is_known = is_open && PyBytes_Check(block);
    Py_ssize_t len = is_known ? PyBytes_Size(block) : 0;
    bool is_bare = exchange_is_bare(x);
    bool is_told = !is_bare || (len > 0 && !status_has_no_body(x->status));
    if (is_known && is_told && exchange_set_length(x, (uint64_t)len) < 0)
        return -1;
    return exchange_put(x, block);
}

static int send_sequence(struct exchange *x, PyObject *result, Py_ssize_t count, bool is_list)
{
    int rc = 0;
    for (Py_ssize_t i = 0; rc == 0 && i < count && !x->is_cancelled; i++) {
        PyObject *block = is_list ? PyList_GetItem(result, i) : PyTuple_GetItem(result, i);
        if (!block)
            return -1;
        Py_INCREF(block);
        rc = count == 1 ? send_only(x, block) : exchange_put(x, block);
        Py_DECREF(block);
    }
    return rc;
}

/* Nothing of a body would be sent: the blocks matter only as long as the head may still come
 * with the first. */
static bool is_enough(const struct exchange *x)
{
    return x->is_cancelled || (x->is_started && exchange_is_bare(x));
}

/* All that Content-Length promised is in the ring: the finish, which follows at once, tells the
 * edge.  A bell for the last block alone would cost Django, whose responses have one block, a
 * wake-up of the edge a request. */
static bool is_whole(const struct exchange *x)
{
    return x->length_bytes >= 0 && x->body_bytes >= (uint64_t)x->length_bytes;
}

static int send_blocks(struct thread *t, struct exchange *x, PyObject *result)
{
    PyObject *block, *blocks = PyObject_GetIter(result);
    int rc = blocks ? 0 : -1;
    while (rc == 0 && !is_enough(x) && (block = PyIter_Next(blocks))) {
        rc = exchange_put(x, block);
        Py_DECREF(block);
        if (rc == 0 && x->is_head_sent && !is_whole(x))
            exchange_publish(x);
        if (frame_cancelled(&t->frame))
            x->is_cancelled = true;
    }
    exchange_check_fork(t->server);
    Py_XDECREF(blocks);
    return rc < 0 || PyErr_Occurred() ? -1 : 0;
}

/* 1: sent as a descriptor; 0: it has to be read; -1 raised. */
static int send_file(struct thread *t, struct exchange *x, PyObject *wrapper)
{
    int fd;
    uint64_t at, bytes;
    if (!x->is_started || wrapper_file(t->server->state, wrapper, &fd, &at, &bytes) < 0)
        return 0;
    exchange_check_fork(t->server);
    uint64_t promised = x->length_bytes < 0 ? bytes : (uint64_t)x->length_bytes - x->body_bytes;
    if (promised > bytes)
        return 0;                    /* read what there is, and let the client see that it is cut */
    if (x->length_bytes < 0 && !x->is_head_sent && (!exchange_is_bare(x) || x->is_head_request) &&
        exchange_set_length(x, bytes) < 0)
        return -1;
    if (exchange_send_head(x) < 0)
        return -1;
    if (!exchange_is_bare(x) && promised > 0 && frame_file(&t->frame, fd, at, promised) < 0)
        return 0;
    x->body_bytes += exchange_is_bare(x) ? 0 : promised;
    return 1;
}

static int send_result(struct thread *t, struct exchange *x, PyObject *result)
{
    struct state *state = t->server->state;
    if (PyList_CheckExact(result))
        return send_sequence(x, result, PyList_Size(result), true);
    if (PyTuple_CheckExact(result))
        return send_sequence(x, result, PyTuple_Size(result), false);
    if ((PyObject *)Py_TYPE(result) == state->wrapper_type) {
        int rc = send_file(t, x, result);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    return send_blocks(t, x, result);
}

/* The head of a response without a body, and the account of one with. */
static int complete(struct thread *t, struct exchange *x, enum frame_result *how)
{
    if (!x->is_started) {
        PyErr_SetString(PyExc_AssertionError, "the application did not call start_response");
        return -1;
    }
    bool is_empty = !x->is_head_sent && x->length_bytes < 0 && !exchange_is_bare(x);
    if (is_empty && exchange_set_length(x, 0) < 0)
        return -1;
    if (exchange_send_head(x) < 0)
        return -1;
    if (x->length_bytes >= 0 && x->body_bytes < (uint64_t)x->length_bytes && !exchange_is_bare(x)) {
        if (!x->names_file)              /* of which that is the length (django-sendfile2) */
            report_line(t->server, &t->frame,
                        "the body is shorter than its Content-Length; the response is cut");
        *how = FRAME_CUT;
    }
    return 0;
}

/* ---- what may go wrong ----------------------------------------------------------------------- */

/* SystemExit's code as a status: nothing is 0, a number itself, anything else 1 (as the
 * interpreter does). */
static int exit_status_of(PyObject *exception)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    int overflow = 0;
    long status = !code || code == Py_None ? 0 : 1;
    if (code && PyLong_Check(code))
        status = PyLong_AsLongAndOverflow(code, &overflow);
    Py_XDECREF(code);
    PyErr_Clear();
    return overflow ? 1 : (int)(status & 0xff);
}

static void note_exit(struct thread *t)                      /* the exception stays set */
{
    PyObject *type, *value, *trace;
    bool is_exit = PyErr_ExceptionMatches(PyExc_SystemExit);
    if (!is_exit && !PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        return;
    t->is_leaving = true;
    t->exit_status = 130;
    if (is_exit) {
        PyErr_Fetch(&type, &value, &trace);
        PyErr_NormalizeException(&type, &value, &trace);
        t->exit_status = value ? exit_status_of(value) : 1;
        PyErr_Restore(type, value, trace);
    }
}

static void handle_exception(struct thread *t, const char *what)
{
    struct exchange *x = (struct exchange *)t->exchange;
    note_exit(t);
    if (x && x->is_cancelled && PyErr_ExceptionMatches(PyExc_OSError))
        PyErr_Clear();               /* our own, from write() or read(): a client that hung up is no
                                      * error */
    else
        report_exception(t, what);
}

static void call_close(struct thread *t, PyObject *result)
{
    PyObject *close = PyObject_GetAttr(result, t->server->state->text_close);
    if (!close) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError))
            PyErr_Clear();
        else
            handle_exception(t, "exception in close()");
        return;
    }
    PyObject *closed = PyObject_CallNoArgs(close);
    if (!closed)
        handle_exception(t, "exception in close()");
    Py_XDECREF(closed);
    Py_DECREF(close);
}

static enum frame_result give_up(struct thread *t, struct exchange *x)
{
    x->is_cancelled |= frame_cancelled(&t->frame);        /* as when the client left amid its body */
    handle_exception(t, x->is_head_sent ? "exception within the response"
                                        : "exception in the application");
    if (x->is_cancelled)
        return FRAME_LEFT;
    if (x->is_head_sent)
        return FRAME_CUT;
    exchange_refuse(x);
    return x->is_head_sent ? FRAME_OK : FRAME_CUT;
}

/* ---- one request ----------------------------------------------------------------------------- */

static int make_input(struct thread *t)                      /* 0, or -1 raised */
{
    struct input_from from = { .fd = -1 };
    int kind = frame_body(&t->frame, &from.memory, &from.fd, &from.bytes);
    if (kind < 0) {
        errno = -kind;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    from.stream = kind == FRAME_BODY_STREAM ? &t->frame : NULL;
    if (t->input && is_unshared(t->input)) {
        input_reuse(t->input, &from);
        return 0;
    }
    Py_XDECREF(t->input);
    t->input = input_new(t->server, &from);
    return t->input ? 0 : -1;
}

static int make_exchange(struct thread *t)                   /* 0, or -1 raised */
{
    if (t->start_response)
        return 0;
    t->exchange = exchange_new(t->server);
    if (t->exchange)
        t->start_response = exchange_start_response((struct exchange *)t->exchange);
    if (!t->start_response)
        Py_CLEAR(t->exchange);
    return t->start_response ? 0 : -1;
}

static PyObject *make_environ(struct thread *t, bool *is_head)       /* new, or NULL raised */
{
    PyObject *vars = environ_make(&t->environ, frame_vars(&t->frame), is_head);
    if (vars && PyDict_SetItem(vars, t->server->state->text_input, t->input) < 0)
        Py_CLEAR(vars);
    return vars;
}

static enum frame_result answer(struct thread *t, PyObject *vars)
{
    struct exchange *x = (struct exchange *)t->exchange;
    enum frame_result how = FRAME_OK;
    PyObject *result = call_two(t->server->state, t->server->application, vars, t->start_response);
    exchange_check_fork(t->server);
    if (!result)
        return give_up(t, x);
    if (send_result(t, x, result) < 0 || (!x->is_cancelled && complete(t, x, &how) < 0))
        how = give_up(t, x);
    if (!PyList_CheckExact(result) && !PyTuple_CheckExact(result))
        call_close(t, result);
    Py_DECREF(result);               /* before the slot is given back: a generator may still look
                                      * at wsgi.input */
    exchange_check_fork(t->server);
    return x->is_cancelled ? FRAME_LEFT : how;
}

/* What the application did not keep is used for the next request. */
static void tidy(struct thread *t)
{
    struct exchange *x = (struct exchange *)t->exchange;
    if (t->input)
        input_end(t->input);
    if (!x)
        return;
    exchange_end(x);
    if (exchange_is_shared(x, t->start_response)) {
        Py_CLEAR(x->write);          /* it points back at the exchange */
        Py_CLEAR(t->start_response);
        Py_CLEAR(t->exchange);
    }
}

static _Thread_local struct thread *running;        /* NULL between two requests */

struct span thread_request_id(void)
{
    struct thread *t = running;
    if (!t || !t->server->is_open)
        return SPAN("");
    return environ_find(frame_vars(&t->frame), SPAN("HTTP_X_REQUEST_ID"));
}

void thread_run(struct thread *t)
{
    enum frame_result how = FRAME_CUT;
    bool is_head = false;
    t->server->busy++;
    running = t;
    PyObject *vars = make_input(t) == 0 && make_exchange(t) == 0 ? make_environ(t, &is_head) : NULL;
    if (t->exchange)
        exchange_begin((struct exchange *)t->exchange, &t->frame, is_head);
    if (vars)
        how = answer(t, vars);
    else if (t->exchange)
        how = give_up(t, (struct exchange *)t->exchange);
    else
        report_exception(t, "exception before the application was called");
    Py_XDECREF(vars);
    tidy(t);
    running = NULL;
    frame_finish(&t->frame, how);
    t->server->busy--;
}

int thread_init(struct thread *t, struct server *s, unsigned index)
{
    *t = (struct thread){ .server = s };
    frame_thread_init(&t->frame, &s->frame, index);
    environ_init(&t->environ, s->state, s->base);
    return make_exchange(t);
}

void thread_done(struct thread *t)
{
    struct exchange *x = (struct exchange *)t->exchange;
    if (x)
        Py_CLEAR(x->write);
    Py_CLEAR(t->start_response);
    Py_CLEAR(t->exchange);
    Py_CLEAR(t->input);
    environ_done(&t->environ);
}
