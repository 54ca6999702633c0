/* module.c - the module _slipway: its state, its types, and calls that are fast where Python has
 * them. */
#include "worker/worker.h"
#include <dlfcn.h>
#include "base/sys.h"

enum { VECTORCALL_SINCE = 0x030c0000 };      /* in the stable ABI from 3.12 on */

/* PY_VECTORCALL_ARGUMENTS_OFFSET: the callee may use args[-1]. */
static const size_t ARGUMENTS_OFFSET = (size_t)1 << (8 * sizeof(size_t) - 1);

PyObject *call_one(const struct state *state, PyObject *callable, PyObject *argument)
{
    PyObject *args[2] = { NULL, argument };
    return state->vectorcall ? state->vectorcall(callable, args + 1, 1 | ARGUMENTS_OFFSET, NULL)
                             : PyObject_CallFunctionObjArgs(callable, argument, NULL);
}

PyObject *call_two(const struct state *state, PyObject *callable, PyObject *first, PyObject *second)
{
    PyObject *args[3] = { NULL, first, second };
    return state->vectorcall ? state->vectorcall(callable, args + 1, 2 | ARGUMENTS_OFFSET, NULL)
                             : PyObject_CallFunctionObjArgs(callable, first, second, NULL);
}

struct state *state_of_type(PyObject *type)
{
    return PyType_GetModuleState((PyTypeObject *)type);
}

/* ---- what the state needs from other modules ------------------------------------------------- */

static PyObject *import_member(const char *module_name, const char *name)  /* new, or NULL raised */
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *member = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return member;
}

/* Three classes of io: new, or NULL raised. */
static PyObject *import_three(const char *first, const char *second, const char *third)
{
    PyObject *a = import_member("io", first);
    PyObject *b = import_member("io", second);
    PyObject *c = import_member("io", third);
    PyObject *three = a && b && c ? PyTuple_Pack(3, a, b, c) : NULL;
    Py_XDECREF(a);
    Py_XDECREF(b);
    Py_XDECREF(c);
    return three;
}

static bool keep(PyObject **place, PyObject *object)
{
    *place = object;
    return object != NULL;
}

static bool make_texts(struct state *s)
{
    return keep(&s->text_close, PyUnicode_InternFromString("close")) &&
           keep(&s->text_fileno, PyUnicode_InternFromString("fileno")) &&
           keep(&s->text_read, PyUnicode_InternFromString("read")) &&
           keep(&s->text_tell, PyUnicode_InternFromString("tell")) &&
           keep(&s->text_write, PyUnicode_InternFromString("write")) &&
           keep(&s->text_flush, PyUnicode_InternFromString("flush")) &&
           keep(&s->text_input, PyUnicode_InternFromString("wsgi.input")) &&
           keep(&s->text_scheme, PyUnicode_InternFromString("wsgi.url_scheme")) &&
           keep(&s->empty, PyBytes_FromStringAndSize(NULL, 0));
}

static bool make_imports(struct state *s)
{
    return keep(&s->collect, import_member("gc", "collect")) &&
           keep(&s->generations[0], PyLong_FromLong(0)) &&
           keep(&s->generations[1], PyLong_FromLong(1)) &&
           keep(&s->format_exception, import_member("traceback", "format_exception")) &&
           keep(&s->special_files, import_three("BufferedIOBase", "RawIOBase", "TextIOBase")) &&
           keep(&s->plain_files, import_three("FileIO", "BufferedReader", "BufferedRandom"));
}

static bool make_types(struct state *s, PyObject *module)
{
    return keep(&s->server_type, PyType_FromModuleAndSpec(module, &server_spec, NULL)) &&
           keep(&s->exchange_type, PyType_FromModuleAndSpec(module, &exchange_spec, NULL)) &&
           keep(&s->input_type, PyType_FromModuleAndSpec(module, &input_spec, NULL)) &&
           keep(&s->wrapper_type, PyType_FromModuleAndSpec(module, &wrapper_spec, NULL));
}

static int execute(PyObject *module)                         /* 0, or -1 raised */
{
    struct state *s = PyModule_GetState(module);
    if (!make_texts(s) || !make_imports(s) || !make_types(s, module))
        return -1;
    if (Py_Version >= VECTORCALL_SINCE)
        s->vectorcall = (vectorcall_fn)(uintptr_t)dlsym(RTLD_DEFAULT, "PyObject_Vectorcall");
    return PyModule_AddType(module, (PyTypeObject *)s->server_type) < 0 ||
           PyModule_AddType(module, (PyTypeObject *)s->wrapper_type) < 0 ? -1 : 0;
}

/* ---- the module ------------------------------------------------------------------------------ */

static PyObject *name_process(PyObject *module, PyObject *name)
{
    (void)module;
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    if (!text)
        return NULL;
    sys_process_name(text);
    return Py_NewRef(Py_None);
}

static PyObject *request_id(PyObject *module, PyObject *nothing)
{
    struct span id = thread_request_id();
    (void)module;
    (void)nothing;
    return PyUnicode_DecodeLatin1(id.at, (Py_ssize_t)id.len, NULL);
}

/* Every owned object of the state, for traverse and clear. */
static PyObject **member_of(struct state *s, unsigned i)     /* NULL past the last */
{
    PyObject **const members[] = {
        &s->server_type, &s->exchange_type, &s->input_type, &s->wrapper_type, &s->special_files,
        &s->plain_files, &s->collect, &s->generations[0], &s->generations[1],
        &s->format_exception, &s->empty, &s->text_close, &s->text_fileno, &s->text_read,
        &s->text_tell, &s->text_write, &s->text_flush, &s->text_input, &s->text_scheme,
    };
    return i < ARRAY_LEN(members) ? members[i] : NULL;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    struct state *s = PyModule_GetState(module);
    PyObject **member;
    for (unsigned i = 0; s && (member = member_of(s, i)); i++)
        Py_VISIT(*member);
    return 0;
}

static int clear(PyObject *module)
{
    struct state *s = PyModule_GetState(module);
    PyObject **member;
    for (unsigned i = 0; s && (member = member_of(s, i)); i++)
        Py_CLEAR(*member);
    return 0;
}

static void release(void *module)
{
    (void)clear(module);
}

static PyMethodDef methods[] = {
    { "name_process", name_process, METH_O, "name_process(name): the short title in ps and top" },
    { "request_id", request_id, METH_NOARGS, "request_id(): of the request of this thread, or \"\"" },
    { NULL, NULL, 0, NULL },
};

static PyModuleDef_Slot slots[] = {
    { Py_mod_exec, execute },
    { 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_slipway",
    .m_doc = "The worker's end of slipway: WSGI over shared memory.",
    .m_size = sizeof(struct state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyMODINIT_FUNC PyInit__slipway(void)
{
    return PyModuleDef_Init(&definition);
}
