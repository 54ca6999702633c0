#include "unit.h"
#include "http/condition.h"

#define THEN "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"
enum { THEN_S = 784111777, MUCH_LATER_S = 1763967600 };

/* All against ETag "a", modified THEN.  Fields as up to three pairs. */
static const struct {
    const char *why;
    enum method method;
    const char *fields[6];
    enum condition want;
} cases[] = {
    { "no condition", METHOD_GET, { NULL }, CONDITION_SERVE },
    { "if-match, the same", METHOD_PUT, { "If-Match", "\"a\"" }, CONDITION_SERVE },
    { "if-match, another", METHOD_PUT, { "If-Match", "\"b\"" }, CONDITION_FAILED },
    { "if-match, in a list", METHOD_PUT, { "If-Match", "\"b\" , \"a\"" }, CONDITION_SERVE },
    { "if-match, in a second field",
      METHOD_PUT,
      { "If-Match", "\"b\"", "If-Match", "\"a\"" },
      CONDITION_SERVE },
    { "if-match, any", METHOD_PUT, { "If-Match", "*" }, CONDITION_SERVE },
    { "if-match compares strongly", METHOD_PUT, { "If-Match", "W/\"a\"" }, CONDITION_FAILED },
    { "if-match for GET", METHOD_GET, { "If-Match", "\"b\"" }, CONDITION_FAILED },
    { "if-match with a comma inside", METHOD_PUT, { "If-Match", "\"b,\"a\"" }, CONDITION_FAILED },
    { "if-match without quotes", METHOD_PUT, { "If-Match", "a" }, CONDITION_FAILED },
    { "if-match, only blanks and commas", METHOD_PUT, { "If-Match", " ,\t," }, CONDITION_FAILED },
    { "if-match, weak and nothing", METHOD_PUT, { "If-Match", "W/" }, CONDITION_FAILED },
    { "if-match, a quote alone", METHOD_PUT, { "If-Match", "\"" }, CONDITION_FAILED },
    { "if-match that never ends", METHOD_PUT, { "If-Match", "\"a" }, CONDITION_FAILED },
    { "unmodified since", METHOD_PUT, { "If-Unmodified-Since", THEN }, CONDITION_SERVE },
    { "modified after", METHOD_PUT, { "If-Unmodified-Since", BEFORE }, CONDITION_FAILED },
    { "if-match counts, the date does not",
      METHOD_PUT,
      { "If-Match", "\"a\"", "If-Unmodified-Since", BEFORE },
      CONDITION_SERVE },
    { "unmodified since nonsense",
      METHOD_PUT,
      { "If-Unmodified-Since", "yesterday" },
      CONDITION_SERVE },
    { "if-none-match, the same", METHOD_GET, { "If-None-Match", "\"a\"" }, CONDITION_NOT_MODIFIED },
    { "if-none-match compares weakly",
      METHOD_HEAD,
      { "If-None-Match", "W/\"a\"" },
      CONDITION_NOT_MODIFIED },
    { "if-none-match, any", METHOD_GET, { "If-None-Match", "*" }, CONDITION_NOT_MODIFIED },
    { "if-none-match in a list",
      METHOD_GET,
      { "If-None-Match", "\"x\",,W/\"y\",\"a\"" },
      CONDITION_NOT_MODIFIED },
    { "if-none-match, another", METHOD_GET, { "If-None-Match", "\"A\"" }, CONDITION_SERVE },
    { "if-none-match for a write", METHOD_PUT, { "If-None-Match", "*" }, CONDITION_FAILED },
    { "if-none-match, another for a write",
      METHOD_PUT,
      { "If-None-Match", "\"b\"" },
      CONDITION_SERVE },
    { "not modified since", METHOD_GET, { "If-Modified-Since", THEN }, CONDITION_NOT_MODIFIED },
    { "not modified since, later",
      METHOD_HEAD,
      { "If-Modified-Since", AFTER },
      CONDITION_NOT_MODIFIED },
    { "modified since", METHOD_GET, { "If-Modified-Since", BEFORE }, CONDITION_SERVE },
    { "not modified since, a write", METHOD_POST, { "If-Modified-Since", THEN }, CONDITION_SERVE },
    { "not modified since nonsense", METHOD_GET, { "If-Modified-Since", "0" }, CONDITION_SERVE },
    { "if-none-match counts, the date does not",
      METHOD_GET,
      { "If-None-Match", "\"b\"", "If-Modified-Since", THEN },
      CONDITION_SERVE },
    { "if-match passes, if-none-match decides",
      METHOD_GET,
      { "If-Match", "\"a\"", "If-None-Match", "\"a\"" },
      CONDITION_NOT_MODIFIED },
    { "if-match fails first",
      METHOD_GET,
      { "If-Match", "\"b\"", "If-None-Match", "\"a\"" },
      CONDITION_FAILED },
};

