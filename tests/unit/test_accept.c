#include "unit.h"
#include "http/accept.h"

static const struct { const char *why, *accept; bool is_json; } cases[] = {
    { "nothing said", "", false },
    { "curl", "*/*", false },
    { "a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false },
    { "a program", "application/json", true },
    { "axios", "application/json, text/plain, */*", true },
    { "jQuery", "application/json, text/javascript, */*; q=0.01", true },
    { "problems only", "application/problem+json", true },
    { "an API of its own", "application/vnd.api+json", true },
    { "in capitals", "Application/JSON", true },
    { "both as well", "text/html, application/json", false },
    { "a page first", "application/json;q=0.9, text/html", false },
    { "JSON first", "application/json, text/html;q=0.9", true },
    { "any text first", "text/*, application/json;q=0.5", false },
    { "not at all", "application/json;q=0", false },
    { "nor as 0.000", "application/json;q=0.000", false },
    { "a little", "application/json;q=0.001", true },
    { "a weight that is none", "application/json;q=high", false },
    { "an empty weight", "application/json;q=", false },
    { "a parameter before the weight", "application/json;version=2;q=0.5, text/html;q=0.4", true },
    { "blanks", "  application/json ; q=0.5 ,text/html;q=0.4 ", true },
    { "something like it", "application/jsonlines", false },
    { "not of an application", "text/x+json", false },
    { "too short to be one", "application/+json", true },
    { "commas only", ",,,", false },
    { "a semicolon only", ";", false },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].accept);
        char *own = memcpy(malloc(len + 1), cases[i].accept, len);      /* overreads are caught */
        if (accept_prefers_json((struct span){ own, len }) != cases[i].is_json)
            fail_msg("%s", cases[i].why);
        free(own);
    }
}

UNIT_MAIN(every_case)
