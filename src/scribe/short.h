/* short.h - the access line as a developer reads it, made from the combined one.  Pure.
 *
 *   12:04:31 200   12 ms    4.2K GET     /harbour/ships/?page=2
 *   12:04:40 500 1.24 s  !   88K POST    /harbour/book/
 *
 * Clock, status, time (slow ones are marked), size, method, target.  What the edge answered by
 * itself (static files) is dimmed.  Foreign bytes are escaped already and stay so.
 */
#pragma once
#include <stdbool.h>
#include "base/span.h"

enum {
    SHORT_BYTES = 4096,           /* holds every line */
    SHORT_SLOW_MS = 500,          /* from here on a request is marked */
    SHORT_TARGET_LEAST = 24,      /* columns a target gets however narrow the terminal is */
};

struct short_style {
    const char *clock;            /* "12:04:31" */
    bool has_colour;
    unsigned columns;             /* of the terminal: longer targets are cut to fit; 0: none */
};

/* `line` as serve/access.c writes it, without '\n'.  The length of the text in `into` (not
 * NUL-ended); 0: it is no such line. */
size_t short_line(struct span line, const struct short_style *style, char into[SHORT_BYTES]);
