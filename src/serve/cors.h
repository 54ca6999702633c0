/* cors.h - which pages of other origins may use static files (Fetch standard, section 3.2): option
 * static-cors.
 *
 * A file is the same for everybody, so no answer allows credentials.
 */
#pragma once
#include "serve/exchange.h"

enum { CORS_FIELDS_MAX = 5 };

/* Adds to an answer about a file what its route says of the origin that asks: how many fields of
 * `fields` are used then.  is_preflight: of OPTIONS, also what the page may ask for. */
size_t cors_add(const struct exchange *x, struct field *fields, size_t count, bool is_preflight);
/* Does the answer depend on who asks (Vary: Origin)? */
bool cors_varies(const struct exchange *x);
