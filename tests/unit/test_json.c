#include "unit.h"
#include "base/json.h"
#include "no_memory.h"

UNIT_TEST(members_fall_back_when_missing_or_of_another_kind)
{
    char why[160];
    json_t *o = json_read(SPAN("{\"t\":\"text\",\"n\":-7,\"r\":1.5,\"y\":true,\"f\":false,"
                               "\"z\":null}"), why);
    assert_non_null(o);
    assert_string_equal(json_text(o, "t", "none"), "text");
    assert_string_equal(json_text(o, "n", "none"), "none");
    assert_string_equal(json_text(o, "missing", "none"), "none");
    assert_null(json_text(o, "z", NULL));
    assert_int_equal(json_int(o, "n", 5), -7);
    assert_int_equal(json_int(o, "r", 5), 5);
    assert_int_equal(json_int(o, "t", 5), 5);
    assert_true(json_flag(o, "y", false));
    assert_false(json_flag(o, "f", true));
    assert_true(json_flag(o, "n", true));
    json_t *array = json_array();
    assert_int_equal(json_int(array, "n", 5), 5);
    assert_string_equal(json_text(NULL, "n", "none"), "none");
    json_decref(array);
    json_decref(o);
}

UNIT_TEST(what_is_not_json_says_why)
{
    static const char *const texts[] = {
        "", "{", "{\"a\":1} x", "{\"a\":1,\"a\":2}", "7", "{\"a\":\"\xff\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char *why = malloc(160);                              /* own block: overruns are caught */
        why[0] = '\0';
        json_t *value = json_read(span_of(texts[i]), why);
        if (value || why[0] == '\0')
            fail_msg("%s", texts[i]);
        free(why);
    }
    char why[160];
    assert_null(json_read((struct span){ NULL, 0 }, why));
}

UNIT_TEST(depth_is_bounded)
{
    char why[160], text[20000];
    memset(text, '[', 10000);
    memset(text + 10000, ']', 10000);
    assert_null(json_read((struct span){ text, sizeof text }, why));
}

UNIT_TEST(a_line_is_compact_and_ends_in_a_newline)
{
    json_t *o = json_pack("{s:[i,i],s:s}", "a", 1, 2, "b", "x\ny");
    char *line = json_line(o);
    assert_string_equal(line, "{\"a\":[1,2],\"b\":\"x\\ny\"}\n");
    sys_free(line);
    assert_null(json_line(NULL));
    heap_left = 0;
    assert_null(json_line(o));
    heap_left = UINT32_MAX;
    json_decref(o);
}

UNIT_TEST(without_memory_nothing_is_read)
{
    char why[160];
    heap_left = 0;
    assert_null(json_read(SPAN("{\"a\":[1,2,{\"b\":\"text\"}]}"), why));
    heap_left = UINT32_MAX;
    assert_string_equal(why, "no memory");
}

UNIT_MAIN(members_fall_back_when_missing_or_of_another_kind, what_is_not_json_says_why, depth_is_bounded,
          a_line_is_compact_and_ends_in_a_newline, without_memory_nothing_is_read)
