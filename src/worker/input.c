/* input.c - wsgi.input over bytes of the slot, over a file that the edge filled, or over a pipe
 * that it still fills (PEP 3333, "Input and Error Streams").
 *
 * Bytes of the slot are read in place: they stay until the request is over, and after that every
 * call raises ValueError.  A file is read by pread(), so that a descriptor shared with the edge is
 * never moved.  Either is complete before the application sees any of it, and its end is the end of
 * the file.
 * A pipe brings what the client sends (option stream-request-body): reading waits for it, without
 * the GIL, and when the client does not send all of it raises OSError: a body that was cut must not
 * look whole.
 */
#include "worker/worker.h"
#include <errno.h>
#include "base/sys.h"

enum { INPUT_BUFFER_BYTES = 64 * 1024, INPUT_UNKNOWN_BYTES = 1024 * 1024 };

struct input {
    PyObject_HEAD
    struct server *server;           /* owned */
    struct span ready;               /* not yet read: of the slot, or of `buffer` */
    int fd;                          /* -1: everything is in `ready` */
    uint64_t at, end;                /* of the file: what comes after `ready`; INT64_MAX: of a stream
                                      * whose end was not seen yet */
    struct frame_thread *stream;     /* fd is a pipe; NULL otherwise */
    char *buffer;                    /* for lines of a file; NULL until the first */
    unsigned readers;                /* threads inside a read without the GIL */
    bool is_told;                    /* the edge knows that it is read */
    bool is_over;
};

void input_reuse(PyObject *self, const struct input_from *from)
{
    struct input *in = (struct input *)self;
    in->ready = from->memory;
    in->fd = from->fd;
    in->at = 0;
    in->end = from->fd < 0 ? 0 : from->bytes < INT64_MAX ? from->bytes : INT64_MAX;
    in->stream = from->stream;
    in->is_told = in->is_over = false;
}

PyObject *input_new(struct server *s, const struct input_from *from)
{
    struct input *in = (struct input *)PyType_GenericAlloc((PyTypeObject *)s->state->input_type, 0);
    if (!in) {
        (void)sys_close(from->fd);
        return NULL;
    }
    in->server = (struct server *)Py_NewRef((PyObject *)s);
    input_reuse((PyObject *)in, from);
    return (PyObject *)in;
}

static void close_file(struct input *in)
{
    if (in->readers > 0)
        return;                      /* the last of them does it */
    (void)sys_close(in->fd);
    in->fd = -1;
    sys_free(in->buffer);
    in->buffer = NULL;
}

void input_end(PyObject *self)
{
    struct input *in = (struct input *)self;
    in->is_over = true;
    in->ready = SPAN("");
    in->end = in->at;
    in->stream = NULL;
    if (in->fd >= 0)
        close_file(in);
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct input *in = (struct input *)self;
    input_end(self);
    Py_XDECREF((PyObject *)in->server);
    PyObject_Free(self);
    Py_DECREF((PyObject *)type);
}

static int check(const struct input *in)                     /* 0, or -1 raised */
{
    if (!in->is_over && in->server->is_open)
        return 0;
    PyErr_SetString(PyExc_ValueError, "wsgi.input is read after its request was over");
    return -1;
}

static uint64_t left_bytes(const struct input *in)
{
    return in->ready.len + (in->end - in->at);
}

/* How much a size argument allows: all of it for None, negative and absent ones.  0, or -1
 * raised. */
static int read_limit(const struct input *in, PyObject *const *args, Py_ssize_t nargs,
                      uint64_t *limit)
{
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError, "wsgi.input takes at most one argument");
        return -1;
    }
    Py_ssize_t wanted = -1;
    if (nargs == 1 && args[0] != Py_None)
        wanted = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
    if (wanted == -1 && PyErr_Occurred())
        return -1;
    *limit = left_bytes(in);         /* only now: __index__() of the argument may read, too */
    if (wanted >= 0 && (uint64_t)wanted < *limit)
        *limit = (uint64_t)wanted;
    return 0;
}

