/* wrapper.c - wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File Handling").
 *
 * An iterable over blocks of a file-like object.  When the application returns one as its result
 * and the object stands for a regular file, the edge gets the descriptor and sends the bytes
 * itself, from the object's current position.
 *
 * fileno() is believed, with one exception: the classes of module io whose read() gives
 * something else than their descriptor holds (gzip.GzipFile, text files, every subclass that
 * could) are read.
 */
#include "worker/worker.h"
#include "base/sys.h"

enum { BLOCK_BYTES = 8192 };

struct wrapper {
    PyObject_HEAD
    PyObject *file;              /* what the application gave; owned, NULL once cleared */
    PyObject *block_bytes;       /* argument of its read() */
};

static PyObject *wrapper_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    PyObject *file, *block_bytes = NULL;
    if (named && PyDict_Size(named) > 0) {
        PyErr_SetString(PyExc_TypeError,
                        "file_wrapper(filelike, block_size=8192) takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O|O:file_wrapper", &file, &block_bytes))
        return NULL;
    struct wrapper *w = (struct wrapper *)PyType_GenericAlloc(type, 0);
    if (!w)
        return NULL;
    w->file = Py_NewRef(file);
    w->block_bytes = block_bytes ? Py_NewRef(block_bytes) : PyLong_FromLong(BLOCK_BYTES);
    if (!w->block_bytes) {
        Py_DECREF((PyObject *)w);
        return NULL;
    }
    return (PyObject *)w;
}

static PyObject *wrapper_iter(PyObject *self)
{
    return Py_NewRef(self);
}

static PyObject *wrapper_next(PyObject *self)
{
    struct wrapper *w = (struct wrapper *)self;
    struct state *state = state_of_type((PyObject *)Py_TYPE(self));
    PyObject *read = w->file ? PyObject_GetAttr(w->file, state->text_read) : NULL;
    PyObject *block = read ? call_one(state, read, w->block_bytes) : NULL;
    Py_XDECREF(read);
    if (block && PyObject_IsTrue(block) == 0)
        Py_CLEAR(block);             /* the end: NULL without an exception */
    return block;
}

static PyObject *wrapper_close(PyObject *self, PyObject *ignored)
{
    struct wrapper *w = (struct wrapper *)self;
    struct state *state = state_of_type((PyObject *)Py_TYPE(self));
    (void)ignored;
    PyObject *close = w->file ? PyObject_GetAttr(w->file, state->text_close) : NULL;
    if (!close) {
        PyErr_Clear();               /* a file-like object without close() is allowed */
        return Py_NewRef(Py_None);
    }
    PyObject *result = PyObject_CallNoArgs(close);
    Py_DECREF(close);
    return result;
}

/* ---- the descriptor -------------------------------------------------------------------------- */

static bool is_as_its_descriptor(const struct state *state, PyObject *file)
{
    int is_special = PyObject_IsInstance(file, state->special_files);
    bool is_plain = false;
    for (Py_ssize_t i = 0; is_special > 0 && i < PyTuple_Size(state->plain_files); i++)
        is_plain = is_plain || (PyObject *)Py_TYPE(file) == PyTuple_GetItem(state->plain_files, i);
    if (is_special < 0)
        PyErr_Clear();
    return is_special == 0 || is_plain;
}

/* What file.NAME() returns as a number of 0 or more, else -1; never raises. */
static int64_t ask_number(PyObject *file, PyObject *name)
{
    PyObject *method = PyObject_GetAttr(file, name);
    PyObject *number = method ? PyObject_CallNoArgs(method) : NULL;
    int64_t value = number && PyLong_Check(number) ? PyLong_AsLongLong(number) : -1;
    Py_XDECREF(number);
    Py_XDECREF(method);
    PyErr_Clear();
    return value;
}

int wrapper_file(struct state *state, PyObject *wrapper, int *fd, uint64_t *at, uint64_t *bytes)
{
    PyObject *file = ((struct wrapper *)wrapper)->file;
    struct stat st;
    if (!file || !is_as_its_descriptor(state, file))
        return -1;
    int64_t number = ask_number(file, state->text_fileno);
    if (number < 0 || number > INT32_MAX || sys_fstat((int)number, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    /* Not lseek(): a buffered reader is ahead of itself. */
    int64_t place = ask_number(file, state->text_tell);
    /* Nothing left, as far as fstat knows: /proc says 0 of all its files. */
    if (place < 0 || place >= st.st_size)
        return -1;
    *fd = (int)number;
    *at = (uint64_t)place;
    *bytes = (uint64_t)(st.st_size - place);
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    struct wrapper *w = (struct wrapper *)self;
    Py_VISIT((PyObject *)Py_TYPE(self));
    Py_VISIT(w->file);
    return 0;
}

static int clear(PyObject *self)
{
    struct wrapper *w = (struct wrapper *)self;
    Py_CLEAR(w->file);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct wrapper *w = (struct wrapper *)self;
    PyObject_GC_UnTrack(self);
    Py_CLEAR(w->file);
    Py_CLEAR(w->block_bytes);
    PyObject_GC_Del(self);
    Py_DECREF((PyObject *)type);
}

static PyMethodDef methods[] = {
    { "close", wrapper_close, METH_NOARGS, "closes the file, when it can be closed" },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_doc, "file_wrapper(filelike, block_size=8192): an iterable of its blocks" },
    { Py_tp_new, wrapper_new },
    { Py_tp_dealloc, dealloc },
    { Py_tp_traverse, traverse },
    { Py_tp_clear, clear },
    { Py_tp_iter, wrapper_iter },
    { Py_tp_iternext, wrapper_next },
    { Py_tp_methods, methods },
    { 0, NULL },
};

PyType_Spec wrapper_spec = {
    .name = "_slipway.FileWrapper",
    .basicsize = sizeof(struct wrapper),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
