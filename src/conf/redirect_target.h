/* redirect_target.h - where a redirect leads, as people write it: in the option `redirect` and in the
 * files of `redirects`.  Pure.
 *
 * A target is a path of this site, "/new", or "http://HOST[:PORT][/...]" or https://.  "//HOST" and
 * "/\HOST", which browsers take for another site, are refused.
 */
#pragma once
#include "base/span.h"

/* NULL: it is one; else what is expected. */
const char *redirect_target_wrong(struct span url);
/* Behind scheme and host: "/new?a=b" of both kinds, "" where an absolute one has nothing more. */
struct span redirect_target_path(struct span url);
/* 301, 302, 303, 307 or 308, or 0. */
unsigned redirect_status(struct span text);

struct redirect_rule {
    unsigned status;
    struct span url;          /* with $path (decoded path of the request, escaped anew; not within the
                               * host) and $query (as it came, without '?'; only behind a '?') */
};
#define REDIRECT_RULE_TAKES "STATUS URL, such as 301 https://example.com$path?$query"
/* A value of the option: "STATUS URL".  0 or -EBADMSG. */
int redirect_rule_parse(struct span text, struct redirect_rule *rule);
/* The next piece of the URL: text, or (text empty) a variable.  False at the end. */
enum redirect_variable { REDIRECT_TEXT, REDIRECT_PATH, REDIRECT_QUERY };
bool redirect_rule_next(struct span *url, struct span *text, enum redirect_variable *variable);
