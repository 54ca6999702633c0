/* environ.c - most requests have the same variables as the one before, in the same order, and
 * many of the same values.  So the dict of the request before is kept: what differs is set in
 * it, and the application gets a copy, which is one allocation of the right size instead of
 * twenty insertions.
 *
 *   same names, same order   compare names and values with those before, set what differs, copy
 *   other names              the base and everything set anew; the next one is compared with that
 *
 * Names and last values are kept by their bytes, so that an equal one costs a memcmp and no new
 * object.  The names come from strangers: past ENVIRON_NAMES_MAX of them everything is forgotten
 * and learnt again.
 */
#include "worker/worker.h"
#include "base/hash.h"
#include "base/sys.h"
#include "wire/uwsgi.h"

enum role { ROLE_NONE, ROLE_METHOD, ROLE_SCHEME };

struct environ_name {
    PyObject *key;           /* interned */
    PyObject *value;         /* the last one */
    char *bytes;             /* of `value`, KEPT_BYTES at most */
    size_t bytes_len;        /* SIZE_MAX: not kept, so it equals nothing */
    size_t bytes_cap;
    enum role role;
    size_t name_len;
    char name[];
};

static void free_name(struct environ_name *n)
{
    Py_XDECREF(n->key);
    Py_XDECREF(n->value);
    sys_free(n->bytes);
    sys_free(n);
}

static void forget_names(struct environ *e)
{
    for (unsigned i = 0; i < ENVIRON_TABLE; i++) {
        if (e->table[i])
            free_name(e->table[i]);
        e->table[i] = NULL;
    }
    e->names = 0;
    e->shape_names = 0;
}

void environ_init(struct environ *e, struct state *state, PyObject *base)
{
    *e = (struct environ){ .state = state, .base = Py_NewRef(base) };
}

void environ_done(struct environ *e)
{
    forget_names(e);
    Py_CLEAR(e->latest);
    Py_CLEAR(e->base);
}

