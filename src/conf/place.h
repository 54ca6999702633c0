/* place.h - the project's folder: the one answer for who serves it, who asks, and where its
 * slipway.ini and .env are.
 *
 *   an application is named (option app)      the folder it is named in
 *   manage.py in it, above or one below       that of manage.py        (conf/manage.h)
 *   a package with wsgi.py or asgi.py         that of the package      (conf/wsgi.h)
 *   else                                      the folder we started from
 */
#pragma once
#include "conf/conf.h"
#include "conf/wsgi.h"

enum { PLACE_FROM_BYTES = 320 };

struct place {
    char folder[FOLDER_BYTES];
    char from[PLACE_FROM_BYTES];         /* "manage.py", "manage.py above DIR", ... */
    bool has_manage_py;
    bool has_wsgi;                       /* wsgi is filled: what the folder is known by, or (with a
                                            manage.py) its only package that has one */
    struct wsgi wsgi;
};

/* For chdir and app of `c`.  -ENOENT: there is no such folder, -EEXIST: several projects are
 * equally near; both with a sentence. */
int place_find(struct place *p, const struct conf *c, char *why);
