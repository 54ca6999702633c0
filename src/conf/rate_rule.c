/* rate_rule.c - one word after the other. */
#include "conf/rate_rule.h"
#include <errno.h>
#include "http/path.h"

#define BUCKET_US_MAX (24 * INT64_C(3600000000))

static const struct { struct span unit; int64_t us; } units[] = {
    { SPAN("s"), 1000000 }, { SPAN("m"), 60000000 }, { SPAN("h"), 3600000000 },
};

static struct span next_word(struct span *text)
{
    *text = span_trim(*text);
    size_t end = 0;
    while (end < text->len && text->at[end] != ' ' && text->at[end] != '\t')
        end++;
    struct span word = { text->at, end };
    *text = span_skip(*text, end);
    return word;
}

static int parse_count(struct span word, int64_t *count)
{
    uint64_t n;
    if (span_to_u64(word, &n) < 0 || n < 1 || n > RATE_BURST_MAX)
        return -EBADMSG;
    *count = (int64_t)n;
    return 0;
}

static int parse_rate(struct span word, struct rate_rule *rule)
{
    size_t slash = span_find(word, '/');
    if (slash == word.len || parse_count((struct span){ word.at, slash }, &rule->burst) < 0)
        return -EBADMSG;
    struct span unit = span_skip(word, slash + 1);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (span_eq(unit, units[i].unit)) {
            rule->interval_us = units[i].us / rule->burst;
            return rule->interval_us >= 1000000 / RATE_PER_S_MAX ? 0 : -EBADMSG;
        }
    return -EBADMSG;
}

/* What may stand in a field's name (RFC 9110, section 5.1). */
static bool is_field_name(struct span word)
{
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return word.len > 0;
}

static int parse_by(struct span *rest, struct rate_rule *rule)
{
    struct span what = next_word(rest);
    if (span_eq(what, SPAN("address")))
        return 0;
    if (!span_eq(what, SPAN("header")))
        return -EBADMSG;
    rule->header = next_word(rest);
    return is_field_name(rule->header) ? 0 : -EBADMSG;
}

static int parse_path(struct span word, struct rate_rule *rule)
{
    if (word.len == 0 || word.at[0] != '/')
        return -EBADMSG;
    while (word.len > 0 && word.at[word.len - 1] == '/')
        word.len--;               /* "/login/" also counts "/login", which Django sends there */
    rule->path = word;
    return 0;
}

int rate_rule_parse(struct span text, struct rate_rule *rule)
{
    struct rate_rule made = { 0 };
    int rc = parse_rate(next_word(&text), &made);
    while (rc == 0 && span_trim(text).len > 0) {
        struct span word = next_word(&text);
        if (span_eq(word, SPAN("burst")))
            rc = parse_count(next_word(&text), &made.burst);
        else if (span_eq(word, SPAN("by")))
            rc = parse_by(&text, &made);
        else if (span_eq(word, SPAN("path")))
            rc = parse_path(next_word(&text), &made);
        else
            rc = -EBADMSG;
    }
    if (rc == 0 && made.burst > BUCKET_US_MAX / made.interval_us)
        rc = -EBADMSG;
    if (rc == 0)
        *rule = made;
    return rc;
}

bool rate_rule_matches(const struct rate_rule *rule, struct span path)
{
    return path_is_below(path, rule->path);
}
