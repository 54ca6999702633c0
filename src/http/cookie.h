/* cookie.h - one cookie out of a Cookie field (RFC 6265, section 4.2).
 */
#pragma once
#include "base/arena.h"

/* The next value of the cookie `name` in *list, a Cookie field's value; false: none is left.  *list
 * moves on, so that it can be called until then. */
bool cookie_next(struct span *list, struct span name, struct span *value);
/* The field's value without any cookie of that name; "" when no other is in it.  It is `list` itself
 * where there is none; .at is NULL when there was no memory. */
struct span cookie_without(struct span list, struct span name, struct arena *arena);
