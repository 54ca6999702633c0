/* json.h - the one place that includes jansson: small helpers to read one object and to write one
 * line. */
#pragma once
#include <jansson.h>
#include "base/span.h"

/* Reads one JSON text; NULL when it is not one (message in `why`, at least 160 bytes). New
 * reference. */
json_t *json_read(struct span text, char *why);
/* One compact line with '\n', heap memory for sys_free, or NULL. */
char *json_line(const json_t *value);
/* Members with a fallback: never fail. */
const char *json_text(const json_t *object, const char *name, const char *fallback);
int64_t json_int(const json_t *object, const char *name, int64_t fallback);
bool json_flag(const json_t *object, const char *name, bool fallback);
