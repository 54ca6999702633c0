/* accept.h - what a client would rather read (RFC 9110, section 12.5.1).  Pure. */
#pragma once
#include "base/span.h"

/* Does it name JSON (application/json, application/problem+json, application/...+json), and like it
 * better than a page for people (text/html, application/xhtml+xml, text of any kind)?  Who takes
 * anything, or likes both as well, gets the page. */
bool accept_prefers_json(struct span accept);
