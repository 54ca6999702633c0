/* fuzz_values.c - dates, ranges, conditions, lists and traces: what is read makes sense, or is refused. */
#include "fuzz.h"
#include "conf/access_list.h"
#include "http/accept.h"
#include "http/condition.h"
#include "http/date.h"
#include "http/range.h"
#include "http/trace.h"

enum { NOW_S = 1763967600 };

static void read_date(struct span value)
{
    int64_t unix_s = 0, again_s = 0;
    char text[DATE_BYTES];
    if (date_read(value, NOW_S, &unix_s) < 0)
        return;
    date_write(text, unix_s);
    must(date_read((struct span){ text, DATE_BYTES }, NOW_S, &again_s) == 0 && again_s == unix_s);
}

static void read_range(struct span value)
{
    static const int64_t sizes[] = { 0, 1, 1000, INT64_MAX };
    static const size_t most[] = { 0, 1, 5, RANGES_MAX };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct range ranges[RANGES_MAX];
        size_t count = 0;
        int64_t bytes = 0;
        if (range_read(value, sizes[i], most[i], ranges, &count) != RANGE_SOME)
            continue;
        must(count > 0 && count <= most[i]);
        for (size_t k = 0; k < count; k++) {
            must(0 <= ranges[k].first && ranges[k].first <= ranges[k].last && ranges[k].last < sizes[i]);
            must(ranges[k].last - ranges[k].first < sizes[i] - bytes);
            bytes += ranges[k].last - ranges[k].first + 1;
        }
    }
}

static void read_list(struct span value)
{
    struct span rest = value, one;
    size_t bytes = 0;
    while (field_list_next(&rest, &one)) {
        must(one.len == 0 || (one.at >= value.at && one.at + one.len <= value.at + value.len));
        must(span_find(one, ',') == one.len);
        bytes += one.len;
    }
    must(bytes <= value.len);
}

static void read_fields(struct span value)
{
    struct access_item items[ACCESS_ITEMS_MAX];
    struct span names[LOG_FIELDS_MAX];
    int count = access_list_read(value, items);
    must(count <= ACCESS_ITEMS_MAX && count != 0);
    for (int i = 0; i < count; i++)
        must(items[i].name.at >= value.at && items[i].name.len <= value.len);
    must(access_log_fields_read(value, names) <= LOG_FIELDS_MAX);
}

static void read_conditions(struct span value)
{
    static const enum field_id ids[] = { FIELD_IF_MATCH, FIELD_IF_NONE_MATCH, FIELD_IF_RANGE,
                                         FIELD_IF_MODIFIED_SINCE, FIELD_IF_UNMODIFIED_SINCE };
    struct validators v = { SPAN("\"a\""), 784111777 };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct field f = { SPAN("x"), value, ids[i] };
        struct request r = { .method = METHOD_GET, .fields = &f, .fields_count = 1 };
        must(condition_check(&r, &v, NOW_S) <= CONDITION_FAILED);
        (void)condition_allows_range(&r, &v, NOW_S);
    }
}

static void read_trace(struct span value)
{
    struct span id = { NULL, 0 };
    if (trace_parent_read(value, &id))
        must(id.at == value.at + 3 && id.len == TRACE_ID_BYTES && value.len >= TRACE_PARENT_BYTES);
    else
        must(id.at == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span value = own_copy((struct span){ (const char *)data, size });
    read_date(value);
    read_range(value);
    read_list(value);
    read_fields(value);
    read_conditions(value);
    read_trace(value);
    (void)accept_prefers_json(value);
    free((char *)value.at);
    return 0;
}
