/* header_rule.c - see header_rule.h. */
#include "conf/header_rule.h"
#include <errno.h>

static const struct span kept[] = {
    SPAN("Accept-Ranges"), SPAN("Allow"), SPAN("Cache-Control"), SPAN("Content-Encoding"),
    SPAN("Content-Length"), SPAN("Content-Range"), SPAN("Date"), SPAN("ETag"), SPAN("Location"),
    SPAN("Retry-After"), SPAN("Set-Cookie"), SPAN("Vary"), SPAN("WWW-Authenticate"),
};

bool header_rule_may_name(struct span name)
{
    enum field_id id = field_id_of(name);
    if (!field_name_is_valid(name) || field_is_hop_by_hop(id) || id == FIELD_UNDERSCORED)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (span_eq_nocase(name, kept[i]))
            return false;
    return true;
}

int header_rule_parse(struct span text, struct field *field)
{
    size_t colon = span_find(text, ':');
    struct span name = span_trim((struct span){ text.at, colon });
    if (colon == text.len || !header_rule_may_name(name))
        return -EBADMSG;
    struct span value = span_trim(span_skip(text, colon + 1));
    if (value.len == 0 || !field_value_is_valid(value))
        return -EBADMSG;
    *field = (struct field){ name, value, field_id_of(name) };
    return 0;
}
