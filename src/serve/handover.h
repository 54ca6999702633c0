/* handover.h - a file that the application names instead of sending it: X-Accel-Redirect, X-Sendfile.
 *
 *     app.c --handover_begin--> here --static's look for a file--> file_answer --> answer_out
 *
 * The file answers as any other does, to ranges and conditions too; of the application's answer
 * remain the fields that do not speak of its (empty) body.
 */
#pragma once
#include "serve/exchange.h"

struct handover {
    struct span path;             /* decoded; beneath a root's URL, or a path on disk */
    bool is_on_disk;
    struct span name, value;      /* the field, for the log */
    struct field *fields;         /* of the application, which remain; without Content-Type */
    size_t fields_count;
    struct span type;             /* its Content-Type; "": that of the file's name */
    bool has_policy;              /* Cache-Control or Expires is among them */
};

/* x->response is the application's.  False: it names no file.  Else the file is answered, or 404; at
 * once or when a helper has opened it: the application's own answer is not needed any more. */
bool handover_begin(struct exchange *x);
/* There is no such file: 404, and a line in the log. */
void handover_missing(struct exchange *x);