static void raise_error(ssize_t rc)
{
    if (rc == 0) {
        PyErr_SetString(PyExc_OSError, "the file of the request body is shorter than the body");
        return;
    }
    errno = (int)-rc;
    PyErr_SetFromErrno(PyExc_OSError);
}

static ssize_t take_ready(struct input *in, char *into, size_t bytes)
{
    size_t taken = bytes < in->ready.len ? bytes : in->ready.len;
    if (taken > 0)
        memcpy(into, in->ready.at, taken);
    in->ready = span_skip(in->ready, taken);
    return (ssize_t)taken;
}

/* The file's next bytes, without the GIL: the range is taken first, so that a second reader gets
 * another one. */
static int read_file(struct input *in, char *into, size_t bytes)               /* 0, or -1 raised */
{
    uint64_t at = in->at;
    ssize_t got = 1;
    size_t done = 0;
    int fd = in->fd;
    in->at += bytes;
    in->readers++;
    Py_BEGIN_ALLOW_THREADS
    while (done < bytes && got > 0) {
        got = sys_pread(fd, into + done, bytes - done, (off_t)(at + done));
        if (got > 0)
            done += (size_t)got;
    }
    Py_END_ALLOW_THREADS
    in->readers--;
    if (in->is_over)
        close_file(in);
    if (done < bytes)
        raise_error(got);
    return done < bytes ? -1 : 0;
}

/* ---- a body that comes while it is read ------------------------------------------------------ */

/* The pipe is at its end: 0 so is the body, or -1 raised. */
static ssize_t end_of_stream(struct input *in)
{
    enum frame_body_end how = frame_body_end(in->stream);
    if (how == FRAME_END_WHOLE && in->end == INT64_MAX) {
        in->end = in->at;
        return 0;
    }
    if (how == FRAME_END_LARGE)
        PyErr_SetString(PyExc_OSError, "the request body is larger than body-limit");
    else if (how == FRAME_END_LATE)
        PyErr_SetString(PyExc_TimeoutError, "the client sent too little of its body within body-timeout");
    else
        PyErr_SetString(PyExc_ConnectionResetError, "the client left before it had sent all of its body");
    return -1;
}

/* One read without the GIL.  Two threads at it would get the body in pieces of no known order. */
static ssize_t wait_for_bytes(struct input *in, char *into, size_t bytes)      /* or -1 raised */
{
    int64_t began_us = sys_now_us();
    int fd = in->fd;
    ssize_t got;
    if (in->readers > 0) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is reading wsgi.input");
        return -1;
    }
    in->readers++;
    Py_BEGIN_ALLOW_THREADS
    got = sys_read_once(fd, into, bytes);
    Py_END_ALLOW_THREADS
    in->readers--;
    if (in->is_over) {
        close_file(in);
        return check(in);
    }
    in->stream->waited_us += sys_now_us() - began_us;
    if (got == -EINTR && PyErr_CheckSignals() < 0)
        return -1;
    if (got < 0 && got != -EINTR) {
        raise_error(got);
        return -1;
    }
    return got;
}

/* At least one byte, at most `bytes`; 0 at the end of the body; or -1 raised. */
static ssize_t read_stream(struct input *in, char *into, size_t bytes)
{
    ssize_t got = -EINTR;
    if (in->end == in->at)
        return 0;
    if (!in->is_told)
        frame_reads_body(in->stream);
    in->is_told = true;
    if (bytes > in->end - in->at)
        bytes = (size_t)(in->end - in->at);
    while (got == -EINTR)
        got = wait_for_bytes(in, into, bytes);
    if (got > 0)
        in->at += (uint64_t)got;
    return got == 0 ? end_of_stream(in) : got;
}

/* Until `bytes` are there, or the body ends: how many, or -1 raised. */
static ssize_t read_stream_all(struct input *in, char *into, size_t bytes)
{
    size_t done = (size_t)take_ready(in, into, bytes);
    ssize_t got = 1;
    while (done < bytes && (got = read_stream(in, into + done, bytes - done)) > 0)
        done += (size_t)got;
    return got < 0 ? -1 : (ssize_t)done;
}

