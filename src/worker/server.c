/* server.c - _slipway.Server: a worker's end of the link, and the loop in which each of its
 * threads takes offers.
 *
 *   serve(thread) --> wait for an offer, without the GIL --> thread_run() --> garbage --> ...
 *
 * Woken  by the intake: an offer, or its end, which is the word to leave.
 * Owns   the mapped yard and the worker's descriptors; serve() owns the thread's struct.
 * Garbage is collected between requests: the young generation after YOUNG_REQUESTS, the middle
 * one after ten of these, all of it when the worker is idle for IDLE_US or was busy for
 * FULL_REQUESTS.  A request leaves some dozens of cyclic objects (measured: 33 a small Django
 * page), so this is as fast as no collection, with pauses of 0.1 ms.
 */
#include "worker/worker.h"
#include <errno.h>
#include "base/hash.h"
#include "base/sys.h"

enum { YOUNG_REQUESTS = 10, MIDDLE_COLLECTIONS = 10, FULL_REQUESTS = 10000, IDLE_US = 1000000 };

/* ---- garbage --------------------------------------------------------------------------------- */

static void collect(struct server *s, PyObject *generation)          /* NULL: all of them */
{
    if (!PyGC_IsEnabled())           /* the project said so, since */
        return;
    PyObject *found = generation ? call_one(s->state, s->state->collect, generation)
                                 : PyObject_CallNoArgs(s->state->collect);
    if (!found)
        PyErr_WriteUnraisable(s->state->collect);
    Py_XDECREF(found);
}

static void collect_all(struct server *s)
{
    s->since_full = s->since_middle = s->since_young = 0;
    collect(s, NULL);
}

