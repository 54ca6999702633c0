/* error_page.h - a value of the option error-page, taken apart.
 *
 *     404 FILE      404,410 FILE      50x FILE      4xx FILE
 *
 * Pure; the spans point into the value.
 */
#pragma once
#include "base/span.h"

struct error_page {
    struct span statuses;     /* separated by commas; "x" is any digit */
    struct span file;
};

#define ERROR_PAGE_TAKES "a status and a file, such as 404 pages/404.html or 50x pages/error.html"

int error_page_parse(struct span text, struct error_page *p);        /* 0 or -EBADMSG */
/* How well it fits: 0 not at all; 3 by its number, 2 as "50x", 1 as "5xx". */
unsigned error_page_fits(const struct error_page *p, unsigned status);
