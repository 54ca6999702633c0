/* error_page.c - see error_page.h. */
#include "conf/error_page.h"
#include <errno.h>

enum { DIGITS = 3 };

/* A status of an error: its first digit is said, and no digit follows an "x". */
static bool is_pattern(struct span s)
{
    if (s.len != DIGITS || (s.at[0] != '4' && s.at[0] != '5'))
        return false;
    for (size_t i = 1; i < DIGITS; i++) {
        bool is_digit = s.at[i] >= '0' && s.at[i] <= '9';
        if (!is_digit && s.at[i] != 'x')
            return false;
        if (is_digit && s.at[i - 1] == 'x')
            return false;
    }
    return true;
}

static struct span next_pattern(struct span *list)
{
    size_t comma = span_find(*list, ',');
    struct span pattern = { list->at, comma };
    *list = span_skip(*list, comma < list->len ? comma + 1 : comma);
    return pattern;
}

int error_page_parse(struct span text, struct error_page *p)
{
    size_t blank = 0;
    text = span_trim(text);
    while (blank < text.len && text.at[blank] != ' ' && text.at[blank] != '\t')
        blank++;
    struct span statuses = { text.at, blank }, file = span_trim(span_skip(text, blank)), rest = statuses;
    if (file.len == 0 || statuses.len == 0 || statuses.at[statuses.len - 1] == ',')
        return -EBADMSG;
    while (rest.len > 0)
        if (!is_pattern(next_pattern(&rest)))
            return -EBADMSG;
    *p = (struct error_page){ statuses, file };
    return 0;
}

static unsigned fits(struct span pattern, unsigned status)
{
    const char digits[DIGITS] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                                  (char)('0' + status % 10) };
    unsigned same = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        if (pattern.at[i] != 'x' && pattern.at[i] != digits[i])
            return 0;
        same += pattern.at[i] != 'x';
    }
    return same;
}

unsigned error_page_fits(const struct error_page *p, unsigned status)
{
    struct span rest = p->statuses;
    unsigned best = 0;
    while (rest.len > 0) {
        unsigned one = fits(next_pattern(&rest), status);
        best = one > best ? one : best;
    }
    return best;
}
