/* Files of redirects: nothing outside the bytes is read, each row is found by its own page, and what it leads
 * to is one line of visible ASCII. */
#include "fuzz.h"
#include "conf/conf.h"
#include "conf/redirect_map.h"
#include "conf/redirect_target.h"

static void look_at(const struct redirect_map *m, const struct redirect_row *row, bool is_prefix)
{
    struct span rest, path = row->old, query = { NULL, 0 };
    for (size_t i = 0; i < row->new.len; i++)
        must(row->new.at[i] > 0x20 && row->new.at[i] < 0x7f);
    must(row->new.len > 0 && !span_starts(row->new, SPAN("//")) && !span_starts(row->new, SPAN("/\\")));
    must(row->status >= 301 && row->status <= 308);
    if (row->has_query)
        return;
    const struct redirect_row *found = redirect_map_find(m, path, query, &rest);
    must(found == row || (is_prefix && found && found->line != row->line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = own_copy((struct span){ (const char *)data, size });
    struct redirect_map m = { 0 };
    struct redirect_rule rule;
    char why[CONF_WHY_BYTES] = "";
    int rc = redirect_map_read(&m, text, "f", why);
    must(rc <= 0 && (rc < 0) == (why[0] != '\0'));
    for (size_t i = 0; i < m.exact.count; i++)
        look_at(&m, &m.exact.all[i], false);
    for (size_t i = 0; i < m.prefixes.count; i++)
        look_at(&m, &m.prefixes.all[i], true);
    redirect_map_done(&m);
    if (redirect_rule_parse(text, &rule) == 0) {
        struct span rest = redirect_target_path(rule.url), piece;
        enum redirect_variable variable;
        while (redirect_rule_next(&rest, &piece, &variable))
            must(variable != REDIRECT_TEXT || piece.len > 0);
    }
    free((char *)(uintptr_t)text.at);
    return 0;
}