/* Values lie in blocks of their own, so that overreads are caught; drop() frees them. */
static size_t fill(struct field *fields, const char *const *pairs, size_t pairs_max)
{
    size_t count = 0;
    for (; count < pairs_max && pairs[2 * count] != NULL; count++) {
        fields[count].name = span_of(pairs[2 * count]);
        fields[count].value = span_of(pairs[2 * count + 1]);
        fields[count].value.at = memcpy(malloc(fields[count].value.len), pairs[2 * count + 1],
                                        fields[count].value.len);
        fields[count].id = field_id_of(fields[count].name);
        assert_int_not_equal(fields[count].id, FIELD_OTHER);
    }
    return count;
}

static void drop(struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)fields[i].value.at);
}

UNIT_TEST(every_case)
{
    struct validators v = { SPAN("\"a\""), THEN_S };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct field fields[3];
        struct request r = { .method = cases[i].method, .fields = fields };
        r.fields_count = fill(fields, cases[i].fields, 3);
        enum condition got = condition_check(&r, &v, MUCH_LATER_S);
        if (got != cases[i].want)
            fail_msg("%s: %d", cases[i].why, got);
        drop(fields, r.fields_count);
    }
}

UNIT_TEST(without_validators_only_any_matches)
{
    struct validators v = { SPAN(""), -1 };
    static const struct { const char *fields[2]; enum condition want; } rows[] = {
        { { "If-Match", "\"\"" }, CONDITION_FAILED }, { { "If-Match", "*" }, CONDITION_SERVE },
        { { "If-None-Match", "\"\"" }, CONDITION_SERVE }, { { "If-Modified-Since", AFTER }, CONDITION_SERVE },
        { { "If-Unmodified-Since", BEFORE }, CONDITION_SERVE },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field field;
        struct request r = { .method = METHOD_GET, .fields = &field };
        r.fields_count = fill(&field, rows[i].fields, 1);
        assert_int_equal(condition_check(&r, &v, MUCH_LATER_S), rows[i].want);
        drop(&field, r.fields_count);
    }
}

static const struct { const char *why, *if_range, *etag; int64_t now_s; bool want; } ranges[] = {
    { "the same", "\"a\"", "\"a\"", MUCH_LATER_S, true },
    { "another", "\"b\"", "\"a\"", MUCH_LATER_S, false },
    { "a weak one", "W/\"a\"", "W/\"a\"", MUCH_LATER_S, false },
    { "a weak one against a strong", "W/\"a\"", "\"a\"", MUCH_LATER_S, false },
    { "a strong one against a weak", "\"a\"", "W/\"a\"", MUCH_LATER_S, false },
    { "a list", "\"a\", \"b\"", "\"a\"", MUCH_LATER_S, false },
    { "any is no etag", "*", "\"a\"", MUCH_LATER_S, false },
    { "the date", THEN, "\"a\"", MUCH_LATER_S, true },
    { "a later date is another", AFTER, "\"a\"", MUCH_LATER_S, false },
    { "an earlier date", BEFORE, "\"a\"", MUCH_LATER_S, false },
    { "the date within its second", THEN, "\"a\"", THEN_S, false },
    { "nonsense", "x", "\"a\"", MUCH_LATER_S, false },
};

UNIT_TEST(when_a_range_is_honoured)
{
    struct request none = { .fields_count = 0 };
    struct validators v = { SPAN("\"a\""), THEN_S };
    assert_true(condition_allows_range(&none, &v, MUCH_LATER_S));
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct field field = { SPAN("If-Range"), span_of(ranges[i].if_range), FIELD_IF_RANGE };
        struct request r = { .method = METHOD_GET, .fields = &field, .fields_count = 1 };
        v.etag = span_of(ranges[i].etag);
        if (condition_allows_range(&r, &v, ranges[i].now_s) != ranges[i].want)
            fail_msg("%s", ranges[i].why);
    }
}

UNIT_MAIN(every_case, without_validators_only_any_matches, when_a_range_is_honoured)
