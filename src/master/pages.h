/* pages.h - a site's own pages for errors, as items of an annex (conf/annex.h).
 */
#pragma once
#include "base/buf.h"
#include "base/json.h"
#include "conf/conf.h"
#include "master/worker_user.h"

enum {
    PAGES_FILE_BYTES_MAX = 48 * 1024,      /* of a file; an edge keeps that much of an answer at once */
    PAGES_BYTES_MAX = 2 * 1024 * 1024,     /* of all together */
};

/* The files that error-page names, in the site's options and its routes', opened with the user's
 * rights, and "pages" of the zygote's report, added to *out.  What cannot be had is left out and
 * logged: a site without its pages for errors still serves. */
void pages_read(const struct conf *conf, const json_t *report, const struct worker_user *user, const char *site,
                struct buf *out);
