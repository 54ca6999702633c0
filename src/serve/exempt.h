/* exempt.h - requests that no stage before the application may hold up. */
#pragma once
#include "http/request.h"

/* A challenge of an authority that makes certificates (RFC 8555, section 8.3): it comes from anywhere,
 * by http, and without credentials.  Nothing else is one: an application that answers to any path would
 * else be open at this one. */
bool exempt_is_acme(const struct request *r);
/* A browser asks whether a script of another site may ask (Fetch, section 3.2.2): it sends no
 * credentials with that.  Anybody can send one, and many an application answers to OPTIONS as to GET: where
 * others need credentials, x->is_preflight is set, too, so that its answer has no body. */
bool exempt_is_preflight(const struct request *r);
