/* headers.h - the fields that Django's middleware puts into every response (HSTS, nosniff,
 * Referrer-Policy, Cross-Origin-Opener-Policy, X-Frame-Options, CSP), for the answers that do not
 * come from Django: files, redirects, refusals.
 *
 * Which fields, and whether a request is one by https to which HSTS belongs, is what Django itself
 * says of a request like it (python/slipway/headers.py).  An answer of the application's is never
 * touched, and of others no field that they have already.
 */
#pragma once
#include "base/json.h"
#include "serve/exchange.h"

struct headers;

/* "headers" of CHANNEL_FILES: {"plain":[[NAME,VALUE],...],"secure":[[NAME,VALUE],...]}.  NULL: there
 * are none, or no memory. */
struct headers *headers_new(const json_t *json);
void headers_free(struct headers *h);            /* takes NULL */
/* Writes the fields that x->response lacks to `into`, which has room for HEADERS_MAX; how many. */
enum { HEADERS_MAX = 12 };
size_t headers_missing(const struct headers *h, const struct exchange *x, struct field *into);
