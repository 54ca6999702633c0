/* input.c - wsgi.input over bytes of the slot, or over a file that the edge filled (PEP 3333,
 * "Input and Error Streams").
 *
 * The body is complete before the application sees any of it, so nothing here waits for a
 * client; the end of the body is the end of the file.  Bytes of the slot are read in place: they
 * stay until the request is over, and after that every call raises ValueError.  A file is read
 * by pread(), so that a descriptor shared with the edge is never moved.
 */
#include "worker/worker.h"
#include <errno.h>
#include "base/sys.h"

enum { INPUT_BUFFER_BYTES = 64 * 1024 };

struct input {
    PyObject_HEAD
    struct server *server;           /* owned */
    struct span ready;               /* not yet read: of the slot, or of `buffer` */
    int fd;                          /* -1: everything is in `ready` */
    uint64_t at, end;                /* of the file: what comes after `ready` */
    char *buffer;                    /* for lines of a file; NULL until the first */
    unsigned readers;                /* threads inside pread() without the GIL */
    bool is_over;
};

void input_reuse(PyObject *self, struct span memory, int fd, uint64_t body_bytes)
{
    struct input *in = (struct input *)self;
    in->ready = memory;
    in->fd = fd;
    in->at = 0;
    in->end = fd >= 0 ? body_bytes : 0;
    in->is_over = false;
}

PyObject *input_new(struct server *s, struct span memory, int fd, uint64_t body_bytes)
{
    struct input *in = (struct input *)PyType_GenericAlloc((PyTypeObject *)s->state->input_type, 0);
    if (!in) {
        (void)sys_close(fd);
        return NULL;
    }
    in->server = (struct server *)Py_NewRef((PyObject *)s);
    input_reuse((PyObject *)in, memory, fd, body_bytes);
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

static PyObject *read_bytes(struct input *in, uint64_t limit)          /* limit <= left_bytes(in) */
{
    char *into;
    Py_ssize_t len;
    if (limit == 0)
        return Py_NewRef(in->server->state->empty);
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

/* Fills `ready` from the file; only called while it is empty and the file has more. */
static int fill(struct input *in)                            /* 0, or -1 raised */
{
    uint64_t left = in->end - in->at;
    size_t bytes = left < INPUT_BUFFER_BYTES ? (size_t)left : INPUT_BUFFER_BYTES;
    if (!in->buffer)
        in->buffer = sys_malloc(INPUT_BUFFER_BYTES);
    if (!in->buffer) {
        PyErr_NoMemory();
        return -1;
    }
    ssize_t got = sys_pread(in->fd, in->buffer, bytes, (off_t)in->at);
    if (got <= 0) {
        raise_error(got);
        return -1;
    }
    in->at += (uint64_t)got;
    in->ready = (struct span){ in->buffer, (size_t)got };
    return 0;
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
        if (in->ready.len == 0 && fill(in) < 0)
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
    uint64_t hint, left;
    if (check(in) < 0 || read_limit(in, args, nargs, &hint) < 0)
        return NULL;
    left = left_bytes(in);
    hint = hint == 0 ? left : hint;          /* as io.IOBase.readlines: 0 is no hint */
    PyObject *lines = PyList_New(0);
    while (lines && left_bytes(in) > 0 && left - left_bytes(in) < hint) {
        PyObject *line = read_line(in, left_bytes(in));
        if (!line || PyList_Append(lines, line) < 0)
            Py_CLEAR(lines);
        Py_XDECREF(line);
    }
    return lines;
}

static PyObject *input_next(PyObject *self)
{
    struct input *in = (struct input *)self;
    if (check(in) < 0 || left_bytes(in) == 0)
        return NULL;
    return read_line(in, left_bytes(in));
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
