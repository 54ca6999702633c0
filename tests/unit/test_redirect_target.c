/* Values of the option `redirect`: what they mean, and what is refused. */
#include "unit.h"
#include "conf/redirect_target.h"

static const struct {
    const char *why, *text;
    unsigned status;                  /* 0: refused */
    const char *pieces;               /* text as it is, P for $path, Q for $query, between bars */
} cases[] = {
    { "a path",               "301 /new", 301, "/new|" },
    { "another site",         "308 https://example.com/", 308, "/|" },
    { "... with all of it",   "301 https://example.com$path?$query", 301, "P|?|Q|" },
    { "... and a port",       "302 http://example.com:8080$path", 302, "P|" },
    { "IPv6",                 "307 http://[::1]/x", 307, "/x|" },
    { "the path behind one",  "303 /new$path", 303, "/new|P|" },
    { "the path alone",       "301 $path?seen=1", 301, "P|?seen=1|" },
    { "a query of its own",   "301 /search?q=$path&$query", 301, "/search?q=|P|&|Q|" },
    { "blanks",               "  301\t /new ", 301, "/new|" },
    { "no more than a host",  "301 https://example.com", 301, "" },
    { "nothing",              "", 0, NULL },
    { "no URL",               "301", 0, NULL },
    { "no status",            "/new", 0, NULL },
    { "a status of pages",    "200 /new", 0, NULL },
    { "a long status",        "0301 /new", 0, NULL },
    { "two URLs",             "301 /new /newer", 0, NULL },
    { "a relative path",      "301 new", 0, NULL },
    { "another site by //",   "301 //example.com", 0, NULL },
    { "... by a backslash",   "301 /\\example.com", 0, NULL },
    { "the path as a host",   "301 https://$path", 0, NULL },
    { "the path in a port",   "301 https://example.com:8$path/x", 301, "P|/x|" },
    { "... begins with '/'",  "301 https://example.com.$path", 301, "P|" },
    { "the query as a path",  "301 https://example.com$query", 0, NULL },
    { "the query in a path",  "301 /a$query", 0, NULL },
    { "another variable",     "301 https://example.com$request_uri", 0, NULL },
    { "... of the host",      "301 https://$host/", 0, NULL },
    { "a dollar",             "301 /a$", 0, NULL },
    { "a scheme of scripts",  "301 javascript:alert(1)", 0, NULL },
    { "a line more",          "301 /a\r\nX: y", 0, NULL },
    { "a user in it",         "301 https://a@example.com/", 0, NULL },
};

UNIT_TEST(values_and_their_meaning)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redirect_rule rule = { 0 };
        int rc = redirect_rule_parse(span_of(cases[i].text), &rule);
        if ((rc == 0) != (cases[i].status > 0) || rule.status != cases[i].status)
            fail_msg("%s: %d, %u", cases[i].why, rc, rule.status);
        if (rc < 0)
            continue;
        char pieces[200];
        size_t len = 0;
        struct span rest = redirect_target_path(rule.url), text;
        enum redirect_variable variable;
        while (redirect_rule_next(&rest, &text, &variable))
            len += (size_t)snprintf(pieces + len, sizeof pieces - len, "%.*s%s|", (int)text.len, text.at,
                                    variable == REDIRECT_PATH ? "P" : variable == REDIRECT_QUERY ? "Q" : "");
        pieces[len] = '\0';
        if (strcmp(pieces, cases[i].pieces) != 0)
            fail_msg("%s: \"%s\"", cases[i].why, pieces);
    }
}

UNIT_MAIN(values_and_their_meaning)
