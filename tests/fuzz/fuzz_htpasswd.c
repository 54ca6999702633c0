/* Lines of a password file: nothing outside the bytes is read, and what is accepted can be checked. */
#include "fuzz.h"
#include "conf/conf.h"
#include "conf/htpasswd.h"
#include "serve/password.h"

/* Slow ones are for people: a fuzzer wants thousands a second. */
static bool is_quick(const struct htpasswd_row *row)
{
    return row->kind == HTPASSWD_SHA || row->kind == HTPASSWD_APR1 || span_starts(span_skip(row->hash, 4), SPAN("04$"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = own_copy((struct span){ (const char *)data, size });
    struct htpasswd h = { 0 };
    char why[CONF_WHY_BYTES] = "";
    int rc = htpasswd_read(&h, text, "f", why);
    must(rc <= 0 && (rc < 0) == (why[0] != '\0'));
    for (size_t i = 0; i < h.count; i++) {
        const struct htpasswd_row *row = &h.rows[i];
        must(row->user.len > 0 && htpasswd_find(&h, row->user) == row);
        must(row->user.at >= text.at && row->hash.at + row->hash.len <= text.at + text.len);
        must(i == 0 || !span_eq(row->user, row[-1].user));
        if (i == 0 && is_quick(row))
            must(password_matches(row, SPAN("secret")) >= 0);
    }
    htpasswd_done(&h);
    free((char *)(uintptr_t)text.at);
    return 0;
}
