/* Values of access-fields and log-fields: what they mean, and what is refused. */
#include "unit.h"
#include <errno.h>
#include "conf/access_list.h"

/* fields: the columns with '|' between; NULL: refused */
static const struct { const char *why, *text, *fields; } cases[] = {
    { "one",                     "status", "status" },
    { "blanks around",           " time ,\tms ", "time|ms" },
    { "a dash",                  "address,-,time", "address|-|time" },
    { "of the request",          "request:X-Forwarded-For", "X-Forwarded-For" },
    { "of the response",         "response:Location,id", "Location|id" },
    { "twice the same",          "id,id", "id|id" },
    { "nothing",                 "", NULL },
    { "nothing between",         "id,,ms", NULL },
    { "another name",            "id,took", NULL },
    { "names have their case",   "Status", NULL },
    { "a header without a name", "request:", NULL },
    { "not a header's name",     "request:X_A", NULL },
    { "what grants access",      "request:Authorization", NULL },
    { "... in other case",       "request:COOKIE", NULL },
    { "... of proxies",          "request:Proxy-Authorization", NULL },
    { "... given out",           "response:set-cookie", NULL },
};

UNIT_TEST(values_and_their_meaning)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct access_item items[ACCESS_ITEMS_MAX];
        char text[200] = "";
        int count = access_list_read(span_of(cases[i].text), items);
        for (int n = 0; n < count; n++) {
            size_t at = strlen(text);
            (void)snprintf(text + at, sizeof text - at, "%s%.*s", n > 0 ? "|" : "",
                           (int)items[n].name.len, items[n].name.at);
        }
        bool is_right = cases[i].fields ? count > 0 && strcmp(text, cases[i].fields) == 0
                                        : count == -EINVAL;
        if (!is_right)
            fail_msg("%s: %d, \"%s\"", cases[i].why, count, text);
    }
}

UNIT_TEST(every_name_of_the_table_is_read)
{
    static const char *const names[] = {
#define ACCESS_FIELD(name, form, meaning) #name,
#include "conf/access_fields.def"
    };
    struct access_item items[ACCESS_ITEMS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(access_list_read(span_of(names[i]), items), 1);
        assert_int_equal(items[0].field, i);
    }
}

UNIT_TEST(the_49th_field_and_the_17th_header_are_refused)
{
    char text[400] = "id";
    struct access_item items[ACCESS_ITEMS_MAX];
    struct span names[LOG_FIELDS_MAX];
    for (int i = 2; i <= ACCESS_ITEMS_MAX; i++) {
        (void)strcat(text, ",id");
        assert_int_equal(access_list_read(span_of(text), items), i);
        assert_int_equal(access_log_fields_read(span_of(text), names),
                         i <= LOG_FIELDS_MAX ? i : -EINVAL);
    }
    assert_int_equal(access_list_read(span_of(strcat(text, ",id")), items), -EINVAL);
    assert_int_equal(access_log_fields_read(SPAN(""), names), 0);
    assert_int_equal(access_log_fields_read(SPAN("X-A, Cookie"), names), -EINVAL);
}

UNIT_MAIN(values_and_their_meaning, every_name_of_the_table_is_read,
          the_49th_field_and_the_17th_header_are_refused)