/* Where nobody knows how much comes, memory grows with what came. */
static PyObject *read_unknown(struct input *in, uint64_t limit)
{
    struct buf all = { 0 };
    PyObject *bytes = NULL;
    ssize_t got = 1;
    while (got > 0 && buf_len(&all) < limit) {
        uint64_t left = limit - buf_len(&all);
        size_t want = left < INPUT_BUFFER_BYTES ? (size_t)left : INPUT_BUFFER_BYTES;
        if (buf_reserve(&all, want) < 0) {
            PyErr_NoMemory();
            got = -1;
            break;
        }
        got = read_stream_all(in, buf_tail(&all), want);
        if (got > 0)
            buf_added(&all, (size_t)got);
    }
    if (got >= 0)
        bytes = PyBytes_FromStringAndSize(buf_span(&all).at, (Py_ssize_t)buf_len(&all));
    buf_done(&all);
    return bytes;
}

static PyObject *read_stream_bytes(struct input *in, uint64_t limit, bool is_some)
{
    char *into;
    Py_ssize_t len;
    if (limit > INPUT_UNKNOWN_BYTES && in->end == INT64_MAX)
        return read_unknown(in, limit);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)limit);
    if (!bytes || PyBytes_AsStringAndSize(bytes, &into, &len) < 0)
        return NULL;
    ssize_t got = !is_some ? read_stream_all(in, into, (size_t)len)
                           : in->ready.len > 0 ? take_ready(in, into, (size_t)len)
                                               : read_stream(in, into, (size_t)len);
    PyObject *part = got == len ? Py_NewRef(bytes) : got < 0 ? NULL : PyBytes_FromStringAndSize(into, got);
    Py_DECREF(bytes);
    return part;
}

/* ---- what the application calls -------------------------------------------------------------- */

static PyObject *read_bytes(struct input *in, uint64_t limit)          /* limit <= left_bytes(in) */
{
    char *into;
    Py_ssize_t len;
    if (limit == 0)
        return Py_NewRef(in->server->state->empty);
    if (in->stream)
        return read_stream_bytes(in, limit, false);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)limit);
    if (!bytes || PyBytes_AsStringAndSize(bytes, &into, &len) < 0)
        return NULL;
    size_t done = (size_t)take_ready(in, into, (size_t)len);
    if (done < (size_t)len && read_file(in, into + done, (size_t)len - done) < 0)
        Py_CLEAR(bytes);
    return bytes;
}

static PyObject *input_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct input *in = (struct input *)self;
    uint64_t limit;
    if (check(in) < 0 || read_limit(in, args, nargs, &limit) < 0)
        return NULL;
    return read_bytes(in, limit);
}

/* What is there, waiting only while that is nothing; as io.BufferedIOBase.read1. */
static PyObject *input_read1(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct input *in = (struct input *)self;
    uint64_t limit;
    if (check(in) < 0 || read_limit(in, args, nargs, &limit) < 0)
        return NULL;
    if (!in->stream || limit == 0)
        return read_bytes(in, limit);
    return read_stream_bytes(in, limit < INPUT_BUFFER_BYTES ? limit : INPUT_BUFFER_BYTES, true);
}

/* Fills `ready`; only called while it is empty and there may be more.  1, 0 at the end of a stream, or
 * -1 raised. */
static int fill(struct input *in)
{
    uint64_t left = in->end - in->at;
    size_t bytes = left < INPUT_BUFFER_BYTES ? (size_t)left : INPUT_BUFFER_BYTES;
    if (!in->buffer)
        in->buffer = sys_malloc(INPUT_BUFFER_BYTES);
    if (!in->buffer) {
        PyErr_NoMemory();
        return -1;
    }
    ssize_t got = in->stream ? read_stream(in, in->buffer, bytes)
                             : sys_pread(in->fd, in->buffer, bytes, (off_t)in->at);
    if (in->stream && got <= 0)
        return (int)got;
    if (got <= 0) {
        raise_error(got);
        return -1;
    }
    in->at += in->stream ? 0 : (uint64_t)got;
    in->ready = (struct span){ in->buffer, (size_t)got };
    return 1;
}

