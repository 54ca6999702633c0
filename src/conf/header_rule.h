/* header_rule.h - values of the options header ("NAME: VALUE") and header-remove (a name): fields that a
 * response gets or loses.  Pure; the spans point into the value.
 *
 * Not to be touched are those that frame a message, that the edge computes (Content-Encoding, Vary, ETag,
 * Date, ...), and those of which each has its own option or meaning (Cache-Control, Set-Cookie, Location).
 */
#pragma once
#include "http/field.h"

#define HEADER_RULE_TAKES "NAME: VALUE, such as X-Robots-Tag: noindex, but no field that slipway itself must set, such as Content-Length, Vary or Cache-Control"
#define HEADER_NAME_TAKES "the name of a header field, but none that slipway itself must set, such as Content-Length, Vary or Set-Cookie"

/* With its id.  0 or -EBADMSG. */
int header_rule_parse(struct span text, struct field *field);
bool header_rule_may_name(struct span name);
