/* json.c - jansson, and members that may be missing or of another kind.
 *
 * jansson 2.14 reads on after a buffer of its own could not grow, and then writes past its end.  So it
 * keeps the C library's heap; whether an allocation of ours would fail is asked once, before.
 */
#include "base/json.h"
#include "base/sys.h"
#include <stdio.h>

enum { WHY_BYTES = 160 };

json_t *json_read(struct span text, char *why)
{
    json_error_t error;
    void *room = sys_malloc(text.len + 1);
    if (!room) {
        (void)snprintf(why, WHY_BYTES, "no memory");
        return NULL;
    }
    sys_free(room);
    json_t *value = json_loadb(text.at ? text.at : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        (void)snprintf(why, WHY_BYTES, "line %d, column %d: %.100s", error.line, error.column,
                       error.text);
    return value;
}

char *json_line(const json_t *value)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t len = json_dumpb(value, NULL, 0, flags);
    char *line = len > 0 ? sys_malloc(len + 2) : NULL;
    if (!line)
        return NULL;
    if (json_dumpb(value, line, len, flags) != len) {      /* out of memory on the second way */
        sys_free(line);
        return NULL;
    }
    memcpy(line + len, "\n", 2);
    return line;
}

const char *json_text(const json_t *object, const char *name, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : fallback;
}

int64_t json_int(const json_t *object, const char *name, int64_t fallback)
{
    const json_t *member = json_object_get(object, name);
    return json_is_integer(member) ? json_integer_value(member) : fallback;
}

bool json_flag(const json_t *object, const char *name, bool fallback)
{
    const json_t *member = json_object_get(object, name);
    return json_is_boolean(member) ? json_is_true(member) : fallback;
}
