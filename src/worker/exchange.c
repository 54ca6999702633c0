/* exchange.c - start_response, write() and the bytes of the response, as PEP 3333 wants them.
 *
 *   start_response   checks status and headers and keeps them as text; nothing is sent
 *   first byte       the head goes out before it, and cannot be taken back any more
 *   further bytes    counted against Content-Length: never more than it says
 *
 * start_response and write() are plain functions bound to the exchange.  They and it are used
 * again for the next request, unless the application kept one: then it keeps a dead one, which
 * raises when it is called.
 */
#include "worker/worker.h"
#include <errno.h>
#include <stdio.h>
#include "base/sys.h"
#include "http/field.h"
#include "http/response.h"

enum { RELEASE_BYTES = 64 * 1024, STATUS_BYTES_MIN = 4 };

/* Text as bytes of latin-1; *keep (NULL when it was not needed) is to be released when they were
 * used. */
static int latin1_of(PyObject *text, const char *what, PyObject **keep, struct span *out)
{
    Py_ssize_t len;
    *keep = NULL;
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %R", what, (PyObject *)Py_TYPE(text));
        return -1;
    }
    const char *at = PyUnicode_AsUTF8AndSize(text, &len);
    if (!at)
        return -1;
    if (len != PyUnicode_GetLength(text)) {  /* else it is ASCII, and its own bytes are these */
        char *copy;
        *keep = PyUnicode_AsLatin1String(text);
        if (!*keep || PyBytes_AsStringAndSize(*keep, &copy, &len) < 0)
            return -1;
        at = copy;
    }
    *out = (struct span){ at, (size_t)len };
    return 0;
}

static int raise_value(const char *format, PyObject *object)
{
    PyErr_Format(PyExc_ValueError, format, object);
    return -1;
}

static int add_text(struct exchange *x, struct span a, struct span separator, struct span b)
{
    size_t bytes = a.len + separator.len + b.len + 2;
    if (buf_room(&x->head) < bytes && buf_reserve(&x->head, bytes) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    char *to = buf_tail(&x->head);
    to = mempcpy(to, a.at, a.len);
    to = mempcpy(to, separator.at, separator.len);
    to = mempcpy(to, b.at, b.len);
    memcpy(to, "\r\n", 2);
    buf_added(&x->head, bytes);
    return 0;
}

/* "200 OK": three digits, a space, a reason (maybe empty). */
static int add_status_text(struct exchange *x, struct span text, PyObject *status)
{
    unsigned code = 0;
    for (unsigned i = 0; i < 3 && text.len >= STATUS_BYTES_MIN; i++) {
        unsigned digit = (unsigned char)text.at[i] - '0';
        code = digit <= 9 && code < 1000 ? code * 10 + digit : 1000;
    }
    if (text.len < STATUS_BYTES_MIN || code > 999 || text.at[3] != ' ')
        return raise_value("the status must be like '200 OK', not %R", status);
    if (code < 200)
        return raise_value("the status of a response is 200 or more, not %R", status);
    struct span reason = span_skip(text, STATUS_BYTES_MIN);
    if (!field_value_is_valid(reason))
        return raise_value("there is a control character in the status %R", status);
    x->status = code;
    return add_text(x, reason, SPAN(""), SPAN(""));
}

static int add_status(struct exchange *x, PyObject *status)
{
    PyObject *keep;
    struct span text;
    int rc = latin1_of(status, "the status", &keep, &text);
    if (rc == 0)
        rc = add_status_text(x, text, status);
    Py_XDECREF(keep);
    return rc;
}

/* 1: the same length was said before, 0, or -1 raised. */
static int keep_length(struct exchange *x, struct span value, PyObject *pair)
{
    uint64_t bytes;
    if (span_to_u64(span_trim(value), &bytes) < 0 || bytes > INT64_MAX)
        return raise_value("this is no length: %R", pair);
    if (x->length_bytes >= 0 && (uint64_t)x->length_bytes != bytes)
        return raise_value("there is a second, different length: %R", pair);
    int is_again = x->length_bytes >= 0;
    x->length_bytes = (int64_t)bytes;
    return is_again;
}

static int add_field_text(struct exchange *x, struct span name, struct span value, PyObject *pair)
{
    if (!field_name_is_valid(name))
        return raise_value("this header's name is none: %R", pair);
    if (!field_value_is_valid(value))
        return raise_value("there is a control character in the header %R", pair);
    enum field_id id = field_id_of(name);
    if (field_is_hop_by_hop(id))
        return raise_value("the server alone may send this header: %R", pair);
    x->names_file |= id == FIELD_X_ACCEL_REDIRECT || id == FIELD_X_SENDFILE;
    int rc = id == FIELD_CONTENT_LENGTH ? keep_length(x, value, pair) : 0;
    return rc == 0 ? add_text(x, name, SPAN(": "), span_trim(value)) : rc < 0 ? -1 : 0;
}

static int add_field(struct exchange *x, PyObject *pair)     /* 0, or -1 raised */
{
    PyObject *keep_name = NULL, *keep_value = NULL;
    struct span name, value;
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
        PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %R", pair);
        return -1;
    }
    int rc = latin1_of(PyTuple_GetItem(pair, 0), "a header's name", &keep_name, &name);
    if (rc == 0)
        rc = latin1_of(PyTuple_GetItem(pair, 1), "a header's value", &keep_value, &value);
    if (rc == 0)
        rc = add_field_text(x, name, value, pair);
    Py_XDECREF(keep_name);
    Py_XDECREF(keep_value);
    return rc;
}

