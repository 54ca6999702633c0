/* pages.h - the project's own pages for errors: files that error-page names, and its templates
 * 500.html and 503.html.
 *
 * The master reads the files with the rights of the site's user, the zygote renders the templates
 * (master/pages.c, python/slipway/pages.py); they come with the options, in their annex.
 */
#pragma once
#include "serve/exchange.h"

struct page {
    struct span type, body;           /* as long as the exchange */
    bool is_html;
};

/* The one for this status by the options of x's route; false: there is none. */
bool pages_find(const struct exchange *x, unsigned status, struct page *found);
