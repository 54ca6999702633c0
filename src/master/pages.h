/* pages.h - a site's own pages for errors, read once a generation and handed to the edges.
 */
#pragma once
#include "base/json.h"
#include "conf/conf.h"
#include "master/worker_user.h"

enum {
    PAGES_FILE_BYTES_MAX = 48 * 1024,      /* of a file; an edge keeps that much of an answer at once */
    PAGES_BYTES_MAX = 2 * 1024 * 1024,     /* of all together */
};

/* The files that error-page names, in the site's options and its routes', opened with the user's
 * rights, and "pages" of the report.  A file that cannot be had is left out and logged.
 * A memfd with all bytes, *rows where what lies (serve/pages.h); -ENOENT: there are none; or -errno. */
int pages_read(const struct conf *conf, const json_t *report, const struct worker_user *user, const char *site,
               json_t **rows);