static void reset_head(struct exchange *x)
{
    buf_take(&x->head, buf_len(&x->head));
    x->is_started = false;
    x->names_file = false;
    x->length_bytes = -1;
}

static int set_head(struct exchange *x, PyObject *status, PyObject *headers)   /* 0, or -1 raised */
{
    if (!PyList_Check(headers)) {
        PyErr_Format(PyExc_TypeError, "the headers must be a list, not %R",
                     (PyObject *)Py_TYPE(headers));
        return -1;
    }
    reset_head(x);
    int rc = add_status(x, status);
    for (Py_ssize_t i = 0; rc == 0 && i < PyList_Size(headers); i++)
        rc = add_field(x, PyList_GetItem(headers, i));
    x->is_started = rc == 0;
    return rc;
}

/* ---- sending --------------------------------------------------------------------------------- */

void exchange_check_fork(const struct server *s)
{
    if (!s->is_open)
        sys_exit(0);
}

bool exchange_is_bare(const struct exchange *x)
{
    return x->is_head_request || (x->is_started && status_has_no_body(x->status));
}

int exchange_set_length(struct exchange *x, uint64_t bytes)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    x->length_bytes = (int64_t)bytes;
    return add_text(x, SPAN("Content-Length"), SPAN(": "), (struct span){ text, (size_t)len });
}

int exchange_send_head(struct exchange *x)
{
    if (x->is_head_sent)
        return 0;
    int rc = frame_head(x->frame, x->status, buf_span(&x->head));
    if (rc < 0) {
        PyErr_Format(PyExc_ValueError, "the response head is too large: %zu bytes, at most %d",
                     buf_len(&x->head), (int)YARD_HEAD_BYTES);
        return -1;
    }
    x->is_head_sent = true;
    return 0;
}

void exchange_publish(struct exchange *x)
{
    frame_publish(x->frame);
}

static size_t copy_to_ring(struct exchange *x, struct span bytes)
{
    size_t copied;
    if (bytes.len < RELEASE_BYTES)
        return frame_write(x->frame, bytes);
    Py_BEGIN_ALLOW_THREADS
    copied = frame_write(x->frame, bytes);
    Py_END_ALLOW_THREADS
    return copied;
}

static int wait_room(struct exchange *x)                     /* 0, or -1 raised */
{
    int rc;
    Py_BEGIN_ALLOW_THREADS
    rc = frame_wait_room(x->frame);
    Py_END_ALLOW_THREADS
    exchange_check_fork(x->server);
    if (rc == -ECANCELED)
        x->is_cancelled = true;
    return rc == -EINTR ? PyErr_CheckSignals() : 0;
}