/* How much of `ready` belongs to this line; *is_whole when the line ends there. */
static size_t line_part(const struct input *in, uint64_t limit, bool *is_whole)
{
    struct span part = { in->ready.at, in->ready.len < limit ? in->ready.len : (size_t)limit };
    size_t at = span_find(part, '\n');
    *is_whole = at < part.len || part.len == limit;
    return at < part.len ? at + 1 : part.len;
}

static PyObject *read_long_line(struct input *in, uint64_t limit)
{
    struct buf line = { 0 };
    PyObject *bytes = NULL;
    bool is_whole = false;
    int rc = 0;
    while (rc == 0 && !is_whole && limit > 0 && left_bytes(in) > 0) {
        if (in->ready.len == 0 && fill(in) <= 0)
            break;
        size_t part = line_part(in, limit, &is_whole);
        rc = buf_add(&line, (struct span){ in->ready.at, part });
        in->ready = span_skip(in->ready, part);
        limit -= part;
    }
    if (rc < 0)
        PyErr_NoMemory();
    if (!PyErr_Occurred())
        bytes = PyBytes_FromStringAndSize(buf_span(&line).at, (Py_ssize_t)buf_len(&line));
    buf_done(&line);
    return bytes;
}

static PyObject *read_line(struct input *in, uint64_t limit)
{
    bool is_whole;
    size_t part = line_part(in, limit, &is_whole);
    return is_whole || in->at == in->end ? read_bytes(in, part) : read_long_line(in, limit);
}

static PyObject *input_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct input *in = (struct input *)self;
    uint64_t limit;
    if (check(in) < 0 || read_limit(in, args, nargs, &limit) < 0)
        return NULL;
    return read_line(in, limit);
}

static PyObject *input_readlines(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct input *in = (struct input *)self;
    uint64_t hint, taken = 0;
    if (check(in) < 0 || read_limit(in, args, nargs, &hint) < 0)
        return NULL;
    hint = hint == 0 ? UINT64_MAX : hint;    /* as io.IOBase.readlines: 0 is no hint */
    PyObject *lines = PyList_New(0);
    while (lines && left_bytes(in) > 0 && taken < hint) {
        PyObject *line = read_line(in, left_bytes(in));
        Py_ssize_t bytes = line ? PyBytes_Size(line) : 0;
        if (!line || (bytes > 0 && PyList_Append(lines, line) < 0))
            Py_CLEAR(lines);
        Py_XDECREF(line);
        taken += (uint64_t)bytes;
    }
    return lines;
}

static PyObject *input_next(PyObject *self)
{
    struct input *in = (struct input *)self;
    if (check(in) < 0 || left_bytes(in) == 0)
        return NULL;
    PyObject *line = read_line(in, left_bytes(in));
    if (line && PyBytes_Size(line) == 0)
        Py_CLEAR(line);              /* a stream ended */
    return line;
}

static PyObject *input_iter(PyObject *self)
{
    return Py_NewRef(self);
}

/* Servers need not offer it and applications should not call it; some do, and mean no harm. */
static PyObject *input_close(PyObject *self, PyObject *ignored)
{
    (void)self;
    (void)ignored;
    return Py_NewRef(Py_None);
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL
static PyMethodDef methods[] = {
    { "read", FAST(input_read), "read([size]) -> bytes: at most size of them, all without it" },
    { "read1", FAST(input_read1), "read1([size]) -> bytes: what is there, and at least one byte before the end" },
    { "readline", FAST(input_readline), "readline([size]) -> bytes: one line with its newline" },
    { "readlines", FAST(input_readlines), "readlines([hint]) -> list of lines" },
    { "close", input_close, METH_NOARGS, "does nothing: the body belongs to the server" },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_doc, "The request body; its end is the end of the file." },
    { Py_tp_dealloc, dealloc },
    { Py_tp_iter, input_iter },
    { Py_tp_iternext, input_next },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec input_spec = {
    .name = "_slipway.Input",
    .basicsize = sizeof(struct input),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