static void after_request(struct server *s)
{
    s->since_full++;
    if (!s->is_collecting || ++s->since_young < YOUNG_REQUESTS)
        return;
    s->since_young = 0;
    if (s->since_full >= FULL_REQUESTS) {
        collect_all(s);
        return;
    }
    bool is_middle = ++s->since_middle >= MIDDLE_COLLECTIONS;
    s->since_middle = is_middle ? 0 : s->since_middle;
    collect(s, s->state->generations[is_middle]);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int take(struct thread *t)             /* 1: a request; 0: the intake is closed; -1 raised */
{
    struct server *s = t->server;
    for (;;) {
        int64_t idle_us = s->is_collecting && s->since_full > 0 ? IDLE_US : -1;
        int rc;
        Py_BEGIN_ALLOW_THREADS
        rc = frame_take(&t->frame, idle_us);
        Py_END_ALLOW_THREADS
        if (rc == 0 || rc == -EPIPE)
            return rc == 0;
        if (rc == -ETIMEDOUT) {
            if (s->busy == 0)
                collect_all(s);
        } else if (rc == -EINTR) {
            if (PyErr_CheckSignals() < 0)
                return -1;
        } else {
            errno = -rc;
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
    }
}

static int serve_all(struct thread *t)                       /* 0, or -1 raised */
{
    int rc = 1;
    while (rc > 0 && !t->is_leaving && !t->server->is_stopping) {
        rc = take(t);
        if (rc <= 0)
            break;
        thread_run(t);
        after_request(t->server);
    }
    frame_thread_state(&t->frame, THREAD_ENDING);
    return rc < 0 ? -1 : 0;
}

static PyObject *server_serve(PyObject *self, PyObject *index)
{
    struct server *s = (struct server *)self;
    unsigned long thread = PyLong_AsUnsignedLong(index);
    PyObject *result = NULL;
    if (PyErr_Occurred())
        return NULL;
    if (!s->is_open || thread >= s->frame.yard.shape.threads) {
        PyErr_SetString(PyExc_ValueError, "there is no such thread in the yard, or it is closed");
        return NULL;
    }
    struct thread *t = sys_calloc(1, sizeof(*t));
    if (!t)
        return PyErr_NoMemory();
    if (thread_init(t, s, (unsigned)thread) == 0 && serve_all(t) == 0)
        result = t->is_leaving ? PyLong_FromLong(t->exit_status) : Py_NewRef(Py_None);
    thread_done(t);
    sys_free(t);
    return result;
}

static PyObject *server_close(PyObject *self, PyObject *ignored)
{
    struct server *s = (struct server *)self;
    (void)ignored;
    if (s->is_open)
        frame_worker_done(&s->frame);
    s->is_open = false;
    return Py_NewRef(Py_None);
}

static PyObject *server_stop(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    ((struct server *)self)->is_stopping = true;
    return Py_NewRef(Py_None);
}

static PyObject *server_hold(PyObject *self, PyObject *holds)
{
    struct server *s = (struct server *)self;
    int is_held = PyObject_IsTrue(holds);
    if (is_held >= 0 && s->is_open)
        frame_worker_hold(&s->frame, is_held != 0);
    return is_held < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *server_busy(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyLong_FromUnsignedLong(((struct server *)self)->busy);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Takes the reference of value.  0, or -1 raised. */
static int put(PyObject *dict, const char *name, PyObject *value)
{
    int rc = value ? PyDict_SetItemString(dict, name, value) : -1;
    Py_XDECREF(value);
    return rc;
}

/* What is the same for every request, and places for the two that are not, so that the dict
 * never grows for them. */
static PyObject *make_base(const struct state *state, bool is_threaded)    /* new, or NULL raised */
{
    PyObject *base = PyDict_New();
    PyObject *errors = PySys_GetObject("stderr");            /* borrowed */
    if (!base)
        return NULL;
    if (put(base, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) < 0 ||
        put(base, "wsgi.url_scheme", PyUnicode_InternFromString("http")) < 0 ||
        put(base, "wsgi.input", Py_NewRef(Py_None)) < 0 ||
        put(base, "wsgi.errors", Py_NewRef(errors ? errors : Py_None)) < 0 ||
        put(base, "wsgi.multithread", PyBool_FromLong(is_threaded)) < 0 ||
        put(base, "wsgi.multiprocess", PyBool_FromLong(1)) < 0 ||
        put(base, "wsgi.run_once", PyBool_FromLong(0)) < 0 ||
        put(base, "wsgi.input_terminated", PyBool_FromLong(1)) < 0 ||
        put(base, "wsgi.file_wrapper", Py_NewRef(state->wrapper_type)) < 0 ||
        put(base, "SERVER_SOFTWARE", PyUnicode_InternFromString("slipway/" SLIPWAY_VERSION)) < 0)
        Py_CLEAR(base);
    return base;
}

static int read_fds(PyObject *list, int fds[YARD_EDGES_MAX])         /* how many, or -1 raised */
{
    Py_ssize_t count = PySequence_Size(list);
    if (count > YARD_EDGES_MAX)
        PyErr_SetString(PyExc_ValueError, "more edges than a yard can have");
    for (Py_ssize_t i = 0; i < count && !PyErr_Occurred(); i++) {
        PyObject *item = PySequence_GetItem(list, i);
        fds[i] = item ? PyObject_AsFileDescriptor(item) : -1;
        Py_XDECREF(item);
    }
    return PyErr_Occurred() ? -1 : (int)count;
}

static int open_link(struct server *s, unsigned worker, const int fds[2], PyObject *bells,
                     PyObject *passings)
{
    int bell_fds[YARD_EDGES_MAX], passing_fds[YARD_EDGES_MAX];
    int edges = read_fds(bells, bell_fds);
    if (edges < 0 || read_fds(passings, passing_fds) != edges) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "each edge needs a bell and a passing socket");
        return -1;
    }
    int rc = frame_worker_init(&s->frame, fds[0], worker, fds[1], bell_fds, passing_fds,
                               (unsigned)edges);
    if (rc < 0) {
        errno = -rc;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    s->is_open = true;
    return 0;
}

/* Server(application, yard, worker, intake, bells, passings, collects, secrets="A,B"|None) */
static PyObject *server_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    PyObject *application, *bells, *passings;
    unsigned worker;
    int fds[2], collects;
    const char *secrets = NULL;
    (void)named;
    if (!PyArg_ParseTuple(args, "OiIiOOp|z:Server", &application, &fds[0], &worker, &fds[1], &bells,
                          &passings, &collects, &secrets))
        return NULL;
    struct server *s = (struct server *)PyType_GenericAlloc(type, 0);
    if (!s)
        return NULL;
    s->state = state_of_type((PyObject *)type);
    s->application = Py_NewRef(application);
    s->is_collecting = collects != 0;
    s->secrets = secrets ? sys_strdup(secrets) : NULL;       /* without memory: all */
    hash_seed();
    if (open_link(s, worker, fds, bells, passings) == 0)
        s->base = make_base(s->state, s->frame.yard.shape.threads > 1);
    if (!s->base) {
        Py_DECREF((PyObject *)s);
        return NULL;
    }
    return (PyObject *)s;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    struct server *s = (struct server *)self;
    Py_VISIT((PyObject *)Py_TYPE(self));
    Py_VISIT(s->application);
    Py_VISIT(s->base);
    return 0;
}

static int clear(PyObject *self)
{
    struct server *s = (struct server *)self;
    Py_CLEAR(s->application);
    Py_CLEAR(s->base);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct server *s = (struct server *)self;
    PyObject_GC_UnTrack(self);
    sys_free(s->secrets);
    (void)clear(self);
    if (s->is_open)
        frame_worker_done(&s->frame);
    PyObject_GC_Del(self);
    Py_DECREF((PyObject *)type);
}

static PyMethodDef methods[] = {
    { "serve", server_serve, METH_O,
      "serve(thread) -> None when the intake is closed, or the exit status that was asked for" },
    { "close", server_close, METH_NOARGS,
      "lets go of the link; a serve() that comes back ends the process" },
    { "stop", server_stop, METH_NOARGS,
      "each serve() returns after the request it has, or the next one" },
    { "hold", server_hold, METH_O, "hold(yes): no limit of time counts while a debugger waits" },
    { "busy", server_busy, METH_NOARGS, "busy() -> int: threads inside the application" },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_doc, "Server(application, yard, worker, intake, bells, passings, collects)" },
    { Py_tp_new, server_new },
    { Py_tp_dealloc, dealloc },
    { Py_tp_traverse, traverse },
    { Py_tp_clear, clear },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec server_spec = {
    .name = "_slipway.Server",
    .basicsize = sizeof(struct server),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