static int send_bytes(struct exchange *x, struct span bytes)         /* 0, or -1 raised */
{
    int rc = 0;
    while (rc == 0 && !x->is_cancelled) {
        size_t copied = copy_to_ring(x, bytes);
        x->body_bytes += copied;
        bytes = span_skip(bytes, copied);
        if (bytes.len == 0)
            break;
        frame_publish(x->frame);
        rc = wait_room(x);
    }
    return rc;
}

static struct span within_length(struct exchange *x, struct span bytes)
{
    if (x->length_bytes < 0)
        return bytes;
    uint64_t left_bytes = (uint64_t)x->length_bytes - x->body_bytes;
    if (bytes.len <= left_bytes)
        return bytes;
    if (!x->is_excess_told)
        report_line(x->server, x->frame,
                    "the body is longer than its Content-Length; the rest is dropped");
    x->is_excess_told = true;
    return (struct span){ bytes.at, (size_t)left_bytes };
}

int exchange_put(struct exchange *x, PyObject *bytes)
{
    char *at;
    Py_ssize_t len;
    exchange_check_fork(x->server);
    if (!PyBytes_Check(bytes)) {
        PyErr_Format(PyExc_TypeError, "the application must give bytes, not %R",
                     (PyObject *)Py_TYPE(bytes));
        return -1;
    }
    if (PyBytes_AsStringAndSize(bytes, &at, &len) < 0)
        return -1;
    if (len == 0)
        return 0;
    if (!x->is_started) {
        PyErr_SetString(PyExc_AssertionError,
                        "the application gave bytes before it called start_response");
        return -1;
    }
    if (exchange_send_head(x) < 0)
        return -1;
    if (exchange_is_bare(x))
        return 0;
    struct span body = within_length(x, (struct span){ at, (size_t)len });
    return body.len > 0 ? send_bytes(x, body) : 0;
}

void exchange_refuse(struct exchange *x)
{
    static const struct span body = { "Internal Server Error\n", 22 };
    reset_head(x);
    x->status = 500;
    x->is_started = true;
    if (add_text(x, SPAN("Internal Server Error"), SPAN(""), SPAN("")) < 0 ||
        add_text(x, SPAN("Content-Type"), SPAN(": "), SPAN("text/plain; charset=utf-8")) < 0 ||
        exchange_set_length(x, body.len) < 0 || exchange_send_head(x) < 0) {
        PyErr_Clear();
        return;
    }
    if (!x->is_head_request)
        x->body_bytes += frame_write(x->frame, body);  /* after no more than a head: it fits */
}

/* ---- what the application calls -------------------------------------------------------------- */

static struct exchange *under_way(PyObject *self)            /* NULL raised */
{
    struct exchange *x = (struct exchange *)self;
    exchange_check_fork(x->server);
    if (x->frame)
        return x;
    PyErr_SetString(PyExc_RuntimeError, "the request is over");
    return NULL;
}

static PyObject *write_bytes(PyObject *self, PyObject *bytes)
{
    struct exchange *x = under_way(self);
    if (!x || exchange_put(x, bytes) < 0)
        return NULL;
    if (x->is_cancelled) {           /* else an application that never looks would write for ever */
        PyErr_SetString(PyExc_BrokenPipeError, "the client is gone");
        return NULL;
    }
    if (x->is_head_sent)
        exchange_publish(x);
    return Py_NewRef(Py_None);
}

static PyMethodDef write_def = {
    "write", write_bytes, METH_O, "write(bytes): sends them before it returns"
};

/* Raises what exc_info says: the head is sent, the error cannot be shown to the client any more. */
static PyObject *raise_again(PyObject *exc_info)
{
    if (!PyTuple_Check(exc_info) || PyTuple_Size(exc_info) != 3 ||
        !PyExceptionClass_Check(PyTuple_GetItem(exc_info, 0))) {
        PyErr_SetString(PyExc_TypeError, "exc_info must be what sys.exc_info() returned");
        return NULL;
    }
    PyObject *value = PyTuple_GetItem(exc_info, 1), *trace = PyTuple_GetItem(exc_info, 2);
    PyErr_Restore(Py_NewRef(PyTuple_GetItem(exc_info, 0)),
                  value == Py_None ? NULL : Py_NewRef(value),
                  trace == Py_None ? NULL : Py_NewRef(trace));
    return NULL;
}

