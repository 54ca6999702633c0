#include "unit.h"
#include "scribe/log_record.h"

static const struct { const char *why, *line, *level, *process, *id, *text, *json; } cases[] = {
    { "a line of ours", "warn edge 1: worker died: pid=12", "warn", "edge 1", "", "worker died: pid=12",
      "{\"time\":\"T\",\"level\":\"warn\",\"process\":\"edge 1\",\"text\":\"worker died: pid=12\"}" },
    { "... with a request", "warn edge: request failed: reason=\"x\" id=0a1b", "warn", "edge", "0a1b",
      "request failed: reason=\"x\" id=0a1b", NULL },
    { "... without", "warn edge: request failed: id=-", "warn", "edge", "", "request failed: id=-", NULL },
    { "of a request", "\x01" "0a1b" "\x02Traceback", "", "", "0a1b", "Traceback",
      "{\"time\":\"T\",\"id\":\"0a1b\",\"text\":\"Traceback\"}" },
    { "what looks like ours", "\x01" "7" "\x02warn edge: x", "", "", "7", "warn edge: x", NULL },
    { "an empty line", "", "", "", "", "", "{\"time\":\"T\",\"text\":\"\"}" },
    { "no mark at all", "\x01", "", "", "", "\x01", "{\"time\":\"T\",\"text\":\"\\u0001\"}" },
    { "a mark without an end", "\x01" "abc", "", "", "", "\x01" "abc", NULL },
    { "an id with a blank", "\x01" "a b" "\x02x", "", "", "", "\x01" "a b" "\x02x", NULL },
    { "an id with a bracket", "\x01" "a]" "\x02x", "", "", "", "\x01" "a]" "\x02x", NULL },
    { "an empty id", "\x01\x02x", "", "", "", "\x01\x02x", NULL },
    { "a level alone", "error", "", "", "", "error", NULL },
    { "a level and no process", "error it broke", "", "", "", "error it broke", NULL },
    { "letters", "Gr\xc3\xbc\xc3\x9f" "e", "", "", "", "Gr\xc3\xbc\xc3\x9f" "e",
      "{\"time\":\"T\",\"text\":\"Gr\xc3\xbc\xc3\x9f" "e\"}" },
    { "no letters", "a\xff\xc3" "b\xed\xa0\x80", "", "", "", "a\xff\xc3" "b\xed\xa0\x80",
      "{\"time\":\"T\",\"text\":\"a\xef\xbf\xbd\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}" },
    { "too long and above", "\xc0\x80\xf4\x90\x80\x80", "", "", "", "\xc0\x80\xf4\x90\x80\x80", NULL },
    { "quotes and controls", "\"\\\t\x1b[2J\x7f", "", "", "", "\"\\\t\x1b[2J\x7f",
      "{\"time\":\"T\",\"text\":\"\\\"\\\\\\t\\u001b[2J\\u007f\"}" },
};

UNIT_TEST(every_line)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].line);
        char *line = memcpy(malloc(len + 1), cases[i].line, len);       /* overreads are caught */
        char *exact = realloc(line, len > 0 ? len : 1);
        struct log_record r = log_record_read((struct span){ exact, len });
        struct buf json = { 0 };
        bool is_right = span_eq(r.level, span_of(cases[i].level)) &&
                        span_eq(r.process, span_of(cases[i].process)) &&
                        span_eq(r.id, span_of(cases[i].id)) && span_eq(r.text, span_of(cases[i].text));
        assert_int_equal(log_record_json(&r, SPAN("T"), &json), 0);
        if (!is_right || (cases[i].json && !span_eq(buf_span(&json), span_of(cases[i].json))))
            fail_msg("%s: %.*s", cases[i].why, (int)buf_len(&json), buf_span(&json).at);
        buf_done(&json);
        free(exact);
    }
}

UNIT_MAIN(every_line)
