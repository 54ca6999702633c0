/* accept.c - see accept.h. */
#include "http/accept.h"
#include "http/field.h"

/* In thousandths.  What is no weight counts as none: 0. */
static unsigned weight_of(struct span value)
{
    unsigned weight = 0, unit = 1000;
    if (value.len == 0 || (value.at[0] != '0' && value.at[0] != '1') || (value.len > 1 && value.at[1] != '.'))
        return 0;
    weight = (unsigned)(value.at[0] - '0') * unit;
    for (size_t i = 2; i < value.len && i < 5; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return 0;
        unit /= 10;
        weight += (unsigned)(value.at[i] - '0') * unit;
    }
    return weight > 1000 ? 1000 : weight;
}

/* Takes the type off an element of the list; its weight. */
static unsigned take_apart(struct span element, struct span *type)
{
    unsigned weight = 1000;
    size_t end = span_find(element, ';');
    *type = span_trim((struct span){ element.at, end });
    while (end < element.len) {
        element = span_skip(element, end + 1);
        end = span_find(element, ';');
        struct span parameter = span_trim((struct span){ element.at, end });
        if (parameter.len >= 2 && (parameter.at[0] | 0x20) == 'q' && parameter.at[1] == '=')
            weight = weight_of(span_skip(parameter, 2));
    }
    return weight;
}

static bool is_json(struct span type)
{
    struct span application = SPAN("application/"), suffix = SPAN("+json");
    if (span_eq_nocase(type, SPAN("application/json")))
        return true;
    if (type.len < application.len + suffix.len)
        return false;
    return span_eq_nocase((struct span){ type.at, application.len }, application) &&
           span_eq_nocase(span_skip(type, type.len - suffix.len), suffix);
}

static bool is_page(struct span type)
{
    return span_eq_nocase(type, SPAN("text/html")) || span_eq_nocase(type, SPAN("application/xhtml+xml")) ||
           span_eq_nocase(type, SPAN("text/*"));
}

bool accept_prefers_json(struct span accept)
{
    unsigned json = 0, page = 0;
    struct span element, type;
    while (field_list_next(&accept, &element)) {
        unsigned weight = take_apart(element, &type);
        if (is_json(type) && weight > json)
            json = weight;
        if (is_page(type) && weight > page)
            page = weight;
    }
    return json > page;
}
