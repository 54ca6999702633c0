/* wsgi.h - projects without manage.py: by a package with a wsgi.py or asgi.py, as Django's
 * startproject lays it out.
 */
#pragma once
#include "conf/folder.h"

enum { WSGI_NAME_BYTES = 256 };

struct wsgi {
    char folder[FOLDER_BYTES];           /* what Python must have on its path */
    char package[WSGI_NAME_BYTES];       /* "mysite"; "" for a wsgi.py in the folder itself */
    char other[WSGI_NAME_BYTES];         /* a second package as good as this; "": none */
    bool is_asgi;                        /* it has no wsgi.py, only an asgi.py */
};

/* A package in the folder.  Those with wsgi.py come before those with asgi.py.  0 or -ENOENT;
 * several are no error, but `other` is set. */
int wsgi_find_in(struct wsgi *w, const char *folder);

/* The package that belongs to `start`: it is in one (up to where __init__.py ends), else in it,
 * else a wsgi.py in it, else a package in one folder below.  Never in folders that manage_find
 * passes by. */
int wsgi_find(struct wsgi *w, const char *start);

/* "mysite/wsgi.py" */
void wsgi_file_name(const struct wsgi *w, char name[WSGI_NAME_BYTES + 16]);
