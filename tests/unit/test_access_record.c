#include "unit.h"
#include <errno.h>
#include "scribe/access_record.h"

#define HEAD "192.0.2.7 - ann [24/Nov/2026:07:08:19 +0000] "

/* status 0: refused */
static const struct { const char *why, *line, *method, *target; uint64_t status, bytes; int64_t us; } cases[] = {
    { "by default", HEAD "\"GET /a?b HTTP/1.1\" 200 12 \"-\" \"me\" 12.345 0a1b 4711", "GET", "/a?b", 200, 12, 12345 },
    { "combined", HEAD "\"GET /a HTTP/2.0\" 304 0 \"-\" \"-\"", "GET", "/a", 304, 0, -1 },
    { "of bytes that were no request", HEAD "\"-\" 400 37 \"-\" \"-\" 0.100 - -", "", "", 400, 37, 100 },
    { "quotes are escaped", HEAD "\"GET /\\x22 HTTP/1.1\" 200 1 \"\\x22\" \"\\x22 9.9\" 1.000 - -", "GET", "/\\x22", 200, 1, 1000 },
    { "JSON", "{\"method\":\"GET\",\"target\":\"/\\\\x22\",\"status\":500,\"bytes\":7,\"ms\":2.5}", "GET", "/\\x22", 500, 7, 2500 },
    { "JSON with other fields", "{\"id\":\"a\"}", "", "", 0, 0, -1 },
    { "cut short", HEAD "\"GET /a HTTP/1.1\" 200", NULL, NULL, 0, 0, 0 },
    { "no status", HEAD "\"GET /a HTTP/1.1\" ok 1", NULL, NULL, 0, 0, 0 },
    { "JSON cut short", "{\"method\":\"GET\"", NULL, NULL, 0, 0, 0 },
    { "empty", "", NULL, NULL, 0, 0, 0 },
    { "something else", "warn scribe: x", NULL, NULL, 0, 0, 0 },
};

UNIT_TEST(every_line)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].line);
        char *line = malloc(len > 0 ? len : 1);      /* exactly: overreads are caught */
        memcpy(line, cases[i].line, len);
        struct access_record r;
        int rc = access_record_read((struct span){ line, len }, &r);
        bool is_right = cases[i].method
                            ? rc == 0 && span_eq(r.method, span_of(cases[i].method)) &&
                                  span_eq(r.target, span_of(cases[i].target)) && r.status == cases[i].status &&
                                  r.bytes == cases[i].bytes && r.took_us == cases[i].us
                            : rc == -EBADMSG;
        if (!is_right)
            fail_msg("%s: %d %u %lld", cases[i].why, rc, (unsigned)r.status, (long long)r.took_us);
        access_record_done(&r);
        for (size_t cut = 0; cut < len; cut++) {
            if (access_record_read((struct span){ line, cut }, &r) == 0)
                access_record_done(&r);
        }
        free(line);
    }
}

UNIT_MAIN(every_line)
