/* report.c - what a worker says about a request that went wrong, as one write to sys.stderr
 * (which is wsgi.errors): the line with the request, then the traceback.  The scribe stamps the
 * lines.
 */
#include "worker/worker.h"
#include <stdio.h>
#include <unistd.h>
#include "base/log.h"
#include "http/query_mask.h"
#include "wire/uwsgi.h"

enum { REQUEST_LINE_BYTES = 400 };

/* "GET /path?query", made safe for a log. */
static const char *request_line(const struct server *s, struct frame_thread *frame, char into[REQUEST_LINE_BYTES])
{
    struct span secrets = span_of(s->secrets);
    char target[REQUEST_LINE_BYTES - 40], method[32];
    struct span block = frame_vars(frame);
    log_escape(method, sizeof method, environ_find(block, SPAN("REQUEST_METHOD")));
    struct span uri = environ_find(block, SPAN("REQUEST_URI"));
    (void)query_mask_log(target, sizeof target, uri.len > 0 ? uri : environ_find(block, SPAN("PATH_INFO")), secrets);
    (void)snprintf(into, REQUEST_LINE_BYTES, "%s %s", method, target);
    return into;
}

static void write_text(const struct state *state, PyObject *text)    /* clears what it raises */
{
    PyObject *errors = PySys_GetObject("stderr");            /* borrowed */
    if (!errors || errors == Py_None || !text) {
        PyErr_Clear();
        return;
    }
    Py_INCREF(errors);
    PyObject *write = PyObject_GetAttr(errors, state->text_write);
    PyObject *written = write ? call_one(state, write, text) : NULL;
    PyObject *flush = written ? PyObject_GetAttr(errors, state->text_flush) : NULL;
    PyObject *flushed = flush ? PyObject_CallNoArgs(flush) : NULL;
    Py_XDECREF(flushed);
    Py_XDECREF(flush);
    Py_XDECREF(written);
    Py_XDECREF(write);
    Py_DECREF(errors);
    PyErr_Clear();
}

/* The lines of traceback.format_exception as one text: new, or NULL (then raised). */
static PyObject *format(const struct state *state, PyObject *type, PyObject *value, PyObject *trace)
{
    PyObject *lines = PyObject_CallFunctionObjArgs(state->format_exception, type,
                                                   value ? value : Py_None,
                                                   trace ? trace : Py_None, NULL);
    PyObject *nothing = lines ? PyUnicode_FromString("") : NULL;
    PyObject *text = nothing ? PyUnicode_Join(nothing, lines) : NULL;
    Py_XDECREF(nothing);
    Py_XDECREF(lines);
    return text;
}

void report_exception(struct thread *t, const char *what)
{
    const struct state *state = t->server->state;
    PyObject *type, *value, *trace;
    char line[REQUEST_LINE_BYTES];
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace && value)
        (void)PyException_SetTraceback(value, trace);
    PyObject *lines = format(state, type, value, trace);
    if (!lines) {      /* its own __str__ raised, or there is no memory: say at least which class */
        PyErr_Clear();
        lines = PyUnicode_FromFormat("%R (its traceback cannot be shown)\n", type);
    }
    (void)request_line(t->server, &t->frame, line);
    PyObject *text = lines ? PyUnicode_FromFormat("%s: \"%s\" worker=%u pid=%d\n%U", what, line,
                                                  t->server->frame.worker, (int)getpid(), lines)
                           : NULL;
    write_text(state, text);
    Py_XDECREF(text);
    Py_XDECREF(lines);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
}

void report_line(const struct server *s, struct frame_thread *frame, const char *text)
{
    PyObject *type, *value, *trace;
    char line[REQUEST_LINE_BYTES];
    PyErr_Fetch(&type, &value, &trace);
    PyObject *whole = PyUnicode_FromFormat("%s: \"%s\"\n", text, request_line(s, frame, line));
    write_text(s->state, whole);
    Py_XDECREF(whole);
    PyErr_Restore(type, value, trace);
}