static PyObject *write_of(struct exchange *x)                /* new, or NULL raised */
{
    if (!x->write)
        x->write = PyCFunction_NewEx(&write_def, (PyObject *)x, NULL);
    return x->write ? Py_NewRef(x->write) : NULL;
}

/* The third argument, by place or by its usual name: borrowed, NULL when it is absent, None or
 * false. */
static int find_exc_info(PyObject *const *args, Py_ssize_t nargs, PyObject *names,
                         PyObject **exc_info)                /* 0, or -1 raised */
{
    Py_ssize_t named = names ? PyTuple_Size(names) : 0;
    PyObject *name = named == 1 ? PyTuple_GetItem(names, 0) : NULL;
    bool is_known = named == 0 || (name && PyUnicode_CompareWithASCIIString(name, "exc_info") == 0);
    if (nargs < 2 || nargs + named > 3 || !is_known) {
        PyErr_SetString(PyExc_TypeError,
                        "start_response(status, headers, exc_info=None) was called otherwise");
        return -1;
    }
    *exc_info = nargs + named == 3 ? args[2] : NULL;
    if (*exc_info == Py_None || *exc_info == Py_False)
        *exc_info = NULL;
    return 0;
}

static PyObject *start_response(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *names)
{
    struct exchange *x = under_way(self);
    PyObject *exc_info;
    if (!x || find_exc_info(args, nargs, names, &exc_info) < 0)
        return NULL;
    if (exc_info && x->is_head_sent)
        return raise_again(exc_info);
    if (x->is_started && !exc_info) {
        PyErr_SetString(PyExc_AssertionError,
                        "start_response was called a second time, without exc_info");
        return NULL;
    }
    return set_head(x, args[0], args[1]) < 0 ? NULL : write_of(x);
}

static PyMethodDef start_response_def = {
    "start_response", (PyCFunction)(void (*)(void))start_response, METH_FASTCALL | METH_KEYWORDS,
    "start_response(status, headers, exc_info=None) -> write (PEP 3333)"
};

/* ---- life ------------------------------------------------------------------------------------ */

PyObject *exchange_new(struct server *s)
{
    PyTypeObject *type = (PyTypeObject *)s->state->exchange_type;
    struct exchange *x = (struct exchange *)PyType_GenericAlloc(type, 0);
    if (x)
        x->server = (struct server *)Py_NewRef((PyObject *)s);
    return (PyObject *)x;
}

PyObject *exchange_start_response(struct exchange *x)
{
    return PyCFunction_NewEx(&start_response_def, (PyObject *)x, NULL);
}

void exchange_begin(struct exchange *x, struct frame_thread *frame, bool is_head_request)
{
    reset_head(x);
    x->frame = frame;
    x->is_head_request = is_head_request;
    x->is_head_sent = x->is_cancelled = x->is_excess_told = false;
    x->body_bytes = 0;
}

void exchange_end(struct exchange *x)
{
    x->frame = NULL;
}

bool exchange_is_shared(const struct exchange *x, PyObject *start_response_object)
{
    return !is_unshared(start_response_object) || (x->write && !is_unshared(x->write));
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct exchange *x = (struct exchange *)self;
    buf_done(&x->head);
    Py_XDECREF(x->write);
    Py_XDECREF((PyObject *)x->server);
    PyObject_Free(self);
    Py_DECREF((PyObject *)type);
}

static PyType_Slot slots[] = {
    { Py_tp_doc, "One request's way back; start_response and write() are bound to it." },
    { Py_tp_dealloc, dealloc },
    { 0, NULL },
};

PyType_Spec exchange_spec = {
    .name = "_slipway.Exchange",
    .basicsize = sizeof(struct exchange),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
