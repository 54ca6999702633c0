/* pages.h - the project's own pages for errors: files that error-page names, and its templates
 * 500.html and 503.html.
 *
 * The master reads the files with the rights of the site's user, the zygote renders the templates
 * (master/pages.c, python/slipway/pages.py); here they lie in memory until the next generation.
 */
#pragma once
#include "base/json.h"
#include "serve/exchange.h"

struct pages;
struct page {
    struct span type, body;           /* as the pages live */
    bool is_html;
};

/* "pages" of CHANNEL_FILES: {"fd":which,"rows":[{"file":PATH|"template":"500","at":N,"bytes":N}]}.
 * fds stay the caller's.  NULL: there are none, or no memory, or they cannot be read. */
struct pages *pages_new(const json_t *json, const int *fds, size_t fds_count);
void pages_free(struct pages *p);                /* takes NULL */
/* The one for this status by the options of x's route; false: there is none. */
bool pages_find(const struct exchange *x, unsigned status, struct page *found);
