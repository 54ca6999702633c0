/* redirect_target.c - the host is looked at before anything that a request brings can follow it. */
#include "conf/redirect_target.h"
#include <errno.h>
#include "http/request.h"

static const struct span schemes[] = { SPAN("https://"), SPAN("http://") };
static const struct span path_name = SPAN("$path"), query_name = SPAN("$query");

/* Behind the scheme; .at is NULL for a path of this site. */
static struct span authority_of(struct span url, struct span *rest)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!span_starts(url, schemes[i]))
            continue;
        struct span tail = span_skip(url, schemes[i].len);
        size_t end = 0;
        while (end < tail.len && !strchr("/?#$*", tail.at[end]))
            end++;
        *rest = span_skip(tail, end);
        return (struct span){ tail.at, end };
    }
    *rest = url;
    return (struct span){ NULL, 0 };
}

struct span redirect_target_path(struct span url)
{
    struct span rest;
    (void)authority_of(url, &rest);
    return rest;
}

const char *redirect_target_wrong(struct span url)
{
    struct span rest, authority = authority_of(url, &rest);
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.at[i] <= 0x20 || url.at[i] == 0x7f)
            return "no blank and no control character";
    if (authority.at)
        return request_host_is_valid(authority) && authority.len > 0 ? NULL : "a host behind http:// or https://";
    if (span_starts(url, path_name))
        return NULL;
    if (url.len == 0 || url.at[0] != '/')
        return "a path that begins with '/', or a URL that begins with http:// or https://";
    if (url.len > 1 && (url.at[1] == '/' || url.at[1] == '\\'))
        return "a path with one '/' at its beginning";
    return NULL;
}

unsigned redirect_status(struct span text)
{
    static const unsigned known[] = { 301, 302, 303, 307, 308 };
    uint64_t n;
    if (text.len != 3 || span_to_u64(text, &n) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i] == n)
            return known[i];
    return 0;
}

bool redirect_rule_next(struct span *url, struct span *text, enum redirect_variable *variable)
{
    *text = (struct span){ url->at, 0 };
    if (url->len == 0)
        return false;
    if (span_starts(*url, path_name) || span_starts(*url, query_name)) {
        *variable = span_starts(*url, path_name) ? REDIRECT_PATH : REDIRECT_QUERY;
        *url = span_skip(*url, *variable == REDIRECT_PATH ? path_name.len : query_name.len);
        return true;
    }
    *variable = REDIRECT_TEXT;
    text->len = 1;
    while (text->len < url->len && url->at[text->len] != '$')
        text->len++;
    *url = span_skip(*url, text->len);
    return true;
}

/* No other variable, $path where a path may begin, $query where one may stand. */
static bool has_sound_variables(struct span url)
{
    struct span text, rest = redirect_target_path(url);
    enum redirect_variable variable;
    bool is_in_query = false, is_first = true;
    while (redirect_rule_next(&rest, &text, &variable)) {
        bool is_dollar = variable == REDIRECT_TEXT && text.at[0] == '$';
        if (is_dollar || (variable == REDIRECT_QUERY && !is_in_query))
            return false;
        if (variable == REDIRECT_TEXT && is_first && text.at[0] != '/' && text.at[0] != '?')
            return false;
        is_in_query |= variable == REDIRECT_TEXT && memchr(text.at, '?', text.len);
        is_first = false;
    }
    return true;
}

int redirect_rule_parse(struct span text, struct redirect_rule *rule)
{
    text = span_trim(text);
    size_t blank = 0;
    while (blank < text.len && text.at[blank] != ' ' && text.at[blank] != '\t')
        blank++;
    struct redirect_rule made = { redirect_status((struct span){ text.at, blank }),
                                  span_trim(span_skip(text, blank)) };
    if (made.status == 0 || redirect_target_wrong(made.url) || !has_sound_variables(made.url))
        return -EBADMSG;
    *rule = made;
    return 0;
}
