/* names.h - which number belongs to a host name: by the exact name, else by "*." and what follows
 * its first label (RFC 9525, section 6.3).
 *
 * Owner  names_done() frees the table; the names are borrowed and must outlive it.  All-zero is empty.
 * Names  are lower case and without a dot at the end: names_fold().
 */
#pragma once
#include "base/span.h"

enum { NAMES_HOST_BYTES_MAX = 255 };       /* of a host name (RFC 1035, section 2.3.4) */

struct names_row {
    struct span name;         /* .at is NULL while the row is free */
    unsigned value;
};
struct names {
    struct names_row *rows;
    size_t cap, count;        /* cap is a power of two, or 0 */
};

void names_done(struct names *n);
/* Where the value of `name` is kept, a new one (0, *is_new) when the name is new; valid until the
 * next new name.  NULL: no memory. */
unsigned *names_place(struct names *n, struct span name, bool *is_new);
/* What is known of exactly this name; NULL: nothing. */
const unsigned *names_get(const struct names *n, struct span name);
/* The value for a host as a client spells it: exact, then wildcard; NULL: no row fits. */
const unsigned *names_match(const struct names *n, struct span host);
/* Lower case, without the dot at the end, into `into`; the empty span when it is no host name's
 * length or has a byte that none has (letters, digits, "-._", and a "*." in front when
 * may_be_wild). */
struct span names_fold(char into[NAMES_HOST_BYTES_MAX], struct span host, bool may_be_wild);
