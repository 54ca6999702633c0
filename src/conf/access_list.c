/* access_list.c - one pass over the commas. */
#include "conf/access_list.h"
#include <errno.h>
#include "http/field.h"

static const struct span request_prefix = SPAN("request:"), response_prefix = SPAN("response:");

static bool is_header(struct span name)
{
    static const struct span secrets[] = { SPAN("Authorization"), SPAN("Proxy-Authorization"),
                                           SPAN("Cookie"), SPAN("Set-Cookie") };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (span_eq_nocase(name, secrets[i]))
            return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (c != '-' && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            return false;
    }
    return name.len > 0;
}

static bool read_item(struct span text, struct access_item *item)
{
    static const struct span names[] = {
#define ACCESS_FIELD(name, form, meaning) SPAN(#name),
#include "conf/access_fields.def"
        SPAN("-"),
    };
    bool is_request = span_starts(text, request_prefix);
    *item = (struct access_item){ ACCESS_DASH, text };
    if (is_request || span_starts(text, response_prefix)) {
        item->field = is_request ? ACCESS_REQUEST : ACCESS_RESPONSE;
        item->name = span_skip(text, (is_request ? request_prefix : response_prefix).len);
        return is_header(item->name);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq(text, names[i])) {
            item->field = (enum access_field)i;
            return true;
        }
    return false;
}

int access_list_read(struct span text, struct access_item items[ACCESS_ITEMS_MAX])
{
    struct span element;
    int count = 0;
    while (field_list_next(&text, &element)) {
        if (count == ACCESS_ITEMS_MAX || !read_item(element, &items[count]))
            return -EINVAL;
        count++;
    }
    return count > 0 ? count : -EINVAL;
}

int access_log_fields_read(struct span text, struct span names[LOG_FIELDS_MAX])
{
    struct span element;
    int count = 0;
    while (field_list_next(&text, &element)) {
        if (count == LOG_FIELDS_MAX || !is_header(element))
            return -EINVAL;
        names[count++] = element;
    }
    return count;
}
