/* visitors.c - a network as one number: how much of an address it fixes. */
#include "conf/visitors.h"
#include <errno.h>

enum { NOT_NAMED = -1, BY_ALL = 0, BY_NETWORK = 1 };         /* and its bits */

static bool take_word(struct span *text, struct span *word)
{
    size_t from = 0, end;
    while (from < text->len && strchr(", \t", text->at[from]) && text->at[from])
        from++;
    *text = span_skip(*text, from);
    for (end = 0; end < text->len && (!strchr(", \t", text->at[end]) || !text->at[end]); end++)
        continue;
    *word = (struct span){ text->at, end };
    *text = span_skip(*text, end);
    return end > 0;
}

int visitors_add(struct visitors *v, struct span text)
{
    struct span word;
    int rc = -EINVAL;                           /* not one word */
    while (take_word(&text, &word)) {
        bool is_all = span_eq(word, SPAN("all"));
        v->has_all |= is_all;
        rc = is_all ? 0 : networks_add(&v->networks, word);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int named_by(const struct visitors *all, size_t count, const struct address *client)
{
    int most = NOT_NAMED;
    for (size_t i = 0; i < count; i++) {
        int bits = client ? networks_bits(&all[i].networks, client) : all[i].networks.has_unix ? 0 : -1;
        int by = bits >= 0 ? BY_NETWORK + bits : all[i].has_all ? BY_ALL : NOT_NAMED;
        most = by > most ? by : most;
    }
    return most;
}

bool visitors_may_enter(const struct visitors *allow, size_t allow_count, const struct visitors *deny,
                        size_t deny_count, const struct address *client)
{
    int allowed = named_by(allow, allow_count, client), denied = named_by(deny, deny_count, client);
    if (allowed == NOT_NAMED && denied == NOT_NAMED)
        return allow_count == 0;
    return allowed > denied;
}