static struct environ_name *new_name(struct span name)       /* NULL raised */
{
    struct environ_name *n = sys_calloc(1, sizeof(*n) + name.len);
    if (!n) {
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(n->name, name.at, name.len);
    n->name_len = name.len;
    n->bytes_len = SIZE_MAX;
    n->role = span_eq(name, SPAN("REQUEST_METHOD")) ? ROLE_METHOD :
              span_eq(name, SPAN("REQUEST_SCHEME")) ? ROLE_SCHEME : ROLE_NONE;
    n->key = PyUnicode_DecodeLatin1(name.at, (Py_ssize_t)name.len, NULL);
    if (n->key)
        PyUnicode_InternInPlace(&n->key);
    if (!n->key) {
        free_name(n);
        return NULL;
    }
    return n;
}

static bool is_named(const struct environ_name *n, struct span name)
{
    return n->name_len == name.len && memcmp(n->name, name.at, name.len) == 0;
}

static struct environ_name *find_name(struct environ *e, struct span name)       /* NULL raised */
{
    unsigned at = (unsigned)(hash_span(name) % ENVIRON_TABLE);
    while (e->table[at] && !is_named(e->table[at], name))
        at = (at + 1) % ENVIRON_TABLE;
    if (!e->table[at]) {
        e->table[at] = new_name(name);
        e->names += e->table[at] != NULL;
    }
    return e->table[at];
}

static bool has_value(const struct environ_name *n, struct span value)
{
    return n->bytes_len == value.len &&
           (value.len == 0 || memcmp(n->bytes, value.at, value.len) == 0);
}

static void keep_bytes(struct environ_name *n, struct span value)
{
    n->bytes_len = SIZE_MAX;
    if (value.len > ENVIRON_KEPT_BYTES)
        return;
    if (value.len > n->bytes_cap || !n->bytes) {
        size_t cap_bytes = value.len + 16;
        char *bytes = sys_realloc(n->bytes, cap_bytes);
        if (!bytes)
            return;
        n->bytes = bytes;
        n->bytes_cap = cap_bytes;
    }
    if (value.len > 0)
        memcpy(n->bytes, value.at, value.len);
    n->bytes_len = value.len;
}

static int set_value(struct environ_name *n, struct span value)      /* 0, or -1 raised */
{
    PyObject *text = PyUnicode_DecodeLatin1(value.at, (Py_ssize_t)value.len, NULL);
    if (!text)
        return -1;
    PyObject *old = n->value;
    n->value = text;
    Py_XDECREF(old);
    keep_bytes(n, value);
    return 0;
}

static int put_latest(struct environ *e, const struct environ_name *n)         /* 0, or -1 raised */
{
    if (PyDict_SetItem(e->latest, n->key, n->value) < 0)
        return -1;
    return n->role == ROLE_SCHEME ? PyDict_SetItem(e->latest, e->state->text_scheme, n->value) : 0;
}

static int raise_cut_short(void)
{
    PyErr_SetString(PyExc_ValueError, "request variables are cut short");
    return -1;
}

/* Brings `latest` up to date as long as the names are those of the request before.  1 it is, 0
 * they are not, -1 raised. */
static int refresh(struct environ *e, struct span block, bool *is_head)
{
    struct span name, value;
    unsigned i = 0;
    int rc;
    while ((rc = uwsgi_next_var(&block, &name, &value)) > 0) {
        if (i == e->shape_names || !is_named(e->shape[i], name))
            return 0;
        struct environ_name *n = e->shape[i++];
        if (n->role == ROLE_METHOD)
            *is_head = span_eq(value, SPAN("HEAD"));
        if (!has_value(n, value) && (set_value(n, value) < 0 || put_latest(e, n) < 0))
            return -1;
    }
    return rc < 0 ? raise_cut_short() : i == e->shape_names;
}

/* One more name than is kept: a variable of this request only. */
static int put_passing(struct environ *e, struct span name, struct span value)
{
    struct environ_name *n = new_name(name);
    int rc = n && set_value(n, value) == 0 ? put_latest(e, n) : -1;
    if (n)
        free_name(n);
    return rc;
}

static int put_kept(struct environ *e, struct environ_name *n, struct span value)
{
    return !has_value(n, value) && set_value(n, value) < 0 ? -1 : put_latest(e, n);
}

static int rebuild(struct environ *e, struct span block, bool *is_head)        /* 0, or -1 raised */
{
    struct span name, value;
    bool is_all_kept = true;
    unsigned i = 0;
    int rc;
    e->shape_names = 0;
    Py_XDECREF(e->latest);
    e->latest = PyDict_Copy(e->base);
    if (!e->latest)
        return -1;
    if (e->names >= ENVIRON_NAMES_MAX)
        forget_names(e);
    while ((rc = uwsgi_next_var(&block, &name, &value)) > 0) {
        bool is_kept = i < ENVIRON_NAMES_MAX && e->names < ENVIRON_NAMES_MAX;
        struct environ_name *n = is_kept ? find_name(e, name) : NULL;
        if ((is_kept && !n) || (n ? put_kept(e, n, value) : put_passing(e, name, value)) < 0)
            return -1;
        if (span_eq(name, SPAN("REQUEST_METHOD")))
            *is_head = span_eq(value, SPAN("HEAD"));
        if (n)
            e->shape[i++] = n;
        is_all_kept = is_all_kept && is_kept;
    }
    if (rc < 0)
        return raise_cut_short();
    e->shape_names = is_all_kept ? i : 0;
    return 0;
}

PyObject *environ_make(struct environ *e, struct span block, bool *is_head)
{
    *is_head = false;
    int rc = e->shape_names > 0 ? refresh(e, block, is_head) : 0;
    if (rc == 0)
        rc = rebuild(e, block, is_head) < 0 ? -1 : 1;
    if (rc > 0)
        return PyDict_Copy(e->latest);
    e->shape_names = 0;
    return NULL;
}

struct span environ_find(struct span block, struct span wanted)
{
    struct span name, value;
    while (uwsgi_next_var(&block, &name, &value) > 0)
        if (span_eq(name, wanted))
            return value;
    return SPAN("");
}
